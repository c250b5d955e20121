"""When the camera saw the LED come on, and where in the picture the LED is.

A frame's brightness belongs to the exposure that ends at the frame's time. The LED came on after the last
dark frame, so the onset lies between the two frame times; where it came on during an exposure, the frame is
lit in part, and the part says when. How long the exposure is follows from how often a frame is lit in part:
the onsets fall anywhere in the frame interval.

Shapes: ``video_time`` (n,) s; ``brightness`` (n,) grey values 0..255; ``grid`` (n, rows, columns) uint8, the
mean brightness of each cell of a grid over the picture, `GRID` cells. Cells of 13 px in a picture of 640x480 see
an LED of 12 px radius well.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray

GRID = (36, 48)
MIN_STEP = 6.0  # grey values; smaller steps are noise of the camera
SHARE_OF_TYPICAL = 0.4  # a step smaller than this share of the typical one is not the LED
DARK, LIT = 0.08, 0.92  # outside these shares of the step a frame counts as dark or lit
MIN_SPREAD = 0.001  # s, what frame times are worth at best
BEST_CELLS = 8


@dataclass(frozen=True)
class Onsets:
    """Onsets found in a video or a sound track.

    Attributes
    ----------
    time
        ``(p,)`` s of video time, sorted.
    spread
        ``(p,)`` standard deviation in s.
    """

    time: FloatArray
    spread: FloatArray


def find_led_onsets(video_time: npt.ArrayLike, brightness: npt.ArrayLike) -> Onsets:
    """Find the instants at which the region lights up.

    Raises
    ------
    AlignmentError
        If the brightness never steps.
    """
    t, x = np.asarray(video_time, dtype=np.float64), np.asarray(brightness, dtype=np.float64)
    good = np.isfinite(t) & np.isfinite(x)
    t, x = t[good], x[good]
    if len(t) < 4:
        raise AlignmentError(f"The video has {len(t)} usable frames, too few to see a pulse.")
    first, step = _find_steps(x)
    if len(first) == 0:
        raise AlignmentError(
            f"The brightness of the region never steps: it stays between {x.min():.0f} and {x.max():.0f} of 255; "
            "check the region and that the LED was on."
        )
    part = np.clip((x[first] - x[first - 1]) / step, 0, 1)
    interval = t[first] - t[first - 1]
    frame = float(np.median(np.diff(t)))
    lit_in_part = (part > DARK) & (part < LIT)
    exposure = float(interval.mean()) * float(np.mean(lit_in_part)) / (LIT - DARK) if len(part) >= 8 else 0.0
    exposure = min(exposure, frame)
    return _place(t[first], interval, part, lit_in_part, exposure, frame)


def _place(
    t: FloatArray,
    interval: FloatArray,
    part: FloatArray,
    lit_in_part: npt.NDArray[np.bool_],
    exposure: float,
    frame: float,
) -> Onsets:
    """Onset inside the frame interval: by the lit part where there is one, else in the middle of what is left."""
    exposure_here = np.minimum(exposure, interval)
    free = np.maximum(interval - exposure_here, 0)
    onset = np.where(lit_in_part, t - part * exposure_here, t - exposure_here - free / 2)
    spread = np.where(lit_in_part, 0.1 * exposure_here, np.hypot(free / np.sqrt(12), 0.1 * exposure_here))
    if exposure == 0:
        onset, spread = t - interval / 2, interval / np.sqrt(12)
    return Onsets(onset, np.hypot(spread, MIN_SPREAD))


def _find_steps(x: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Index of the first lit frame of every step up, and the height of the step in grey values.

    A step takes at most two frames (one may be lit in part), so steps are looked for two frames apart.
    """
    rise = np.zeros(len(x))
    rise[1:-1] = x[2:] - x[:-2]
    noise = 1.4826 * float(np.median(np.abs(rise)))
    floor = max(MIN_STEP, 6 * noise)
    peak = (rise >= floor) & (rise == maximum_filter1d(rise, 3))
    index = np.flatnonzero(peak)
    if len(index) == 0:
        return index, np.empty(0)
    typical = float(np.quantile(rise[index], 0.75))
    index = index[rise[index] >= SHARE_OF_TYPICAL * typical]
    # of two equal neighbours, [dark, dark, lit, lit], the later is the first lit frame
    index = index[np.append(np.diff(index) > 1, True)]
    step = rise[index]
    first = np.where(x[index] - x[index - 1] > DARK * step, index, index + 1)
    return first, step


def rank_cells(grid: npt.NDArray[np.uint8], n_pulses: int) -> list[tuple[int, int]]:
    """The cells that behave most like an LED that flashed about ``n_pulses`` times, best first.

    An LED's cell has a few large steps up and is still otherwise; a person's cell has steps of all sizes. The
    score is the step at the rank of a third of the pulses, against the step at the rank of eight times as many.
    """
    n, rows, columns = grid.shape
    flat = grid.reshape(n, rows * columns)
    high, low = max(n_pulses // 3, 2), 8 * max(n_pulses, 4)
    score = np.zeros(rows * columns)
    for start in range(0, rows * columns, 64):
        block = np.asarray(flat[:, start : start + 64]).astype(np.int16)
        rise = block[2:] - block[:-2]
        low_rank = min(low, len(rise) - 1)
        ranked = -np.partition(-rise, (high, low_rank), axis=0)
        top, rest = ranked[high].astype(float), ranked[low_rank].astype(float)
        score[start : start + 64] = np.where(top >= MIN_STEP, top / (np.maximum(rest, 0) + 2), 0)
    best = np.argsort(-score, kind="stable")[:BEST_CELLS]
    return [(int(i) // columns, int(i) % columns) for i in best if score[i] > 0]
