"""Columns of times as programs, spreadsheets and countries write them.

Conventions: a number has a decimal point, or a decimal comma in the whole column. Thousands are not separated: a
cell with a separator of thousands is refused with its line: ``1,234`` is 1234 in one country and 1.234 in another. A
cell without any digit (empty, ``n/a``, a remark) is no time; such lines are counted in a note.
"""

import math
import re
from collections.abc import Iterable, Sequence

from enicfer.errors import InputError, counted

Cell = tuple[int, str]  # line of the file, counted from 1, and text
POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_LIKE_NUMBER = re.compile(r"[+-]?\d[\d.,'\u2019_ \xa0\u2009\u202f]*")


def is_time(text: str) -> bool:
    """Whether a cell is a number with a decimal point or comma."""
    return bool(POINT.fullmatch(text.strip()) or COMMA.fullmatch(text.strip()))


def is_like_number(text: str) -> bool:
    """Whether a cell is a number, or one with separators of thousands."""
    return is_time(text) or bool(_LIKE_NUMBER.fullmatch(text.strip()))


def read_times(cells: Iterable[Cell], name: str, scale: float = 1.0) -> list[float | None]:
    """The times in a column, in s.

    Parameters
    ----------
    cells
        Line and text of each cell, in the order of the file.
    name
        Of the file, for messages.
    scale
        What one unit of the column is in s.

    Returns
    -------
    list of float or None
        None where a cell holds no digit.

    Raises
    ------
    InputError
        If a cell holds digits and no number that is sure; its line is named.
    """
    cells = [(line, text.strip()) for line, text in cells]
    comma = any(COMMA.fullmatch(text) for _, text in cells)
    if comma:
        _refuse_mixed(cells, name)
    if refused := _find_thousands(cells, comma, scale):
        line, text = refused
        whole = re.sub("[.,]", "", text)
        raise InputError(
            f"Line {line} of {name} has the time {text}, which may be {whole} or {text.replace(',', '.')}",
            remedy="write times without separators of thousands, and with a decimal point",
        )
    return [_read_time(line, text, name, comma, scale) for line, text in cells]


def _read_time(line: int, text: str, name: str, comma: bool, scale: float) -> float | None:
    plain = text.replace(",", ".") if comma and COMMA.fullmatch(text) else text
    if POINT.fullmatch(plain) and math.isfinite(float(plain)):
        return float(plain) * scale
    if any(sign.isdigit() for sign in text) or text.lower().lstrip("+-") in ("inf", "infinity"):
        raise InputError(
            f"Line {line} of {name} has the time {text[:40]!r}, which is no number that can be read",
            remedy="write it without separators of thousands, such as 1234.5",
        )
    return None


def _refuse_mixed(cells: Sequence[Cell], name: str) -> None:
    for line, text in cells:
        if POINT.fullmatch(text) and "." in text:
            raise InputError(
                f"The column of times in {name} has numbers with a decimal comma, and {text} with "
                f"a point (line {line})",
                remedy="write all with a point, and without separators of thousands",
            )


def _find_thousands(cells: Sequence[Cell], comma: bool, scale: float) -> Cell | None:
    """The first cell like 1,234 whose sign may separate thousands: nothing in the column says that it does not."""
    texts = [cell for cell in cells if is_time(cell[1])]
    broken = [cell for cell in texts if not _WHOLE.fullmatch(cell[1])]
    if not broken or not all(_GROUPED.fullmatch(text) for _, text in broken):
        return None
    if comma:
        return broken[0] if len(broken) < len(texts) or scale < 1 else None
    if scale < 1 and len(broken) == len(texts) > 1:
        return broken[0]  # nobody logs events within a second, in ms with three decimals
    # A point is a decimal point, unless only times without it are in order.
    decimals = [float(text) for _, text in texts]
    thousands = [float(text.replace(".", "")) for _, text in texts]
    return broken[0] if decimals != sorted(decimals) and thousands == sorted(thousands) else None


def describe_left_out(cells: Iterable[Cell], name: str, what: str) -> list[str]:
    """A note on the lines that were left out, or none."""
    found = list(cells)
    if not found:
        return []
    line, text = found[0]
    lines = counted(len(found), "line")
    return [
        f"{lines} of {name} without a {what} {'was' if len(found) == 1 else 'were'} left out (the first is line "
        f"{line}: {text[:60]!r})."
    ]


def is_cut(cells: Sequence[Cell]) -> bool:
    """Whether the last time of a file without a final line end lacks digits: fewer decimals, or back in time."""
    texts = [text.strip() for _, text in cells if is_time(text)]
    if len(texts) < 3 or not cells or not is_time(cells[-1][1]):
        return False
    *before, last = texts
    decimals = {
        len(re.split("[.,]", text, maxsplit=1)[-1]) if re.search("[.,]", text) else 0 for text in before
    }
    count = len(re.split("[.,]", last, maxsplit=1)[-1]) if re.search("[.,]", last) else 0
    if len(decimals) == 1 and count < min(decimals):
        return True
    numbers = [float(text.replace(",", ".")) for text in before]
    return (
        numbers == sorted(numbers)
        and len(last) < len(before[-1])
        and float(last.replace(",", ".")) < numbers[-1]
    )
