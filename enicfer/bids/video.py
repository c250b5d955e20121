"""Videos in a BIDS data set, as the draft BEP047 (audio and video of behaviour) names and describes them.

Conventions: ``beh/<entities>_video.*``, with a sound track ``_audiovideo.*``; of a camera's consecutive files each
has its ``split``. What has one of the draft's endings is copied byte by byte. Other containers are packed anew, and
their pictures are not coded again; no frame's time may change by more than `MOST_SHIFT`.

``StartTime`` of a sidecar is the recording's time at the file's first frame, in s, as BIDS has it for continuous
recordings. ``ClockSegments`` is the whole map: from ``VideoTime`` on, ``RecordingTime + Rate * (video time -
VideoTime)``, all in s, with video time as the container has it.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enicfer import __version__
from enicfer.errors import InputError
from enicfer.io.files.private import PRIVATE_FILE
from enicfer.io.video.container import open_video, select_video
from enicfer.io.video.reader import packet_stamps, place_files
from enicfer.privacy.deidentify import deidentify_video
from enicfer.records import Alignment, FloatArray, Progress

ENDINGS = (".mp4", ".mkv", ".avi")  # in every version of the draft
MOST_SHIFT = 0.0006  # s; Matroska has whole ms
_IN_MP4 = frozenset({"h264", "hevc", "mpeg4", "av1", "vp9", "mpeg2video"})
_SOUND_IN_MP4 = frozenset({"aac", "mp3", "ac3", "opus", "alac"})
_MAKERS = (("com.apple.quicktime.make", "com.apple.quicktime.model"), ("make", "model"))
_COVERED = (
    f"every face that was found is painted over in one colour; sound and all else but the pictures are left out "
    f"(enicfer {__version__}, deidentify)"
)


@dataclass(frozen=True)
class PlacedVideo:
    """A video in the data set.

    Attributes
    ----------
    file
        The video.
    first
        Time of its first frame on the time line of its camera's files, in s.
    shift
        What the time line adds to the file's own times, in s.
    notes
        What the user should know, one sentence each.
    """

    file: Path
    first: float
    shift: float
    notes: tuple[str, ...] = ()


def place_videos(
    videos: Sequence[Path], folder: Path, stem: str, cover_faces: bool, progress: Progress | None
) -> list[PlacedVideo]:
    """Put a camera's files into ``folder``, each named ``<stem>[_split-<n>]_<suffix>``.

    Raises
    ------
    InputError
        If a file cannot be read, or packed anew with the same times.
    """
    folder.mkdir(parents=True, exist_ok=True)
    placed = []
    for number, (video, place) in enumerate(zip(videos, place_files(videos), strict=True), 1):
        name = f"{stem}_split-{number}" if len(videos) > 1 else stem
        notes: list[str] = []
        if cover_faces:
            target = folder / f"{name}_video.mp4"
            frames, covered = deidentify_video(video, target, progress=progress)
            notes.append(f"{target.name}: a face is covered in {covered} of {frames} frames; look at it.")
        else:
            target = _copy(video, folder / name, notes)
        placed.append(PlacedVideo(target, place.start, place.shift, tuple(notes)))
    return placed


def _copy(video: Path, target: Path, notes: list[str]) -> Path:
    """Copy a video, or pack it anew; nobody but the owner can read what shows a face."""
    with open_video(video) as source:
        sound = [stream.codec_context.name for stream in source.streams.audio]
        codec = select_video(source).codec_context.name
    suffix, ending = "audiovideo" if sound else "video", video.suffix.lower()
    if ending in ENDINGS:
        path = target.with_name(f"{target.name}_{suffix}{ending}")
        with video.open("rb") as source, open(path, "xb", opener=_open_private) as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        return path
    ending = (
        ".mp4" if codec in _IN_MP4 and set(sound) <= _SOUND_IN_MP4 and video.suffix != ".webm" else ".mkv"
    )
    path = target.with_name(f"{target.name}_{suffix}{ending}")
    open(path, "xb", opener=_open_private).close()
    shift = _repack(video, path)
    note = f" (times in whole ms, moved by at most {1000 * shift:.1f} ms)" if shift > 1e-5 else ""
    notes.append(f"{video.name} was packed anew as {path.name}, without coding it again{note}.")
    return path


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags, PRIVATE_FILE)


def _repack(video: Path, path: Path) -> float:
    """Copy the packets of pictures and sound into another container; by how many s the times moved at most.

    Raises
    ------
    InputError
        If that cannot be done, or the times are not the same.
    """
    import av

    advice = "convert it to MP4 with the camera's program, keeping its times"
    options = {"fflags": "+bitexact"}
    if path.suffix == ".mp4":
        options |= dict.fromkeys(("video_track_timescale", "movie_timescale"), "90000")
    kind = {".mp4": "mp4", ".mkv": "matroska"}[path.suffix]
    try:
        with open_video(video) as source, av.open(str(path), "w", format=kind, options=options) as target:
            wanted = [select_video(source), *source.streams.audio]
            streams = {stream.index: target.add_stream_from_template(stream) for stream in wanted}
            for packet in source.demux(wanted):
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{video.name} cannot be packed as {path.suffix[1:]} without coding it again ({error})",
            place=video,
            remedy=advice,
        ) from None
    before, after = read_stamps(video), read_stamps(path)
    if len(before) != len(after) or not len(before) or np.abs(after - before).max() > MOST_SHIFT:
        raise InputError(
            f"{video.name} cannot be packed as {path.suffix[1:]} with the same times of its frames",
            place=video,
            remedy=advice,
        )
    return float(np.abs(after - before).max())


def read_stamps(video: Path) -> FloatArray:
    """Times ``(n,)`` in s of a file's frames as the container has them, sorted."""
    with open_video(video) as container:
        return np.sort(np.array(packet_stamps(container, select_video(container)), np.float64))


def describe_video(
    placed: PlacedVideo, source: Path, task: str, alignment: Alignment, covered: bool
) -> dict[str, Any]:
    """The sidecar of a video; see the module. ``source`` is the file that it was made from."""
    stamps = read_stamps(placed.file)
    said: dict[str, Any] = {"TaskName": task, **_read_device(source)}
    with open_video(placed.file) as container:
        stream = select_video(container)
        context = stream.codec_context
        said |= {
            "VideoCodec": context.name,
            "ImageWidth": stream.width,
            "ImageHeight": stream.height,
            "ImagePixelFormat": context.pix_fmt or "n/a",
            "VideoFrameCount": len(stamps),
        }
        for sound in list(container.streams.audio)[:1]:
            said |= {
                "AudioCodec": sound.codec_context.name,
                "AudioSampleRate": sound.codec_context.sample_rate,
                "AudioChannelCount": sound.codec_context.channels,
            }
    if len(stamps) > 1 and stamps[-1] > stamps[0]:
        rate = (len(stamps) - 1) / float(stamps[-1] - stamps[0])
        said |= {"VideoFrameRate": rate, "RecordingDuration": float(stamps[-1] - stamps[0]) + 1 / rate}
    said |= {"StartTime": start_time(placed, alignment), **describe_clock(placed, alignment)}
    if covered:
        said["DeidentificationMethod"] = [_COVERED]
    return said


def _read_device(source: Path) -> dict[str, str]:
    """Maker and model of the camera, where the container says them."""
    with open_video(source) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    for names in _MAKERS:
        words = [tags[name].strip() for name in names if tags.get(name, "").strip()]
        if words:
            return {"Device": " ".join(words)}
    return {}


def start_time(placed: PlacedVideo, alignment: Alignment) -> float:
    """The recording's time at the first frame, in s; before the first known piece of the map, that goes on."""
    return float(_pieces(alignment, placed.first)[0][1])


def describe_clock(placed: PlacedVideo, alignment: Alignment) -> dict[str, Any]:
    """The map from the file's own times to the recording's, and how sure it is."""
    segments = [
        {"VideoTime": video - placed.shift, "RecordingTime": time, "Rate": rate}
        for video, time, rate in _pieces(alignment, placed.first)
    ]
    bound = alignment.uncertainty(np.array([segment["VideoTime"] + placed.shift for segment in segments]))
    return {
        "ClockSegments": segments,
        "ClockUncertainty": float(np.nanmax(bound)) if np.isfinite(bound).any() else None,
        "ClockSource": alignment.source,
    }


def _pieces(alignment: Alignment, first: float) -> list[tuple[float, float, float]]:
    """Video time in s, recording's time there and rate of each piece of the map from ``first`` on."""
    known = np.flatnonzero(np.isfinite(alignment.slope))
    ends = np.append(alignment.video_start[1:], np.inf)
    pieces = [i for i in known.tolist() if ends[i] > first] or known.tolist()[-1:]
    found = []
    for number, i in enumerate(pieces):
        at = first if number == 0 else float(alignment.video_start[i])
        time = alignment.slope[i] * (at - alignment.origin[i]) + alignment.intercept[i]
        found.append((at, float(time), float(alignment.slope[i])))
    return found
