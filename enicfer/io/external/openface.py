"""Tables of OpenFace: action units, from which expressions are made by the prototypes of FACS."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import Expression
from enicfer.io.external.face_rows import FaceRows, ProgramRows, make_rows, whole_frames
from enicfer.io.row_tables import RowTable
from enicfer.records import FloatArray, Status

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


def is_openface(names: Sequence[str]) -> bool:
    """Whether a table with these columns is one of OpenFace."""
    return {"frame", "timestamp", "confidence", "success"} <= set(names)


def read_openface(table: RowTable) -> FaceRows:
    """Read a table of OpenFace, whose frames count from 1."""
    units = {name: table.numbers(name) for name in table.names if re.fullmatch(r"AU\d\d_r", name)}
    found = expressions_from_units({int(name[2:4]): values for name, values in units.items()})
    if not found:
        raise InputError(
            f"{table.path.name} has no intensities of action units that show an expression "
            f"(AU06_r, AU12_r, ...; it has {', '.join(units) or 'none'})",
            remedy="run OpenFace with -aus",
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
    return make_rows(
        ProgramRows(
            table,
            "openface",
            found,
            status,
            whole_frames(table, 1),
            table.numbers("timestamp"),
            who,
            score=table.numbers("confidence"),
            columns=columns,
            notes=[note],
        )
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
