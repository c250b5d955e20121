"""The way back: where the video stood at a time of the recording.

`Alignment.time` goes from ``video_time`` to the recording's ``time``; `video_time_at` is its inverse, the only one.
Both are in s.
"""

import numpy as np
import numpy.typing as npt

from enicfer.records.alignment import Alignment
from enicfer.records.types import FloatArray


def video_time_at(alignment: Alignment, time: npt.ArrayLike) -> FloatArray:
    """Map the recording's ``time`` (s) to the ``video_time`` (s) that `Alignment.time` maps to it.

    Before the first and after the last clock segment their rates go on. A time in a hole between two segments lies
    on a line between their ends; one that two segments claim belongs to the earlier. Pieces without a rate hold no
    time. A map without any gives NaN.
    """
    wanted = np.asarray(time, dtype=np.float64)
    held = np.flatnonzero(np.isfinite(alignment.slope))
    if not held.size:
        return np.full(wanted.shape, np.nan)
    origin, slope, intercept = (
        part[held] for part in (alignment.origin, alignment.slope, alignment.intercept)
    )
    start = alignment.video_start[held]
    stop = np.append(alignment.video_start[1:], np.inf)[held]
    begins = slope * (start - origin) + intercept
    reached = np.maximum.accumulate(slope * (stop - origin) + intercept)
    piece = np.clip(np.searchsorted(reached, wanted), 0, held.size - 1)
    found = (wanted - intercept[piece]) / slope[piece] + origin[piece]
    before = np.clip(piece - 1, 0, None)
    hole = (piece > 0) & (wanted < begins[piece])
    with np.errstate(invalid="ignore", divide="ignore"):  # outside of the holes
        part = (wanted - reached[before]) / (begins[piece] - reached[before])
        between = stop[before] + part * (start[piece] - stop[before])
    return np.asarray(np.where(hole, between, found))
