"""Detailed logs of FaceReader."""

from collections.abc import Sequence

import numpy as np

from enicfer.errors import InputError
from enicfer.io.external.face_rows import FaceRows, ProgramRows, make_rows, read_expressions
from enicfer.io.row_tables import LARGEST, RowTable
from enicfer.records import Status


def is_facereader(names: Sequence[str]) -> bool:
    """Whether a table with these columns is a detailed log of FaceReader."""
    return "Video Time" in names and "Neutral" in names


def read_facereader(table: RowTable) -> FaceRows:
    """Read a detailed log of FaceReader, which has times and no frame numbers."""
    words = table.text("Neutral")
    lost = {"FIND_FAILED": Status.NO_FACE, "FIT_FAILED": Status.NO_EXPRESSION}
    status = np.array([lost.get(word, Status.OK) for word in words])
    time = np.array([read_clock(cell) for cell in table.text("Video Time")])
    if np.isnan(time).any():
        row = int(np.flatnonzero(np.isnan(time))[0]) + 1
        raise InputError(
            f"Row {row} of {table.path.name} has no time in its column Video Time", remedy="export it again"
        )
    columns = [
        name
        for name in ("Valence", "Arousal", "Y - Head Orientation", "X - Head Orientation")
        if name in table
    ]
    values, notes = read_expressions(table)
    return make_rows(
        ProgramRows(
            table, "facereader", values, status, time=time, columns=columns, keep_values=True, notes=notes
        )
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
        return total if len(parts) <= 3 and abs(total) <= LARGEST else float("nan")
    except ValueError:
        return float("nan")
