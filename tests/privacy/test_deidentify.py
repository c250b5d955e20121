import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from enicfer.cli.main import cli
from enicfer.errors import InputError, OutputError
from enicfer.faces.detectors import load_detector
from enicfer.faces.tiles import OVERLAP, SMALLEST, TILE, _starts, find_in_tiles
from enicfer.io.video.reader import read_frames
from enicfer.io.video.writer import write_video
from enicfer.privacy.deidentify import BRIDGE, FINE_SCORE, MIN_SCORE, REACH, cover, deidentify_video, paint

BOX = np.array([[40.0, 30.0, 60.0, 55.0]])
NONE = np.empty((0, 4))


def times_of(path):
    return [frame.video_time for frame in read_frames(path)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["carphone_pristine.mp4", "signer_student.mkv"])
def test_no_face_is_found_in_the_copy_and_times_are_kept(shared_data, tmp_path, name):
    video, copy = shared_data / "video" / name, tmp_path / "copy.mp4"
    frames, covered = deidentify_video(video, copy)
    assert covered > 0.9 * frames
    if name.startswith("carphone"):
        deidentify_video(video, tmp_path / "again.mp4")
        assert (tmp_path / "again.mp4").read_bytes() == copy.read_bytes()
    np.testing.assert_allclose(times_of(copy), times_of(video), rtol=0, atol=1e-5)
    detector = load_detector(min_score=0.5)
    seen = [len(detector.detect(frame.bgr(detector.long_side))) for frame in read_frames(copy)]
    assert sum(map(bool, seen)) == 0
    with av.open(str(copy)) as container:
        assert not container.streams.audio


def test_a_video_without_faces_is_left_as_it_is(shared_data, tmp_path):
    video, copy = shared_data / "video" / "no_face.mp4", tmp_path / "copy.mp4"
    frames, covered = deidentify_video(video, copy)
    assert covered <= 0.2 * frames, "covered in vain"
    pairs = zip(read_frames(video), read_frames(copy), strict=True)
    difference = [np.abs(a.gray().astype(int) - b.gray()).mean() for a, b in pairs if a.decodable]
    assert np.median(difference) < 6


@given(st.sets(st.integers(0, 99), min_size=1))
def test_what_lies_between_two_sightings_is_covered(sightings):
    time = np.arange(100) / 20
    covers = cover(time, [BOX if i in sightings else NONE for i in range(100)])
    marks = np.array(sorted(sightings)) / 20
    for i, found in enumerate(covers):
        near = np.abs(marks - time[i]).min() <= REACH - 1e-9
        before, after = marks[marks <= time[i]], marks[marks >= time[i]]
        between = len(before) and len(after) and after[0] - before[-1] <= BRIDGE - 1e-9
        if near or between:
            assert (np.abs(found - BOX).max(axis=1) < 1e-6).any()
        if np.abs(marks - time[i]).min() > BRIDGE + REACH:
            assert not len(found)


def test_a_face_that_moves_is_covered_on_its_way():
    time = np.arange(21) / 20
    boxes = [NONE] * 21
    boxes[0], boxes[20] = BOX, BOX + 20
    middle = cover(time, boxes)[10]
    assert np.abs(middle - (BOX + 10)).max(axis=1).min() < 1e-6


def test_a_face_beside_another_is_covered_until_it_is_found_again():
    """A child on a lap: the child's face is lost for 2 s, and in the next frame the parent's is found beside it."""
    time = np.arange(100) / 25
    child, parent = np.array([[100.0, 100, 150, 160]]), np.array([[170.0, 60, 220, 120]])
    seen = [np.vstack([child] * (i <= 10 or i >= 60) + [parent] * (i > 10)) for i in range(100)]
    for i, found in enumerate(cover(time, seen)):
        assert (np.abs(found - child).max(axis=1) < 1e-6).any(), i
    covers = cover(time, [child if i <= 10 else parent for i in range(100)])
    assert all(len(np.unique(found, axis=0)) == 1 for found in covers[30:])


def test_what_is_covered_holds_nothing_of_the_face():
    picture = np.random.default_rng(0).integers(0, 255, (80, 100, 3)).astype(np.uint8)
    before = picture.copy()
    paint(picture, BOX)
    assert (picture[30:56, 40:61] == 128).all()
    assert (picture[:10] == before[:10]).all()
    paint(picture, np.array([[-50.0, -50.0, 500.0, 500.0]]))
    assert (picture == 128).all()


def test_nothing_is_lost_and_names_are_checked(example, tmp_path):
    video = example(short=True) / "camera.mp4"
    (tmp_path / "there.mp4").write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match="is there already"):
        deidentify_video(video, tmp_path / "there.mp4")
    with pytest.raises(OutputError, match="is the video itself"):
        deidentify_video(video, video, overwrite=True)
    with pytest.raises(InputError, match=r"\.mp4, \.mov, \.mkv"):
        deidentify_video(video, tmp_path / "copy.avi")
    with pytest.raises(InputError):
        deidentify_video(tmp_path / "there.mp4", tmp_path / "copy.mp4")
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"missing\.mp4"):
            deidentify_video(tmp_path / "missing.mp4", tmp_path / "there.mp4", overwrite=overwrite)
    assert (tmp_path / "there.mp4").read_text(encoding="utf-8") == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


@pytest.mark.slow
def test_the_command_covers_both_people(example, tmp_path):
    video = example(short=True) / "camera.mp4"
    answer = CliRunner().invoke(cli, ["deidentify", str(video), "-o", str(tmp_path / "a.mp4"), "--quiet"])
    assert answer.exit_code == 0, answer.output
    detector = load_detector(min_score=max(0.5, MIN_SCORE))
    seen = [len(detector.detect(frame.bgr(detector.long_side))) for frame in read_frames(tmp_path / "a.mp4")]
    assert sum(map(bool, seen)) == 0


def place(canvas, picture, height, top, left):
    """Paste a picture, scaled so that its face (219 of 360 px) is so many px high."""
    small = cv2.resize(picture, None, fx=height / 219, fy=height / 219, interpolation=cv2.INTER_AREA)
    canvas[top : top + len(small), left : left + small.shape[1]] = small
    return left + small.shape[1] / 2, top + small.shape[0] / 2


@pytest.fixture(scope="module")
def portraits(shared_data):
    frames = read_frames(shared_data / "video" / "single_face.mp4")
    return [frame.bgr().copy() for frame, _ in zip(frames, range(30), strict=False)]


@pytest.mark.parametrize("height", [SMALLEST, 30, 44, 150])
def test_small_faces_are_found_also_where_tiles_meet(portraits, height):
    canvas = np.full((1080, 1600, 3), 110, np.uint8)
    size = (round(640 * height / 219), round(360 * height / 219))
    centres = [
        place(canvas, portraits[0], height, top, left)
        for top in range(3, 1080 - size[1], max(size[1] + 7, 211))
        for left in range(5, 1600 - size[0], max(size[0] + 9, 199))
    ]
    found = find_in_tiles(load_detector(min_score=MIN_SCORE), canvas, FINE_SCORE).box
    x, y = np.array(centres).T[..., None]
    inside = (found[:, 0] < x) & (x < found[:, 2]) & (found[:, 1] < y) & (y < found[:, 3])
    assert inside.any(axis=1).all()
    assert len(found) < 2 * len(centres)


def test_every_part_of_a_picture_lies_in_a_tile_with_room_around_it():
    for length in range(1, 3000, 7):
        starts = np.array(_starts(length))
        at = np.arange(length)
        room = np.minimum(at[:, None] - starts, starts + TILE - at[:, None]).max(axis=1)
        assert (room >= np.minimum.reduce([np.full(length, OVERLAP // 2), at, length - at])).all()


@pytest.mark.slow
def test_a_small_face_that_comes_goes_and_moves_is_covered(portraits, tmp_path):
    n, shown = 36, range(8, 30)
    pictures, centres = [], {}
    for i in range(n):
        canvas = np.full((720, 1280, 3), 110, np.uint8)
        if i in shown:
            centres[i] = place(canvas, portraits[i % 30], 26, 100 + 2 * i, 300 + 11 * i)
        pictures.append((3000 * i, canvas))
    write_video(tmp_path / "a.mp4", pictures, quality=26)
    sheet = tmp_path / "sheet.png"
    deidentify_video(tmp_path / "a.mp4", tmp_path / "b.mp4", contact_sheet=sheet)
    copy = [frame.bgr() for frame in read_frames(tmp_path / "b.mp4")]
    for i, (x, y) in centres.items():
        part = copy[i][round(y) - 9 : round(y) + 9, round(x) - 7 : round(x) + 7].astype(int)
        assert np.abs(part - 128).max() < 25, f"frame {i} shows the face"
    assert sheet.stat().st_mode & 0o777 == 0o600 or sys.platform == "win32"
    cell = cv2.imread(str(sheet))[:96, :96]
    assert cell.std() > 10, "the sheet shows what was covered"


def test_a_contact_sheet_is_asked_for_and_of_a_known_kind(portraits, tmp_path):
    write_video(tmp_path / "a.mp4", [(3000 * i, portraits[i]) for i in range(3)])
    (tmp_path / "there.png").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"\.png, \.jpg"):
        deidentify_video(tmp_path / "a.mp4", tmp_path / "b.mp4", contact_sheet=tmp_path / "sheet.pdf")
    with pytest.raises(OutputError, match="is there already"):
        deidentify_video(tmp_path / "a.mp4", tmp_path / "b.mp4", contact_sheet=tmp_path / "there.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "there.png"]


@pytest.fixture
def laden(portraits, tmp_path):
    """A Matroska file with everything that tells of somebody: sound, subtitles, an attachment, titles, a place."""
    cover = tmp_path / "cover.jpg"
    cv2.imwrite(str(cover), portraits[0])
    path = tmp_path / "laden.mkv"
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:00,100\nAlice says hello\n", encoding="utf-8")
    with av.open(str(tmp_path / "a.srt")) as source, av.open(str(path), "w") as out:
        out.metadata.update(
            title="Alice", artist="Alice", location="+52.5200+013.4050/", comment="Alice at home"
        )
        video = out.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        video.metadata.update(title="Alice's face", language="deu")
        sound = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        texts = out.add_stream_from_template(source.streams.subtitles[0])
        if hasattr(out, "add_attachment"):
            out.add_attachment("cover.jpg", "image/jpeg", cover.read_bytes())
        if hasattr(out, "set_chapters"):
            out.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 100,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "Alice"},
                    }
                ]
            )
        for i in range(4):
            frame = av.VideoFrame.from_ndarray(portraits[i], format="bgr24")
            frame.pts, frame.time_base = i, Fraction(1, 30)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        noise = av.AudioFrame.from_ndarray(np.ones((1, 800), np.int16), format="s16", layout="mono")
        noise.sample_rate, noise.pts = 8000, 0
        out.mux(sound.encode(noise))
        out.mux(sound.encode(None))
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = texts
                out.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_nothing_is_left_but_the_pictures(laden, tmp_path, suffix):
    with av.open(str(laden)) as container:
        assert {"video", "audio", "subtitle"} <= {stream.type for stream in container.streams}
    assert b"Alice" in laden.read_bytes()
    copy = tmp_path / f"copy{suffix}"
    deidentify_video(laden, copy)
    data = copy.read_bytes()
    assert b"Alice" not in data and b"52.52" not in data and b"deu" not in data
    with av.open(str(copy)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        left = {key.lower(): value for key, value in container.metadata.items()}
        left |= {key.lower(): value for key, value in container.streams[0].metadata.items()}
        chapters = container.chapters() if hasattr(container, "chapters") else []
    # What stays: the brand of the file format, its language "none", the handler's name, a time of the last frame.
    assert left.keys() <= {
        "major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id", "encoder",
        "duration",
    }  # fmt: skip
    assert not chapters
    assert left.get("language", "und") in ("und", "eng")
