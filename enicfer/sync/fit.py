"""From matched pulses to the map between the clocks, with an honest bound.

The map is affine: ``time = slope * (video_time - origin) + intercept``. It is fitted by weighted least squares
with Tukey's biweight against the few pairs that are no pairs (Beaton & Tukey 1974,
doi:10.1080/00401706.1974.10489171). The bound is that of the regression line (Draper & Smith 1998, chapter 1):
it follows from the residuals and the number of pulses, and grows with the distance from them.

Times are in s.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray
from enicfer.sync.drift import is_believed, refuse_drift

BIWEIGHT = 4.685  # 95 % efficient for Gaussian residuals
CONFIDENCE = 0.95
SETTLED = 1e-8  # change of offset (s), drift and nuisance parameters at which the fit has converged
STATED_WEIGHT = 2  # residuals that a stated spread is worth (the prior of an inverse-gamma variance)


@dataclass(frozen=True)
class Line:
    """One affine piece and its bound; the attributes are those of `enicfer.records.Alignment`."""

    origin: float
    slope: float
    intercept: float
    variance: tuple[float, float, float]
    t_factor: float
    residual: FloatArray
    nuisance: tuple[float, ...] = ()

    @property
    def drift_error(self) -> float:
        """Bound on the error of the drift, as a share."""
        return self.t_factor * float(np.sqrt(self.variance[2]))

    def variance_with(self, shared: float) -> tuple[float, ...]:
        """Its ``variance`` with an error that all pulses share, of the 95 % bound ``shared`` in s.

        The two errors are independent, so that their squares add (JCGM 100:2008, 5.1.2).
        """
        at, both, slope = self.variance
        return at + (shared / self.t_factor if shared else 0.0) ** 2, both, slope

    def time(self, video_time: npt.ArrayLike) -> FloatArray:
        """Map ``video_time`` (s) to ``time`` (s)."""
        return np.asarray(self.slope * (np.asarray(video_time) - self.origin) + self.intercept)

    def video_time(self, time: float) -> float:
        """Map ``time`` (s) to ``video_time`` (s)."""
        return self.origin + (time - self.intercept) / self.slope


def fit_line(
    video: npt.ArrayLike,
    time: npt.ArrayLike,
    spread: npt.ArrayLike | None = None,
    max_drift: float = 1e-3,
    nuisance: FloatArray | None = None,
    nuisance_mean: FloatArray | None = None,
    nuisance_spread: FloatArray | None = None,
) -> Line:
    """Fit a robust line to matched pulses.

    Parameters
    ----------
    video, time
        ``(p,)`` s: the pulses on both clocks, at least 3.
    spread
        ``(p,)`` standard deviation of each pulse in s; equal if None.
    max_drift
        Largest ``abs(slope - 1)``. The line is fitted without regard to it. A slope that is surely beyond it is
        refused, unless it is that of a frame rate stated wrongly (`enicfer.sync.drift`); one that may be within it
        is moved to the limit, and the bound includes the move.
    nuisance
        ``(p, q)`` derivative of each pulse's video time by unknown parameters that the pulses share, such as the
        camera's exposure. They are estimated along with the line, and the bound includes their uncertainty.
    nuisance_mean, nuisance_spread
        ``(q,)`` prior mean and standard deviation of each parameter.

    Raises
    ------
    AlignmentError
        With fewer than three pulses, or all at one instant, or a drift beyond the limit.
    """
    v, y = np.asarray(video, dtype=np.float64), np.asarray(time, dtype=np.float64)
    if len(v) < 3 or np.ptp(v) == 0:
        raise AlignmentError(
            f"A line with a bound needs at least 3 pulses at different times, there are {len(v)}."
        )
    stated = np.full(len(v), 1.0) if spread is None else np.asarray(spread, dtype=np.float64)
    width = stated
    extra = np.empty((len(v), 0)) if nuisance is None else nuisance
    mean = np.zeros(extra.shape[1]) if nuisance_mean is None else nuisance_mean
    sigma = np.ones(extra.shape[1]) if nuisance_spread is None else nuisance_spread
    prior = np.diag([0.0, 0.0, *sigma**-2.0])
    centre, middle = float(np.average(v, weights=width**-2)), float(y.mean())
    # The unknowns are the intercept, the drift, and the nuisance parameters; all are small numbers.
    design = np.column_stack([np.ones(len(v)), v - centre, extra])
    target = y - middle - (v - centre) - extra @ mean
    weight = width**-2
    solution = np.full(design.shape[1], np.nan)
    known, share = 0 if spread is None else STATED_WEIGHT, 1.0
    for _ in range(30):
        before = solution
        inverse = np.linalg.inv(design.T @ (weight[:, None] * design) + prior)
        solution = inverse @ (design.T @ (weight * target))
        residual = target - design @ solution
        # A parameter that the prior knows better than the pulses takes no residual away.
        fitted = 2 + float(np.sum(1 - np.diag(inverse)[2:] / sigma**2))
        if spread is not None:
            width = np.hypot(stated, added_spread(residual, stated))
            # Pulses that scatter less than stated say more of the parameters that they share.
            share = min(1.0, _noise(residual, width, weight, known, fitted)[0])
        scale = 1.4826 * float(np.median(np.abs(residual / width)))
        if scale * float(np.median(width)) < 1e-9 or np.max(np.abs(solution - before)) < SETTLED:
            break
        weight = np.clip(1 - (residual / width / (BIWEIGHT * scale)) ** 2, 0, None) ** 2 / width**2 / share
    line = _line(centre, middle, solution, mean, inverse, residual, width, weight, known, fitted, share)
    drift = float(solution[1]), line.drift_error, max_drift
    if is_believed(*drift):
        return line
    refuse_drift(*drift)
    solution = _with_drift(design, target, weight, prior, float(np.clip(drift[0], -max_drift, max_drift)))
    # How far the line was turned is one more error of the slope.
    residual = target - design @ solution
    limited = _line(centre, middle, solution, mean, inverse, residual, width, weight, known, fitted, share)
    at, both, slope = limited.variance
    turned = (abs(drift[0]) - max_drift) / limited.t_factor
    return replace(limited, variance=(at, both, slope + turned**2))


def added_spread(residual: FloatArray, stated: FloatArray) -> float:
    """Standard deviation in s that, added to the stated ones, explains the residuals: time stamps are late at random.

    A tenth more than Gaussian residuals would have is left to the overall scale.
    """
    size = np.abs(residual)
    ratio2, stated2 = size**2, stated**2
    low, high = 0.0, 10 * float(np.median(size))
    limit = (1.1 / 1.4826) ** 2
    half = len(size) // 2
    for _ in range(16):
        middle = (low + high) / 2
        # the upper of the two middle ones, where there are two
        excess = np.partition(ratio2 / (stated2 + middle**2), half)[half] > limit
        low, high = (middle, high) if excess else (low, middle)
    return low


def _with_drift(
    design: FloatArray, target: FloatArray, weight: FloatArray, prior: FloatArray, drift: float
) -> FloatArray:
    """The solution for a given drift."""
    others = np.delete(np.arange(design.shape[1]), 1)
    part = design[:, others]
    left = part.T @ (weight[:, None] * part) + prior[np.ix_(others, others)]
    free = np.linalg.solve(left, part.T @ (weight * (target - drift * design[:, 1])))
    return np.insert(free, 1, drift)


def _noise(
    residual: FloatArray, width: FloatArray, weight: FloatArray, known: int, fitted: float
) -> tuple[float, float]:
    """Variance of the residuals as a share of the stated one, and how many residuals it is known by."""
    kept = weight > 0
    dof = max(float(kept.sum()) - fitted, 1.0)
    # The biweight's weights shrink with the residual; those of the kept pulses without it give the true noise.
    # The spread that the source states counts as a few residuals: else few pulses that happen to agree would
    # promise too much.
    return float((known + np.sum((residual[kept] / width[kept]) ** 2)) / (known + dof)), known + dof


def _line(
    centre: float,
    middle: float,
    solution: FloatArray,
    mean: FloatArray,
    inverse: FloatArray,
    residual: FloatArray,
    width: FloatArray,
    weight: FloatArray,
    known: int,
    fitted: float,
    share: float,
) -> Line:
    """The line; the weights behind ``inverse`` are by ``share`` of the stated variance."""
    noise, free = _noise(residual, width, weight, known, fitted)
    covariance = noise / share * inverse
    return Line(
        origin=centre,
        slope=1 + float(solution[1]),
        intercept=middle + float(solution[0]),
        variance=(float(covariance[0, 0]), 2 * float(covariance[0, 1]), float(covariance[1, 1])),
        t_factor=float(student.ppf(0.5 + CONFIDENCE / 2, free)),
        residual=residual,
        nuisance=tuple(float(x) for x in solution[2:] + mean),
    )
