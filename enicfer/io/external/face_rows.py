"""What any program says of the face in each frame, as records: common to the readers of face tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import WORDS, Expression
from enicfer.io.columns import list_columns, name_nearest
from enicfer.io.row_tables import RowTable
from enicfer.records import Float32Array, FloatArray, Status, UInt8Array

# Of the 68 landmarks: right eye, left eye, nose tip, right and left corner of the mouth.
_FIVE_OF_68 = (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,))
SUM_TOLERANCE = 0.02


@dataclass(frozen=True)
class FaceRows:
    """One row for each face that the program saw in each frame.

    Attributes
    ----------
    program
        Its name.
    labels
        The ``k`` expressions.
    probability
        ``(n, k)``; NaN where the frame is not valid.
    status
        ``(n,)`` `Status`.
    frame
        ``(n,)`` frame numbers from 0, or None where the table has times alone.
    time
        ``(n,)`` s, the program's own, or None.
    who
        ``(n,)`` what the program calls the face, or None.
    box, landmarks, score
        ``(n, 4)`` px, ``(n, 5, 2)`` px, ``(n,)``; NaN where unknown.
    measures
        Further columns, ``(n,)`` each.
    notes
        Things worth telling the user, one sentence each.
    """

    program: str
    labels: tuple[str, ...]
    probability: Float32Array
    status: UInt8Array
    frame: np.ndarray | None
    time: FloatArray | None
    who: tuple[str, ...] | None
    box: Float32Array
    landmarks: Float32Array
    score: Float32Array
    measures: Mapping[str, Float32Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProgramRows:
    """What a program's table says, in the program's own values; one row for each face in each frame.

    Attributes
    ----------
    table
        The table.
    program
        Its name.
    values
        Expression -> ``(n,)`` values, in our order.
    status
        ``(n,)`` `Status` as the program says it.
    frame, time, who
        As in `FaceRows`.
    box, score
        ``(n, 4)`` px and ``(n,)``, or None where the program has none.
    columns
        Columns to keep as measures.
    keep_values
        Keep the values of the expressions as measures, too.
    notes
        Things worth telling the user, one sentence each.
    """

    table: RowTable
    program: str
    values: Mapping[str, FloatArray]
    status: np.ndarray
    frame: np.ndarray | None = None
    time: FloatArray | None = None
    who: Sequence[str] | None = None
    box: FloatArray | None = None
    score: FloatArray | None = None
    columns: Sequence[str] = ()
    keep_values: bool = False
    notes: Sequence[str] = ()


def make_rows(found: ProgramRows) -> FaceRows:
    """Turn a program's values into probabilities, and leave out what belongs to rows without any."""
    values, notes, status = found.values, list(found.notes), found.status
    table, program = found.table, found.program
    raw = np.column_stack(list(values.values()))
    if (raw[np.isfinite(raw)] < 0).any():
        raise InputError(
            f"{table.path.name} has negative values of expressions", remedy="give the values as exported"
        )
    total = raw.sum(axis=1)
    status = np.where((status == Status.OK) & ~(total > 0), Status.NO_EXPRESSION, status)
    ok = status == Status.OK
    if not ok.any():
        raise InputError(
            f"{table.path.name} has no frame with values of expressions",
            place=table.path,
            remedy="check that it is the right file",
        )
    if (np.abs(total[ok] - 1) > SUM_TOLERANCE).any() and program != "openface":
        notes = [*notes, f"The values of {program} do not sum to 1: they were divided by their sum."]
    probability = np.full(raw.shape, np.nan)
    probability[ok] = raw[ok] / total[ok, None]
    measures = {name: table.numbers(name).astype(np.float32) for name in found.columns}
    if found.keep_values:
        measures |= {f"{program}_{label}": column.astype(np.float32) for label, column in values.items()}
    landmarks, box = _landmarks(table, _or_nan(found.box, table, 4))
    return FaceRows(
        program=program,
        labels=tuple(str(label) for label in values),
        probability=probability.astype(np.float32),
        status=status.astype(np.uint8),
        frame=found.frame,
        time=found.time,
        who=tuple(found.who) if found.who is not None else None,
        box=np.where(ok[:, None], box, np.nan).astype(np.float32),
        landmarks=np.where(ok[:, None, None], landmarks, np.nan).astype(np.float32),
        score=np.where(ok, _or_nan(found.score, table), np.nan).astype(np.float32),
        measures=measures,
        notes=(*table.notes, *notes),
    )


def _or_nan(values: FloatArray | None, table: RowTable, *more: int) -> FloatArray:
    return np.full((len(table), *more), np.nan) if values is None else values


def read_expressions(table: RowTable) -> tuple[dict[str, FloatArray], list[str]]:
    """The columns that are expressions, in our order, and notes."""
    names = {WORDS[name.lower()]: name for name in table.names if name.lower() in WORDS}
    if len(names) < 2:
        raise InputError(
            f"{table.path.name} has {len(names) or 'no'} column of an expression: "
            f"{list_columns(table.names)}; needed are two or more such as happiness, sadness, "
            f"neutral{name_nearest(table.names, tuple(WORDS))}",
            remedy="export the expressions as well",
        )
    notes = []
    if any(name.lower() == "contempt" for name in table.names):
        notes.append("Contempt is left out: it is no expression of this toolkit.")
    return {label: table.numbers(names[label]) for label in Expression if label in names}, notes


def whole_frames(table: RowTable, first: int) -> np.ndarray:
    """Frame numbers, from 0."""
    frame = table.numbers("frame") - first
    wrong = ~(np.isfinite(frame) & (frame >= 0) & (frame == np.round(frame)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"Row {row + 1} of {table.path.name} has the frame {table.text('frame')[row]!r}",
            place=table.path,
            remedy=f"frames must be whole numbers from {first}",
        )
    return frame.astype(np.int64)


def _landmarks(table: RowTable, box: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Five points of the 68, and the box around the 68 where the table has no box; other meshes have neither."""
    if "x_0" not in table or "y_67" not in table or "x_68" in table:
        return np.full((len(table), 5, 2), np.nan), box
    points = np.stack(
        [np.column_stack([table.numbers(f"{axis}_{i}") for i in range(68)]) for axis in "xy"], axis=2
    )
    five = np.stack([points[:, list(group)].mean(axis=1) for group in _FIVE_OF_68], axis=1)
    around = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return five, np.where(np.isnan(box), around, box)
