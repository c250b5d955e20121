"""Videos whose packets have no stamps, those of the order of decoding, or stamps that begin again."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from enicfer.io.video.parts import cut_recording
from enicfer.io.video.reader import place_files, probe_video, read_frames, read_frames_near
from enicfer.io.video.stamps import find_restarts, note_stamps
from tests.io.video.test_parts import look, look_at_parts
from tests.io.video.test_reader import set_display

RATE = 30


def level(i):
    """Brightness of picture ``i``: two neighbours differ."""
    return 20 + 7 * (i % 29)


def write(
    target, n=60, codec="libx264", form=None, bframes=0, first=0, start=0, tick=Fraction(1, 90000), step=3000
):
    """Pictures whose brightness counts them from ``first``, with stamps from ``start`` in ticks."""
    if codec == "mpeg2video":  # knows only the usual rates
        tick, step, start = Fraction(1, RATE), 1, round(start * tick * RATE)
    with av.open(target, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        context = stream.codec_context
        context.time_base = tick
        context.max_b_frames = bframes
        if codec.startswith("mpeg"):
            context.bit_rate, context.options = (
                8_000_000,
                {"qmin": "1", "qmax": "2", "sc_threshold": "1000000000"},
            )
        if codec == "libx264":
            context.options = {"crf": "5", "x264-params": f"keyint=20:scenecut=0:bframes={bframes}:b-adapt=0"}
        if codec == "libx265":
            context.options = {"x265-params": f"log-level=none:bframes={bframes}:crf=5"}
        for i in range(n):
            picture = np.full((48, 64, 3), level(first + i), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = start + i * step, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target


COUNT = {"tick": Fraction(1, RATE), "step": 1}


def shown(frames):
    """Number of each picture, as its brightness has it."""
    found = [int(np.median(frame.gray())) for frame in frames]
    return [int(np.argmin([abs(grey - level(k)) for k in range(29)])) for grey in found]


@pytest.mark.parametrize("bframes", [0, 1, 3])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_pictures_in_avi_are_counted_in_the_order_in_which_they_are_shown(tmp_path, codec, bframes):
    path = tmp_path / "a.avi"
    write(str(path), codec=codec, bframes=bframes, **COUNT)
    frames = list(read_frames(path))
    assert len(frames) == 60 and all(frame.decodable for frame in frames)
    times = np.array([frame.video_time for frame in frames])
    np.testing.assert_allclose(np.diff(times), 1 / RATE, atol=1e-9)
    assert shown(frames) == [i % 29 for i in range(60)]
    assert look_at_parts(cut_recording([path], least=10)) == look(read_frames(path))
    near = read_frames_near([path], times[[31, 33]])
    assert [frame.video_time for frame in near] == pytest.approx(times[[31, 33]])
    assert shown(near) == [31 % 29, 33 % 29]
    assert "AVI files have no time stamps" in note_stamps([path])[0]


ELEMENTARY = {
    "a.h264": ("libx264", "h264"),
    "a.hevc": ("libx265", "hevc"),
    "a.m4v": ("mpeg4", "m4v"),
    "a.mjpeg": ("mjpeg", "mjpeg"),
    "a.m2v": ("mpeg2video", "mpeg2video"),
}


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("name", ELEMENTARY)
def test_pictures_of_an_elementary_stream_are_counted_at_a_rate_that_is_said(tmp_path, name, bframes):
    codec, form = ELEMENTARY[name]
    path = tmp_path / name
    write(str(path), codec=codec, form=form, bframes=0 if codec == "mjpeg" else bframes, **COUNT)
    frames = list(read_frames(path))
    assert shown(frames) == [i % 29 for i in range(60)]
    rate = 25 if codec == "mjpeg" else RATE  # the others state it
    np.testing.assert_allclose([frame.video_time for frame in frames], np.arange(60) / rate, atol=1e-9)
    (note,) = note_stamps([path])
    assert f"{name} has no time stamps" in note and f"made up at {rate} frames per s" in note
    assert look_at_parts(cut_recording([path])) == look(frames)
    assert place_files([path, path])[1].start == pytest.approx(60 / rate)
    assert shown(read_frames_near([path], np.array([7 / rate]))) == [7]


def join(path, *parts):
    path.write_bytes(b"".join(part.getvalue() for part in parts))
    return path


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize(
    "form, codec", [("mpegts", "libx264"), ("mpegts", "mpeg2video"), ("vob", "mpeg2video")]
)
def test_stamps_that_begin_again_go_on(tmp_path, form, codec, bframes):
    made = [
        write(io.BytesIO(), n, codec, form, bframes, first, start=3600)
        for n, first in ((50, 0), (40, 50), (30, 90))
    ]
    path = join(tmp_path / "a.mts", *made)
    frames = list(read_frames(path))
    times = np.array([frame.video_time for frame in frames])
    assert shown(frames) == [i % 29 for i in range(120)]
    np.testing.assert_allclose(np.diff(times), 1 / RATE, atol=2e-3)
    assert find_restarts(path) == pytest.approx([times[50], times[90]], abs=2e-3)
    (note,) = note_stamps([path])
    assert f"begin again at {times[50]:.1f}, {times[90]:.1f} s" in note
    assert look_at_parts(cut_recording([path], least=10)) == look(frames)
    assert shown(read_frames_near([path], times[[49, 50, 100]])) == [49 % 29, 50 % 29, 100 % 29]
    assert place_files([path, path])[1].start == pytest.approx(times[-1] + 1 / RATE, abs=2e-3)


@pytest.mark.parametrize("later", [20, 9 * 90000 * 3600])
def test_a_camera_that_paused_has_a_hole_and_a_counter_that_jumped_goes_on(tmp_path, later):
    one = write(io.BytesIO(), 40, form="mpegts")
    two = write(
        io.BytesIO(), 40, form="mpegts", first=40, start=40 * 3000 + later * (90000 if later == 20 else 1)
    )
    path = join(tmp_path / "a.ts", one, two)
    times = np.array([frame.video_time for frame in read_frames(path)])
    assert len(times) == 80
    hole = 20 + 1 / RATE if later == 20 else 1 / RATE
    assert times[40] - times[39] == pytest.approx(hole, abs=2e-3)
    assert len(find_restarts(path)) == (later != 20)


def test_a_full_counter_of_33_bits_goes_on(tmp_path):
    path = tmp_path / "a.ts"
    write(str(path), 120, form="mpegts", start=2**33 - 60 * 3000)
    times = np.array([frame.video_time for frame in read_frames(path)])
    np.testing.assert_allclose(np.diff(times), 1 / RATE, atol=1e-3)
    assert len(times) == 120


def test_a_whole_file_is_left_as_it_is(tmp_path):
    for name in ("a.mp4", "a.mkv", "a.ts"):
        path = tmp_path / name
        write(str(path), bframes=2)
        assert note_stamps([path]) == () and find_restarts(path) == ()


def test_an_attached_picture_is_not_the_video(tmp_path):
    cover, plain, path = tmp_path / "cover.jpg", tmp_path / "a.mkv", tmp_path / "b.mp4"
    write(str(cover), 1, "mjpeg", "image2", **COUNT)
    write(str(plain))
    with av.open(str(plain)) as video, av.open(str(cover)) as image, av.open(str(path), "w") as target:
        first = target.add_stream_from_template(image.streams.video[0])
        first.disposition = av.stream.Disposition.attached_pic
        second = target.add_stream_from_template(video.streams.video[0])
        for source, stream in ((image, first), (video, second)):
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    assert len(list(read_frames(path))) == 60
    assert probe_video(path).codec == "h264"


def test_a_live_file_without_length_has_its_stamps(tmp_path):
    """Matroska as a program writes it into a pipe: no duration, no index."""

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        seek = None

    pipe = Pipe()
    write(pipe, form="matroska", start=3600, bframes=2)
    path = tmp_path / "a.mkv"
    path.write_bytes(pipe.getvalue())
    times = [frame.video_time for frame in read_frames(path)]
    np.testing.assert_allclose(times, 0.04 + np.arange(60) / RATE, atol=1e-3)
    assert look_at_parts(cut_recording([path], least=10)) == look(read_frames(path))


def test_a_turned_video_of_a_telephone_keeps_its_irregular_stamps(tmp_path):
    path = tmp_path / "a.mp4"
    ticks = np.cumsum(np.r_[0, np.random.default_rng(0).integers(2500, 9000, 59)])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90000)
        for tick in ticks.tolist():
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    frames = list(read_frames(set_display(path, 0, 1, -1, 0)))
    assert [(frame.width, frame.height) for frame in frames] == [(48, 64)] * 60
    np.testing.assert_allclose([frame.video_time for frame in frames], ticks / 90000, atol=1e-4)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("bframes", [0, 2])
def test_pictures_of_a_program_stream_without_a_stamp_of_their_own_are_counted_on(tmp_path, codec, bframes):
    path = tmp_path / "a.mpg"
    write(str(path), codec=codec, bframes=bframes, form="mpeg")
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    unstamped = sum(p.pts is None for p in packets)
    assert unstamped > 20, "FFmpeg puts many small pictures into one packet"
    frames = list(read_frames((path,)))
    assert shown(frames) == [i % 29 for i in range(60)]
    np.testing.assert_allclose(np.diff([frame.video_time for frame in frames]), 1 / RATE, atol=1e-4)
    (note,) = note_stamps((path,))
    assert (
        f"{unstamped} pictures of a.mpg have no time stamp of their own" in note
        and "at 30 frames per s" in note
    )
