"""Pulses in a line that was recorded as a waveform, such as a scanner's trigger on an analog input.

Conventions: samples are in the unit of the line; positions are in samples, of the first one 0. A pulse begins where
the line crosses the middle of its two levels, between two samples where they say so: for a step between samples that
is half an interval after the last low one. It counts when the line then comes up to `UPPER` of the way, and the next
one only after the line was down at `LOWER`. The level at which the line rests is the lower one, unless the line is at
the upper one for more than `RESTS_HIGH` of the time.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray

UPPER, LOWER = 0.7, 0.3  # of the way from the level at rest to that of a pulse
RESTS_HIGH = 0.6
CLEAR = 4.0  # times the scatter of both levels that they must differ by
SLOW = 1.0  # samples on the way between the levels, for each sample of a pulse
FEW = 3  # excursions less than these are spikes, where the rest has two levels without them
RARE = 0.01  # of the time; spikes are no more
_ROUNDS = 50
_MAD = 1.4826  # from the median deviation to the standard deviation


@dataclass(frozen=True)
class Levels:
    """Two levels of a line, and how far it scatters about each (standard deviations)."""

    low: float
    high: float
    low_scatter: float
    high_scatter: float

    @property
    def clear(self) -> bool:
        """Whether they are two."""
        return self.high - self.low > CLEAR * (self.low_scatter + self.high_scatter)


@dataclass(frozen=True)
class AnalogPulses:
    """Pulses of a line.

    Attributes
    ----------
    position
        ``(n,)`` samples at which they begin.
    spikes
        Number of excursions beyond twice the height of a pulse, which are none.
    """

    position: FloatArray
    spikes: int


def find_analog_pulses(line: FloatArray) -> AnalogPulses | None:
    """Threshold a waveform half-way between its two levels.

    Parameters
    ----------
    line
        ``(n,)`` samples, finite.

    Returns
    -------
    AnalogPulses or None
        None if the line has not two levels.
    """
    levels = _find_levels(line)
    if levels is None:
        return None
    way = (line - levels.low) / (levels.high - levels.low)
    if np.mean(way > 0.5) > RESTS_HIGH:
        way = 1.0 - way
    up = _rises(way)
    between = int(np.count_nonzero((way > LOWER) & (way < UPPER)))
    if not up.size or between > SLOW * max(int(np.count_nonzero(way >= UPPER)), 2 * int(up.size)):
        return None
    ends = np.append(up[1:], way.size)
    tops = np.array([way[a:b].max() for a, b in zip(up.tolist(), ends.tolist(), strict=True)])
    kept = up[tops <= 2.0]
    before, after = way[kept - 1], way[kept]
    return AnalogPulses(kept - 1 + (0.5 - before) / (after - before), int(up.size - kept.size))


def _rises(way: FloatArray) -> npt.NDArray[np.intp]:
    """First sample above the middle of each pulse; a line that begins high has no rise there."""
    state = np.where(way >= UPPER, 1, np.where(way <= LOWER, -1, 0))
    known = np.flatnonzero(state)
    if not known.size:
        return known
    change = np.flatnonzero((state[known[1:]] == 1) & (state[known[:-1]] == -1)) + 1
    crossed = np.flatnonzero((way[1:] >= 0.5) & (way[:-1] < 0.5)) + 1
    return crossed[np.searchsorted(crossed, known[change], side="right") - 1]


def _find_levels(line: FloatArray) -> Levels | None:
    """The two levels; a few spikes, up or down, do not make one."""
    ordered = np.sort(line)
    first: Levels | None = None
    for _ in range(FEW + 1):
        found, middle = _split(ordered)
        if found is None:
            break
        first = first or (found if found.clear else None)
        lowest, highest = ordered[[0, -1]].tolist()
        above = int(ordered.size - np.searchsorted(ordered, middle, side="right"))
        if _is_spike(line > middle, above / ordered.size):
            highest = middle
        elif _is_spike(line <= middle, 1.0 - above / ordered.size):
            lowest = middle
        else:
            return found if found.clear else first
        ordered = ordered[(ordered >= lowest) & (ordered <= highest)]
    return first


def _is_spike(side: npt.NDArray[np.bool_], share: float) -> bool:
    """Whether what lies on one side of the middle is rare and in few places."""
    return share < RARE and int(np.count_nonzero(side[1:] & ~side[:-1])) + int(side[0]) < FEW


def _split(ordered: FloatArray) -> tuple[Levels | None, float]:
    """Levels of sorted samples, as the medians of what lies above and below their own middle, and that middle."""
    low, high = ordered[[0, -1]].tolist()
    at = -1
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        new = int(np.searchsorted(ordered, middle, side="right"))
        if new in (0, ordered.size):
            return None, middle
        if new == at:
            break
        at = new
        low, high = float(ordered[at // 2]), float(ordered[(at + ordered.size) // 2])
    low_scatter, high_scatter = (
        _MAD * float(np.median(np.abs(part - level)))
        for part, level in ((ordered[:at], low), (ordered[at:], high))
    )
    return Levels(low, high, low_scatter, high_scatter), middle
