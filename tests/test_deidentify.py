import av
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from enicfer.cli.main import cli
from enicfer.deidentify import BRIDGE, MIN_SCORE, REACH, cover, deidentify_video, paint
from enicfer.errors import InputError, OutputError
from enicfer.faces.detectors import load_detector
from enicfer.io.video import read_frames

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
def test_the_command_covers_both_people_and_gives_the_same_bytes(example, tmp_path):
    video = example(short=True) / "camera.mp4"
    for name in ("a.mp4", "b.mp4"):
        answer = CliRunner().invoke(cli, ["deidentify", str(video), "-o", str(tmp_path / name), "--quiet"])
        assert answer.exit_code == 0, answer.output
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    detector = load_detector(min_score=max(0.5, MIN_SCORE))
    seen = [len(detector.detect(frame.bgr(detector.long_side))) for frame in read_frames(tmp_path / "a.mp4")]
    assert sum(map(bool, seen)) == 0
