"""Plain tables of events: lines of a time and a code, with or without a header; BIDS ``events.tsv`` is one.

Conventions: onsets are s on the file's own clock. What separates the columns is told from the whole file. Every line
gives an entry, is counted in a note, or is refused.
"""

import re
from collections.abc import Sequence

from enicfer.errors import InputError
from enicfer.io.columns import Row, list_columns, name_nearest, split_rows
from enicfer.io.log_times import Cell, describe_left_out, is_cut, is_like_number, read_times

Entry = tuple[float, str]
TIME_NAMES = ("onset", "time", "timestamp", "t", "seconds", "latency", "onset_time", "start")
CODE_NAMES = (
    "code", "trigger", "value", "event", "marker", "trial_type", "label", "name", "description", "type",
)  # fmt: skip
_NO_CODES = (
    "duration",
    "sample",
    "response_time",
    "stop",
    "end",
    "offset",
)  # columns of numbers beside a time
UNITS = {"ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "s": 1.0, "sec": 1.0, "seconds": 1.0}
_UNIT = re.compile(rf"(.+?)[\s_]*[\[(]?\b({'|'.join(UNITS)})[\])]?")
_WHOLE_CODE = re.compile(r"-?\d+(,0+)?", re.ASCII)
_GROUP = re.compile(r"\d{3}[.,]\d+|\d{3}", re.ASCII)


def list_rows(text: str, name: str) -> tuple[list[Row], str]:
    """The rows of a table, without empty lines and comments, and what separates its cells."""
    lines = [
        (i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip() and not line.startswith("#")
    ]
    stated = re.fullmatch(r'"?sep=(.)"?', lines[0][1].rstrip("\r\n")) if lines else None  # as Excel writes it
    lines = lines[1:] if stated else lines
    if not lines:
        return [], ""
    separator = stated[1] if stated else _find_separator([line for _, line in lines])
    if separator == " ":  # not the blanks within a number
        return [(i, re.split(r"[ \t]+", line.strip(" \t"))) for i, line in lines], separator
    return split_rows(lines, separator, name), separator


def _find_separator(lines: Sequence[str]) -> str:
    first = lines[0]
    if "\t" in first:
        return "\t"
    for separator in (";", ","):
        if any(_split_unit(cell)[0] in TIME_NAMES for cell in first.split(separator)) and separator in first:
            return separator
    if ";" in first and is_like_number(first.split(";")[0]):
        return ";"
    if "," in first:
        begins = [re.split(r"[ \t]+", line.strip())[0] for line in lines]
        blanks = all(" " in line.strip() for line in lines) and all(map(is_like_number, begins))
        return " " if blanks and any("," in text.rstrip(",") for text in begins) else ","
    return ";" if ";" in first else " "


def has_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names columns."""
    first = rows[0][1]
    return not is_like_number(first[0]) or any(_split_unit(cell)[0] in TIME_NAMES for cell in first)


def parse_table(text: str, name: str, notes: list[str]) -> list[Entry]:
    """Entries of a plain table; what was left out goes to ``notes``."""
    rows, separator = list_rows(text, name)
    if not rows:
        return []
    ended = text.endswith("\n")
    if has_header(rows):
        return _parse_columns(rows, name, notes, ended)
    _refuse_unsure(rows, name, separator)
    return _parse_lines(rows, name, notes, ended)


def _parse_columns(rows: Sequence[Row], name: str, notes: list[str], ended: bool) -> list[Entry]:
    header = [cell.strip().lower() for cell in rows[0][1]]
    if len(header) < 2 and not any(_split_unit(cell)[0] in TIME_NAMES for cell in header):
        return []
    column, scale = _time_column(header, name)
    codes = _code_columns(header, column, name)
    twice = [header[i] for i in (column, *codes) if header.count(header[i]) > 1]
    if twice:
        raise InputError(
            f"{name} has two columns {twice[0]}", remedy="leave one of them out, or name it otherwise"
        )
    return take_columns(rows, name, notes, ended, column, scale, codes)


def take_columns(
    rows: Sequence[Row],
    name: str,
    notes: list[str],
    ended: bool,
    column: int,
    scale: float,
    codes: Sequence[int],
) -> list[Entry]:
    """Entries of the rows below a header: times (``scale`` s) of one column, codes of others, or ``1`` without any.

    Raises
    ------
    InputError
        If a row has more cells than the header, or a time that cannot be read.
    """
    width = len(rows[0][1])
    for line, cells in rows[1:]:
        if any(cell.strip() for cell in cells[width:]):
            raise InputError(
                f"Line {line} of {name} has {len(cells)} cells and the header {width}: "
                f"{' | '.join(cells)[:80]!r}.",
                remedy=(
                    "put cells that hold the separator into quotes, and write numbers without separators "
                    "of thousands"
                ),
            )
    body = list(rows[1:])
    again = [line for line, cells in body if cells == rows[0][1]]
    if again:
        raise InputError(
            f"Line {again[0]} of {name} is its header once more: it holds several tables",
            remedy="give the one of this run",
        )
    if body and not ended and _is_cut_row(body, width, column, codes):
        body = _leave_out_last(body, name, notes)
    body = _read_whole(body, codes)
    times = read_times(_column(body, column), name, scale)
    entries, timeless, codeless = [], [], []
    for (line, cells), number in zip(body, times, strict=True):
        values = [cells[i].strip() for i in codes if i < len(cells)] if codes else ["1"]
        values = list(filter(_says_something, dict.fromkeys(values)))
        if number is None:
            timeless += [(line, " ".join(cells))] if any(map(_says_something, cells)) else []
        elif not values:
            codeless.append((line, " ".join(cells)))
        else:
            entries += [(number, value) for value in values]
    notes += describe_left_out(timeless, name, "time") + describe_left_out(codeless, name, "code")
    _note_last_code(body, codes, name, notes, ended)
    return entries


def _says_something(cell: str) -> bool:
    return cell.strip().lower() not in ("", "n/a", "nan")


def _is_cut_row(rows: Sequence[Row], width: int, column: int, codes: Sequence[int]) -> bool:
    """Whether the last row ends within or before a cell that is needed."""
    there = len(rows[-1][1])
    short = there < width and there <= max([column, *codes]) + 1
    return short or (column == there - 1 and is_cut(_column(rows, column)))


def _note_last_code(
    rows: Sequence[Row], codes: Sequence[int], name: str, notes: list[str], ended: bool
) -> None:
    """The last code of a file without a final line end may lack its end, where it is the beginning of others."""
    if ended or not rows or not codes or len(rows[-1][1]) - 1 not in codes:
        return
    last = rows[-1][1][-1].strip()
    others = {row[i].strip() for _, row in rows[:-1] for i in codes if i < len(row)}
    if last and last not in others and any(other.startswith(last) for other in others):
        notes.append(f"{name} ends without a line end: its last code, {last!r}, may be cut off.")


def _leave_out_last(rows: list[Row], name: str, notes: list[str]) -> list[Row]:
    line, cells = rows[-1]
    notes.append(
        f"The last line of {name} (line {line}: {' '.join(cells)[:60]!r}) is cut off, and was left out."
    )
    return rows[:-1]


def _read_whole(rows: Sequence[Row], codes: Sequence[int]) -> list[Row]:
    """The rows, with a decimal point in columns of codes that are all whole numbers, some as ``11,0``."""
    found = [(line, list(cells)) for line, cells in rows]
    for i in codes:
        texts = [cells[i].strip() for _, cells in found if i < len(cells) and _says_something(cells[i])]
        if any("," in text for text in texts) and all(_WHOLE_CODE.fullmatch(text) for text in texts):
            for _, cells in found:
                cells[i : i + 1] = [cell.replace(",", ".") for cell in cells[i : i + 1]]
    return found


def _column(rows: Sequence[Row], column: int) -> list[Cell]:
    return [(line, cells[column] if column < len(cells) else "") for line, cells in rows]


def _time_column(header: Sequence[str], name: str) -> tuple[int, float]:
    found = [(i, *_split_unit(cell)) for i, cell in enumerate(header)]
    times = [(i, unit) for wanted in TIME_NAMES for i, cell, unit in found if cell == wanted]
    if not times:
        raise InputError(
            f"{name} has no entry with a time and a code, for {list_columns(header)}, and none is a time",
            remedy=f"name one of them {', '.join(TIME_NAMES)}{_nearest(header, TIME_NAMES)}",
        )
    if header[times[0][0]] == "latency":
        raise InputError(
            f"The column latency of {name} does not say whether it is in samples, ms or s",
            remedy="call it latency_ms or latency_s",
        )
    return times[0]


def _code_columns(header: Sequence[str], time: int, name: str) -> list[int]:
    plain = [_split_unit(cell)[0] for cell in header]
    codes = [i for wanted in CODE_NAMES for i, cell in enumerate(plain) if cell == wanted and i != time]
    if "onset" in plain and {"duration", "trial_type"} & set(plain):  # BIDS
        types = [plain.index(cell) for cell in ("trial_type", "value") if cell in plain]
        if types:
            return types if "duration" in plain else list(dict.fromkeys([*types, *codes[:1]]))
    others = [
        header[i]
        for i, cell in enumerate(plain)
        if i != time and cell and cell not in (*_NO_CODES, *TIME_NAMES)
    ]
    if not codes and others:
        raise InputError(
            f"{name} has no column of codes: {list_columns(header)}.",
            remedy=(
                "name the one that says what happened "
                f"{', '.join(CODE_NAMES)}{_nearest(others, CODE_NAMES)}, or write code_columns in the "
                "protocol's [log]"
            ),
        )
    return codes[:1]


def _nearest(names: Sequence[str], wanted: Sequence[str]) -> str:
    return name_nearest(names, wanted) or (f" (perhaps {names[0]})" if len(names) == 1 else "")


def _split_unit(name: str) -> tuple[str, float]:
    """``"time (ms)"`` or ``"onset_ms"`` -> the name and what one unit is in s."""
    name = name.strip().lower()
    match = _UNIT.fullmatch(name.replace("_", " "))
    if match and match.group(1).strip():
        return match.group(1).strip().replace(" ", "_"), UNITS[match.group(2)]
    return name.replace(" ", "_"), 1.0


def _parse_lines(rows: Sequence[Row], name: str, notes: list[str], ended: bool) -> list[Entry]:
    """Lines without a header: a time, and the rest is the code."""
    rows = list(rows)
    usual = min(len(cells) for _, cells in rows[:-1]) if len(rows) > 1 else 0
    if not ended and usual and (len(rows[-1][1]) < usual or (usual == 1 and is_cut(_column(rows, 0)))):
        rows = _leave_out_last(rows, name, notes)
    rows = _read_whole(rows, [1])
    times = read_times(_column(rows, 0), name)
    entries, timeless, codeless = [], [], []
    for (line, cells), number in zip(rows, times, strict=True):
        code = " ".join(cells[1:]).strip() if len(cells) > 1 else "1"
        if number is None:
            timeless.append((line, " ".join(cells)))
        elif not code:
            codeless.append((line, " ".join(cells)))
        else:
            entries.append((number, code))
    notes += describe_left_out(timeless, name, "time") + describe_left_out(codeless, name, "code")
    if all(len(cells) == 2 for _, cells in rows):
        _note_last_code(rows, [1], name, notes, ended)
    return entries


def _refuse_unsure(rows: Sequence[Row], name: str, separator: str) -> None:
    """Refuse a whole number that is followed by what may be the rest of it."""
    whole = [re.fullmatch(r"[+-]?\d+", cells[0].strip(), re.ASCII) is not None for _, cells in rows]
    line, cells = rows[0]
    if separator == "," and all(
        w and (len(c) == 1 or re.fullmatch(r"\d+", c[1], re.ASCII))
        for w, (_, c) in zip(whole, rows, strict=True)
    ):
        text = ",".join(cells)
        raise InputError(
            f"Line {line} of {name} is {text[:40]!r}, which may be a time with a decimal comma, "
            "or a time and a code",
            remedy="write a header, such as time;code, or a decimal point",
        )
    for w, (line, cells) in zip(whole, rows, strict=True):
        if w and len(cells) > 1 and len(cells[0].strip().lstrip("+-")) <= 3:
            rest = _GROUP.fullmatch(cells[1])
            if rest and (not cells[1].isdigit() or len(cells) > min(len(c) for _, c in rows)):
                raise InputError(
                    f"Line {line} of {name} begins with {cells[0]} and {cells[1]}, which may be "
                    "one number with a separator of thousands",
                    remedy="write it without, such as 1234.5, or write a header",
                )
