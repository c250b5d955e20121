"""One pass over a video: its faces, their expressions, and the brightness that may show pulses.

Decoding costs as much as everything else together, so each video is decoded once. Who the participant is, is
decided when all frames have been seen (`choose_observations`); until then every face is followed and classified, and
nothing is kept but rows of numbers.
"""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Pulses, Quality
from enicfer.errors import InputError, PointError, counted
from enicfer.io.files.steady import read_steadily
from enicfer.io.video.brightness import BrightnessRecorder
from enicfer.io.video.frame import Frame
from enicfer.io.video.parts import Part, cut_recording
from enicfer.io.video.reader import VideoInfo, probe_video
from enicfer.io.video.stamps import note_stamps
from enicfer.pipeline.classify import CropClassifier, Pace, make_trace
from enicfer.records import (
    ExpressionTrace,
    FacePoint,
    FaceTrack,
    Float32Array,
    FloatArray,
    Progress,
    UInt8Array,
)

if TYPE_CHECKING:
    from enicfer.faces.choose import SeenFaces

# More parts at a time gain little: the language runs one thread's own steps at a time.
MOST_WORKERS = 4

# The largest of the detector's own thresholds; a protocol may ask for less.
MIN_SCORE = 0.35


@dataclass(frozen=True)
class LoadedModels:
    """What looks at the pictures, loaded once for all runs."""

    model: Any
    detector: Any
    quality: Quality
    faces: tuple[FacePoint, ...] = ()
    region: tuple[float, float, float, float] | None = None
    analysis_rate: float = 0.0
    photo: UInt8Array | None = None


@dataclass(frozen=True)
class VideoRecord:
    """Everything measured in one pass over a video, of all faces; who the participant is, is not decided.

    Attributes
    ----------
    faces
        All faces.
    probability
        ``(m, k)`` of each face, NaN where its expression was not read.
    read
        ``(n,)`` whether a frame's expressions were read.
    notes
        Things worth telling the user of the video, one sentence each.
    brightness
        As in `Observations`.
    """

    faces: "SeenFaces"
    probability: Float32Array
    read: npt.NDArray[np.bool_]
    notes: tuple[str, ...]
    brightness: FloatArray | UInt8Array | None


@dataclass(frozen=True)
class Observations:
    """What was seen of the participant in one video (or in consecutive files of one camera).

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


def load_models(
    options: ProcessingOptions,
    quality: Quality,
    region: tuple[float, float, float, float] | None = None,
    analysis_rate: float = 0.0,
) -> LoadedModels:
    """Load classifier and detector, and look at the photo of the participant, if there is one.

    ``analysis_rate`` is the protocol's, in Hz; the options' overrides it.
    """
    from enicfer.faces.detectors import load_detector
    from enicfer.faces.photo import describe_photo
    from enicfer.models import load_model

    finder = load_detector(
        options.detector, options.detector_weights, min_score=min(MIN_SCORE, quality.min_score)
    )
    photo = describe_photo(options.face_photo, finder) if options.face_photo is not None else None
    rate = analysis_rate if options.analysis_rate is None else options.analysis_rate
    points = tuple(point for point in options.faces if len(point) == 3)
    return LoadedModels(load_model(options.model), finder, quality, points, region, rate, photo)


def observe_video(
    videos: tuple[Path, ...],
    models: LoadedModels,
    pulses: Pulses | None,
    progress: Progress | None = None,
    threads: int = 0,
) -> Observations:
    """Decode a video once and choose the participant: `record_video`, then `choose_observations`."""
    return choose_observations(
        record_video(videos, models, pulses, progress, threads), models, videos[0].name
    )


def choose_observations(record: VideoRecord, models: LoadedModels, name: str) -> Observations:
    """What was seen of the participant, by the hints and thresholds of ``models``; ``name`` is the video's.

    Raises
    ------
    InputError
        If a hint points at no face.
    """
    from enicfer.faces.choose import choose_track
    from enicfer.faces.participant import Hints

    hints = Hints(models.faces, models.region, models.photo)
    try:
        faces, row = choose_track(record.faces, models.quality, hints)
    except PointError as error:
        raise error.said_of(f"{name}, the participant's face") from None
    faces = replace(faces, notes=(*faces.notes, *record.notes))
    expression = make_trace(faces, row, record.probability, models.model, record.read)
    return Observations(faces, expression, record.brightness)


def record_video(
    videos: tuple[Path, ...],
    models: LoadedModels,
    pulses: Pulses | None,
    progress: Progress | None = None,
    threads: int = 0,
) -> VideoRecord:
    """Decode a video once: all faces, their expressions, and the brightness that may show pulses.

    Parts of the video are watched side by side. It is always cut at the same places, and each part is watched by one
    thread alone, so the number of threads does not show in the result.

    Parameters
    ----------
    videos
        One file, or consecutive files of one camera.
    models
        Detector and classifier. Of the thresholds only a low ``min_score`` matters (`enicfer.faces.observe.SURE`),
        of hints none.
    pulses
        What shows the pulses, or None.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``, by one thread at a time.
    threads
        Threads, 0 for as many as there are cores.
    """
    import torch

    from enicfer.faces.detectors import describe_cost

    stated = [probe_video(video) for video in videos]
    count = _Count(sum(info.n_frames for info in stated), progress)
    parts = cut_recording(videos)
    threads = threads or torch.get_num_threads()
    workers = max(1, min(threads, len(parts), MOST_WORKERS))
    cost = describe_cost(models.detector, count.total, workers)
    if cost and progress is not None:
        progress(0, count.total, cost)
    with BrightnessRecorder(pulses) as brightness:
        whole = _PartObserver(models, ())
        decoders = max(1, threads // workers)
        watching = _observe_parts(parts, models, brightness, count, workers, decoders)
        with read_steadily(videos), closing(watching) as glances:
            for glance in glances:
                whole.join(glance)
                for measured in glance.brightness:
                    brightness.keep(measured)
        if not count.finish():
            raise InputError(
                f"{videos[0].name} has no frame that can be read",
                place=videos[0],
                remedy="give a complete video",
            )
        faces = whole.observer.collect()
        notes = tuple(_find_damage(stated, faces.frames))
        return VideoRecord(faces, whole.crops.finish(), whole.pace.read, notes, brightness.finish())


class _Count:
    """Counts the frames of all parts, and tells of them."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self._done, self._progress, self._lock = total, 0, progress, Lock()

    def add(self) -> None:
        with self._lock:
            self._done += 1
            if self._progress is not None and self._done % 10 == 0:
                self._tell()

    def finish(self) -> int:
        """The number of frames, which is told as the total."""
        self.total = self._done
        if self._progress is not None:
            self._tell()
        return self._done

    def _tell(self) -> None:
        assert self._progress is not None
        self._progress(self._done, max(self.total, self._done), "faces and expressions")


class _PartObserver:
    """What is seen in a part of a video; ``before`` as for `Pace`."""

    def __init__(self, models: LoadedModels, before: tuple[float, ...]) -> None:
        from enicfer.faces.observe import FaceObserver

        model = models.model
        self.observer = FaceObserver(models.detector, models.quality, model.input_size, model.channels)
        self.crops, self.pace = CropClassifier(model), Pace(models.analysis_rate, before)
        self.brightness: list[bytes | float | None] = []

    def add(self, frame: Frame) -> None:
        read = self.pace.wants(frame.video_time)
        for face in self.observer.observe(frame):
            if read:
                self.crops.add(face.crop)
            else:
                self.crops.skip()

    def join(self, following: "_PartObserver") -> None:
        self.observer.join(following.observer)
        self.crops.join(following.crops)
        self.pace.join(following.pace)


def _observe_parts(
    parts: list[Part],
    models: LoadedModels,
    brightness: BrightnessRecorder,
    count: _Count,
    workers: int,
    decoders: int,
) -> Generator[_PartObserver]:
    """Watch so many parts side by side, each with threads that decode; what is seen in them, in order."""
    import cv2
    import torch

    stop = Event()

    def watch(part: Part) -> _PartObserver:
        glance = _PartObserver(models, part.before)
        # At the end the other threads have nothing else to do.
        for frame in part.read(decoders if part is not parts[-1] else decoders * workers):
            if stop.is_set():
                break
            glance.add(frame)
            glance.brightness.append(brightness.measure(frame))
            count.add()
        # The last batch too belongs into this thread, which works alone on its sums.
        glance.crops.flush()
        return glance

    # OpenCV's own threads would get into the way of these.
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    # Sums that are split among threads are rounded otherwise, hence one thread for each part.
    with ThreadPoolExecutor(workers, "watch", torch.set_num_threads, (1,)) as pool:
        try:
            # In order, so that what is seen of a part (3 kB a frame, where an LED is to be found) is put away early.
            waiting = deque(pool.submit(watch, part) for part in parts)
            while waiting:
                yield waiting.popleft().result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
            cv2.setNumThreads(before[0])
            # The threads' own setting would be that of every thread that begins after them.
            torch.set_num_threads(before[1])


def _find_damage(stated: list[VideoInfo], frames: npt.NDArray[Any]) -> list[str]:
    """Sentences on frames that did not decode, and on a video that ends before its container says."""
    notes = []
    lost, video_time = int((~frames["decodable"]).sum()), frames["video_time"]
    if lost:
        notes.append(f"{lost} of {counted(len(frames), 'frame')} could not be decoded: the video is damaged.")
    repeated = int((np.diff(video_time) <= 0).sum())
    if repeated:
        notes.append(
            f"{repeated} frames have the time stamp of the frame before, or an earlier one: the camera's program "
            "stamped them wrongly, and they are taken to be of the same instant."
        )
    notes += note_stamps([info.file for info in stated])
    if any(info.interlaced for info in stated):
        notes.append(
            "The video is interlaced: of each picture the first field is used, that of its time stamp, which has "
            "half the lines; record progressive video."
        )
    duration = sum(info.duration for info in stated)
    length = float(video_time[-1] - video_time[0])
    if duration - length > max(1.0, 0.02 * duration):
        notes.append(
            f"The video ends after {length:.1f} s, but its container says {duration:.1f} s: it is cut short."
        )
    return notes
