"""What other programs say of the face in each frame: the tables of Py-Feat, OpenFace and FaceReader.

Conventions: frames count from 0, whatever the program counts from. The programs' own times are kept only to be
compared with the video's, because most of them are frame number / average rate. Values that are no
probabilities are made to sum to 1, with a note; the program's own columns are kept as measures under their own
names and in their own units.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import WORDS, Expression
from enicfer.io.tables import read_text
from enicfer.records import Float32Array, FloatArray, Status, UInt8Array

# Action units of each expression (Ekman, Friesen & Hager 2002, FACS Investigator's Guide, ISBN 0-931835-01-1),
# without those that OpenFace does not have.
PROTOTYPES: Mapping[Expression, tuple[int, ...]] = {
    Expression.ANGRY: (4, 5, 7, 23),
    Expression.FEARFUL: (1, 2, 4, 5, 7, 20, 26),
    Expression.HAPPY: (6, 12),
    Expression.SAD: (1, 4, 15),
    Expression.DISGUSTED: (9, 15),
    Expression.SURPRISED: (1, 2, 5, 26),
}
AU_RANGE = 5.0  # intensities of OpenFace are 0 to 5
# Of the 68 landmarks: right eye, left eye, nose tip, right and left corner of the mouth.
_FIVE_OF_68 = (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,))
SUM_TOLERANCE = 0.02
_LARGEST = 1e9


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
        ``(n, k)``; NaN without an answer.
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


class Table:
    """The columns of a text table, by name without blanks at the ends."""

    def __init__(self, path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.path = path
        self.names = [name.strip() for name in names]
        self.rows = rows

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, name: str) -> list[str]:
        """The cells of a column; "" where a row is too short."""
        if name not in self.names:
            raise InputError(
                f"{self.path.name} has no column {name}: it has {', '.join(self.names[:12])}"
                f"{', ...' if len(self.names) > 12 else ''}."
            )
        at = self.names.index(name)
        return [row[at].strip() if at < len(row) else "" for row in self.rows]

    def numbers(self, name: str) -> FloatArray:
        """The numbers of a column; NaN where a cell holds none."""
        return np.array([to_number(cell) for cell in self.text(name)], np.float64)


def to_number(cell: str) -> float:
    """A number, with point or comma, or NaN, also for what no such table holds: infinity, or beyond 1e9."""
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        return float("nan")
    return value if abs(value) <= _LARGEST else float("nan")


def read_rows(path: Path, header: Callable[[Sequence[str]], bool]) -> Table | None:
    """Read a table whose header is the first line that ``header`` accepts; None where no line is one.

    Lines before it, which some programs write, are left out. Separators are tabs, semicolons or commas.
    """
    lines = read_text(path).split("\n")
    for start, line in enumerate(lines[:100]):
        for separator in ("\t", ";", ","):
            names = next(csv.reader([line], delimiter=separator), [])
            if len(names) > 1 and header([name.strip() for name in names]):
                try:
                    rows = [row for row in csv.reader(lines[start + 1 :], delimiter=separator) if any(row)]
                except csv.Error as error:
                    raise InputError(f"{path.name} cannot be read as a table: {error}.") from None
                return Table(path, names, rows)
    return None


def read_face_table(path: Path, program: str | None = None) -> FaceRows | None:
    """Read a table that says something of each frame.

    Parameters
    ----------
    path
        The table.
    program
        One of `PROGRAMS`; None to tell by the columns.

    Returns
    -------
    FaceRows or None
        None if it is none of these tables.

    Raises
    ------
    InputError
        If it is one, and a column or all rows are missing.
    """
    for name, (header, read) in PROGRAMS.items():
        if program in (None, name):
            table = read_rows(path, header)
            if table is not None:
                if not len(table):
                    raise InputError(f"{path.name} is a table of {name}, but has no row: export it again.")
                return read(table)
    return None


def _is_pyfeat(names: Sequence[str]) -> bool:
    return {"FaceScore", "frame"} <= set(names)


def _read_pyfeat(table: Table) -> FaceRows:
    found = _expressions(table)
    score = table.numbers("FaceScore")
    status = np.where(np.isnan(score), Status.NO_FACE, Status.OK)
    box = np.full((len(table), 4), np.nan)
    if "FaceRectX" in table:
        left, top, width, height = (
            table.numbers(f"FaceRect{side}") for side in ("X", "Y", "Width", "Height")
        )
        box = np.column_stack([left, top, left + width, top + height])
    who = table.text("Identity") if "Identity" in table else None
    columns = [name for name in table.names if re.fullmatch(r"AU\d+|Pitch|Roll|Yaw", name)]
    return _rows(table, "py-feat", found, status, _whole(table, 0), None, who, box, score, columns)


def _is_openface(names: Sequence[str]) -> bool:
    return {"frame", "timestamp", "confidence", "success"} <= set(names)


def _read_openface(table: Table) -> FaceRows:
    units = {name: table.numbers(name) for name in table.names if re.fullmatch(r"AU\d\d_r", name)}
    found = expressions_from_units({int(name[2:4]): values for name, values in units.items()})
    if not found:
        raise InputError(
            f"{table.path.name} has no intensities of action units that show an expression (AU06_r, AU12_r, "
            f"...; it has {', '.join(units) or 'none'}): run OpenFace with -aus."
        )
    note = (
        "OpenFace has action units but no expressions: the values are shares of the mean intensity of each "
        "expression's action units (FACS prototypes), not probabilities, and were never calibrated."
    )
    status = np.where(table.numbers("success") == 1, Status.OK, Status.NO_FACE)
    who = table.text("face_id") if "face_id" in table else None
    columns = [
        name for name in table.names if re.fullmatch(r"AU\d+_[rc]|pose_[TR][xyz]|gaze_angle_[xy]", name)
    ]
    box = np.full((len(table), 4), np.nan)
    return _rows(
        table,
        "openface",
        (found, [note]),
        status,
        _whole(table, 1),
        table.numbers("timestamp"),
        who,
        box,
        table.numbers("confidence"),
        columns,
    )


def expressions_from_units(units: Mapping[int, FloatArray]) -> dict[str, FloatArray]:
    """Expression values from intensities of action units, 0 to 5.

    Each expression's value is the mean intensity of its units in `PROTOTYPES` as a part of the largest possible
    one, and neutral's what is left of the strongest to 1. Nothing, if no unit belongs to an expression.
    """
    found: dict[str, FloatArray] = {}
    for expression, numbers in PROTOTYPES.items():
        known = [units[number] for number in numbers if number in units]
        if known:
            found[expression] = np.clip(np.mean(known, axis=0) / AU_RANGE, 0, 1)
    if found:
        found[Expression.NEUTRAL] = 1 - np.max(list(found.values()), axis=0)
    return {label: found[label] for label in Expression if label in found}


def _is_facereader(names: Sequence[str]) -> bool:
    return "Video Time" in names and "Neutral" in names


def _read_facereader(table: Table) -> FaceRows:
    words = table.text("Neutral")
    lost = {"FIND_FAILED": Status.NO_FACE, "FIT_FAILED": Status.NO_EXPRESSION}
    status = np.array([lost.get(word, Status.OK) for word in words])
    time = np.array([read_clock(cell) for cell in table.text("Video Time")])
    if np.isnan(time).any():
        row = int(np.flatnonzero(np.isnan(time))[0]) + 1
        raise InputError(
            f"Row {row} of {table.path.name} has no time in its column Video Time: export it again."
        )
    columns = [
        name
        for name in ("Valence", "Arousal", "Y - Head Orientation", "X - Head Orientation")
        if name in table
    ]
    empty = np.full(len(table), np.nan)
    box = np.full((len(table), 4), np.nan)
    return _rows(
        table, "facereader", _expressions(table), status, None, time, None, box, empty, columns, keep=True
    )


def read_clock(cell: str) -> float:
    """``hh:mm:ss.mmm``, ``mm:ss.mmm`` or seconds, as s; NaN for anything else."""
    parts = cell.strip().replace(",", ".").split(":")
    if len(parts) == 4:  # hh:mm:ss:mmm
        parts = [*parts[:2], f"{parts[2]}.{parts[3]}"]
    try:
        total = 0.0
        for part in parts:
            total = total * 60 + float(part)
        return total if len(parts) <= 3 and abs(total) <= _LARGEST else float("nan")
    except ValueError:
        return float("nan")


def _expressions(table: Table) -> tuple[dict[str, FloatArray], list[str]]:
    """The columns that are expressions, in our order, and notes."""
    names = {WORDS[name.lower()]: name for name in table.names if name.lower() in WORDS}
    if len(names) < 2:
        raise InputError(
            f"{table.path.name} has {len(names) or 'no'} column of an expression ({', '.join(table.names[:12])}, "
            "...): export the expressions as well."
        )
    notes = []
    if any(name.lower() == "contempt" for name in table.names):
        notes.append("Contempt is left out: it is no expression of this toolkit.")
    return {label: table.numbers(names[label]) for label in Expression if label in names}, notes


def _whole(table: Table, first: int) -> np.ndarray:
    """Frame numbers, from 0."""
    frame = table.numbers("frame") - first
    wrong = ~(np.isfinite(frame) & (frame >= 0) & (frame == np.round(frame)))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"Row {row + 1} of {table.path.name} has the frame {table.text('frame')[row]!r}: frames must be whole "
            f"numbers from {first}."
        )
    return frame.astype(np.int64)


def _rows(
    table: Table,
    program: str,
    found: tuple[dict[str, FloatArray], list[str]],
    status: np.ndarray,
    frame: np.ndarray | None,
    time: FloatArray | None,
    who: Sequence[str] | None,
    box: FloatArray,
    score: FloatArray,
    columns: Sequence[str],
    keep: bool = False,
) -> FaceRows:
    values, notes = found
    raw = np.column_stack(list(values.values()))
    if (raw[np.isfinite(raw)] < 0).any():
        raise InputError(
            f"{table.path.name} has negative values of expressions: give the values as exported."
        )
    total = raw.sum(axis=1)
    status = np.where((status == Status.OK) & ~(total > 0), Status.NO_EXPRESSION, status)
    ok = status == Status.OK
    if not ok.any():
        raise InputError(f"{table.path.name} has no frame with values of expressions: is it the right file?")
    if (np.abs(total[ok] - 1) > SUM_TOLERANCE).any() and program != "openface":
        notes = [*notes, f"The values of {program} do not sum to 1: they were divided by their sum."]
    probability = np.full(raw.shape, np.nan)
    probability[ok] = raw[ok] / total[ok, None]
    measures = {name: table.numbers(name).astype(np.float32) for name in columns}
    if keep:
        measures |= {f"{program}_{label}": column.astype(np.float32) for label, column in values.items()}
    landmarks, box = _landmarks(table, box)
    return FaceRows(
        program=program,
        labels=tuple(str(label) for label in values),
        probability=probability.astype(np.float32),
        status=status.astype(np.uint8),
        frame=frame,
        time=time,
        who=tuple(who) if who is not None else None,
        box=np.where(ok[:, None], box, np.nan).astype(np.float32),
        landmarks=np.where(ok[:, None, None], landmarks, np.nan).astype(np.float32),
        score=np.where(ok, score, np.nan).astype(np.float32),
        measures=measures,
        notes=tuple(notes),
    )


def _landmarks(table: Table, box: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Five points of the 68, and the box around the 68 where the table has no box."""
    if "x_0" not in table or "y_67" not in table:
        return np.full((len(table), 5, 2), np.nan), box
    points = np.stack(
        [np.column_stack([table.numbers(f"{axis}_{i}") for i in range(68)]) for axis in "xy"], axis=2
    )
    five = np.stack([points[:, list(group)].mean(axis=1) for group in _FIVE_OF_68], axis=1)
    around = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return five, np.where(np.isnan(box), around, box)


PROGRAMS: Mapping[str, tuple[Callable[[Sequence[str]], bool], Callable[[Table], FaceRows]]] = {
    "py-feat": (_is_pyfeat, _read_pyfeat),
    "openface": (_is_openface, _read_openface),
    "facereader": (_is_facereader, _read_facereader),
}
