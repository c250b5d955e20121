"""Frame times that a camera program logged (OpenCV scripts, Bonsai, OBS, PsychoPy).

One line a frame, with a time in s, ms, us or ns, or as ISO date and time; other columns and a header may be
there. The times replace those of the container, whose program often writes a constant rate.

The result is s from the first frame of the log plus the container's time of that frame.
"""

import csv
import re
from datetime import datetime
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.records import FloatArray

_TIME_NAME = re.compile(r"time|stamp|^t$|^s$|^ms$|^pts$|second|clock", re.IGNORECASE)
_SCALES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_SAME_LENGTH = 0.2  # relative; the log's length must agree with the container's to this, in one of the units
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
            f"{path.name} has {len(values)} frame times but the video has {n} frames: give the log of this video, "
            "or leave frame_times out."
        )
    steps = np.diff(values)
    if np.any(steps <= 0):
        i = int(np.argmax(steps <= 0))
        raise InputError(
            f"The times in {path.name} do not increase at frame {i + 1}: {values[i]:.6g} is followed by "
            f"{values[i + 1]:.6g}; repair the log, or leave frame_times out."
        )
    scale = _guess_unit(path, values, video_time, name)
    times = video_time[0] + (values - values[0]) * scale
    away = float(np.max(np.abs(times - video_time)))
    note = f"The frame times of {path.name} replace the video's own"
    differ = f", from which they differ by up to {away:.3f} s." if away > _NOTEWORTHY else "; both agree."
    return times, (note + differ,)


def _time_column(path: Path) -> tuple[FloatArray, str]:
    if not path.is_file():
        raise InputError(f"There are no frame times {path.name} in {path.parent.name}: check the name.")
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text: give a CSV file with one time a frame.") from None
    separator = next((s for s in ("\t", ";", ",") if lines and s in lines[0]), None)
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [line.split() for line in lines]
    header = rows[0] if rows and all(_to_number(cell) is None for cell in rows[0]) else None
    body = rows[1:] if header else rows
    if not body:
        raise InputError(f"{path.name} has no line with a time: give a CSV file with one time a frame.")
    columns = range(len(body[0]))
    if header:
        named = [i for i in columns if i < len(header) and _TIME_NAME.search(header[i].strip())]
        columns_left = named or list(columns)
    else:
        columns_left = list(columns)
    for i in columns_left:
        numbers = [_to_number(row[i]) if i < len(row) else None for row in body]
        # The frame number counts up by one; it is no time.
        if all(x is not None for x in numbers):
            values = np.array(numbers, dtype=np.float64)
            if len(columns_left) > 1 and len(values) > 1 and np.all(np.diff(values) == 1):
                continue
            return values, header[i].strip().lower() if header and i < len(header) else ""
    shown = " | ".join(lines[0].split(separator)[:6])
    raise InputError(
        f"{path.name} has no column with a time in every line (its first line: {shown[:80]!r}): name a column time "
        "and give s, ms, or ISO dates."
    )


def _to_number(cell: str) -> float | None:
    cell = cell.strip()
    try:
        return float(cell)
    except ValueError:
        pass
    # Bonsai writes seven decimals, Python reads six.
    cell = re.sub(r"(\.\d{6})\d+", r"\1", cell)
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    zero = datetime(2000, 1, 1, tzinfo=moment.tzinfo)
    delta = moment - zero
    return delta.days * 86400.0 + delta.seconds + delta.microseconds * 1e-6


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
        f"The times in {path.name} last {length:.6g} and the video {stated:.3f} s: they agree in none of the units "
        f"{', '.join(_SCALES)}; give the log of this video."
    )


def find_nearest(times: FloatArray, wanted: FloatArray) -> np.ndarray:
    """Index of the nearest of ``times`` (s, not falling) for each of ``wanted``; of two as near, the earlier."""
    if times.size == 1:
        return np.zeros(wanted.size, np.int64)
    right = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    return np.where(wanted - times[right - 1] <= times[right] - wanted, right - 1, right)
