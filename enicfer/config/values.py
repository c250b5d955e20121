"""What the values in TOML files may be: types for the fields of settings, each with its check."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from enicfer.config.codes import find_rivals, join_numbers, normalise_code
from enicfer.config.engine import Check, read_number
from enicfer.errors import shown

LONGEST, SHORTEST = 172_800.0, 0.001  # s, of anything that a protocol can last: two days, a millisecond
MOST = 1_000_000
LABEL = re.compile(r"[0-9A-Za-z]{1,64}")


def where(allows: Callable[[float], bool], words: str) -> Check:
    """A check that takes the finite numbers that ``allows`` allows, and else says ``words``."""

    def read(value: Any) -> float:
        number = read_number(value)
        if not allows(number):
            raise ValueError(words)
        return number

    return Check(read)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise ValueError(f"must be a whole number from 0 to {MOST}")
    return int(value)


def _at_least_one(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MOST:
        raise ValueError(f"must be a whole number, 1 or more, up to {MOST}")
    return value


def _window(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("must be two numbers, [start, stop] in seconds")
    start, stop = read_number(value[0]), read_number(value[1])
    if not start < stop:
        raise ValueError("must start before it stops")
    if max(abs(start), abs(stop)) > LONGEST:
        raise ValueError(f"must be within {LONGEST:g} s of 0")
    return start, stop


def _trial_window(value: Any) -> tuple[float, float]:
    start, stop = _window(value)
    if stop <= 0:
        raise ValueError("must stop after the trigger, which is at 0")
    return start, stop


def _codes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        raise ValueError('must be a list of codes, such as ["S 1"]')
    return tuple(normalise_code(v) for v in value)


def read_region(value: Any) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in fractions of the picture; ValueError for anything else."""
    numbers = value if isinstance(value, list) and len(value) == 4 else []
    if not numbers or not all(type(v) in (int, float) and 0 <= v <= 1 for v in numbers):
        raise ValueError("must be four fractions of the picture, [left, top, right, bottom]")
    left, top, right, bottom = (float(v) for v in numbers)
    if not (left < right and top < bottom):
        raise ValueError("must have left < right and top < bottom")
    return left, top, right, bottom


def _led_region(value: Any) -> tuple[float, float, float, float] | str:
    if value == "auto":
        return "auto"
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError('must be "auto" or four fractions of the picture, [left, top, right, bottom]')
    return read_region(value)


def _anchors(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or not all(isinstance(v, list) and len(v) == 2 for v in value):
        raise ValueError("must be a list of pairs, [[video_time, time], ...] in seconds")
    return tuple((read_number(a), read_number(b)) for a, b in value)


def _columns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError('must be a list of column names, such as ["emotion"]')
    return tuple(value)


def _unit(value: Any) -> str:
    if value not in ("s", "ms", "us"):
        raise ValueError("must be s, ms or us")
    return str(value)


def _rest(value: Any) -> tuple[float, float] | str:
    return str(value) if value in ("nothing", "quantile") else _window(value)


def _ahead(value: Any) -> float | str:
    if value == "usual":
        return "usual"
    if isinstance(value, str) or not abs(read_number(value)) <= 90:
        raise ValueError('must be "usual" or degrees from -90 to 90')
    return read_number(value)


def _conditions(value: Any) -> dict[str, str]:
    names = join_numbers(value)
    if not isinstance(names, dict) or not all(isinstance(v, str) for v in names.values()):
        raise ValueError('must map codes to names, such as "S 11" = "happy"')
    if rivals := find_rivals(names):
        raise ValueError("; ".join(rivals))
    return {normalise_code(code): condition for code, condition in names.items()}


def _label(value: Any) -> str:
    text = value if isinstance(value, str) else shown(value) if type(value) is int else ""
    if not LABEL.fullmatch(text):
        bare = text.partition("-")[2]
        remedy = (
            f": write {bare}"
            if text.startswith(("sub-", "ses-", "task-", "run-")) and LABEL.fullmatch(bare)
            else ""
        )
        raise ValueError(f"a BIDS label has only letters and digits, up to 64{remedy}")
    return text


def read_offset(value: Any) -> tuple[float, float]:
    """Recording's time at video time 0 and how far it may be off, in s; ValueError for anything else."""
    numbers = value if isinstance(value, list) and len(value) == 2 else []
    if not numbers or not all(type(v) in (int, float) and abs(v) <= 1e9 for v in numbers) or numbers[1] <= 0:
        raise ValueError("must be two numbers in s: recording's time at video time 0, how far it may be off")
    return float(numbers[0]), float(numbers[1])


Window = tuple[float, float]
Region = tuple[float, float, float, float]

Positive = Annotated[float, where(lambda x: x > 0, "must be greater than 0")]
NotNegative = Annotated[float, where(lambda x: x >= 0, "must not be negative")]
Fraction = Annotated[float, where(lambda x: 0 <= x <= 1, "must be between 0 and 1")]
Duration = Annotated[
    float,
    where(lambda x: x == 0 or SHORTEST <= x <= LONGEST, f"must be 0, or from {SHORTEST:g} to {LONGEST:g} s"),
]
SomeDuration = Annotated[
    float, where(lambda x: SHORTEST <= x <= LONGEST, f"must be from {SHORTEST:g} to {LONGEST:g} s")
]
Ahead = Annotated[float | str, Check(_ahead)]
Count = Annotated[int, Check(_count)]
AtLeastOne = Annotated[int, Check(_at_least_one)]
AnyWindow = Annotated[Window, Check(_window)]
TrialWindow = Annotated[Window, Check(_trial_window)]
RestWindow = Annotated[Window | str, Check(_rest)]
Codes = Annotated[tuple[str, ...], Check(_codes)]
Columns = Annotated[tuple[str, ...], Check(_columns)]
Conditions = Annotated[dict[str, str], Check(_conditions)]
LedRegion = Annotated[Region | str, Check(_led_region)]
Anchors = Annotated[tuple[tuple[float, float], ...], Check(_anchors)]
Unit = Annotated[str, Check(_unit)]
Label = Annotated[str, Check(_label)]
