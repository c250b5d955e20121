"""A map that follows the clocks where the pulses show that they leave a straight line.

`enicfer.sync.wander` says what the residuals hold; here that becomes stretches of the map, each with its bound.
Where a curve is unlikely the map stays a line, and its bound grows by what a curve may still be. Behind a step the
map goes on. Where the step is, between two pulses or a few, the time is known to half the step only.

Times are in s, on the clocks that their names say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter
from scipy.stats import t as student

from enicfer.records import FloatArray
from enicfer.sync.fit import BIWEIGHT, CONFIDENCE, STATED_WEIGHT, Line, added_spread
from enicfer.sync.wander import Fit, Points, find_steps, place_step, predict, trend_p

MIN_BENT = 8  # fewer pulses show no pattern, and the bound of a line through them is wide by itself
MAX_POINTS = 160  # more pulses are averaged in groups of neighbours
TREND_P = 0.004  # of the test for a trend, from which on the map is a curve as well
WIDER = 1.4  # of what a curve adds: the likelihood takes a curve for too smooth more often than for too rough
MAX_KNOTS = 80
CURVED = 0.89  # probability of a curve from which on the map is one; clocks without one get there in 1 % of the cases
SHORTEST = 1e-3  # s, of a stretch
NEIGHBOURS = 5  # pulses of which the median is taken to see which one is off alone
MAX_OFF = 0.5  # frame intervals; a stretch around a step whose bound is wider has no time


@dataclass(frozen=True)
class Bent:
    """A map in stretches.

    Attributes
    ----------
    start
        ``(m,)`` s of video time at which each stretch begins, the first is -inf.
    lines
        The map in each stretch; None where a step leaves no time.
    floor
        ``(m,)`` s that the bound of each stretch has in addition.
    residual
        ``(p,)`` s, of the pulses.
    steps
        Each step's first and last possible video time, and by how much the recording's time jumps, in s.
    curve
        Largest distance in s of the curve from a line, 0 where there is none.
    """

    start: tuple[float, ...]
    lines: tuple[Line | None, ...]
    floor: tuple[float, ...]
    residual: FloatArray
    steps: tuple[tuple[float, float, float], ...] = ()
    curve: float = 0.0

    @property
    def straight(self) -> bool:
        """Whether one line is all there is."""
        return not self.steps and not self.curve


@dataclass(frozen=True)
class _Average:
    """The fits of all curves and their probabilities."""

    line: Line
    points: Points
    steps: list[int]
    fits: list[Fit]
    probability: FloatArray

    @cached_property
    def curved(self) -> bool:
        """Whether the map is a curve."""
        likely = float(self.probability[1:].sum()) > CURVED
        return likely or trend_p(self.points, self.fits[0]) < TREND_P

    def at(self, video: FloatArray, behind: npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Mean (m,) in s and covariance (m, m) in s**2 of the map minus the line; of a straight map, about it."""
        probability = self.probability.copy()
        if self.curved:
            probability[0] = 0.0  # what is hidden by noise is no smaller for that
        likely = np.flatnonzero(probability > 1e-3 * probability.max())
        each = [predict(self.points, self.fits[i], self.steps, video, behind) for i in likely]
        share = probability[likely] / probability[likely].sum()
        if self.curved:
            mean = np.sum([p * m for p, (m, _) in zip(share, each, strict=True)], axis=0)
        else:
            mean = predict(self.points, self.fits[0], self.steps, video, behind)[0]
        return mean, np.sum(
            [p * (c + np.outer(m - mean, m - mean)) for p, (m, c) in zip(share, each, strict=True)], axis=0
        )


def bend_line(
    line: Line,
    video: FloatArray,
    time: FloatArray,
    spread: FloatArray | None,
    span: tuple[float, float],
    interval: float,
    shared: tuple[FloatArray, FloatArray, FloatArray] | None = None,
    breaks: Sequence[float] = (),
) -> Bent:
    """Follow the steps and the wander that the residuals of a line show.

    Parameters
    ----------
    line
        The line through the pulses.
    video, time
        ``(p,)`` s: the pulses on both clocks, in order.
    spread
        ``(p,)`` s: their standard deviation as the source states it, None if it states none.
    span
        First and last video time at which the map is needed, in s.
    interval
        Frame interval in s; steps are about as large.
    shared
        Derivative ``(p, q)`` of the pulses' video time by parameters that they share, ``(q,)`` prior mean and
        ``(q,)`` prior standard deviation of these, as `enicfer.sync.fit.fit_line` has them.
    breaks
        Video times in s at which a further file begins, or the recording lacks samples.
    """
    offset = time - line.time(video)
    plain = Bent((-np.inf,), (line,), (0.0,), offset)
    if len(video) < MIN_BENT or np.ptp(video) == 0:
        return plain
    width = _widths(offset, spread)
    kept = _near(offset - median_filter(offset, NEIGHBOURS, mode="reflect"), width)
    known = 0 if spread is None else STATED_WEIGHT
    for _ in range(2):
        if kept.sum() < MIN_BENT:
            return plain
        some = None if shared is None else (shared[0][kept], *shared[1:])
        points = _points(video[kept], offset[kept], width[kept], span, interval, known, some)
        average = _Average(line, points, *find_steps(points))
        behind = np.searchsorted(points.video[average.steps], video, side="left")
        left = offset - average.at(video, behind)[0]
        before, kept = kept, _near(left, width)
        if np.array_equal(before, kept):
            break
    if not average.steps and not average.curved:
        return replace(plain, lines=(_widened(average, line, span),))
    return _stretches(average, left, interval, breaks)


def _widths(offset: FloatArray, spread: FloatArray | None) -> FloatArray:
    """Standard deviation (p,) in s of each pulse, by how much neighbours differ: a curve does not count as noise."""
    change = np.diff(offset)
    if spread is None:
        alike = 1.4826 * float(np.median(np.abs(change))) / np.sqrt(2)
        return np.full(len(offset), max(alike, 1e-6))
    both = np.hypot(spread[1:], spread[:-1])
    added = added_spread(change, both) / np.sqrt(2)
    if added > 0:
        return np.hypot(spread, added)
    seen = len(change) * (1.4826 * float(np.median(np.abs(change / both)))) ** 2
    return np.asarray(spread * np.sqrt(min(1.0, (STATED_WEIGHT + seen) / (STATED_WEIGHT + len(change)))))


def _near(off: FloatArray, width: FloatArray) -> npt.NDArray[np.bool_]:
    """Pulses (p,) that are no further off than noise explains; the others are wrong pairs."""
    scale = 1.4826 * float(np.median(np.abs(off / width)))
    return np.asarray(np.abs(off) <= BIWEIGHT * max(scale, 1.0) * width)


def _points(
    video: FloatArray,
    offset: FloatArray,
    width: FloatArray,
    span: tuple[float, float],
    interval: float,
    known: int,
    shared: tuple[FloatArray, FloatArray, FloatArray] | None,
) -> Points:
    """Pulses as points; of many, the weighted means of groups of neighbours."""
    group = np.arange(len(video)) * min(len(video), MAX_POINTS) // len(video)
    weight = width**-2.0
    total = np.bincount(group, weight)

    def mean(x: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(group, weight * x) / total)

    covariance = np.zeros((len(total), len(total)))
    if shared is not None:
        lever, expected, spread = shared
        offset = offset - lever @ expected
        lever = np.column_stack([mean(x) for x in lever.T]) * spread
        covariance = lever @ lever.T
    first, last = min(span[0], video[0]), max(span[1], video[-1])
    return Points(mean(video), mean(offset), 1 / total, covariance, known, (first, last), interval)


def _widened(average: _Average, line: Line, span: tuple[float, float]) -> Line:
    """The line as it is, with a bound that includes what the pulses cannot exclude of a curve."""
    video = np.linspace(*span, 15)
    none = np.zeros(len(video), np.intp)
    more = np.diag(average.at(video, none)[1]) - np.diag(
        predict(average.points, average.fits[0], [], video, none)[1]
    )
    c, b, a = _parabola(video - line.origin, WIDER**2 * np.maximum(more, 0))
    old = line.variance
    return replace(line, variance=(old[0] + max(c, 0.0), old[1] + b, old[2] + max(a, 0.0)))


def _parabola(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Coefficients of 1, x and x**2 of the best parabola."""
    scale = max(float(np.abs(x).max()), 1e-9)
    c, b, a = np.linalg.lstsq(np.vander(x / scale, 3, increasing=True), y, rcond=None)[0].tolist()
    return c, b / scale, a / scale**2


def _line(average: _Average, start: float, stop: float, behind: int) -> Line:
    """The map from ``start`` to ``stop``, behind so many steps; of a curve, between two pulses."""
    video = np.linspace(start, stop, 5 if average.curved else 9)
    mean, covariance = average.at(video, np.full(len(video), behind))
    origin = (start + stop) / 2
    variance = np.diag(covariance)
    if average.curved:
        passed = np.full(len(video), behind)
        straight = np.diag(predict(average.points, average.fits[0], average.steps, video, passed)[1])
        variance = variance + (WIDER**2 - 1) * np.maximum(variance - straight, 0)
    c, b, a = _parabola(video - origin, variance)
    points, line = average.points, average.line
    return replace(
        line,
        origin=origin,
        slope=line.slope + float(mean[-1] - mean[0]) / (stop - start),
        intercept=float(line.time(origin)) + float(mean[0] + mean[-1]) / 2,
        variance=(c, b, a),
        t_factor=float(student.ppf(0.5 + CONFIDENCE / 2, points.known + len(points.video) - 2)),
        residual=np.empty(0),
    )


def _stretches(
    average: _Average,
    residual: FloatArray,
    interval: float,
    breaks: Sequence[float],
) -> Bent:
    """The map, stretch by stretch."""
    points, ends = average.points, average.points.span
    places = _places(average, breaks)
    edges = [ends[0], *(x for low, high, _ in places for x in (low, high)), ends[1]]
    start: list[float] = []
    lines: list[Line | None] = []
    floor: list[float] = []
    jumps = []
    passed = 0
    for number in range(len(places) + 1):
        for a, b in _cells(average, edges[2 * number], edges[2 * number + 1]):
            start.append(a)
            lines.append(_line(average, a, b, passed))
            floor.append(0.0)
        if number == len(places):
            break
        low, high, n = places[number]
        for a, b in _cells(average, low, high):
            found, off = _between(_line(average, a, b, passed), _line(average, a, b, passed + n), (a, b))
            start.append(a)
            lines.append(found if _bound(found, (a, b)) + off <= MAX_OFF * interval else None)
            floor.append(off)
        middle = np.full(2, (low + high) / 2)
        jump = np.diff(average.at(middle, np.array([passed, passed + n]))[0])
        jumps.append((low, high, float(jump[0])))
        passed += n
    start[0] = -np.inf
    curve = 0.0
    if average.curved:
        video = points.video
        mean = average.at(video, np.searchsorted(video[average.steps], video))[0]
        for _, high, size in jumps:
            mean = mean - size * (video >= high)
        design = points.fixed(video)
        curve = float(np.max(np.abs(mean - design @ np.linalg.lstsq(design, mean, rcond=None)[0])))
    return Bent(tuple(start), tuple(lines), tuple(floor), residual, tuple(jumps), curve)


def _places(average: _Average, breaks: Sequence[float]) -> list[tuple[float, float, int]]:
    """First and last possible video time of each step, and how many steps it stands for.

    A break that is known for itself, such as the start of a file, says where between the pulses the step is.
    """
    points, steps = average.points, average.steps
    likely = np.argsort(-average.probability, kind="stable")[:3]
    places: list[tuple[float, float, int]] = []
    for number in range(len(steps)):
        first, last = place_step(points, steps, number, [average.fits[i].curve for i in likely])
        low, high, n = float(points.video[first]), float(points.video[last + 1]), 1
        while places and low < places[-1][1]:
            before = places.pop()
            low, high, n = min(before[0], low), max(before[1], high), n + before[2]
        places.append((low, high, n))
    known = [[v for v in breaks if low < v <= high] for low, high, _ in places]
    return [(b[0], b[0], p[2]) if len(b) == 1 else p for p, b in zip(places, known, strict=True)]


def _cells(average: _Average, low: float, high: float) -> list[tuple[float, float]]:
    """The stretch from ``low`` to ``high``, of a curve from pulse to pulse."""
    if high - low < SHORTEST:
        return []
    video = average.points.video
    knots = video[:: -(-len(video) // MAX_KNOTS)]
    within = (knots > low + SHORTEST) & (knots < high - SHORTEST)
    inside = knots[within].tolist() if average.curved else []
    edges = [low, *inside, high]
    return list(pairwise(edges))


def _between(before: Line, after: Line, ends: tuple[float, float]) -> tuple[Line, float]:
    """The mean of two maps, and how far in s it is from either."""
    slope = (before.slope + after.slope) / 2
    c, b, a = np.maximum(before.variance, after.variance).tolist()
    line = replace(
        before, slope=slope, variance=(c, b, a), intercept=(before.intercept + after.intercept) / 2
    )
    apart = max(abs(float(after.time(v) - before.time(v))) for v in ends)
    return line, apart / 2


def _bound(line: Line, ends: tuple[float, float]) -> float:
    """Largest bound in s of a line at two times."""
    d = np.array(ends) - line.origin
    c = line.variance
    return line.t_factor * float(np.sqrt(np.max(np.maximum(c[0] + c[1] * d + c[2] * d**2, 0))))
