"""Single frames of a recording by their number, exactly those that `enicfer.io.video.reader.read_frames` counts.

The packets of a file are looked through once, without decoding. A frame is then found by its time: decoding begins at
the last keyframe that is not later and that decodes alone. Where times do not tell frames apart (elementary streams,
AVI files with reordered pictures, stamps that begin again or stand still), all is decoded from the start.

Conventions: numbers from 0; s of video time, over all files of the recording.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from enicfer.errors import InputError
from enicfer.io.video.container import open_video, select_video
from enicfer.io.video.frame import Frame
from enicfer.io.video.parts import Part
from enicfer.io.video.reader import decode_in_order, following_start, open_stream, read_frames
from enicfer.io.video.stamps import continue_stamps, is_counted
from enicfer.records import FloatArray

SAME = 1e-6  # s; times that differ by less are one
NEAR = 60  # frames; what lies so closely ahead is decoded on, without going back to a keyframe


@dataclass(frozen=True)
class _File:
    """What the packets of one file say: ``stamps`` and those of keyframes, ascending, in s of the file's own time."""

    path: Path
    stamps: FloatArray
    keys: FloatArray
    shift: float


class FrameFinder:
    """Finds frames by their number; several threads may ask.

    Parameters
    ----------
    videos
        One file, or consecutive files of one camera.
    video_time
        ``(n,)`` s, the time of each frame as results have it, where they are known.

    Raises
    ------
    InputError
        If a file cannot be read as a video.
    """

    def __init__(self, videos: Sequence[Path], video_time: FloatArray | None = None) -> None:
        self.videos = tuple(videos)
        self._lock = Lock()
        self._files = _look_through(self.videos)
        self._times = _name_frames(self._files, video_time)
        self._alone: dict[tuple[Path, float], bool] = {}
        self._ahead: Generator[Frame] | None = None
        self._next = 0

    @property
    def by_time(self) -> bool:
        """Whether frames are found from a keyframe; else from the start of the video, which takes long."""
        return self._times is not None

    def read(self, number: int) -> Frame:
        """One frame; it may be one that did not decode.

        Raises
        ------
        InputError
            If the video has no such frame.
        """
        with self._lock:
            if self._ahead is None or not self._next <= number <= self._next + NEAR:
                self._restart(number)
            assert self._ahead is not None
            for frame in self._ahead:
                self._next = frame.index + 1
                if frame.index == number:
                    return frame
                if frame.index > number:
                    break
            self._stop()
        if self._times is not None and 0 <= number < len(self._times):  # its packet gave no picture
            return Frame(number, float(self._times[number]), None)
        raise InputError(
            f"{self.videos[0].name} has no frame {number}",
            place=self.videos[0],
            remedy="give one that it has",
        )

    def frames_from(self, number: int) -> Generator[Frame]:
        """All frames from one on, in order; for one thread, independent of `read`."""
        if self._times is None:
            with closing(read_frames(self.videos)) as frames:  # type: ignore[type-var]
                yield from (frame for frame in frames if frame.index >= number)
            return
        if not 0 <= number < len(self._times):
            return
        start = float(self._times[number])
        first = max(0, bisect_right([_start_of(file) for file in self._files], start + SAME) - 1)
        for file in self._files[first:]:
            yield from self._frames_of(file, start, self._times)

    def close(self) -> None:
        """Close the video's file."""
        with self._lock:
            self._stop()

    def _restart(self, number: int) -> None:
        ahead = self._times is None and self._ahead is not None and number >= self._next
        if not ahead:
            self._stop()
            self._ahead, self._next = self.frames_from(number if self._times is not None else 0), 0

    def _stop(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None

    def _frames_of(self, file: _File, start: float, times: FloatArray) -> Iterator[Frame]:
        """Frames of one file that are known, from ``start`` on."""
        part = Part((file.path,), start=self._find_key(file, start - file.shift))
        place = int(np.searchsorted(times, start - SAME))
        with open_video(file.path) as container:
            stream = open_stream(container, 0)
            for own_time, image in decode_in_order(part.packets(container, stream), stream):
                if own_time < part.start:  # a picture that needs those before the keyframe
                    continue
                now = own_time + file.shift
                while place < len(times) and times[place] < now - SAME:
                    place += 1
                if place == len(times):
                    return
                if abs(times[place] - now) <= SAME:
                    yield Frame(place, float(times[place]), image, stream.sample_aspect_ratio)
                    place += 1

    def _find_key(self, file: _File, own_time: float) -> float:
        """The last keyframe that is not later and decodes alone; minus infinity for the file's start."""
        for key in file.keys[: int(np.searchsorted(file.keys, own_time + SAME))][::-1].tolist():
            if key == file.stamps[0]:
                break
            known = (file.path, key)
            if known not in self._alone:
                self._alone[known] = Part((file.path,), start=key).begins_alone()
            if self._alone[known]:
                return float(key)
        return -np.inf


def _start_of(file: _File) -> float:
    return float(file.stamps[0]) + file.shift


def _look_through(videos: Sequence[Path]) -> list[_File]:
    """Every file's packets; nothing where times do not tell its frames apart."""
    files: list[_File] = []
    shift = 0.0
    for path in videos:
        found = _scan(path)
        if found is None:
            return []
        stamps, keys = found
        shift -= float(stamps[0]) if files else 0.0
        files.append(_File(path, stamps, keys, shift))
        shift += following_start(stamps)
    return files


def _scan(path: Path) -> tuple[FloatArray, FloatArray] | None:
    from av.error import FFmpegError

    with open_video(path) as container:
        stream = select_video(container)
        if is_counted(stream):
            return None
        base, reorders = float(stream.time_base), bool(stream.codec_context.has_b_frames)
        breaks: list[float] = []
        found: list[float] = []
        keys: list[float] = []
        try:
            for packet in continue_stamps(container.demux(stream), stream, breaks):
                if packet.size and not packet.is_discard:
                    if packet.pts is None:
                        return None
                    found.append(packet.pts * base)
                    if packet.is_keyframe and not packet.is_corrupt:
                        keys.append(packet.pts * base)
        except FFmpegError:  # a truncated file: what came before stands
            pass
    stamps = np.sort(np.array(found))
    backwards = not reorders and (stamps != np.array(found)).any()
    if breaks or backwards or not len(stamps) or not (np.diff(stamps) > 0).all():
        return None
    return stamps, np.sort(np.array(keys))


def _name_frames(files: Sequence[_File], video_time: FloatArray | None) -> FloatArray | None:
    """The time of each frame, by its number; None where it does not tell frames apart."""
    if not files:
        return None
    stamps = np.concatenate([file.stamps + file.shift for file in files])
    if video_time is None or (len(video_time) == len(stamps) and not _are_among(video_time, stamps)):
        # Times from the camera program's log: the frames are those of the packets.
        return stamps
    rising = len(video_time) > 0 and bool((np.diff(video_time) > SAME).all())
    return video_time if rising and _are_among(video_time, stamps) else None


def _are_among(times: FloatArray, stamps: FloatArray) -> bool:
    """Whether each of the times is one of the stamps, which ascend."""
    place = np.searchsorted(stamps, times - SAME)
    return bool((place < len(stamps)).all() and (np.abs(stamps[place] - times) <= SAME).all())
