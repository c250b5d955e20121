"""Frame times of generated files: every container, and every way in which stamps go wrong."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.io.video.frame import _resize
from enicfer.io.video.reader import (
    place_files,
    probe_video,
    read_creation_time,
    read_frames,
    read_frames_near,
)

MS = Fraction(1, 1000)


def write_video(
    path,
    stamps_ms,
    codec="libx264",
    options=None,
    size=(64, 48),
    audio=False,
    bframes=0,
    keyframes=250,
    open_gop=False,
):
    """A video whose frame ``i`` is as bright as ``i`` says, at the stamps given."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = MS
        stream.codec_context.max_b_frames = bframes
        if codec == "libx264":
            stream.codec_context.options = {
                "preset": "ultrafast" if not bframes else "fast",
                "crf": "10",
                "x264-params": f"keyint={keyframes}:min-keyint=1:scenecut=0:open-gop={int(open_gop)}",
            }
        sound = (
            container.add_stream("aac" if path.suffix != ".webm" else "libopus", rate=48000)
            if audio
            else None
        )
        for i, stamp in enumerate(stamps_ms):
            picture = np.full((size[1], size[0], 3), 20 + 8 * (i % 25), np.uint8)
            picture[: size[1] // 4, : size[0] // 4] = 255  # marks the upper left corner
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            chunk = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
            chunk.sample_rate, chunk.pts = 48000, 0
            container.mux(sound.encode(chunk))
            container.mux(sound.encode())
    return path


def times(path):
    return np.array([frame.video_time for frame in read_frames(path)])


VFR = np.cumsum([0, 33, 34, 33, 100, 33, 20, 47, 33, 250, 33, 33, 34, 66, 33, 33, 33, 34, 33, 33]).tolist()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_variable_rate_keeps_every_stamp(tmp_path, suffix):
    found = times(write_video(tmp_path / f"a{suffix}", VFR))
    np.testing.assert_allclose(found, np.array(VFR) / 1000, atol=1e-6)


def test_webm(tmp_path):
    found = times(write_video(tmp_path / "a.webm", VFR, codec="libvpx"))
    np.testing.assert_allclose(found, np.array(VFR) / 1000, atol=1e-6)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_start_other_than_zero_is_kept(tmp_path, suffix):
    stamps = [1500 + s for s in VFR]
    found = times(write_video(tmp_path / f"a{suffix}", stamps))
    np.testing.assert_allclose(found, np.array(stamps) / 1000, atol=1e-6)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_b_frames_come_out_in_order_of_time(tmp_path, suffix):
    path = write_video(tmp_path / f"a{suffix}", VFR, bframes=3)
    with av.open(str(path)) as container:  # the file does hold reordered frames
        packets = [p.pts for p in container.demux(video=0) if p.pts is not None]
    assert packets != sorted(packets)
    frames = [(f.video_time, f.gray()[40, 50]) for f in read_frames(path)]
    np.testing.assert_allclose([t for t, _ in frames], np.array(VFR) / 1000, atol=1e-6)
    assert np.all(np.diff([int(g) for _, g in frames]) > 0)  # brightness counts the frames


def test_an_edit_list_moves_the_start_and_hides_frames(tmp_path):
    source = write_video(
        tmp_path / "long.mp4", [33 * i for i in range(60)], options={"movflags": "+faststart"}
    )
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(source)) as a, av.open(str(trimmed), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(video=0):
            if packet.dts is None:
                continue
            packet.stream = stream
            shift = int(
                0.5 / packet.time_base
            )  # the first half second becomes negative: an edit list hides it
            packet.pts -= shift
            packet.dts -= shift
            b.mux(packet)
    found = times(trimmed)
    assert found[0] >= 0
    np.testing.assert_allclose(np.diff(found), 0.033, atol=1e-6)
    with av.open(str(trimmed)) as container:
        shown = [f.time for f in container.decode(video=0)]
    assert len(found) == len(shown)


def test_duplicated_stamps_keep_their_frames(tmp_path):
    path = tmp_path / "a.mkv"
    write_video(path, [0, 33, 66, 100, 133, 166, 200, 233])
    stamped = tmp_path / "b.mkv"
    with av.open(str(path)) as a, av.open(str(stamped), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for i, packet in enumerate(p for p in a.demux(video=0) if p.dts is not None):
            packet.stream = stream
            packet.pts = packet.dts = [0, 33, 66, 66, 133, 166, 200, 233][i]
            b.mux(packet)
    found = times(stamped)
    assert len(found) == 8
    np.testing.assert_allclose(found, [0, 0.033, 0.066, 0.066, 0.133, 0.166, 0.2, 0.233], atol=1e-6)


def test_avi_has_no_stamps_of_its_own_and_counts_frames(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * i, np.uint8), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(times(path), np.arange(20) / 25, atol=1e-6)


def test_consecutive_files_become_one_time_line(tmp_path):
    first = write_video(tmp_path / "1.mp4", [33 * i for i in range(10)])
    second = write_video(tmp_path / "2.mp4", [500 + 33 * i for i in range(10)])
    frames = list(read_frames([first, second]))
    np.testing.assert_allclose([f.video_time for f in frames], 0.033 * np.arange(20), atol=1e-6)
    assert [f.index for f in frames] == list(range(20))
    places = place_files([first, second])
    assert places[1].start == pytest.approx(0.33)
    near = read_frames_near([first, second], np.array([frames[9].video_time, frames[10].video_time]))
    assert [f.video_time for f in near] == pytest.approx([0.297, 0.33])
    assert abs(int(near[1].gray()[40, 50]) - int(frames[10].gray()[40, 50])) < 3


def test_a_truncated_file_gives_what_is_there(tmp_path):
    path = write_video(tmp_path / "a.mkv", [33 * i for i in range(120)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found = times(path)
    assert 10 < len(found) < 120
    np.testing.assert_allclose(found, 0.033 * np.arange(len(found)), atol=1e-6)


def test_a_damaged_frame_keeps_its_place(tmp_path):
    source = write_video(tmp_path / "a.mkv", [40 * i for i in range(50)], codec="mpeg4")
    damaged = tmp_path / "b.mkv"
    with av.open(str(source)) as a, av.open(str(damaged), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for i, packet in enumerate(p for p in a.demux(video=0) if p.dts is not None):
            if i == 20:
                broken = av.Packet(b"\x00\x01\x02")
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                packet = broken
            packet.stream = stream
            b.mux(packet)
    frames = list(read_frames(damaged))
    np.testing.assert_allclose([f.video_time for f in frames], 0.04 * np.arange(50), atol=1e-6)
    assert not frames[20].decodable
    assert sum(not f.decodable for f in frames) <= 13  # up to the next key frame at the worst


def test_sound_and_creation_time_are_seen(tmp_path):
    path = write_video(tmp_path / "a.mp4", [33 * i for i in range(10)], audio=True)
    assert probe_video(path).has_audio
    assert read_creation_time(path) is None
    stamped = tmp_path / "b.mp4"
    with av.open(str(path)) as a, av.open(str(stamped), "w") as b:
        b.metadata["creation_time"] = "2024-05-01T10:00:00.000000Z"
        stream = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                b.mux(packet)
    assert read_creation_time(stamped).isoformat() == "2024-05-01T10:00:00+00:00"


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.mp4 \({len(content)} bytes\) cannot be read as a video"):
        list(read_frames(path))
    with pytest.raises(InputError, match=r"no video b\.mp4"):
        list(read_frames(tmp_path / "b.mp4"))


@pytest.mark.parametrize(
    ("name", "count"), [("single_face.mp4", 72), ("face_noface.mov", None), ("carphone_pristine.mp4", 120)]
)
def test_real_files_have_increasing_times(shared_data, name, count):
    path = shared_data / "video" / name
    found = times(path)
    assert count is None or len(found) == count
    assert np.all(np.diff(found) > 0)
    info = probe_video(path)
    assert abs(np.median(np.diff(found)) * info.rate - 1) < 0.3


def set_display(path, a, b, c, d):
    """Write a display matrix into an MP4: (x, y) of the stored picture is shown at (a x + c y, b x + d y)."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    corner = [-min(0, 64 * a, 48 * c, 64 * a + 48 * c), -min(0, 64 * b, 48 * d, 64 * b + 48 * d)]
    shown = [a << 16, b << 16, 0, c << 16, d << 16, 0, *(side << 16 for side in corner), 1 << 30]
    content[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in shown)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("matrix", "bottom", "right"),
    [
        ((-1, 0, 0, 1), False, True),
        ((1, 0, 0, -1), True, False),
        ((-1, 0, 0, -1), True, True),
        ((0, 1, 1, 0), False, False),
        ((0, -1, -1, 0), True, True),
    ],
)
def test_a_mirrored_picture_is_shown_mirrored(tmp_path, matrix, bottom, right):
    """The mark in the stored picture's upper left corner, in grey, in colour, and in a part of either."""
    path = set_display(write_video(tmp_path / "a.mp4", [0, 33]), *matrix)
    frame = next(read_frames(path))
    assert (frame.width, frame.height) == ((48, 64) if matrix[1] else (64, 48))
    y, x = (frame.height - 6 if bottom else 5), (frame.width - 6 if right else 5)
    other = frame.height - 1 - y, frame.width - 1 - x
    for picture in (frame.gray(), frame.bgr()[..., 0], frame.bgr(32).repeat(2, 0).repeat(2, 1)[..., 0]):
        assert picture[y, x] > 220 and picture[other] < 100
    assert frame.gray_region(x - 2, y - 2, x + 2, y + 2).min() > 220
    assert frame.bgr_region(x - 2, y - 2, x + 2, y + 2, (2, 2)).min() > 220
    assert frame.brightness_grid(4, 4, 2)[3 * bottom, 3 * right] > 200


def test_a_rotation_flag_is_applied(tmp_path):
    path = set_display(write_video(tmp_path / "a.mp4", [33 * i for i in range(5)]), 0, 1, -1, 0)
    frame = next(read_frames(path))  # a quarter turn clockwise
    assert (frame.width, frame.height) == (48, 64)
    gray = frame.gray()
    assert gray.shape == (64, 48)
    assert gray[5, -5] > 230  # the mark in the upper left corner is now in the upper right one
    assert gray[5, 5] < 100
    assert frame.bgr().shape == (64, 48, 3)


def test_interlaced_video_has_one_time_a_picture(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for i in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 5 * i, np.uint8), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = list(read_frames(path))
    np.testing.assert_allclose([f.video_time for f in found], np.arange(25) / 25, atol=1e-3)
    assert all(f.decodable for f in found)


@pytest.mark.parametrize("first", ["top", "bottom"])
def test_an_interlaced_picture_shows_the_instant_of_its_stamp(tmp_path, first):
    path = tmp_path / "a.mkv"
    order = {"top": "tt", "bottom": "bb"}[first]
    flags = {"flags": "+ildct+ilme", "bf": "0", "qmin": "1", "qmax": "2", "field_order": order}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options=flags)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.bit_rate = 4_000_000
        for i in range(20):
            picture = np.full((64, 128, 3), 40, np.uint8)
            line = int(first == "bottom")
            picture[line::2, 4 * i : 4 * i + 12] = 220
            picture[1 - line :: 2, 4 * i + 20 : 4 * i + 32] = 220  # 20 ms later
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for i, frame in enumerate(read_frames(path)):
        gray = frame.gray().astype(int)
        assert gray.shape == (64, 128)
        assert gray[4:-4, 4 * i + 3 : 4 * i + 9].min() > 150, "the first field is whole"
        assert gray[4:-4, 4 * i + 22 : 4 * i + 30].max() < 110, "and the second is not there"
    assert i == 19
    assert probe_video(path).interlaced


def test_stamps_that_go_back_keep_their_frames_in_order_of_time(tmp_path):
    stamps = [0, 33, 66, 50, 133, 166, 200, 233]
    path = tmp_path / "b.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = MS
        packets = []
        for i in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 20 * i, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 33 * i, MS
            packets += stream.encode(frame)
        packets += stream.encode()
        for i, packet in enumerate(packets):
            packet.pts, packet.dts = stamps[i], i - 100
            container.mux(packet)
    found = list(read_frames(path))
    assert len(found) == 8
    np.testing.assert_allclose(
        [f.video_time for f in found], [0, 0.033, 0.066, 0.066, 0.133, 0.166, 0.2, 0.233], atol=1e-6
    )
    assert np.all(np.diff([int(f.gray()[10, 10]) for f in found]) > 0)


def test_a_region_of_luma_is_that_of_the_whole_picture(shared_data):
    for name in ("single_face.mp4", "face_noface.mov"):
        alone, whole = (
            next(read_frames(shared_data / "video" / name)),
            next(read_frames(shared_data / "video" / name)),
        )
        part = alone.gray_region(30, 20, 131, 101)
        assert part.shape == (81, 101)
        assert np.array_equal(part, whole.gray()[20:101, 30:131])
        assert np.array_equal(part, alone.gray()[20:101, 30:131])
        assert np.array_equal(whole.gray_region(-5, -5, 9, 7), whole.gray()[:7, :9])
        assert alone.brightness(30, 20, 131, 101) == whole.gray()[20:101, 30:131].mean()


def test_a_sparse_grid_is_near_the_full_one(shared_data):
    for name in ("single_face.mp4", "no_face.mp4", "carphone_pristine.mp4"):
        frame = next(read_frames(shared_data / "video" / name))
        full, sparse = frame.brightness_grid(12, 16), frame.brightness_grid(12, 16, 8)
        assert np.abs(full.astype(int) - sparse).mean() < 1.5


def test_a_small_picture_is_near_the_average_of_the_large_one(shared_data):
    """Lines are skipped where a picture is made much smaller."""
    frame = next(read_frames(shared_data / "video" / "face_noface.mov"))
    whole = frame.bgr()[100:420, 200:520]
    small = frame.bgr_region(200, 100, 520, 420, (40, 40)).astype(int)
    assert np.abs(whole.reshape(40, 8, 40, 8, 3).mean(axis=(1, 3)) - small).mean() < 4


@pytest.mark.parametrize(
    ("aspect", "width"), [(None, 160), ("1/1", 160), ("4/3", 214), ("8/9", 142), ("100/1", 160)]
)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv422p"])
def test_pixels_that_are_not_square_are_made_so(tmp_path, aspect, width, pix_fmt):
    """A disc that a camcorder stores as an ellipse is a disc again, as bright as it was."""
    pixel = Fraction(aspect) if aspect else 1
    y, x = np.mgrid[:128, :160]
    inside = np.hypot((x - 79.5) * (float(pixel) if pixel < 4 else 1), y - 63.5) < 40
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264" if pix_fmt != "yuvj420p" else "mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 128, pix_fmt
        if aspect:
            stream.codec_context.sample_aspect_ratio = pixel
        picture = np.where(inside, 220, 40).astype(np.uint8)[..., None].repeat(3, 2)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    frame = next(read_frames(tmp_path / "a.mkv"))
    assert (frame.width, frame.height) == (width, 128) == frame.bgr().shape[1::-1]
    for gray in (frame.gray(), frame.gray_region(0, 0, width, 128), frame.bgr()[..., 1]):
        assert abs(int(gray[64, width // 2]) - 220) <= 3 and abs(int(gray[2, 2]) - 40) <= 3
        rows, columns = np.nonzero(gray > 130)
        assert abs(np.ptp(columns) - np.ptp(rows)) <= 3 and abs(np.ptp(rows) - 79) <= 2


@given(length=st.integers(1, 500), size=st.integers(1, 90), upright=st.booleans())
def test_a_scaled_picture_keeps_its_places(length, size, upright):
    # A ramp shows in its values where each pixel of the result comes from.
    ramp = np.rint(np.linspace(20, 220, length)).astype(np.uint8)
    picture = np.repeat(ramp[:, None], 7, axis=1)
    turned = np.ascontiguousarray(picture.T)
    scaled = _resize(picture, (7, size))[:, 3] if upright else _resize(turned, (size, 7))[3]
    scale = length / size
    expected = np.clip((np.arange(size) + 0.5) * scale - 0.5, 0, length - 1)
    found = (scaled - 20.0) * (length - 1) / 200
    grey = (length - 1) / 200
    assert np.abs(found - expected).max() <= 1 + scale + grey
    inner = slice(2, -2)
    assert size < 5 or np.abs(found - expected)[inner].max() <= 0.5 + scale / 2 + grey


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_video_that_begins_late_is_as_long_as_its_frames_last(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    write_video(path, [9000 + 40 * i for i in range(50)])
    assert probe_video(path).duration == pytest.approx(2.0, abs=0.05)
