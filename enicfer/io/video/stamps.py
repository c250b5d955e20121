"""What the time stamps of a video are worth: counted, made up, or those of several recordings that were joined.

AVI files and elementary streams (``.h264``, ``.hevc``, ``.m4v``, ``.mjpeg``) have no stamps. Their pictures are
counted in the order in which they are shown, at the constant rate that the file states or that is made up.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from enicfer.io.video.container import open_video, select_video

MADE_UP_RATE = 25.0  # frames per s, FFmpeg's own where a stream states none
BACK = 0.5  # s; stamps in order of decoding that fall by more are those of another recording
LONGEST_HOLE = 3600.0  # s; after a longer one a counter was full, or another recording begins
_JOINABLE = ("mpegts", "mpeg", "flv")  # containers whose files are joined by writing one after the other
_RECENT = 500  # packets that tell the usual interval
_NO_STAMPS = 0x0080  # FFmpeg's flag of a format without stamps


def has_no_stamps(stream: Any) -> bool:
    """Whether the container is an elementary stream, whose times FFmpeg makes up."""
    return bool(int(stream.container.format.flags) & _NO_STAMPS)


def is_counted(stream: Any) -> bool:
    """Whether pictures get their times in the order in which they are shown, whatever their packets say.

    An elementary stream has no stamps. Those of AVI count packets, which are in order of decoding.
    """
    reordered = stream.container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
    return has_no_stamps(stream) or reordered


def may_lack_stamps(stream: Any) -> bool:
    """Whether single pictures may have no stamp, as MPEG's streams have it (ISO 13818-1: one in 0.7 s is enough)."""
    return stream.container.format.name in ("mpegts", "mpeg")


def stated_rate(stream: Any) -> float:
    """Frames per s that a stream without stamps states, or the made-up rate."""
    rate = stream.guessed_rate or stream.average_rate
    return float(rate) if rate and 0 < float(rate) < 1000 else MADE_UP_RATE


def continue_stamps(packets: Iterable[Any], stream: Any, breaks: list[float] | None = None) -> Iterator[Any]:
    """The packets of a stream, whose stamps go on where they begin again.

    Stamps begin again where several recordings of one camera were joined, or a counter of 33 bits was full. What
    follows is put one usual interval after the last picture before it.

    Parameters
    ----------
    packets
        In order of decoding.
    stream
        Their stream.
    breaks
        Gets the time in s at which each further recording begins.
    """
    # Elsewhere a file has one time line, and a packet without a DTS is no sign of another one.
    if has_no_stamps(stream) or stream.container.format.name not in _JOINABLE:
        yield from packets
        return
    base = float(stream.time_base)
    recent: deque[int] = deque(maxlen=_RECENT)
    latest, shift = None, 0
    for packet in packets:
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is not None:
            if latest is not None and recent and not -BACK <= (stamp - latest) * base <= LONGEST_HOLE:
                start = max(recent) + _usual_interval(recent, stream)
                shift = start - (stamp if packet.pts is None else packet.pts)
                latest = stamp
                if breaks is not None:
                    breaks.append(start * base)
            latest = stamp if latest is None else max(latest, stamp)
            if shift:
                packet.pts = None if packet.pts is None else packet.pts + shift
                packet.dts = None if packet.dts is None else packet.dts + shift
            if packet.pts is not None:
                recent.append(packet.pts)
        yield packet


def _usual_interval(stamps: Iterable[int], stream: Any) -> int:
    """Median interval between pictures, in ticks of the stream."""
    gaps = [b - a for a, b in pairwise(sorted(stamps)) if b > a]
    if gaps:
        return int(median(gaps))
    return round(1 / stated_rate(stream) / float(stream.time_base))


def find_restarts(video: Path) -> tuple[float, ...]:
    """Where the stamps of a file begin again, in s on the time line that goes on; for joinable containers."""
    return _look_through(video)[0]


def unstamped_step(stream: Any) -> float:
    """Seconds from a picture to a following one without a stamp: the usual step between those that have one."""
    return _look_through(Path(stream.container.name))[2] or 1 / stated_rate(stream)


def _look_through(video: Path) -> tuple[tuple[float, ...], int, float]:
    """Where the stamps of a file begin again, how many of its pictures have none, and their usual step in s."""
    if not video.is_file():
        return (), 0, 0.0
    about = video.stat()
    return _look_through_once(video, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _look_through_once(video: Path, size: int, changed: int) -> tuple[tuple[float, ...], int, float]:
    from av.error import FFmpegError

    breaks: list[float] = []
    pictures, unstamped, last = 0, 0, None
    steps: list[float] = []
    with open_video(video) as container:
        if container.format.name in _JOINABLE:
            stream = select_video(container)
            with suppress(FFmpegError):  # a truncated file: what came before stands
                for packet in continue_stamps(container.demux(stream), stream, breaks):
                    pictures += packet.size > 0
                    stamp = packet.pts if packet.dts is None else packet.dts
                    if stamp is None:
                        unstamped += packet.size > 0 and may_lack_stamps(stream)
                        continue
                    if last is not None and pictures > last[0]:
                        steps.append((stamp - last[1]) / (pictures - last[0]))
                    last = pictures, stamp
            step = float(median(steps)) * float(stream.time_base) if unstamped and steps else 0.0
            return tuple(breaks), unstamped, max(step, 0.0)
    return (), 0, 0.0


def note_stamps(videos: Sequence[Path]) -> tuple[str, ...]:
    """Sentences on videos whose times are counted, made up, or begin again; empty for those that have stamps."""
    notes: dict[str, None] = {}
    for path in videos:
        with open_video(path) as container:
            stream = select_video(container)
            if has_no_stamps(stream):
                notes[made_up_note(path, stated_rate(stream))] = None
            elif container.format.name == "avi":
                notes[COUNTED] = None
            rate = 1 / unstamped_step(stream) if may_lack_stamps(stream) else 0.0
        if unstamped := _look_through(path)[1]:
            notes[
                f"{unstamped} pictures of {path.name} have no time stamp of their own: they follow the last one that "
                f"has at {rate:.6g} frames per s, and where the camera dropped some of them is not known."
            ] = None
        if places := find_restarts(path):
            listed = ", ".join(f"{place:.1f}" for place in places[:5]) + (", ..." if len(places) > 5 else "")
            notes[
                f"The time stamps of {path.name} begin again at {listed} s, as where recordings were joined: what "
                "follows is put one frame later, and how long the camera paused there is not known from the video."
            ] = None
    return tuple(notes)


COUNTED = (
    "AVI files have no time stamps, only a constant rate: dropped frames shift all later ones; give frame_times, or "
    "record MKV or MP4."
)


def made_up_note(path: Path, rate: float) -> str:
    """What to say of an elementary stream whose pictures are counted at a rate in frames per s."""
    return (
        f"{path.name} has no time stamps (an elementary stream): its times are made up at {rate:g} frames per s, and "
        "are wrong where the camera had another rate or dropped frames; give frame_times, or record MKV or MP4."
    )


def is_about_stamps(note: str) -> bool:
    """Whether a note says that times are counted or made up, which a log of frame times settles."""
    return note == COUNTED or "times are made up at" in note or "have no time stamp of their own" in note
