"""Plain tables of codes: a row for each, with when it began, when it ended or how long it lasted, and what it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.external.spans import Span, check_times
from enicfer.io.row_tables import RowTable, read_rows
from enicfer.records import FloatArray

BEGIN = ("onset", "start", "begin")
END = ("offset", "stop", "end")
LASTS = ("duration",)
CODE = ("code", "category", "label", "behavior", "behaviour")
WHO = ("subject", "who", "participant")


def _find(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    return next((name for name in names if name.lower() in wanted), None)


def read_plain_codes(path: Path) -> list[Span] | None:
    """Spans of a plain table, or None if it is none.

    The table has a column of `BEGIN`, one of `END` or `LASTS`, one of `CODE`, and perhaps one of `WHO`. Times are s
    from the first frame of the video; a code that ends where it begins is a point.
    """

    def is_header(names: Sequence[str]) -> bool:
        return all(_find(names, wanted) is not None for wanted in (BEGIN, (*END, *LASTS), CODE))

    table = read_rows(path, is_header)
    if table is None:
        return None
    onset = _numbers(table, BEGIN)
    offset = _numbers(table, END) if _find(table.names, END) else onset + _numbers(table, LASTS)
    check_times(table, onset, offset)
    codes = table.text(str(_find(table.names, CODE)))
    empty = next((i for i, code in enumerate(codes) if not code), None)
    if empty is not None:
        raise InputError(
            f"Row {empty + 1} of {path.name} has no code", remedy="fill it in, or remove the row"
        )
    column = _find(table.names, WHO)
    who = table.text(column) if column else [""] * len(table)
    return [Span(*fields) for fields in zip(onset.tolist(), offset.tolist(), codes, who, strict=True)]


def _numbers(table: RowTable, wanted: Sequence[str]) -> FloatArray:
    """A column of s; a clock such as 0:01.5 is refused, because frames and fractions look alike there."""
    name = str(_find(table.names, wanted))
    clock = next((cell for cell in table.text(name) if ":" in cell), None)
    if clock is not None:
        raise InputError(f"{table.path.name} has the time {clock} in {name}", remedy="write times in s")
    found: FloatArray = np.asarray(table.numbers(name))
    return found
