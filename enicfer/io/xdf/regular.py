"""Time stamps of regularly sampled streams: where samples were lost, and when the others were taken.

A stamp says when a sample arrived. It is late by a changing delay (jitter), which comes and goes; lost samples move
all later stamps for good. So samples were lost where the level of the stamps, counted from a steady rate, rises by
more than levels do elsewhere, and stays there. Within a stretch without loss the samples lie at equal distances.

All times are s on the stream's own clock.
"""

import itertools
from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray

IntArray = npt.NDArray[np.int64]
WINDOW = 1.0  # s on either side of a place, whose stamps tell the level there
LOW = 10  # percentile of the stamps in a window that is their level: delays only add
SURE = 6.0  # standard deviations of what levels differ by elsewhere
LEAST_LOSS = 0.5  # sampling intervals
EXACT = 0.1  # sampling intervals; where almost all intervals are multiples of one to this, there is no jitter
ALMOST_ALL = 0.999
SAME_RATE = (
    0.2  # a stream is regular if its rate is the declared one to this part, or its intervals are alike
)
RECENT = 60  # windows; a transmission that paused catches up within these
SLOWEST, FASTEST = 1e-3, 1e6  # Hz; a declared rate beyond these is none
CANDIDATES = 5_000  # the longest intervals that are looked at
_BLOCK = 1.0  # s over which stamps are averaged before a line is fitted
_LONG = 20  # blocks; a shorter stretch has the rate of the whole stream
_LOCAL = 60.0  # s; where stamps follow no line, their course over this time is followed


@dataclass(frozen=True)
class Regular:
    """Samples of a regular stream in time.

    Attributes
    ----------
    time
        ``(n,)`` s without jitter, not falling.
    step
        Sampling interval in s.
    first
        Index of the first sample of each stretch without loss; begins with 0.
    back
        Index and s of the largest step back of the level at one place; 0 and 0 where there is none.
    wanders
        Largest distance in s of the stamps' course from a steady rate, where that is followed; else 0.
    """

    time: FloatArray
    step: float
    first: tuple[int, ...]
    back: tuple[int, float] = (0, 0.0)
    wanders: float = 0.0


def is_regular(time: FloatArray, rate: float) -> bool:
    """Whether stamps ``(n,)`` in s are those of samples at equal distances, as a declared rate in Hz promises."""
    if not SLOWEST <= rate <= FASTEST or len(time) < 3:
        return False
    step = _usual_step(time, 1 / rate)
    if not step > 0:
        return False
    if abs(step * rate - 1) <= SAME_RATE:
        return True
    quarter, half, three = np.percentile(np.diff(time), [25, 50, 75])
    return bool(three - quarter <= 0.1 * half)


def order_samples(time: FloatArray, rate: float) -> Regular:
    """Find the stretches without loss of a regular stream, and put their samples at equal distances.

    Parameters
    ----------
    time
        ``(n,)`` s, finite, in the order in which the samples came.
    rate
        The declared rate in Hz.
    """
    time = np.asarray(time, np.float64)
    step = _usual_step(time, 1 / rate)
    if len(time) < 3 or not step > 0:
        return Regular(np.maximum.accumulate(time), step if step > 0 else 1 / rate, (0,))
    gap = np.diff(time) / step
    if np.mean(np.abs(gap - np.maximum(1, np.round(gap))) <= EXACT) >= ALMOST_ALL and gap.min() > 0:
        step *= float(gap[gap <= 1 + LEAST_LOSS].mean())
        return Regular(time, step, (0, *(np.flatnonzero(gap > 1 + LEAST_LOSS) + 1).tolist()))
    width = max(3, round(WINDOW / step))
    level = time - time[0] - step * np.arange(len(time))
    drift, usual = _usual_change(level, width)
    step += drift
    if not step > 0:
        return Regular(np.maximum.accumulate(time), step, (0,))
    level -= drift * np.arange(len(time))
    breaks, back = _find_breaks(level, np.diff(time), step, width, usual)
    slope = _common_slope(level, breaks, max(1, round(_BLOCK / step)))
    course, wanders = _follow(level, breaks, slope, step)
    fitted = time[0] + step * np.arange(len(time)) + course
    step += slope
    # A break that the fit does not confirm is none: a burst after a pause in the transmission lost nothing.
    lost = fitted[breaks] - fitted[breaks - 1] - step
    first = (0, *(int(b) for b, x in zip(breaks, lost, strict=True) if x > LEAST_LOSS * step))
    return Regular(np.maximum.accumulate(fitted), step, first, back, wanders)


def _usual_step(time: FloatArray, stated: float) -> float:
    """Sampling interval in s: the median interval, or that over a second where the intervals differ."""
    gap = np.diff(time)
    single = float(np.median(gap))
    lag = int(np.clip(round(WINDOW / stated), 1, max(1, (len(time) - 1) // 2)))
    over = float(np.median(time[lag:] - time[:-lag])) / lag
    alike = float(np.mean(np.abs(gap - single) <= 0.01 * abs(single)))
    return single if single > 0 and alike > 0.5 else over  # samples of one packet may share a stamp


def _find_breaks(
    level: FloatArray, gap: FloatArray, step: float, width: int, usual: float
) -> tuple[IntArray, tuple[int, float]]:
    """Indices of samples before which others were lost, in order, and the largest step back."""
    least = max(LEAST_LOSS * step, SURE * usual)
    jump = np.diff(level)
    likely = _changing(level, width, least / 2)[1:] & (
        (jump > LEAST_LOSS * step) | (gap < -LEAST_LOSS * step)
    )
    places = np.flatnonzero(likely)
    places = places[np.argsort(-np.abs(jump[places]), kind="stable")[:CANDIDATES]] + 1
    found: list[int] = []
    back = (0, 0.0)
    for place in places.tolist():
        rise, size = _rise(level, place, width, found)
        if not size or abs(rise) <= least * np.sqrt(width / size) or (rise < 0) != (gap[place - 1] < 0):
            continue
        if rise < 0 and not _falls_below(level, place, width, least):
            continue
        insort(found, place)
        if rise < back[1]:
            back = (place, rise)
    kept = []
    for at, place in enumerate(found):
        rise, size = _rise(level, place, width, found[:at] + found[at + 1 :])
        if size and abs(rise) > least * np.sqrt(width / size):
            kept.append(place)
    return np.array(kept, np.int64), back


def _falls_below(level: FloatArray, place: int, width: int, least: float) -> bool:
    """Whether the level after a place is below all that was before it: after a late burst it is what it was."""
    before, after = level[max(0, place - RECENT * width) : place], level[place : place + width]
    return bool(np.percentile(after, 50) < np.percentile(before, 1) - least)


def _changing(level: FloatArray, width: int, least: float) -> npt.NDArray[np.bool_]:
    """Samples (n,) around which the level changes by so much; those near the ends count as such."""
    block = max(1, width // 2)
    count = len(level) // block
    changing = np.ones(len(level), np.bool_)
    if count > 4:
        low = np.percentile(level[: count * block].reshape(count, block), LOW, axis=1)
        change = np.abs(low[2:] - low[:-2]) > least
        changing[block : (count - 1) * block] = np.repeat(change, block)
        changing[: 2 * block] = True
        changing[(count - 2) * block :] = True
    return changing


def _rise(level: FloatArray, place: int, width: int, breaks: list[int]) -> tuple[float, int]:
    """How much higher the level is after a place than before, as far as the nearest breaks; the fewer samples."""
    at = bisect_left(breaks, place)
    begin = max(place - width, breaks[at - 1] if at else 0)
    end = min(place + width, breaks[at] if at < len(breaks) else len(level))
    rise = np.percentile(level[place:end], LOW) - np.percentile(level[begin:place], LOW)
    return float(rise), min(place - begin, end - place)


def _usual_change(level: FloatArray, width: int) -> tuple[float, float]:
    """What the level rises from sample to sample, and the standard deviation of its changes between windows."""
    width = min(width, max(1, len(level) // 4))
    count = len(level) // width
    if count < 2:
        return 0.0, 0.0
    low = np.percentile(level[: count * width].reshape(count, width), LOW, axis=1)
    change = np.diff(low)
    usual = float(np.median(change))
    return usual / width, float(np.median(np.abs(change - usual))) * 1.4826


def _blocks(level: FloatArray, begin: int, end: int, block: int) -> tuple[FloatArray, FloatArray]:
    """Middle index and median level of the blocks of a stretch."""
    edges = np.linspace(begin, end, max(1, (end - begin) // block) + 1).astype(np.int64)
    middle = (edges[:-1] + edges[1:] - 1) / 2
    return middle, np.array([np.median(level[a:b]) for a, b in itertools.pairwise(edges)])


def _common_slope(level: FloatArray, breaks: IntArray, block: int) -> float:
    """Median over the stretches, by length, of how much the level rises from sample to sample."""
    slopes, weights = [], []
    edges = [0, *breaks.tolist(), len(level)]
    for begin, end in itertools.pairwise(edges):
        middle, height = _blocks(level, begin, end, block)
        if len(middle) >= 4:
            half = len(middle) // 2
            rise = np.median(
                (height[half:] - height[: len(height) - half])
                / (middle[half:] - middle[: len(middle) - half])
            )
            slopes.append(float(rise))
            weights.append(end - begin)
    if not slopes:
        return 0.0
    order = np.argsort(slopes)
    total = np.cumsum(np.array(weights)[order])
    return slopes[int(order[np.searchsorted(total, total[-1] / 2)])]


def _follow(level: FloatArray, breaks: IntArray, slope: float, step: float) -> tuple[FloatArray, float]:
    """Level without jitter, and how far it strays from lines."""
    block = max(1, round(_BLOCK / step))
    edges = [0, *breaks.tolist(), len(level)]
    course, wanders = np.empty(len(level)), 0.0
    for begin, end in itertools.pairwise(edges):
        index = np.arange(begin, end)
        middle, height = _blocks(level, begin, end, block)
        if len(middle) < _LONG:
            course[begin:end] = slope * index + np.median(level[begin:end] - slope * index)
            continue
        line = np.polynomial.Polynomial.fit(middle, height, 1)
        away = height - line(middle)
        inner = np.abs(away) <= 5 * np.median(np.abs(away)) + 1e-9
        line = np.polynomial.Polynomial.fit(middle[inner], height[inner], 1)
        course[begin:end] = line(index)
        far = _local_course(middle, height - line(middle), round(_LOCAL / _BLOCK))
        if np.abs(far).max() > max(2 * step, 4 * float(np.median(np.abs(np.diff(height))))):
            course[begin:end] += np.interp(index, middle, far)
            wanders = max(wanders, float(np.abs(far).max()))
    return course, wanders


def _local_course(middle: FloatArray, away: FloatArray, width: int) -> FloatArray:
    """Running median of what lies off a line."""
    padded = np.pad(away, width // 2, mode="symmetric")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * (width // 2) + 1), axis=1)
