"""Parts of a recording that can be decoded side by side.

A recording is cut at keyframes, always at the same ones, however many parts are then decoded at a time. It is cut
only where that cannot show: every picture has a stamp of its own, and a keyframe's stamp is later than all stamps
before it, and it decodes alone. Only the keyframes at the cuts are decoded to find that out.

Conventions: s of video time, as `enicfer.io.video.reader.read_frames` counts it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.errors import InputError
from enicfer.io.video.container import open_video, select_video
from enicfer.io.video.frame import Frame
from enicfer.io.video.interlace import is_interlaced
from enicfer.io.video.reader import decode_in_order, following_start, open_stream, read_frames
from enicfer.io.video.stamps import continue_stamps, is_counted
from enicfer.records import FloatArray

# A file is cut into at most about so many parts, each of so many frames at least: many, because the threads wait for
# the last one; few enough, because each begins with a search of the whole picture and learns anew what moves in vain;
# and short enough that what waits for its turn is small.
PARTS, LEAST, LARGEST = 24, 120, 1800


@dataclass(frozen=True)
class Part:
    """Consecutive frames of a recording.

    Attributes
    ----------
    videos
        The recording's files; one, if the recording is cut.
    index
        Number of the part's first frame in the recording.
    before
        Times of the recording's first frame and of the last frame before the part; empty for the first part.
    start, end
        The part's frames have stamps from ``start`` on and before ``end`` (s of the file's own time).
    shift
        What is added to the file's own times, in s.
    """

    videos: tuple[Path, ...]
    index: int = 0
    before: tuple[float, ...] = ()
    start: float = -math.inf
    end: float = math.inf
    shift: float = 0.0

    def read(self, threads: int = 0) -> Iterator[Frame]:
        """Decode the part; the frames are those that `read_frames` gives for the whole recording."""
        if len(self.videos) > 1:
            yield from read_frames(self.videos, threads)
            return
        index, latest = self.index, -math.inf
        with open_video(self.videos[0]) as container:
            stream = open_stream(container, threads)
            for video_time, image in decode_in_order(self.packets(container, stream), stream):
                if video_time >= self.end:
                    return
                if video_time >= self.start:
                    latest = max(latest, video_time)
                    yield Frame(index, latest + self.shift, image, stream.sample_aspect_ratio)
                    index += 1

    def begins_alone(self) -> bool:
        """Whether the first picture decodes without those before it: not all that is marked as a keyframe does."""
        from av.error import FFmpegError

        with open_video(self.videos[0]) as container:
            stream = open_stream(container, 1)
            packet = next(self.packets(container, stream))
            try:
                images = [*stream.codec_context.decode(packet), *stream.codec_context.decode(None)]
            except FFmpegError:
                return False
        return len(images) == 1 and images[0].pts == packet.pts and not images[0].is_corrupt

    def packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """The file's packets from the part's keyframe on."""
        if self.start == -math.inf:
            return iter(container.demux(stream))
        base = float(stream.time_base)
        container.seek(round(self.start / base), stream=stream)
        for attempt in range(2):
            packets = container.demux(stream)
            for packet in packets:
                if packet.pts is not None and packet.is_keyframe and packet.pts * base >= self.start:
                    if packet.pts * base == self.start:
                        return chain([packet], packets)
                    break
            if not attempt:  # the file's index leads past it
                container.seek(0, stream=stream)
        name = self.videos[0].name
        raise InputError(f"{name} has changed while it was read", remedy="begin again when it is complete")


def cut_recording(videos: Sequence[Path], least: int | None = None) -> list[Part]:
    """Cut a recording into parts, or leave it whole where a cut might show.

    Parameters
    ----------
    videos
        One file, or consecutive files of one camera.
    least
        Least number of frames of a part; None for a twenty-fourth of the file's, within limits.

    Raises
    ------
    InputError
        If a file cannot be read as a video or has no video stream.
    """
    parts: list[Part] = []
    index, shift, first, latest = 0, 0.0, math.nan, math.nan
    for number, path in enumerate(videos):
        stamps, cuts = _scan(path, least)
        if not len(stamps):
            return [Part(tuple(videos))]
        shift -= float(stamps[0]) if number else 0.0
        places = [0, *np.searchsorted(stamps, cuts).tolist()]
        if not number:
            first = float(stamps[0])
        for place, following in zip(places, [*places[1:], None], strict=True):
            before = float(stamps[place - 1]) + shift if place else latest
            parts.append(
                Part(
                    (path,),
                    index + place,
                    (first, before) if parts else (),
                    float(stamps[place]) if place else -math.inf,
                    math.inf if following is None else float(stamps[following]),
                    shift,
                )
            )
        latest = float(stamps[-1]) + shift
        index += len(stamps)
        shift += following_start(stamps)
    return parts


def _scan(path: Path, least: int | None) -> tuple[FloatArray, FloatArray]:
    """Stamps of a file's pictures in order of time, and at which of them it can be cut; nothing if it cannot."""
    from av.error import FFmpegError

    nothing = np.zeros(0), np.zeros(0)
    with open_video(path) as container:
        stream = select_video(container)
        reorders = bool(stream.codec_context.has_b_frames)
        breaks: list[float] = []
        whole = is_interlaced(stream.codec_context) or is_counted(stream)
        base, found, keys = float(stream.time_base), [], []
        try:
            for packet in continue_stamps(container.demux(stream), stream, breaks):
                if packet.size and not packet.is_discard:
                    found.append(math.nan if packet.pts is None else packet.pts * base)
                    keys.append(packet.is_keyframe and not packet.is_corrupt)
        except FFmpegError:
            return nothing
    stamps = np.array(found)
    if whole or breaks or not len(stamps):
        return nothing
    ordered = np.sort(stamps)
    if not (np.diff(ordered) > 0).all() or (not reorders and (stamps != ordered).any()):
        return nothing
    latest = np.maximum.accumulate(np.r_[-math.inf, stamps])[:-1]
    clean = np.flatnonzero(np.array(keys, np.bool_) & (stamps > latest))
    # What follows the next keyframe must not go back behind this one.
    earliest = np.minimum.accumulate(stamps[::-1])[::-1]
    after = np.r_[clean[1:], len(stamps) - 1]
    clean = clean[earliest[after] >= stamps[clean]]
    least = least or min(max(len(stamps) // PARTS, LEAST), LARGEST)
    cuts: list[float] = []
    place = 0
    for number in np.searchsorted(ordered, stamps[clean]):
        if number - place >= least and len(ordered) - number >= least:
            start = float(ordered[number])
            if Part((path,), start=start).begins_alone():
                cuts.append(start)
                place = number
    return ordered, np.array(cuts)
