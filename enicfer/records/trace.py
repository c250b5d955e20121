"""Expression probabilities over time, and what is derived from them.

Times are float64 seconds of ``video_time`` unless said otherwise; missing is NaN with a reason in ``status``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from enicfer.records.faces import FaceTrack, Status
from enicfer.records.types import Float32Array, FloatArray, UInt8Array


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
        """``(n,)`` true where the frame is valid."""
        return np.asarray(self.status == Status.OK)


@dataclass(frozen=True)
class TimeCourse:
    """What `enicfer.timecourse.smoothing` makes of the probabilities; None where the protocol does not ask for it.

    Attributes
    ----------
    smoothed
        ``(n, k)`` probabilities without flicker, of which segments and trials are made.
    baseline
        ``(n, k)`` probabilities that this child's face usually shows; a relative probability is the probability
        minus this.
    uncertain
        ``(n,)`` 1 where no expression is probable enough to be named, 0 where one is, NaN in an invalid frame.
    about
        What was done, as sentences: ``smoothing``, ``baseline``, ``uncertain``.
    """

    smoothed: Float32Array | None = None
    baseline: Float32Array | None = None
    uncertain: Float32Array | None = None
    about: Mapping[str, str] = field(default_factory=dict)


def spread_frames(time_course: TimeCourse, kept: npt.NDArray[np.bool_]) -> TimeCourse:
    """Undo `select_frames` with NaN in the other frames."""
    if kept.all():
        return time_course
    spread: dict[str, Any] = {}
    for name in ("smoothed", "baseline", "uncertain"):
        values = getattr(time_course, name)
        if values is not None:
            spread[name] = np.full((kept.size, *values.shape[1:]), np.nan, values.dtype)
            spread[name][kept] = values
    return replace(time_course, **spread)


_PerFrame = TypeVar("_PerFrame", FaceTrack, ExpressionTrace, TimeCourse)


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
