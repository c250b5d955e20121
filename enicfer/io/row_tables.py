"""Text tables of other programs: a header somewhere near the top, and rows below it.

Conventions: separators are tabs, semicolons or commas. A row has no more cells than the header; one that has fewer
lacks the last ones.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.columns import explain_columns, split_rows
from enicfer.io.tables import read_text
from enicfer.records import FloatArray

LARGEST = 1e9  # no such table holds a larger number


class RowTable:
    """The columns of a text table, by name without blanks at the ends."""

    def __init__(self, path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.path = path
        self.names = [name.strip() for name in names]
        self.rows = rows
        self.notes: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, name: str) -> list[str]:
        """The cells of a column; "" where a row is too short."""
        if name not in self.names:
            raise InputError(
                explain_columns(self.path.name, self.names, (name,)),
                place=self.path,
                remedy="give the table that has it",
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
    return value if abs(value) <= LARGEST else float("nan")


def read_rows(path: Path, header: Callable[[Sequence[str]], bool]) -> RowTable | None:
    """Read a table whose header is the first line that ``header`` accepts; None where no line is one.

    Lines before it, which some programs write, are left out. Separators are tabs, semicolons or commas.

    Raises
    ------
    InputError
        If a row has more cells than the header.
    """
    lines = read_text(path).split("\n")
    for start, line in enumerate(lines[:100]):
        for separator in ("\t", ";", ","):
            try:
                names = next(csv.reader([line], delimiter=separator), [])
            except csv.Error:  # a cell that is too long, with this separator
                continue
            if len(names) > 1 and header([name.strip() for name in names]):
                body = [(i, line) for i, line in enumerate(lines[start:], start + 1) if line]
                rows = split_rows(body, separator, path.name)[1:]
                for number, row in rows:
                    if any(cell.strip() for cell in row[len(names) :]):
                        raise InputError(
                            f"Line {number} of {path.name} has {len(row)} cells and the header {len(names)}: "
                            f"{' | '.join(row)[:80]!r}.",
                            place=path,
                            remedy="put cells that hold the separator into quotes, and write decimal points",
                        )
                return RowTable(path, names, [row for _, row in rows if any(row)])
    return None


def leave_out_cut(table: RowTable) -> None:
    """Leave out the last row of a file without a final line end, where it has fewer cells than all others."""
    ended = read_text(table.path).endswith("\n")
    if ended or len(table) < 2 or len(table.rows[-1]) >= min(len(row) for row in table.rows[:-1]):
        return
    table.notes.append(f"The last row of {table.path.name} (row {len(table)}) is cut off, and was left out.")
    table.rows = table.rows[:-1]
