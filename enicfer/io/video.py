"""Video frames with their true times.

Conventions
-----------
``video_time`` is the presentation time stamp (PTS) of the container in seconds, float64, with the stream's
start offset kept; it is never ``index / fps``. Pictures are upright (rotation flags applied). Grey pictures
are full-range luma (0..255); colour pictures are BGR, as OpenCV has them. Boxes are ``(left, top, right,
bottom)`` in pixels of the upright full-size picture.

A packet that does not decode keeps its place: it comes out as a `Frame` with ``decodable`` False. A stamp that
goes back behind that of the frame before is replaced by it; an AVI file has no stamps, only a constant rate.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enicfer.errors import InputError
from enicfer.io.interlace import FirstField, is_interlaced
from enicfer.records import FloatArray, UInt8Array

if TYPE_CHECKING:
    import av

# One 8-bit luma plane comes first in these pixel formats, chroma at half size in the next two planes.
_PLANAR_420 = ("yuv420p", "yuvj420p")
_LUMA_FIRST = (*_PLANAR_420, "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "nv21", "gray")
_JPEG_RANGE = 2  # AVCOL_RANGE_JPEG: luma uses 0..255 already


@dataclass(frozen=True)
class VideoInfo:
    """What the container says before anything is decoded.

    Attributes
    ----------
    file
        The video.
    width, height
        Of the stored picture in px (before rotation).
    rate
        Average frames per s as the container states it, for estimates only; NaN where unknown.
    duration
        In s, NaN where the container does not say.
    n_frames
        Stated or estimated number of frames, 0 where unknown; for progress bars only.
    codec, pixel_format
        As FFmpeg names them.
    has_audio
        Whether there is a sound track.
    interlaced
        Whether a picture has two fields; see `enicfer.io.interlace`.
    """

    file: Path
    width: int
    height: int
    rate: float
    duration: float
    n_frames: int
    codec: str
    pixel_format: str
    has_audio: bool
    interlaced: bool = False


class Frame:
    """One frame: its place, its time, and its picture in the forms that the steps ask for.

    Pictures are made on demand from the decoder's planes, because conversion costs as much as decoding.

    Parameters
    ----------
    index
        Number of the frame in the video, from 0.
    video_time
        PTS in s.
    image
        The decoded picture, or None for a frame that did not decode.
    """

    def __init__(self, index: int, video_time: float, image: "av.VideoFrame | None") -> None:
        self.index = index
        self.video_time = video_time
        self._image = image
        quarter_turns = round(image.rotation / 90) % 4 if image is not None else 0
        self._turns = quarter_turns
        self.width, self.height = (0, 0) if image is None else (image.width, image.height)
        if quarter_turns % 2:
            self.width, self.height = self.height, self.width

    @property
    def decodable(self) -> bool:
        """Whether there is a picture."""
        return self._image is not None

    @property
    def _planes(self) -> "av.VideoFrame":
        if self._image is None:
            raise InputError(f"Frame {self.index} at {self.video_time:.3f} s could not be decoded.")
        return self._image

    @cached_property
    def _gray(self) -> UInt8Array:
        image = self._planes
        if image.format.name not in _LUMA_FIRST:
            gray = np.asarray(image.to_ndarray(format="gray"), np.uint8)
        else:
            gray = _rows(image.planes[0])[:, : image.width]
            if not _full_range(image):
                import cv2

                gray = np.asarray(cv2.LUT(gray, _limited_to_full()), np.uint8)
        return np.ascontiguousarray(np.rot90(gray, self._turns)) if self._turns else gray

    def gray(self) -> UInt8Array:
        """``(height, width)`` uint8 full-range luma of the whole picture; do not write into it."""
        return self._gray

    @cached_property
    def _bgr(self) -> UInt8Array:
        return self._convert(self._planes.width, self._planes.height)

    def bgr(self, long_side: int | None = None) -> UInt8Array:
        """``(h, w, 3)`` uint8 picture, scaled down to ``long_side`` px on its longer side (None: not)."""
        longest = max(self.width, self.height)
        if long_side is None or long_side >= longest:
            return self._bgr
        scale = long_side / longest
        image = self._planes
        width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        if self._by_planes:
            return _region_from_planes(image, (0, 0, image.width, image.height), (width, height))
        return self._convert(width, height)

    @property
    def _by_planes(self) -> bool:
        """Whether a part of the picture can be converted without the rest."""
        return not self._turns and self._planes.format.name in _PLANAR_420

    def _convert(self, width: int, height: int) -> UInt8Array:
        picture = self._planes.reformat(width=width, height=height, format="bgr24", interpolation="AREA")
        bgr = np.asarray(picture.to_ndarray(), np.uint8)
        return np.ascontiguousarray(np.rot90(bgr, self._turns)) if self._turns else bgr

    def bgr_region(
        self, left: int, top: int, right: int, bottom: int, size: tuple[int, int] | None = None
    ) -> UInt8Array:
        """``(h, w, 3)`` uint8 colour pixels of a region, clipped to the picture.

        With ``size`` (width, height) they are scaled to it before the conversion of the colours, which costs
        less; a region that does not begin at even pixels moves by up to one pixel then.
        """
        left, top = max(0, int(left)), max(0, int(top))
        right, bottom = min(self.width, int(right)), min(self.height, int(bottom))
        if self._by_planes:
            return _region_from_planes(self._planes, (left, top, right, bottom), size)
        part = self._bgr[top:bottom, left:right]
        return part if size is None else _resize(part, size)

    def brightness(self, left: int, top: int, right: int, bottom: int) -> float:
        """Mean full-range luma (0..255) of a region in px."""
        return float(self.gray()[top:bottom, left:right].mean())

    def brightness_grid(self, rows: int, columns: int) -> UInt8Array:
        """``(rows, columns)`` uint8 mean luma of the cells of a grid over the picture."""
        import cv2

        return np.asarray(cv2.resize(self.gray(), (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def probe_video(path: Path) -> VideoInfo:
    """Read what the container says about its first video stream.

    Raises
    ------
    InputError
        If the file cannot be read as a video or has no video stream.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate) if stream.average_rate else math.nan
        duration = math.nan
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration = container.duration / 1e6
        n_frames = stream.frames or (round(duration * rate) if math.isfinite(duration * rate) else 0)
        return VideoInfo(
            file=path,
            width=stream.width,
            height=stream.height,
            rate=rate,
            duration=duration,
            n_frames=n_frames,
            codec=stream.codec_context.name,
            pixel_format=stream.codec_context.pix_fmt or "unknown",
            has_audio=bool(container.streams.audio),
            interlaced=is_interlaced(stream.codec_context),
        )


def read_frames(videos: Path | Sequence[Path], threads: int = 0) -> Iterator[Frame]:
    """Decode a video frame by frame, in order of time.

    Parameters
    ----------
    videos
        The video, or consecutive files of one camera, which become one time line: each file begins one median
        frame interval after the last frame of the file before it.
    threads
        Decoder threads, 0 for as many as there are cores.

    Yields
    ------
    Frame
        Also for packets that do not decode, in their place.

    Raises
    ------
    InputError
        If a file cannot be read as a video or has no video stream.
    """
    index, shift = 0, 0.0
    for number, path in enumerate([videos] if isinstance(videos, Path) else videos):
        times: list[float] = []
        with _open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
            for video_time, image in _in_order(container, stream):
                if number and not times:
                    shift -= video_time
                # A stamp that goes back is wrong, but frames come in the order in which they were taken.
                video_time = max(video_time, times[-1]) if times else video_time
                times.append(video_time)
                yield Frame(index, video_time + shift, image)
                index += 1
        if times:
            shift += times[-1] + (float(np.median(np.diff(times))) if len(times) > 1 else 0.0)


@dataclass(frozen=True)
class FilePlace:
    """Where a file lies on the time line of consecutive files.

    Attributes
    ----------
    start
        Time of its first frame on the time line, in s.
    shift
        What is added to the file's own times, in s.
    """

    start: float
    shift: float


def place_files(videos: Sequence[Path]) -> list[FilePlace]:
    """Places of consecutive files on the time line of `read_frames`, from their stamps alone (no decoding)."""
    places: list[FilePlace] = []
    shift = 0.0
    for path in videos:
        with _open(path) as container:
            stream = container.streams.video[0]
            base = float(stream.time_base)
            stamps = [p.pts * base for p in container.demux(stream) if p.pts is not None and not p.is_discard]
        times = np.sort(np.array(stamps))
        if len(times) == 0:
            raise InputError(f"{path.name} has no frame with a time stamp: give a complete video.")
        if places:
            shift -= float(times[0])
        places.append(FilePlace(float(times[0]) + shift, shift))
        shift += float(times[-1]) + (float(np.median(np.diff(times))) if len(times) > 1 else 0.0)
    return places


def read_frames_near(videos: Sequence[Path], times: FloatArray) -> list[Frame]:
    """The frames whose times on the time line of `read_frames` are given, by seeking; those that decode.

    Parameters
    ----------
    videos
        Consecutive files of one camera.
    times
        ``(n,)`` s, sorted and close together.
    """
    places = place_files(videos) if len(videos) > 1 else [FilePlace(-math.inf, 0.0)]
    found: list[Frame] = []
    for path, place, following in zip(videos, places, [*places[1:], FilePlace(math.inf, 0.0)], strict=True):
        wanted = times[(times >= place.start) & (times < following.start)] - place.shift
        if not len(wanted):
            continue
        with _open(path) as container:
            stream = container.streams.video[0]
            container.seek(max(0, int((wanted[0] - 0.5) / float(stream.time_base))), stream=stream)
            for video_time, image in _in_order(container, stream):
                if image is not None and np.min(np.abs(wanted - video_time)) < 1e-6:
                    found.append(Frame(len(found), video_time + place.shift, image))
                if video_time > wanted[-1]:
                    break
    return found


def read_creation_time(path: Path) -> datetime | None:
    """Time of day at which the container says that it was made, or None. Cameras' clocks are coarse at best."""
    with _open(path) as container:
        text = container.metadata.get("creation_time", "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_order(container: Any, stream: Any) -> Iterator[tuple[float, "av.VideoFrame | None"]]:
    """Times and pictures; a packet whose picture never comes out gives its time and None.

    The decoder gives pictures in order of PTS while packets come in order of decoding, so the stamps of
    packets wait in a heap until a later picture passes them.
    """
    waiting: list[float] = []
    interval = 1 / float(stream.average_rate) if stream.average_rate else 0.0
    previous = -math.inf
    for stamp, image in _decode(container, stream, waiting):
        while waiting and waiting[0] < stamp - 1e-9:
            lost = heapq.heappop(waiting)
            # The second field of an interlaced picture has a stamp but no picture of its own.
            if lost > previous + 0.6 * interval and lost < stamp - 0.6 * interval:
                yield lost, None
                previous = lost
        if waiting and waiting[0] <= stamp + 1e-9:
            heapq.heappop(waiting)
        yield stamp, None if image.is_corrupt else image
        previous = stamp
    for lost in sorted(waiting):
        if lost > previous + 0.6 * interval:
            yield lost, None
            previous = lost


def _decode(container: Any, stream: Any, waiting: list[float]) -> Iterator[tuple[float, "av.VideoFrame"]]:
    from av.error import FFmpegError

    base, fields = float(stream.time_base), FirstField(stream.codec_context)
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except FFmpegError:  # a truncated file: what came before stands
            packet = None
        if packet is not None and packet.pts is not None and not packet.is_discard:
            heapq.heappush(waiting, packet.pts * base)
        try:
            images = stream.codec_context.decode(packet)
        except FFmpegError:
            images = []
        for image in images:
            if image.pts is not None:
                yield image.pts * base, fields.take(image)
        if packet is None:
            return


def _open(path: Path) -> Any:
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise InputError(f"There is no video {path.name} in {path.parent}: check the name.")
    try:
        container = av.open(str(path))
    except FFmpegError as error:
        reason = error.strerror or type(error).__name__
        size = path.stat().st_size
        raise InputError(
            f"{path.name} ({size} bytes) cannot be read as a video ({reason}): give a complete MP4, MOV, "
            "MKV, AVI or WebM file."
        ) from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path.name} has no video stream: give the camera's video.")
    return container


def _full_range(image: "av.VideoFrame") -> bool:
    name = image.format.name
    return name.startswith("yuvj") or name == "gray" or image.color_range == _JPEG_RANGE


@lru_cache(maxsize=1)
def _limited_to_full() -> UInt8Array:
    """Table from studio-range luma (16..235) to 0..255: without it, crops differ from the training data."""
    return np.clip(np.round((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


def _rows(plane: Any) -> UInt8Array:
    """Return the plane's bytes without copying, ``(height, line_size)``: lines are padded."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)


def _resize(picture: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    import cv2

    shrinks = picture.shape[1] > size[0] or picture.shape[0] > size[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)


def _region_from_planes(
    image: "av.VideoFrame", region: tuple[int, int, int, int], size: tuple[int, int] | None = None
) -> UInt8Array:
    """Convert only a region, from the planes; chroma is shared by 2 x 2 pixels, hence the even corner."""
    import cv2

    left, top, right, bottom = region
    x, y = left & ~1, top & ~1
    height, width = bottom - y, right - x
    planes = []
    for plane, shift in zip(image.planes, (0, 1, 1), strict=True):
        rows = _rows(plane)
        step = 1 << shift
        part = rows[y // step : -(-bottom // step), x // step : -(-right // step)]
        if size is not None:
            part = _resize(part, size)
        elif shift:
            part = np.repeat(np.repeat(part, 2, axis=0), 2, axis=1)[:height, :width]
        planes.append(part)
    if not _full_range(image):
        tables = (_limited_to_full(), _limited_to_full_chroma(), _limited_to_full_chroma())
        planes = [np.asarray(cv2.LUT(p, table), np.uint8) for p, table in zip(planes, tables, strict=True)]
    bgr = cv2.cvtColor(cv2.merge([planes[0], planes[2], planes[1]]), cv2.COLOR_YCrCb2BGR)
    return np.asarray(bgr if size is not None else bgr[top - y :, left - x :], np.uint8)


@lru_cache(maxsize=1)
def _limited_to_full_chroma() -> UInt8Array:
    return np.clip(np.round((np.arange(256) - 128) * 255 / 224 + 128), 0, 255).astype(np.uint8)
