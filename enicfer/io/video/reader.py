"""Video frames with their true times.

Conventions
-----------
``video_time`` is the presentation time stamp (PTS) of the container in seconds, float64, with the stream's
start offset kept; it is never ``index / fps``.

A packet that does not decode keeps its place: it comes out as a `enicfer.io.video.frame.Frame` with
``decodable`` False. A stamp that goes back a little behind that of the frame before is replaced by it. Stamps
that begin again go on, and
files without stamps are counted (`enicfer.io.video.stamps`).
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enicfer.errors import InputError
from enicfer.io.video.container import open_video, select_video
from enicfer.io.video.frame import Frame
from enicfer.io.video.interlace import FirstField, is_interlaced
from enicfer.io.video.stamps import (
    continue_stamps,
    find_restarts,
    has_no_stamps,
    is_counted,
    may_lack_stamps,
    stated_rate,
    unstamped_step,
)
from enicfer.records import FloatArray

if TYPE_CHECKING:
    import av


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
        Whether a picture has two fields; see `enicfer.io.video.interlace`.
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


def probe_video(path: Path) -> VideoInfo:
    """Read what the container says about its first video stream.

    Raises
    ------
    InputError
        If the file cannot be read as a video or has no video stream.
    """
    with open_video(path) as container:
        stream = select_video(container)
        rate = float(stream.average_rate) if stream.average_rate else math.nan
        duration = math.nan
        if stream.duration is not None and stream.time_base is not None:
            duration = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration = container.duration / 1e6
            if "matroska" in container.format.name:  # it counts from time 0, wherever the first frame is
                duration -= max(container.start_time or 0, 0) / 1e6
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
        Decoder threads, 0 for as many as there are cores; they share each picture, if it is coded in slices.

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
        with open_video(path) as container:
            stream = open_stream(container, threads)
            for video_time, image in decode_in_order(container.demux(stream), stream):
                if number and not times:
                    shift -= video_time
                # A stamp that goes back is wrong, but frames come in the order in which they were taken.
                video_time = max(video_time, times[-1]) if times else video_time
                times.append(video_time)
                yield Frame(index, video_time + shift, image, stream.sample_aspect_ratio)
                index += 1
        if times:
            shift += following_start(times)


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
        with open_video(path) as container:
            times = np.sort(np.array(packet_stamps(container, select_video(container))))
        if len(times) == 0:
            raise InputError(
                f"{path.name} has no frame with a time stamp", place=path, remedy="give a complete video"
            )
        if places:
            shift -= float(times[0])
        places.append(FilePlace(float(times[0]) + shift, shift))
        shift += following_start(times)
    return places


def packet_stamps(container: Any, stream: Any) -> list[float]:
    """Times in s of a stream's packets that have one, in order of decoding; counted where there are no stamps."""
    base = float(stream.time_base)
    if has_no_stamps(stream):
        return [i / stated_rate(stream) for i, _ in enumerate(p for p in container.demux(stream) if p.size)]
    packets = continue_stamps(container.demux(stream), stream)
    times: list[float] = []
    for packet in packets:
        if packet.pts is not None and not packet.is_discard:
            times.append(packet.pts * base)
        elif packet.pts is None and packet.size and times and may_lack_stamps(stream):
            times.append(times[-1] + unstamped_step(stream))
    return times


def following_start(times: Sequence[float] | FloatArray) -> float:
    """Where the next of consecutive files begins, in s of this one's own time: one median interval after its end."""
    return float(times[-1]) + (float(np.median(np.diff(times))) if len(times) > 1 else 0.0)


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
        with open_video(path) as container:
            stream = select_video(container)
            if not is_counted(stream) and not find_restarts(path):
                container.seek(max(0, int((wanted[0] - 0.5) / float(stream.time_base))), stream=stream)
            for video_time, image in decode_in_order(container.demux(stream), stream):
                if image is not None and np.min(np.abs(wanted - video_time)) < 1e-6:
                    found.append(
                        Frame(len(found), video_time + place.shift, image, stream.sample_aspect_ratio)
                    )
                if video_time > wanted[-1]:
                    break
    return found


def read_creation_time(path: Path) -> datetime | None:
    """Time of day at which the container says that it was made, or None. Cameras' clocks are coarse at best."""
    with open_video(path) as container:
        text = container.metadata.get("creation_time", "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def decode_in_order(packets: Iterator[Any], stream: Any) -> Iterator[tuple[float, "av.VideoFrame | None"]]:
    """Times in s and pictures of a stream's packets; one whose picture never comes out gives its time and None.

    The decoder gives pictures in order of PTS while packets come in order of decoding, so the stamps of
    packets wait in a heap until a later picture passes them.
    """
    if is_counted(stream):
        yield from _count_in_order(packets, stream)
        return
    waiting: list[float] = []
    interval = 1 / float(stream.average_rate) if stream.average_rate else 0.0
    previous = -math.inf
    for stamp, image in _decode(packets, stream, waiting):
        if math.isnan(stamp):  # shown after the picture before it, and before the next one with a stamp
            if previous == -math.inf:
                continue
            previous += unstamped_step(stream)
            yield previous, None if image.is_corrupt else image
            continue
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


def _count_in_order(packets: Iterator[Any], stream: Any) -> Iterator[tuple[float, "av.VideoFrame | None"]]:
    """As `decode_in_order`, where the k-th picture that is shown has the k-th of the packets' times."""
    waiting: list[float] = []
    if has_no_stamps(stream):
        for number, (_, image) in enumerate(_decode(packets, stream, waiting)):
            yield number / stated_rate(stream), None if image.is_corrupt else image
        return
    previous = -math.inf
    for stamp, image in _decode(packets, stream, waiting):
        previous = heapq.heappop(waiting) if waiting else max(previous, stamp)
        yield previous, None if image.is_corrupt else image
    for lost in sorted(waiting):
        yield lost, None


def _decode(
    packets: Iterator[Any], stream: Any, waiting: list[float]
) -> Iterator[tuple[float, "av.VideoFrame"]]:
    from av.error import FFmpegError

    base, fields = float(stream.time_base), FirstField(stream.codec_context)
    packets, counted = continue_stamps(packets, stream), has_no_stamps(stream) or may_lack_stamps(stream)
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
            elif counted:
                yield math.nan, fields.take(image)
        if packet is None:
            return


def open_stream(container: Any, threads: int) -> Any:
    """The video stream of an open file; so many threads decode it, 0 for as many as there are cores.

    Not several pictures at a time: near a damaged packet the number of threads would then decide which are lost.
    """
    stream = select_video(container)
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = threads
    return stream
