"""Frame times that a camera program logged (OpenCV scripts, Bonsai, OBS, PsychoPy).

One line a frame, with a time in s, ms, us or ns, as ISO date and time, or as time of day; other columns and a header
may be there. The times replace those of the container, whose program often writes a constant rate. Dates with a zone
go on where a clock is set to summer or winter; times of day go on at midnight.

The result is s from the first frame of the log plus the container's time of that frame.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.columns import list_columns, name_nearest, split_rows
from enicfer.io.tables import read_text
from enicfer.records import FloatArray

_TIME_NAME = re.compile(r"time|stamp|^t$|^s$|^ms$|^pts$|second|clock", re.IGNORECASE)
_NAMES = ("time", "timestamp", "seconds", "pts")
_SCALES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SAME_LENGTH = 0.2  # relative; the log's length must agree with the container's to this, in one of the units
_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)([.]\d+)?", re.ASCII)
_LOGGED = re.compile(r"(:[0-5]\d),(\d{1,9})(?!\d)", re.ASCII)  # Python's logging puts a comma before the ms
_DAY = 86400.0  # s
_NOTEWORTHY = 0.005  # s


def read_frame_times(path: Path, video_time: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """Read the logged time of every frame, and compare it with the container's.

    Parameters
    ----------
    path
        CSV or text file.
    video_time
        ``(n,)`` s: the container's times.

    Returns
    -------
    numpy.ndarray, tuple of str
        ``(n,)`` s, and sentences on what was found.

    Raises
    ------
    InputError
        If there is no column of times, their number is not that of the frames, or they do not increase.
    """
    values, name = _time_column(path)
    n = len(video_time)
    if len(values) != n:
        raise InputError(
            f"{path.name} has {len(values)} frame times but the video has {n} frames",
            place=path,
            remedy="give the log of this video, or leave frame_times out",
        )
    steps = np.diff(values)
    if np.any(steps <= 0):
        i = int(np.argmax(steps <= 0))
        raise InputError(
            f"The times in {path.name} do not increase at frame {i + 1}: {values[i]:.6g} is "
            f"followed by {values[i + 1]:.6g}",
            place=path,
            remedy="repair the log, or leave frame_times out",
        )
    scale = _guess_unit(path, values, video_time, name)
    times = video_time[0] + (values - values[0]) * scale
    away = float(np.max(np.abs(times - video_time)))
    note = f"The frame times of {path.name} replace the video's own"
    differ = f", from which they differ by up to {away:.3f} s." if away > _NOTEWORTHY else "; both agree."
    return times, (note + differ,)


def _time_column(path: Path) -> tuple[FloatArray, str]:
    if not path.is_file():
        raise InputError(
            f"There are no frame times {path.name} in {path.parent.name}", remedy="check the name"
        )
    text = _LOGGED.sub(r"\1.\2", read_text(path))
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    lines = [(i, line) for i, line in lines if not line.lstrip().startswith("#")] or lines
    numbers, rows = _split(path, lines)
    header = rows[0] if rows and all(_to_number(cell) is None for cell in rows[0]) else None
    body = rows[1:] if header else rows
    if not body:
        raise InputError(
            f"{path.name} has no line with a time", place=path, remedy="give a CSV file with one time a frame"
        )
    named = [i for i, name in enumerate(header or ()) if _TIME_NAME.search(name.strip())]
    columns = named or list(range(len(body[0])))
    bad = ""
    for i in columns:
        found = [_to_number(row[i]) if i < len(row) else None for row in body]
        if None not in found:
            values = _pass_midnight(np.array(found, np.float64), [row[i] for row in body])
            # The frame number counts up by one; it is no time.
            if len(columns) > 1 and len(values) > 1 and np.all(np.diff(values) == 1):
                continue
            return values, header[i].strip().lower() if header and i < len(header) else ""
        if named and not bad:
            at = found.index(None)
            cell = body[at][i].strip() if i < len(body[at]) else ""
            line = numbers[at + (header is not None)]
            bad = f": line {line} has {cell[:40]!r} as {(header or [''])[i].strip()}"
    shown = list_columns(header) if header else f"its first line: {lines[0][1][:80]!r}"
    raise InputError(
        f"{path.name} has no column with a time in every line{bad} ({shown}"
        f"{name_nearest(header or (), _NAMES)})",
        place=path,
        remedy="name a column time and give s, ms, or ISO dates, without separators of thousands",
    )


def _split(path: Path, lines: Sequence[tuple[int, str]]) -> tuple[list[int], list[list[str]]]:
    """Numbers and cells of the lines; decimal commas become points."""
    first = lines[0][1] if lines else ""
    separator = next((s for s in ("\t", ";", ",") if s in first), None)
    if separator == "," and all(re.fullmatch(r"\s*[+-]?\d+,\d+\s*", line, re.ASCII) for _, line in lines):
        heads = np.array([int(line.split(",")[0]) for _, line in lines])
        if len(heads) > 1 and not np.all(np.diff(heads) == 1):
            raise InputError(
                f"{path.name} has lines such as {first.strip()[:40]!r}, which may be times with a "
                "decimal comma, or two columns",
                place=path,
                remedy="write times with a decimal point, or a header",
            )
    if separator:
        split = split_rows(list(lines), separator, path.name)
        numbers, rows = [i for i, _ in split], [cells for _, cells in split]
        return numbers, rows if separator == "," else [[_with_point(cell) for cell in row] for row in rows]
    # A date and a time of day have a blank between them.
    alone = all(_to_number(line) is not None for _, line in lines[1:])
    numbers = [i for i, _ in lines]
    return numbers, [[line] for _, line in lines] if alone else [line.split() for _, line in lines]


def _with_point(cell: str) -> str:
    return (
        cell.replace(",", ".") if re.fullmatch(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*", cell, re.ASCII) else cell
    )


def _pass_midnight(values: FloatArray, cells: Sequence[str]) -> FloatArray:
    """Times of day that go on after midnight."""
    if not all(_CLOCK.fullmatch(cell.strip()) for cell in cells):
        return values
    return values + _DAY * np.concatenate([[0], np.cumsum(np.diff(values) < -_DAY / 2)])


def _to_number(cell: str) -> float | None:
    cell = cell.strip()
    try:
        number = float(cell)
        return number if math.isfinite(number) and "_" not in cell else None
    except ValueError:
        pass
    if clock := _CLOCK.fullmatch(cell):
        hours, minutes, seconds, rest = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(rest or 0)
    # Bonsai writes seven decimals, Python reads six.
    cell = re.sub(r"(\.\d{6})\d+", r"\1", cell)
    cell = re.sub(r"^(\d{4})/(\d\d)/(\d\d)", r"\1-\2-\3", cell)
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    if not re.search(r"\d:\d", cell):  # a date alone, or digits that look like one
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    delta = moment - datetime(2000, 1, 1)
    return delta.days * _DAY + delta.seconds + delta.microseconds * 1e-6


def _guess_unit(path: Path, values: FloatArray, video_time: FloatArray, name: str) -> float:
    """The unit that the header states, else the one with which log and container last equally long."""
    for unit, scale in _SCALES.items():
        if unit != "s" and re.search(rf"(?:^|[\W_]){unit}(?:$|[\W_])", name):
            return scale
    length, stated = float(values[-1] - values[0]), float(video_time[-1] - video_time[0])
    for scale in _SCALES.values():
        if abs(length * scale - stated) <= _SAME_LENGTH * stated:
            return scale
    raise InputError(
        f"The times in {path.name} last {length:.6g} and the video {stated:.3f} s: they agree "
        f"in none of the units {', '.join(_SCALES)}",
        place=path,
        remedy="give the log of this video",
    )


def find_nearest(times: FloatArray, wanted: FloatArray) -> np.ndarray:
    """Index of the nearest of ``times`` (s, not falling) for each of ``wanted``; of two as near, the earlier."""
    if times.size == 1:
        return np.zeros(wanted.size, np.int64)
    right = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    return np.where(wanted - times[right - 1] <= times[right] - wanted, right - 1, right)
