"""One pass over a video: its faces, their expressions, and the brightness that may show pulses.

Decoding costs as much as everything else together, so each video is decoded once. Who the participant is, is
decided when all frames have been seen; until then every face is followed and classified, and nothing is kept
but rows of numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.errors import InputError
from enicfer.expression import CropClassifier, Pace, make_trace
from enicfer.io.brightness import BrightnessRecorder
from enicfer.io.video import VideoInfo, probe_video, read_frames
from enicfer.protocol import Pulses, Quality
from enicfer.records import ExpressionTrace, FaceTrack, FloatArray, Progress, Status, UInt8Array

FacePoint = tuple[int, float, float]


@dataclass(frozen=True)
class Tools:
    """What looks at the pictures, loaded once for all runs."""

    model: Any
    detector: Any
    quality: Quality
    faces: tuple[FacePoint, ...] = ()
    region: tuple[float, float, float, float] | None = None
    analysis_rate: float = 0.0
    photo: UInt8Array | None = None


@dataclass(frozen=True)
class Seen:
    """What was seen in one video (or in consecutive files of one camera).

    Attributes
    ----------
    faces, expression
        The participant, on ``video_time``.
    brightness
        ``(n,)`` mean luma of the LED's region, or ``(n, rows, columns)`` uint8 where the region is to be found.
        NaN or 0 for frames that did not decode; None where nobody asked.
    """

    faces: FaceTrack
    expression: ExpressionTrace
    brightness: FloatArray | UInt8Array | None


def load_tools(
    model: str | Path | None,
    detector: str,
    weights: Path | None,
    quality: Quality,
    faces: Iterable[FacePoint],
    region: tuple[float, float, float, float] | None,
    analysis_rate: float = 0.0,
    face_photo: Path | None = None,
) -> Tools:
    """Load classifier and detector, and look at the photo of the participant, if there is one."""
    from enicfer.faces.detectors import load_detector
    from enicfer.faces.photo import describe_photo
    from enicfer.models import load_model

    finder = load_detector(detector, weights)
    photo = describe_photo(face_photo, finder) if face_photo is not None else None
    return Tools(load_model(model), finder, quality, tuple(faces), region, analysis_rate, photo)


def watch_video(
    videos: tuple[Path, ...],
    tools: Tools,
    pulses: Pulses | None,
    progress: Progress | None = None,
    threads: int = 0,
) -> Seen:
    """Decode a video once: faces, expressions, and the brightness that may show pulses.

    Parameters
    ----------
    videos
        One file, or consecutive files of one camera.
    tools
        Detector, classifier, thresholds and hints.
    pulses
        What shows the pulses, or None.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.
    threads
        Threads that decode, 0 for as many as there are cores.
    """
    from enicfer.faces.detectors import describe_cost
    from enicfer.faces.observe import FaceObserver
    from enicfer.faces.participant import Hints

    stated = [probe_video(video) for video in videos]
    total = sum(info.n_frames for info in stated)
    observer = FaceObserver(tools.detector, tools.quality, tools.model.input_size, tools.model.channels)
    crops, pace = CropClassifier(tools.model), Pace(tools.analysis_rate)
    cost = describe_cost(tools.detector, total)
    if cost and progress is not None:
        progress(0, total, cost)
    with BrightnessRecorder(pulses) as brightness:
        done = 0
        for frame in read_frames(videos, threads):
            read = pace.wants(frame.video_time)
            for face in observer.observe(frame):
                if read:
                    crops.add(face.crop)
                else:
                    crops.skip()
            brightness.add(frame)
            done += 1
            if progress is not None and done % 10 == 0:
                progress(done, max(total, done), "faces and expressions")
        if progress is not None:
            progress(done, done, "faces and expressions")
        if not done:
            raise InputError(f"{videos[0].name} has no frame that can be read: give a complete video.")
        faces, row = observer.finish(Hints(faces=tools.faces, region=tools.region, photo=tools.photo))
        faces = replace(faces, notes=(*faces.notes, *_find_damage(stated, faces)))
        expression = make_trace(faces, row, crops.finish(), tools.model, pace.read)
        return Seen(faces, expression, brightness.finish())


def _find_damage(stated: list[VideoInfo], faces: FaceTrack) -> list[str]:
    """Sentences on frames that did not decode, and on a video that ends before its container says."""
    notes = []
    lost = int((faces.status == Status.UNDECODABLE).sum())
    if lost:
        notes.append(f"{lost} of {faces.status.size} frames could not be decoded: the video is damaged.")
    repeated = int((np.diff(faces.video_time) <= 0).sum())
    if repeated:
        notes.append(
            f"{repeated} frames have the time stamp of the frame before, or an earlier one: the camera's program "
            "stamped them wrongly, and they are taken to be of the same instant."
        )
    if any(info.file.suffix.lower() == ".avi" for info in stated):
        notes.append(
            "AVI files have no time stamps, only a constant rate: dropped frames shift all later ones; give "
            "frame_times, or record MKV or MP4."
        )
    if any(info.interlaced for info in stated):
        notes.append(
            "The video is interlaced: of each picture the first field is used, that of its time stamp, which has "
            "half the lines; record progressive video."
        )
    duration = sum(info.duration for info in stated)
    length = float(faces.video_time[-1] - faces.video_time[0])
    if duration - length > max(1.0, 0.02 * duration):
        notes.append(
            f"The video ends after {length:.1f} s, but its container says {duration:.1f} s: it is cut short."
        )
    return notes
