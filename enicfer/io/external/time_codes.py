"""Times as coding programs write them: ms, s, ``hh:mm:ss.ms``, and SMPTE time codes with frames.

Conventions: the notation is that of the column's name; a time code whose frame rate cannot be told is refused. NTSC
has 30000/1001 frames per s. Its drop-frame codes leave out the numbers of the first two frames of every minute but
each tenth (SMPTE ST 12-1), which ELAN's "NTSC" does too.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from enicfer.errors import InputError
from enicfer.io.external.facereader import read_clock
from enicfer.io.row_tables import to_number
from enicfer.records import FloatArray

FRAMES = re.compile(r"(\d+):(\d\d):(\d\d)[:;.](\d\d)", re.ASCII)
CLOCK = re.compile(r"\d+(:\d\d){1,2}([.,:]\d{1,6})?", re.ASCII)
_NTSC = 30000 / 1001  # frames per s


def read_frames_code(cell: str, rate: float, drop: bool = False) -> float:
    """``hh:mm:ss:ff`` -> s, at ``rate`` frames per s; NaN for anything else."""
    match = FRAMES.fullmatch(cell.strip())
    if match is None:
        return float("nan")
    hours, minutes, seconds, frames = (int(part) for part in match.groups())
    whole = round(rate)
    if minutes >= 60 or seconds >= 60 or frames >= whole:
        return float("nan")
    minutes += hours * 60
    count = (minutes * 60 + seconds) * whole + frames
    return (count - 2 * (minutes - minutes // 10) * drop) / rate


def find_notation(name: str) -> Callable[[str], float] | None:
    """How to read times whose column says of its notation ``name``; None where that is not known."""
    text = name.strip().lower()
    if text in ("msec", "ms", "milliseconds"):
        return lambda cell: to_number(cell) / 1000
    if text in ("ss.msec", "ss.ms", "sec", "s", "seconds"):
        return to_number
    if text in ("hh:mm:ss.ms", "hh:mm:ss.msec"):
        return lambda cell: read_clock(cell) if CLOCK.fullmatch(cell.strip()) else float("nan")
    if "pal" in text:
        rate = 50.0 if "50" in text else 25.0
        return lambda cell: read_frames_code(cell, rate)
    if "ntsc" in text or "drop" in text or "29.97" in text:
        drop = not re.search(r"non|ndf", text)
        return lambda cell: read_frames_code(cell, _NTSC, drop)
    return None


def read_plain_times(cells: Sequence[str], where: str) -> FloatArray:
    """Times of a column that does not say its notation: whole ms, or a clock with ``:``; NaN where a cell is empty.

    Raises
    ------
    InputError
        For time codes with frames, fractions, or anything else whose unit cannot be told.
    """
    texts = [cell.strip() for cell in cells]
    for text in filter(None, texts):
        if re.fullmatch(r"\d+:\d\d:\d\d[:;]\d\d", text):
            raise InputError(
                f"{where} holds the time code {text}, whose frames per second it does not say",
                remedy="export times in ms",
            )
        if not re.fullmatch(r"-?\d+|\d+(:\d\d){1,2}([.,:]\d{3})?", text, re.ASCII):
            raise InputError(
                f"{where} holds {text[:40]!r}, which may be in s or in ms", remedy="export times in whole ms"
            )
    return np.array([read_clock(t) if ":" in t else to_number(t or "nan") / 1000 for t in texts])
