"""The file of a proxy: H.264 that every browser plays, with the true times of its frames.

A keyframe comes every `GOP` frames. Time 0 is the first frame's, and every frame keeps its presentation time to
1/90000 s. A file that grows is made of fragments, each of which can be played as soon as it is whole.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.io.video.writer import CODEC, TIME_BASE, to_ticks
from enicfer.records import FloatArray, UInt8Array

LONG_SIDE, GOP, QUALITY = 640, 12, 26
SETTINGS = {
    "preset": "veryfast",
    "crf": str(QUALITY),
    "bf": "0",
    "threads": "2",
    "x264-params": f"keyint={GOP}:min-keyint={GOP}:scenecut=0:no-mbtree=1",
}
GROWING = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "fflags": "+bitexact"}
_SCALE = str(TIME_BASE.denominator)
WHOLE = {
    "movflags": "faststart",
    "fflags": "+bitexact",
    "video_track_timescale": _SCALE,
    "movie_timescale": _SCALE,
}


class ProxyWriter:
    """Adds pictures to a proxy that grows.

    Parameters
    ----------
    container
        Where they go, open for writing with `GROWING`.
    video_time
        ``(n,)`` s, time of each frame.
    tell
        Called with the writer now and then.

    Attributes
    ----------
    frames
        Number of the frame that comes next.
    width, height
        In px.
    """

    def __init__(self, container: Any, video_time: FloatArray, tell: "Callable[[ProxyWriter], None]") -> None:
        self.container = container
        self.frames = 0
        self.width = self.height = 0
        self._stream: Any = None
        self._encoder: Any = None
        self._last = -1
        self._tell = tell
        self._times = video_time - (video_time[0] if video_time.size else 0.0)

    @property
    def seconds(self) -> float:
        """Of the video, in s from its first frame, that is in it."""
        return float(self._times[min(self.frames, len(self._times)) - 1]) if self.frames else 0.0

    def copy(self, before: Path) -> None:
        """Take over what an earlier process made, up to its last whole fragment."""
        import av
        from av.bitstream import BitStreamFilterContext
        from av.error import FFmpegError

        known = [to_ticks(time) for time in self._times.tolist()]
        try:
            with av.open(str(before)) as source:
                stream = source.streams.video[0]
                self._open(stream.codec_context.width, stream.codec_context.height)
                # As the encoder gives them, which is not as a file holds them.
                unpack = BitStreamFilterContext("h264_mp4toannexb", stream)
                for packet in _whole_groups(source.demux(stream)):
                    for unpacked in unpack.filter(packet):
                        self._mux(unpacked)
        except (FFmpegError, IndexError):  # nothing of it can be read
            pass
        if self._last >= 0:
            self.frames = int(np.searchsorted(known, self._last, side="right"))
            self._tell(self)

    def add(self, number: int, picture: UInt8Array) -> None:
        """Encode the picture (h, w, 3) BGR of a frame."""
        import av
        import cv2

        height, width = (side // 2 * 2 for side in picture.shape[:2])
        if self._stream is None:
            self._open(width, height)
        if (width, height) != (self.width, self.height):  # the camera changed its picture
            picture = np.asarray(cv2.resize(picture, (self.width, self.height)), np.uint8)
        even = np.ascontiguousarray(picture[: self.height, : self.width])
        planes = np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        ticks = max(to_ticks(float(self._times[number])), self._last + 1)
        frame.pts, frame.time_base = ticks, TIME_BASE
        self._last, self.frames = ticks, number + 1
        for packet in self._encoder.encode(frame):
            self._mux(packet)
        if number % (GOP * 5) == 0:
            self._tell(self)

    def finish(self) -> None:
        """Write what is left."""
        if self._encoder is not None:
            for packet in self._encoder.encode(None):
                self._mux(packet)

    def _open(self, width: int, height: int) -> None:
        import av

        self.width, self.height = width, height
        self._stream = self.container.add_stream(CODEC, rate=30, options=dict(SETTINGS))
        self._encoder = self._stream.codec_context
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.time_base = self._encoder.time_base = TIME_BASE
        self._encoder.flags |= av.codec.context.Flags.bitexact
        self._encoder.open()  # the file's head, written with the first packet, says how it is coded

    def _mux(self, packet: Any) -> None:
        packet.pts = packet.dts = round(packet.pts * Fraction(packet.time_base) / TIME_BASE)
        packet.time_base, packet.stream = TIME_BASE, self._stream
        self._last = max(self._last, packet.pts)
        self.container.mux(packet)


def end_of_fragments(path: Path, known: int = 0) -> int:
    """Where the last whole fragment of a growing file ends, in bytes; ``known`` is where an earlier one does."""
    size, place, end = path.stat().st_size, known, known
    with path.open("rb") as file:
        while place + 8 <= size:
            file.seek(place)
            head = file.read(8)
            length = int.from_bytes(head[:4], "big")
            if length < 8 or place + length > size:
                break
            place += length
            if head[4:] == b"mdat":
                end = place
    return end


def put_in_order(growing: Path, ordered: Path) -> None:
    """Copy the fragments of a file into one whose index comes first."""
    import av

    with (
        av.open(str(growing)) as source,
        av.open(str(ordered), "w", format="mp4", options=dict(WHOLE)) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)


def _whole_groups(packets: Iterator[Any]) -> Iterator[Any]:
    """The packets of all groups of pictures but the last, which may be torn."""
    from av.error import FFmpegError

    group: list[Any] = []
    try:
        for packet in packets:
            if not packet.size:
                continue
            if packet.is_keyframe and group:
                yield from group
                group = []
            group.append(packet)
    except FFmpegError:
        return
