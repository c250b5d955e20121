"""Columns and rows of text tables: what is said where some are missing, and rows that quotation marks join.

Conventions: a message says which columns were found, which are needed, and which of them are nearly alike.
"""

import csv
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from enicfer.errors import InputError
from enicfer.io.tables import read_text

Row = tuple[int, list[str]]  # line of the file, counted from 1, and its cells
_MOST = 12  # columns that are listed


def list_columns(found: Sequence[str]) -> str:
    """``its columns are onset, emotion``."""
    if not any(cell.strip() for cell in found):
        return "it has no column names"
    listed = ", ".join(cell.strip()[:60] or "(no name)" for cell in found[:_MOST])
    return f"its columns are {listed}{', ...' if len(found) > _MOST else ''}"


def name_nearest(found: Sequence[str], wanted: Sequence[str]) -> str:
    """The first found name that is nearly a wanted one, in brackets; "" without any."""
    lower = {name.lower(): name for name in wanted}
    for name in found:
        near = difflib.get_close_matches(name.strip().lower()[:60], list(lower), 1, 0.6)
        if near:
            return f" (nearest: {name.strip()}, perhaps {lower[near[0]]})"
    return ""


def explain_columns(name: str, found: Sequence[str], needed: Sequence[str]) -> str:
    """What to say of a table that lacks some of the needed columns, without a full stop.

    Parameters
    ----------
    name
        Of the file.
    found, needed
        Names of columns.
    """
    missing = [column for column in needed if column not in found]
    nearest = name_nearest([column for column in found if column not in needed], missing)
    needs = f"needed are {', '.join(needed)}{nearest}"
    return f"{name} has no column {', '.join(missing)}: {list_columns(found)}; {needs}"


def explain_unknown(name: str, found: Sequence[str], kinds: Mapping[str, Sequence[str]]) -> str:
    """What to say of a table that is of none of the kinds: the one that it is nearest to, or the columns alone."""

    def count(needed: Sequence[str]) -> tuple[int, int]:
        alike = sum(bool(difflib.get_close_matches(column, found, 1, 0.8)) for column in needed)
        return sum(column in found for column in needed), alike

    if not kinds:
        return f"Of {name}, {list_columns(found)}."
    kind = max(kinds, key=lambda kind: count(kinds[kind]))
    if not any(count(kinds[kind])):
        return f"Of {name}, {list_columns(found)}."
    return f"The nearest is {kind}: {explain_columns(name, found, kinds[kind])}."


def read_header(path: Path) -> list[str]:
    """What the first line of a text table that has several cells says; empty without any."""
    for line in read_text(path).split("\n")[:100]:
        for separator in ("\t", ";", ","):
            try:
                cells = next(csv.reader([line], delimiter=separator), [])
            except csv.Error:  # a cell that is too long, with this separator
                continue
            if len(cells) > 1:
                return [cell.strip() for cell in cells]
    return []


def split_rows(lines: Sequence[tuple[int, str]], separator: str, name: str) -> list[Row]:
    """The cells of numbered lines; empty lines give no row.

    Raises
    ------
    InputError
        If a quotation mark joins lines that are rows of their own, or is never closed.
    """
    reader = csv.reader([f"{line}\n" for _, line in lines], delimiter=separator)
    rows: list[Row] = []
    begin = 0
    try:
        for cells in reader:
            joined = lines[begin : reader.line_num]
            if len(joined) > 1:
                _check_joined(joined, len(rows[0][1]) if rows else len(cells), separator, name)
            begin = reader.line_num
            rows += [(joined[-1][0], [cell.removesuffix("\n") for cell in cells])] if cells else []
    except csv.Error as error:
        raise InputError(
            f"{name} cannot be read as a table: {error}", remedy="correct it, or export it again"
        ) from None
    return rows


def _check_joined(lines: Sequence[tuple[int, str]], width: int, separator: str, name: str) -> None:
    """Refuse lines that one cell in quotes joins, where they look like rows, or the quotes are not closed."""
    try:
        list(csv.reader([f"{line}\n" for _, line in lines], delimiter=separator, strict=True))
        closed = True
    except csv.Error as error:
        closed = "unexpected end" not in str(error)
    if not closed or any(line.count(separator) >= width - 1 for _, line in lines[1:]):
        raise InputError(
            f"Line {lines[0][0]} of {name} has a quotation mark that joins it with the lines up to "
            f"{lines[-1][0]}: {lines[0][1][:60]!r}.",
            remedy="close it, or take it out",
        )
