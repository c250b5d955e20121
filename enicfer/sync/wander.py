"""How far the clocks leave a straight line: what the residuals say of steps and of a slow curve.

A frame that the camera lost without a gap in its stamps moves all later frames by one interval. A crystal that
warms up bends the map, and a computer's clock walks at random. In the residuals of the line neighbours are then
off alike. The model is a line, steps between pulses, and a curve:

    time = line + steps + curve + noise.

The curve is a random walk of the clock's time or of its rate. The marginal likelihood weighs sizes of either
against no curve at all, and predictions are averaged over all of them (Rasmussen and Williams 2006, Gaussian
Processes for Machine Learning, chapter 5, doi:10.7551/mitpress/3206.001.0001): the bound grows with what the
pulses cannot exclude. A step is added while the evidence for it, summed over the places where it may be, is strong
against the best curve (Barry and Hartigan 1993, doi:10.1080/01621459.1993.10594323).

Times are in s of ``video_time``; offsets are s of ``time`` from the line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp
from scipy.stats import f as f_distribution

from enicfer.records import FloatArray

MAX_STEPS = 20
STRAIGHT = 0.3  # probability before any pulse is seen that the clocks keep to a line
N_SIZES = 12
SIZES = 0.2, 200.0  # smallest and largest curve, in units of a typical pulse's standard deviation
LEAST_RANGE = 10.0  # of the largest size to the smallest
# s per s: how far a clock leaves a line, for the length of the recording; a crystal that warms does so by 1e-5.
MAX_WANDER = 4e-5
STEP_EVIDENCE = 3.0  # natural logarithm of the odds from which on a step is believed
PLACED = 0.99  # probability of the stretch in which a step is said to be
MIN_BEHIND = 2  # pulses on each side of a step; one alone may be a wrong pair
TRENDS = 4  # cosines
LIKELY = 4  # steps are looked for under so many of the likeliest curves


@dataclass(frozen=True)
class Points:
    """What the models are fitted to.

    Attributes
    ----------
    video, offset
        ``(n,)`` s: pulses in order, and their time minus that of the line.
    variance
        ``(n,)`` s**2 of each.
    shared
        ``(n, n)`` s**2: covariance by parameters that the pulses share.
    known
        Residuals that the stated variance is worth.
    span
        First and last time in s at which the map is needed.
    step
        Standard deviation of a step in s.
    """

    video: FloatArray
    offset: FloatArray
    variance: FloatArray
    shared: FloatArray
    known: int
    span: tuple[float, float]
    step: float

    def fixed(self, video: FloatArray) -> FloatArray:
        """``(m, 2)`` constant and trend, scaled to about 1."""
        middle, half = sum(self.span) / 2, (self.span[1] - self.span[0]) / 2
        return np.column_stack([np.ones(len(video)), (video - middle) / half])

    def walk(self, curve: "Curve", a: FloatArray, b: FloatArray) -> FloatArray:
        """``(k, l)`` s**2: covariance of a curve at times ``a`` (k,) and ``b`` (l,).

        A walk starts anywhere, as constant and trend are free: from the middle of the pulses numbers stay small.
        """
        middle, width = self.video[[0, -1]].mean(), np.ptp(self.video)
        s, t = (a - middle) / width, (b - middle) / width
        low, high = np.minimum.outer(np.abs(s), np.abs(t)), np.maximum.outer(np.abs(s), np.abs(t))
        out = low**2 * (3 * high - low) / 6 if curve.of_rate else low
        return np.where(np.multiply.outer(s, t) > 0, curve.variance * out, 0.0)


@dataclass(frozen=True)
class Curve:
    """A random walk of the clock's time, or of its rate; ``variance`` in s**2 over the length of the pulses."""

    of_rate: bool = False
    variance: float = 0.0


@dataclass(frozen=True)
class Fit:
    """One curve's fit to the points."""

    log_evidence: float
    noise: float  # factor of the stated variance
    curve: Curve
    root: FloatArray  # (n, n) lower triangle of the points' covariance
    design: FloatArray  # (n, 2), whitened
    target: FloatArray  # (n,) whitened offsets without the fixed part
    fixed: FloatArray  # (2,) constant and trend
    covariance: FloatArray  # (2, 2) of these


def curves(points: Points) -> list[Curve]:
    """The curves that are weighed, the first is none at all."""
    design = points.fixed(points.video)
    rest = np.eye(len(design)) - design @ np.linalg.pinv(design)
    typical = 1 / float(np.mean(1 / points.variance))
    most = MAX_WANDER * float(np.ptp(points.video)) / np.sqrt(typical)
    least, largest = SIZES
    top = min(most, largest)  # in a short recording no clock leaves a line by what the pulses could show
    sizes = np.geomspace(min(least, top / LEAST_RANGE), top, N_SIZES)
    found = [Curve()]
    for of_rate in (False, True):
        walk = points.walk(Curve(of_rate, 1.0), points.video, points.video)
        seen = float(np.trace(rest @ walk @ rest)) / len(design)
        found += [Curve(of_rate, float(size**2 * typical / seen)) for size in sizes]
    return found


def log_priors() -> FloatArray:
    """Logarithm of the probability of each of `curves` before any pulse is seen."""
    each = (1 - STRAIGHT) / (2 * N_SIZES)
    return np.log(np.array([STRAIGHT, *[each] * (2 * N_SIZES)]))


def fit_curve(points: Points, curve: Curve, steps: Sequence[int] = ()) -> Fit:
    """Fit line, steps and one curve; step ``j`` lies between points ``j`` and ``j + 1``."""
    covariance = np.diag(points.variance) + points.shared + points.walk(curve, points.video, points.video)
    for j in steps:
        covariance[j + 1 :, j + 1 :] += points.step**2
    root = cholesky(covariance, lower=True)
    design = solve_triangular(root, points.fixed(points.video), lower=True)
    target = solve_triangular(root, points.offset, lower=True)
    normal = design.T @ design
    fixed = np.linalg.solve(normal, design.T @ target)
    target = target - design @ fixed
    free = len(target) - 2 + points.known
    squares = points.known + float(target @ target)
    log_evidence = -float(np.log(np.diag(root)).sum()) - 0.5 * float(np.linalg.slogdet(normal)[1])
    log_evidence -= 0.5 * free * np.log(squares)
    noise = squares / free
    return Fit(log_evidence, noise, curve, root, design, target, fixed, noise * np.linalg.inv(normal))


def trend_p(points: Points, straight: Fit) -> float:
    """Probability that a straight map leaves a trend as large as it does in the residuals, by an F test.

    The trend is the first few cosines over the length of the pulses. This finds slow curves of a known shape sooner
    than the walks do.
    """
    n = len(points.video)
    count = min(TRENDS, n // 4)
    phase = (points.video - points.video[0]) / np.ptp(points.video)
    waves = np.cos(np.pi * np.multiply.outer(phase, np.arange(2, 2 + count)))
    waves = solve_triangular(straight.root, waves, lower=True)
    design = np.column_stack([straight.design, waves])
    left = straight.target - design @ np.linalg.lstsq(design, straight.target, rcond=None)[0]
    rest, all_of_it = float(left @ left), float(straight.target @ straight.target)
    free = n - 2 - count
    return float(
        f_distribution.sf(
            (all_of_it - rest) / count / ((rest + points.known) / (free + points.known)),
            count,
            free + points.known,
        )
    )


def predict(
    points: Points, fit: Fit, steps: Sequence[int], video: FloatArray, behind: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Mean (m,) in s and covariance (m, m) in s**2 of the map minus the line, with ``behind`` (m,) steps passed."""
    cross, own = points.walk(fit.curve, video, points.video), points.walk(fit.curve, video, video)
    for number, j in enumerate(steps):
        passed = behind > number
        cross[passed, j + 1 :] += points.step**2
        own[np.ix_(passed, passed)] += points.step**2
    half = solve_triangular(fit.root, cross.T, lower=True)
    fixed = points.fixed(video)
    left = fixed - half.T @ fit.design
    mean = fixed @ fit.fixed + half.T @ fit.target
    return mean, fit.noise * (own - half.T @ half) + left @ fit.covariance @ left.T


def find_steps(points: Points) -> tuple[list[int], list[Fit], FloatArray]:
    """Steps that the evidence calls for, with the fit of every curve and its probability ``(c,)``."""
    weighed, prior = curves(points), log_priors()
    steps: list[int] = []
    while True:
        fits = [fit_curve(points, curve, steps) for curve in weighed]
        weight = prior + [fit.log_evidence for fit in fits]
        total = float(logsumexp(weight))
        likely = np.argsort(-weight, kind="stable")[:LIKELY]
        gain = np.array([weight[i] + _gain(points, fits[i], steps) for i in likely])
        if len(steps) == MAX_STEPS or not np.logaddexp.reduce(gain.ravel()) > total + STEP_EVIDENCE:
            return steps, fits, np.exp(weight - total)
        steps = sorted([*steps, int(np.argmax(np.logaddexp.reduce(gain, axis=0)))])


def place_step(points: Points, steps: Sequence[int], number: int, likely: Sequence[Curve]) -> tuple[int, int]:
    """First and last place that a step may have, the others given: indices of the points before it."""
    others = [j for i, j in enumerate(steps) if i != number]
    fits = [fit_curve(points, curve, others) for curve in likely]
    gain = np.logaddexp.reduce([fit.log_evidence + _gain(points, fit, others) for fit in fits])
    low = steps[number - 1] + 1 if number else 0
    high = steps[number + 1] - 1 if number + 1 < len(steps) else len(gain) - 1
    inside = gain[low : high + 1]
    p = np.exp(inside - logsumexp(inside))
    order = np.argsort(-p, kind="stable")
    chosen = order[: 1 + int(np.searchsorted(np.cumsum(p[order]), PLACED))]
    return low + int(chosen.min()), low + int(chosen.max())


def _gain(points: Points, fit: Fit, steps: Sequence[int]) -> FloatArray:
    """Logarithm (n - 1,) of the evidence that one more step adds, by its place, with its probability before."""
    n = len(points.video)
    column = solve_triangular(fit.root, np.tril(np.ones((n, n)), -1)[:, : n - 1], lower=True)
    column -= fit.design @ np.linalg.lstsq(fit.design, column, rcond=None)[0]
    square = np.sum(column**2, axis=0)
    free = n - 2 + points.known
    before = points.known + float(fit.target @ fit.target)
    less = (column.T @ fit.target) ** 2 / (square + points.step**-2.0)
    gain = -0.5 * np.log1p(points.step**2 * square) - 0.5 * free * np.log1p(-less / before)
    place = np.diff(points.video)
    gain += np.log(np.maximum(place, 1e-9) / place.sum())
    edges = np.array([-1, *steps, n - 1])
    j = np.arange(n - 1)
    nearest = np.searchsorted(edges, j)
    few = (j - edges[nearest - 1] < MIN_BEHIND) | (edges[nearest] - j < MIN_BEHIND)
    gain[few] = -np.inf
    return gain
