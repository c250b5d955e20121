"""Tables of Py-Feat (Fex)."""

import re
from collections.abc import Sequence

import numpy as np

from enicfer.errors import InputError
from enicfer.io.external.face_rows import FaceRows, ProgramRows, make_rows, read_expressions, whole_frames
from enicfer.io.row_tables import RowTable
from enicfer.records import Status


def is_pyfeat(names: Sequence[str]) -> bool:
    """Whether a table with these columns is one of Py-Feat."""
    return {"FaceScore", "frame"} <= set(names)


def read_pyfeat(table: RowTable) -> FaceRows:
    """Read a Fex table of Py-Feat, whose frames count from 0."""
    values, notes = read_expressions(table)
    _check_inputs(table)
    score = table.numbers("FaceScore")
    status = np.where(np.isnan(score), Status.NO_FACE, Status.OK)
    box = None
    if "FaceRectX" in table:
        left, top, width, height = (
            table.numbers(f"FaceRect{side}") for side in ("X", "Y", "Width", "Height")
        )
        box = np.column_stack([left, top, left + width, top + height])
    who = table.text("Identity") if "Identity" in table else None
    columns = [name for name in table.names if re.fullmatch(r"AU\d+|Pitch|Roll|Yaw", name)]
    return make_rows(
        ProgramRows(
            table,
            "py-feat",
            values,
            status,
            whole_frames(table, 0),
            None,
            who,
            box,
            score,
            columns,
            notes=notes,
        )
    )


def _check_inputs(table: RowTable) -> None:
    """Refuse a table of several videos, each of which numbers its frames from 0; pictures of one are numbered on."""
    if "input" not in table:
        return
    first: dict[str, str] = {}
    for frame, name in zip(table.text("frame"), table.text("input"), strict=True):
        if first.setdefault(frame, name) != name:
            raise InputError(
                f"{table.path.name} holds frames {frame} of {first[frame]} and of {name}",
                remedy="give a table of one video",
            )
