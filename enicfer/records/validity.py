"""What a record must hold to be one: the same checks where records are read from files and where they are written.

Conventions: a check gives nothing and raises an `InputError` whose message says what is wrong in which row, counted
from 0; the caller names the file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.expressions import Expression
from enicfer.records import Alignment, ExpressionTrace, FaceTrack, Status, TimeCourse

SUM_TOLERANCE = 1e-3  # of a row of probabilities, stored as 32-bit floats and maybe rounded
RANGE_TOLERANCE = 1e-6
MOST_SIDE = 4096  # pixels of a map


def check_expression(expression: ExpressionTrace) -> None:
    """Refuse a trace with impossible times, labels, status codes or probabilities.

    Raises
    ------
    InputError
        With the first thing that is wrong.
    """
    n = _check_times(expression.video_time)
    check_labels(expression.labels)
    _check_shape("probability", expression.probability, (n, len(expression.labels)))
    _check_status("status", expression.status, n)
    check_probability(expression.probability, expression.ok)


def check_labels(labels: Sequence[Any]) -> None:
    """Refuse labels that are no expressions, or not each a different one, or none."""
    known = [str(label) for label in Expression]
    wrong = [label for label in labels if not isinstance(label, str) or label not in known]
    if wrong or not labels or len(set(labels)) < len(labels):
        listed = ", ".join(map(str, labels))[:200] or "none"
        raise InputError(f"the labels are {listed}: each must be a different one of {', '.join(known)}")


def check_probability(probability: npt.NDArray[Any], ok: npt.NDArray[np.bool_]) -> None:
    """Refuse rows (n, k) that are no probabilities where ``ok`` (n,), or are anything but NaN elsewhere."""
    values = probability[ok].astype(np.float64)
    rows = np.flatnonzero(ok)
    with np.errstate(invalid="ignore"):
        outside = ~((values >= -RANGE_TOLERANCE) & (values <= 1 + RANGE_TOLERANCE))
    if outside.any():
        at, column = (int(i) for i in np.argwhere(outside)[0])
        raise InputError(
            f"the probability {values[at, column]:g} in row {rows[at]} is not between 0 and 1 (status ok)"
        )
    total = values.sum(axis=1)
    if (off := np.abs(total - 1) > SUM_TOLERANCE).any():
        at = int(np.argmax(off))
        raise InputError(f"the probabilities in row {rows[at]} have the sum {total[at]:.4g}: it must be 1")
    said = np.isfinite(probability).any(axis=1) & ~ok
    if said.any():
        raise InputError(
            f"row {int(np.argmax(said))} has probabilities, but its status says that it is not valid"
        )


def check_faces(faces: FaceTrack) -> None:
    """Refuse a face track with impossible times, status codes, scores or shapes.

    Raises
    ------
    InputError
        With the first thing that is wrong.
    """
    n = _check_times(faces.video_time)
    _check_shape("box", faces.box, (n, 4))
    _check_shape("landmarks", faces.landmarks, (n, 5, 2))
    _check_shape("n_faces", faces.n_faces, (n,))
    if not np.issubdtype(faces.n_faces.dtype, np.integer) or (faces.n_faces < 0).any():
        raise InputError("n_faces must be whole numbers that are not negative")
    for name, values in {"score": faces.score, **faces.measures}.items():
        _check_shape(name, values, (n,))
    for name, values in {"box": faces.box, "landmarks": faces.landmarks, "score": faces.score}.items():
        if np.isinf(values).any():
            raise InputError(f"{name} has a value that is infinite")
    _check_status("face_status", faces.status, n)


def check_time_course(time_course: TimeCourse, n: int, k: int) -> None:
    """Refuse what was made of the probabilities of ``n`` frames and ``k`` labels, if its shape is another."""
    for name, shape in (("smoothed", (n, k)), ("baseline", (n, k)), ("uncertain", (n,))):
        if (values := getattr(time_course, name)) is not None:
            _check_shape(name, values, shape)


def check_alignment(alignment: Alignment) -> None:
    """Refuse a map between clocks whose parts do not fit each other, or that maps nothing."""
    m, p = alignment.slope.size, alignment.pulse_time.size
    per_segment = ("video_start", "origin", "intercept", "t_factor", "floor")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(per_segment, (m,))
    shapes |= {
        "slope": (m,),
        "variance": (m, 3),
        "pulse_video_time": (p,),
        "pulse_time": (p,),
        "residual": (p,),
    }
    for name, shape in shapes.items():
        _check_shape(name, getattr(alignment, name), shape)
    if not m or not (np.diff(alignment.video_start) > 0).all():
        raise InputError("video_start of the alignment must rise, and hold at least one clock segment")


def check_maps(maps: Mapping[str, npt.NDArray[Any]]) -> None:
    """Refuse face maps (see `enicfer.saliency.face_maps.FaceMaps`) whose arrays are not of one size and kind.

    Raises
    ------
    InputError
        With the first that is wrong.
    """
    shape = maps["map"].shape
    if len(shape) != 3 or not 0 < shape[1] == shape[2] <= MOST_SIDE:
        raise InputError(f"map must hold n x s x s numbers, and is {_describe(maps['map'])}")
    n = shape[0]
    points = maps["landmarks"].shape[1] if maps["landmarks"].ndim == 3 else 0
    for name, wanted in {
        "map": shape,
        "landmarks": (n, points, 2),
        "probability": (n,),
        "found": (n,),
    }.items():
        _check_shape(name, maps[name], wanted)
        if not np.isfinite(maps[name]).all():
            raise InputError(f"{name} holds what is no finite number")
    for name in ("name", "subject", "expression", "digest"):
        if maps[name].shape != (n,) or maps[name].dtype.kind != "U":
            raise InputError(f"{name} must hold {n} texts, and is {_describe(maps[name])}")
    if wrong := sorted(set(maps["expression"].tolist()) - {str(label) for label in Expression}):
        raise InputError(f"expression is {wrong[0]!r}: allowed are {', '.join(map(str, Expression))}")
    if (outside := np.abs(maps["probability"] - 0.5) > 0.5 + RANGE_TOLERANCE).any():
        raise InputError(f"the probability of row {int(np.argmax(outside))} is not between 0 and 1")


def _check_times(time: npt.NDArray[Any]) -> int:
    if time.ndim != 1 or time.dtype.kind != "f":
        raise InputError(f"video_time must be a row of numbers in s, and is {_describe(time)}")
    if not np.isfinite(time).all():
        raise InputError(
            f"video_time of row {int(np.argmin(np.isfinite(time)))} is no finite number of seconds"
        )
    return int(time.size)


def _check_shape(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.shape != shape or values.dtype.kind not in "fiub":
        wanted = " x ".join(map(str, shape))
        raise InputError(f"{name} must hold {wanted} numbers, and is {_describe(values)}")


def _check_status(name: str, status: npt.NDArray[Any], n: int) -> None:
    if status.shape != (n,) or status.dtype.kind not in "iu":
        raise InputError(f"{name} must hold {n} whole numbers, and is {_describe(status)}")
    wrong = ~np.isin(status, [int(code) for code in Status])
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(
            f"{name} of row {at} is {int(status[at])}: allowed are {int(min(Status))} to {int(max(Status))}"
        )


def _describe(values: npt.NDArray[Any]) -> str:
    return f"{' x '.join(map(str, values.shape)) or 'one value'} of type {values.dtype}"
