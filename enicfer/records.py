"""The records that travel from step to step: frozen, plain, documented.

Conventions
-----------
Times are float64 seconds on one of two clocks. ``video_time`` is the presentation time stamp of a frame in
its video file. ``time`` is the recording's clock: 0 is the first sample of the EEG file, or the first stored
volume of the BOLD image. Only `Alignment` crosses from one to the other.

Boxes are ``(left, top, right, bottom)`` in pixels of the upright full-size picture, with the origin in its
upper left corner. Landmarks are ``(x, y)`` in the same pixels: the subject's right eye (left in the picture),
left eye, nose tip, right mouth corner, left mouth corner.

Missing is NaN with a reason in ``status``; nothing is interpolated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]
# Told of long work as (done, in all, stage); "in all" is 0 where it is not known.
Progress = Callable[[int, int, str], None]
# Frame, and x and y in px of a point in the participant's face.
FacePoint = tuple[int, float, float]


class Status(IntEnum):
    """Why a frame has an answer, or has none. The numbers are stored; never renumber them."""

    OK = 0
    NO_FACE = 1
    OTHER_PERSON = 2
    AMBIGUOUS_PERSON = 3
    POSE = 4
    BLURRED = 5
    DARK = 6
    OCCLUDED = 7
    TOO_SMALL = 8
    UNDECODABLE = 9
    OUTSIDE_RECORDING = 10
    NOT_ANALYSED = 11
    NO_EXPRESSION = 12

    @property
    def label(self) -> str:
        """The name that files and reports use, such as ``no_face``."""
        return self.name.lower()


class Modality(StrEnum):
    """What kind of recording the video belongs to; the values are the BIDS data types."""

    EEG = "eeg"
    FMRI = "func"
    NONE = "beh"


@dataclass(frozen=True)
class Recording:
    """What the rest of the pipeline needs to know of an EEG file, or of a BOLD image with its log.

    Attributes
    ----------
    modality
        Kind of recording.
    file
        The EEG file or the BOLD image.
    duration
        Length in s on the recording's clock.
    triggers
        Columns ``onset`` (s, recording's clock; sorted; may be negative for fMRI) and ``code`` (str).
    sampling_rate
        Of the EEG, in Hz.
    repetition_time
        Of the BOLD series, in s.
    n_volumes
        Number of stored volumes.
    gaps
        ``(start, stop)`` in s of every pause in the recording.
    notes
        Things worth telling the user (repaired volume pulses, a TR that disagrees), one sentence each.
    details
        Numbers behind the notes, for ``sync.json``.
    """

    modality: Modality
    file: Path
    duration: float
    triggers: pd.DataFrame
    sampling_rate: float | None = None
    repetition_time: float | None = None
    n_volumes: int | None = None
    gaps: tuple[tuple[float, float], ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FaceTrack:
    """The participant's face in every frame of one video.

    Attributes
    ----------
    video_time
        ``(n,)`` s.
    box
        ``(n, 4)`` px, NaN where the participant's face was not found.
    landmarks
        ``(n, 5, 2)`` px, NaN likewise.
    score
        ``(n,)`` detector's score in 0..1, NaN likewise.
    status
        ``(n,)`` `Status` of each frame.
    n_faces
        ``(n,)`` number of faces in the picture, of whomever.
    measures
        Name -> ``(n,)`` float32: the measured quantities from which ``status`` follows (``yaw``, ``pitch``,
        ``roll`` in degrees, ``sharpness``, ``brightness``, ...).
    detector
        Name of the detector.
    notes
        Things worth telling the user, one sentence each.
    """

    video_time: FloatArray
    box: Float32Array
    landmarks: Float32Array
    score: Float32Array
    status: UInt8Array
    n_faces: UInt8Array
    measures: Mapping[str, Float32Array]
    detector: str
    notes: tuple[str, ...] = ()

    @property
    def other_person_present(self) -> Float32Array:
        """``(n,)`` 1 where a face of somebody else is in the picture, 0 where none is, NaN where that is unknown.

        It is unknown for frames that did not decode, where it is not certain whose the only face is, and where a
        table or a coding was imported that does not say where the participant's face is.
        """
        mine = np.isfinite(self.box).all(axis=1)
        others = self.n_faces.astype(np.int64) - mine
        out = (others > 0).astype(np.float32)
        out[self.status == Status.UNDECODABLE] = np.nan
        out[(self.status == Status.AMBIGUOUS_PERSON) & (self.n_faces == 1)] = np.nan
        # These do not say why there is no box: one face may be the participant's, and if none is named, who looked?
        unexplained = (Status.OK, Status.NO_EXPRESSION, Status.NOT_ANALYSED, Status.OUTSIDE_RECORDING)
        out[np.isin(self.status, unexplained) & ~mine & (self.n_faces <= 1)] = np.nan
        return out


@dataclass(frozen=True)
class ExpressionTrace:
    """Expression probabilities over time.

    Attributes
    ----------
    video_time
        ``(n,)`` s.
    probability
        ``(n, k)``; rows sum to 1, and are NaN where ``status`` is not ``OK``.
    status
        ``(n,)`` `Status` of each frame.
    labels
        The ``k`` labels, names of `enicfer.expressions.Expression`.
    model
        Name of the model.
    """

    video_time: FloatArray
    probability: Float32Array
    status: UInt8Array
    labels: tuple[str, ...]
    model: str

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` true where the frame has an answer."""
        return np.asarray(self.status == Status.OK)


@dataclass(frozen=True)
class Course:
    """What `enicfer.course` makes of the probabilities over time; None where the protocol does not ask for it.

    Attributes
    ----------
    smoothed
        ``(n, k)`` probabilities without flicker, of which segments and trials are made.
    baseline
        ``(n, k)`` probabilities that this child's face usually shows; a relative probability is the probability
        minus this.
    uncertain
        ``(n,)`` 1 where no expression is probable enough to be named, 0 where one is, NaN without an answer.
    about
        What was done, as sentences: ``smoothing``, ``baseline``, ``uncertain``.
    """

    smoothed: Float32Array | None = None
    baseline: Float32Array | None = None
    uncertain: Float32Array | None = None
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alignment:
    """The map from ``video_time`` to the recording's ``time``: piecewise affine, with its evidence.

    Piece ``i`` holds from ``video_start[i]`` to ``video_start[i + 1]``: ``time = slope[i] * (video_time -
    origin[i]) + intercept[i]``. The 95 % bound of piece ``i`` is ``t_factor[i] * sqrt(c[0] + c[1] * (v -
    origin) + c[2] * (v - origin) ** 2)`` with ``c = variance[i]``, plus ``floor[i]``; it grows away from the
    pulses.

    Attributes
    ----------
    video_start
        ``(m,)`` s of video time, the first is -inf.
    origin, slope, intercept
        ``(m,)`` s, s/s, s.
    variance
        ``(m, 3)`` polynomial coefficients of the variance of ``time`` around ``origin``, in s**2.
    t_factor
        ``(m,)`` quantile of Student's t that turns a standard deviation into a 95 % bound.
    floor
        ``(m,)`` s, systematic part of the bound, such as the unknown part of a frame's exposure.
    pulse_video_time, pulse_time
        ``(p,)`` s: the matched pulses on both clocks.
    residual
        ``(p,)`` s: ``pulse_time`` minus the mapped ``pulse_video_time``.
    unmatched_video, unmatched_recording
        Times in s, each on its own clock, of the pulses that found no partner.
    source
        How the pulses were found (a name in `enicfer.sync.SOURCES`).
    details
        Runner-up score, coarse prior and whatever else a reviewer may ask for, JSON-ready.
    notes
        Things worth telling the user, one sentence each.
    """

    video_start: FloatArray
    origin: FloatArray
    slope: FloatArray
    intercept: FloatArray
    variance: FloatArray
    t_factor: FloatArray
    floor: FloatArray
    pulse_video_time: FloatArray
    pulse_time: FloatArray
    residual: FloatArray
    unmatched_video: FloatArray
    unmatched_recording: FloatArray
    source: str
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def _piece(self, video_time: FloatArray) -> npt.NDArray[np.intp]:
        return np.clip(np.searchsorted(self.video_start, video_time, side="right") - 1, 0, None)

    def time(self, video_time: npt.ArrayLike) -> FloatArray:
        """Map ``video_time`` (s) to the recording's ``time`` (s)."""
        v = np.asarray(video_time, dtype=np.float64)
        i = self._piece(v)
        return np.asarray(self.slope[i] * (v - self.origin[i]) + self.intercept[i])

    def uncertainty(self, video_time: npt.ArrayLike) -> FloatArray:
        """Half-width in s of the 95 % interval of `time` at each ``video_time`` (s)."""
        v = np.asarray(video_time, dtype=np.float64)
        i = self._piece(v)
        d = v - self.origin[i]
        c = self.variance[i]
        variance = np.clip(c[..., 0] + c[..., 1] * d + c[..., 2] * d**2, 0, None)
        return np.asarray(self.t_factor[i] * np.sqrt(variance) + self.floor[i])


def spread_frames(course: Course, kept: npt.NDArray[np.bool_]) -> Course:
    """Undo `select_frames` with NaN in the other frames."""
    if kept.all():
        return course
    spread: dict[str, Any] = {}
    for name in ("smoothed", "baseline", "uncertain"):
        values = getattr(course, name)
        if values is not None:
            spread[name] = np.full((kept.size, *values.shape[1:]), np.nan, values.dtype)
            spread[name][kept] = values
    return replace(course, **spread)


_PerFrame = TypeVar("_PerFrame", FaceTrack, ExpressionTrace, Course)


@dataclass(frozen=True)
class RunResult:
    """Everything that is known of one run after processing; what the exports read.

    Attributes
    ----------
    entities
        BIDS entities in order, without the dash: ``{"sub": "01", "ses": "01", "task": "faces", "run": "1"}``
        (``ses`` and ``run`` may be missing).
    recording
        The recording; its ``modality`` decides which files are written.
    faces, expression
        What the camera showed, on ``video_time``.
    alignment
        The map to the recording's clock.
    time
        ``(n,)`` s: each frame on the recording's clock.
    segments
        Table of `enicfer.segments.find_segments`: spans of one dominant expression, or of a lost face.
    trials
        Table of `enicfer.trials.summarise_trials`.
    quality
        JSON-ready numbers of `enicfer.quality.assess_quality`.
    provenance
        JSON-ready: versions, model, detector, parameters, source file names and hashes.
    warnings
        One sentence each.
    course
        What was made of the probabilities over time.
    """

    entities: Mapping[str, str]
    recording: Recording
    faces: FaceTrack
    expression: ExpressionTrace
    alignment: Alignment
    time: FloatArray
    segments: pd.DataFrame
    trials: pd.DataFrame
    quality: Mapping[str, Any]
    provenance: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    course: Course = field(default_factory=Course)

    @property
    def analysed(self) -> "RunResult":
        """The same run with only the frames of `take_part`."""
        kept = take_part(self.expression, self.time)
        if kept.all():
            return self
        return replace(
            self,
            faces=select_frames(self.faces, kept),
            expression=select_frames(self.expression, kept),
            course=select_frames(self.course, kept),
            time=self.time[kept],
        )


def take_part(expression: ExpressionTrace, time: FloatArray) -> npt.NDArray[np.bool_]:
    """Frames (n,) that tables are made of: those read that have a time (n,) in s on the recording's clock."""
    return (expression.status != Status.NOT_ANALYSED) & np.isfinite(time)


def select_frames(record: _PerFrame, kept: npt.NDArray[np.bool_]) -> _PerFrame:
    """The frames of a record for which ``kept`` (n,) is true."""
    chosen: dict[str, Any] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray):
            chosen[entry.name] = value[kept]
        elif entry.name == "measures":
            chosen[entry.name] = {name: values[kept] for name, values in value.items()}
    return replace(record, **chosen)


@dataclass(frozen=True)
class SessionResult:
    """What `enicfer.process_session` returns: the runs, and every file it wrote."""

    runs: tuple[RunResult, ...]
    output: Path
    paths: tuple[Path, ...]
