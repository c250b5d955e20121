"""A coded span, and what the readers of codings have in common."""

from dataclasses import dataclass

import numpy as np

from enicfer.errors import InputError
from enicfer.io.row_tables import RowTable
from enicfer.records import FloatArray


@dataclass(frozen=True)
class Span:
    """One code: from ``onset`` to ``offset`` in s, what was coded, and of whom (subject, tier or column)."""

    onset: float
    offset: float
    code: str
    who: str


def check_times(table: RowTable, onset: FloatArray, offset: FloatArray) -> None:
    """Refuse a row without a begin or an end."""
    wrong = np.flatnonzero(~(np.isfinite(onset) & np.isfinite(offset)))
    if wrong.size:
        raise InputError(
            f"Row {wrong[0] + 1} of {table.path.name} has no begin or no end", remedy="export it again"
        )
