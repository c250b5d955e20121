"""Trigger logs of the task computer: times and codes, whoever wrote them.

Read are the logs of Presentation, of E-Prime (text, also UTF-16) and of PsychoPy (``.log``, and the wide
``.csv``), BIDS events files, and plain tables or lists. What a file is, is told from its content.

Conventions: ``onset`` in s on the log's own clock; ``code`` is text with runs of blanks made one. Each reader's
docstring says what becomes a code.
"""

import ast
import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.protocol import normalise_code

Row = tuple[float, str]
MAX_SIZE = 200_000_000  # bytes; a log of a whole day has a hundredth of it
_ONSETS = ("onset", "time", "timestamp", "onset_time", "seconds", "latency")
_CODES = (
    "trial_type",
    "code",
    "value",
    "event",
    "trigger",
    "marker",
    "condition",
    "type",
    "name",
    "description",
)
_MISSING = ("", "n/a", "nan", "none", "null")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PSYCHOPY_LINE = re.compile(r"\s*(\d+\.\d+)\s*\t\s*([A-Z]+)\s*\t\s*(.*)")


def read_trigger_log(path: Path) -> pd.DataFrame:
    """Read a log of the task computer.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    pandas.DataFrame
        Columns ``onset`` (s, the log's clock) and ``code`` (str), sorted by onset.

    Raises
    ------
    InputError
        If the file is missing, too large, of no known kind, or has no entries.
    """
    text = _read_text(path)
    for is_one, read in READERS:
        if is_one(text):
            try:
                rows = [(onset, normalise_code(code)) for onset, code in read(text) if math.isfinite(onset)]
            except (ValueError, IndexError, KeyError, csv.Error) as error:
                raise InputError(f"{path.name} cannot be read as a trigger log: {error}.") from None
            break
    else:
        raise InputError(
            f"{path.name} is no trigger log that is known: give a log of Presentation, E-Prime or PsychoPy, a BIDS "
            "events file, or a table with the columns onset (s) and code."
        )
    if not rows:
        raise InputError(f"{path.name} has no entries with a time: give the complete log.")
    table = pd.DataFrame(rows, columns=["onset", "code"]).astype({"onset": np.float64, "code": "str"})
    return table.sort_values("onset", kind="stable", ignore_index=True)


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"There is no trigger log {path.name} in {path.parent.name}: check the name.")
    if path.stat().st_size > MAX_SIZE:
        raise InputError(f"{path.name} has {path.stat().st_size} bytes, too many for a trigger log.")
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _is_eprime(text: str) -> bool:
    return "*** Header Start ***" in text or "*** LogFrame Start ***" in text


def read_eprime(text: str) -> Iterable[Row]:
    """E-Prime: ``X.OnsetTime`` gives the code ``X``, a response's ``X.RTTime`` gives ``X.RT``; both are in ms."""
    for line in text.splitlines():
        key, _, value = line.strip().partition(": ")
        name, _, kind = key.rpartition(".")
        if kind in ("OnsetTime", "RTTime") and _NUMBER.fullmatch(value.strip()) and float(value) > 0:
            yield float(value) / 1000, name if kind == "OnsetTime" else f"{name}.RT"


def _is_presentation(text: str) -> bool:
    return "Event Type\tCode\tTime" in text


def read_presentation(text: str) -> Iterable[Row]:
    """Presentation: the column Code, or Event Type where it is empty; times are in units of 0.1 ms."""
    columns: list[str] | None = None
    for line in text.splitlines():
        cells = line.split("\t")
        if columns is None:
            if "Event Type" in cells and "Code" in cells and "Time" in cells:
                columns = cells
        elif "Event Type" in cells:  # a second table sums the stimuli up
            return
        elif len(cells) > columns.index("Time") and _NUMBER.fullmatch(cells[columns.index("Time")]):
            code = cells[columns.index("Code")] or cells[columns.index("Event Type")]
            yield float(cells[columns.index("Time")]) / 10_000, code


def _is_psychopy_log(text: str) -> bool:
    lines = text.splitlines()[:20]
    return bool(lines) and sum(bool(_PSYCHOPY_LINE.match(line)) for line in lines) > len(lines) / 2


def read_psychopy_log(text: str) -> Iterable[Row]:
    """PsychoPy's ``.log``: a key press gives the key, any other line its message; times are in s."""
    for line in text.splitlines():
        found = _PSYCHOPY_LINE.match(line)
        if found:
            yield float(found[1]), found[3].strip().removeprefix("Keypress:").strip()


def _is_table(text: str) -> bool:
    return bool(_split(text, 2))


def read_any_table(text: str) -> Iterable[Row]:
    """Read a table: with onsets and codes, in PsychoPy's wide form, or without a header.

    ``onset`` or a like name (in s; in ms if the name ends in ``ms``) and ``trial_type``, ``code``, ``value`` or a
    like name. Without a header the first column is the time and the second, if there is one, the code.
    """
    rows = _split(text)
    first = rows[0]
    if all(_NUMBER.fullmatch(cell) for cell in first[:1]):
        return [(float(r[0]), r[1] if len(r) > 1 else "pulse") for r in rows if r and _NUMBER.fullmatch(r[0])]
    names = [cell.lower() for cell in first]
    if any(name.endswith(".started") for name in names):
        return _read_psychopy_csv(first, rows[1:])
    onset, scale = _onset_column(names)
    codes = [names.index(name) for name in _CODES if name in names]
    if onset is None or not codes:
        raise ValueError(
            f"its columns are {', '.join(first[:20])}; needed are onset (s) and one of {', '.join(_CODES)}"
        )
    found = []
    for row in rows[1:]:
        if len(row) > onset and _NUMBER.fullmatch(row[onset]):
            code = next((row[i] for i in codes if i < len(row) and row[i].lower() not in _MISSING), "")
            found.append((float(row[onset]) * scale, code))
    return found


def _onset_column(names: Sequence[str]) -> tuple[int | None, float]:
    for index, name in enumerate(names):
        bare = re.sub(r"[ _\[(]*ms[\])]*$", "", name)
        if bare in _ONSETS and bare != name:
            return index, 1e-3
    found = next((names.index(name) for name in _ONSETS if name in names), None)
    return found, 1.0


def _read_psychopy_csv(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[Row]:
    """PsychoPy's wide table: ``x.started`` gives the code ``x``, and the keys of ``x.keys`` at their ``x.rt``."""
    index = {name: i for i, name in enumerate(names)}
    for row in rows:
        cells = {name: row[i] for name, i in index.items() if i < len(row)}
        for name, value in cells.items():
            if not name.endswith(".started") or not _NUMBER.fullmatch(value):
                continue
            item = name.removesuffix(".started")
            yield float(value), item
            keys, delays = _items(cells.get(f"{item}.keys", "")), _items(cells.get(f"{item}.rt", ""))
            for key, delay in zip(keys, delays, strict=False):
                if _NUMBER.fullmatch(delay):
                    yield float(value) + float(delay), key


def _items(cell: str) -> list[str]:
    """The entries of a cell that holds one value, or a Python list as PsychoPy writes it."""
    if not cell.startswith("["):
        return [cell] if cell.lower() not in _MISSING else []
    try:
        found = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [str(item) for item in found] if isinstance(found, list) else []


def _split(text: str, limit: int | None = None) -> list[list[str]]:
    """Rows of a table whose separator is told from its first line; blank lines and comments are left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines or any(ord(c) < 9 for c in lines[0]):
        return []
    separator = next((s for s in ("\t", ",", ";") if s in lines[0]), None)
    if separator is None:
        return [line.split() for line in lines[:limit]]
    rows = csv.reader(io.StringIO("\n".join(lines[:limit])), delimiter=separator)
    return [[cell.strip() for cell in row] for row in rows]


READERS: tuple[tuple[Callable[[str], bool], Callable[[str], Iterable[Row]]], ...] = (
    (_is_eprime, read_eprime),
    (_is_presentation, read_presentation),
    (_is_psychopy_log, read_psychopy_log),
    (_is_table, read_any_table),
)
