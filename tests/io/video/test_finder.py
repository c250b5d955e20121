"""A frame that is asked for by its number is that frame: its number is in its pixels."""

import av
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.video.finder import FrameFinder
from enicfer.io.video.reader import read_frames
from tests.io.video.test_reader import set_display
from tests.numbered import read, write

X264 = {"preset": "ultrafast", "x264-params": "keyint=20:min-keyint=20:scenecut=0"}
OPEN = {"x264-params": "keyint=20:min-keyint=10:scenecut=0:open-gop=1"}
HEVC = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20:min-keyint=20:bframes=3:open-gop=1"}
KINDS = {
    "h264.mp4": {"options": X264},
    "reordered.mkv": {"options": X264 | {"preset": "veryfast"}, "bframes": 3},
    "open.mp4": {"options": OPEN, "bframes": 3},
    "hevc.mp4": {"codec": "libx265", "options": HEVC, "bframes": 3},
    "ten-bit.mkv": {"codec": "libx265", "options": HEVC, "pixel_format": "yuv420p10le", "bframes": 3},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "reordered.avi": {"options": X264 | {"preset": "veryfast"}, "bframes": 3},
    "mpeg.ts": {"options": X264, "bframes": 2},
    "interlaced.mkv": {"codec": "mpeg2video", "options": {"g": "12", "b": "4M"}, "interlaced": True},
    "variable.mp4": {"options": X264, "stamps": np.cumsum(np.tile([33, 34, 100, 7, 250], 40)), "bframes": 2},
    "elementary.h264": {"options": X264},
}
COUNTED = {"reordered.avi", "elementary.h264"}
N = 150


@pytest.mark.parametrize("name", KINDS)
def test_a_frame_is_the_one_of_its_number(tmp_path, name):
    path = write(tmp_path / name, N, **KINDS[name])
    whole = {f.index: (f.video_time, f.gray().tobytes()) for f in read_frames(path)}
    assert len(whole) == N
    finder = FrameFinder([path], np.array([time for time, _ in whole.values()]))
    assert finder.by_time == (name not in COUNTED)
    order = [0, N - 1, 40, 41, 42, 39, 60, 59, 20, 19, 100, 7, 137, 80]
    for number in order:
        frame = finder.read(number)
        assert read(frame.gray()) == number == frame.index
        assert (frame.video_time, frame.gray().tobytes()) == whole[number]
    for start in (0, 41, 139):
        assert [read(frame.gray()) for frame in finder.frames_from(start)] == list(range(start, N))
    for wrong in (-1, N):
        with pytest.raises(InputError, match=f"no frame {wrong}"):
            finder.read(wrong)
    finder.close()


def test_a_rotated_picture_comes_upright(tmp_path):
    path = write(tmp_path / "a.mp4", 60, options=X264)
    set_display(path, 0, 1, -1, 0)
    finder = FrameFinder([path])
    for number in (45, 3):
        frame = finder.read(number)
        assert frame.height > frame.width
        assert {read(np.rot90(frame.gray(), turns)) for turns in range(4)} >= {number}


def test_files_of_one_camera_are_one_time_line(tmp_path):
    paths = [write(tmp_path / f"{i}.mp4", 50, options=X264) for i in range(3)]
    times = np.array([frame.video_time for frame in read_frames(paths)])
    finder = FrameFinder(paths, times)
    for number in (120, 49, 50, 0, 149, 99, 100):
        frame = finder.read(number)
        assert (frame.index, read(frame.gray())) == (number, number % 50)
        assert frame.video_time == times[number]
    assert [frame.index for frame in finder.frames_from(45)] == list(range(45, 150))


def test_times_of_a_log_leave_the_numbers_as_they_are(tmp_path):
    path = write(tmp_path / "a.mp4", 100, options=X264)
    finder = FrameFinder([path], 1e9 + np.arange(100) * 0.0401)
    assert [read(finder.read(number).gray()) for number in (77, 3, 99)] == [77, 3, 99]


def copy_packets(source, path, change):
    """The same pictures, whose packets are changed; ``change(i, packet)`` gives what is written."""
    with av.open(str(source)) as a, av.open(str(path), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for i, packet in enumerate(p for p in a.demux(video=0) if p.size):
            packet = change(i, packet)
            packet.stream = stream
            b.mux(packet)
    return path


def test_stamps_that_stand_still_are_counted_from_the_start(tmp_path):
    def stamp(i, packet):  # as of a program that stamps two pictures alike
        packet.pts = packet.dts = round(i // 2 * 0.08 / float(packet.time_base))
        return packet

    source = write(tmp_path / "good.mkv", 80, codec="mjpeg", pixel_format="yuvj420p")
    path = copy_packets(source, tmp_path / "a.mkv", stamp)
    frames = list(read_frames(path))
    finder = FrameFinder([path], np.array([frame.video_time for frame in frames]))
    assert len(frames) == 80 and not finder.by_time
    for number in (61, 60, 10, 11, 79):
        assert read(finder.read(number).gray()) == number


def test_a_frame_that_does_not_decode_keeps_its_place(tmp_path):
    def spoil(i, packet):
        if i != 33:
            return packet
        spoilt = av.Packet(b"\x00" * 20)
        spoilt.time_base, spoilt.pts, spoilt.dts = packet.time_base, packet.pts, packet.dts
        return spoilt

    source = write(tmp_path / "good.mkv", 80, codec="mjpeg", pixel_format="yuvj420p")
    path = copy_packets(source, tmp_path / "damaged.mkv", spoil)
    frames = list(read_frames(path))
    finder = FrameFinder([path], np.array([frame.video_time for frame in frames]))
    assert [frame.decodable for frame in frames].index(False) == 33
    for number in (70, 33, 34, 32):
        assert finder.read(number).decodable == (number != 33)
        assert number == 33 or read(finder.read(number).gray()) == number
