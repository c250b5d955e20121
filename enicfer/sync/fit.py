"""From matched pulses to the map between the clocks, with an honest bound.

The map is affine: ``time = slope * (video_time - origin) + intercept``. It is fitted by weighted least squares
with Tukey's biweight against the few pairs that are no pairs (Beaton & Tukey 1974,
doi:10.1080/00401706.1974.10489171). The bound is that of the regression line (Draper & Smith 1998, chapter 1):
it follows from the residuals and the number of pulses, and grows with the distance from them.

Times are in s.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray

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
        Slope is clipped to 1 +- this; only few and close pulses ever get there.
    nuisance
        ``(p, q)`` derivative of each pulse's video time by unknown parameters that the pulses share, such as the
        camera's exposure. They are estimated along with the line, and the bound includes their uncertainty.
    nuisance_mean, nuisance_spread
        ``(q,)`` prior mean and standard deviation of each parameter.

    Raises
    ------
    AlignmentError
        With fewer than three pulses, or all at one instant.
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
    for _ in range(30):
        before = solution
        inverse = np.linalg.inv(design.T @ (weight[:, None] * design) + prior)
        solution = inverse @ (design.T @ (weight * target))
        if abs(solution[1]) > max_drift:
            solution = _with_drift(
                design, target, weight, prior, float(np.clip(solution[1], -max_drift, max_drift))
            )
        residual = target - design @ solution
        if spread is not None:
            width = np.hypot(stated, _jitter(residual, stated))
        scale = 1.4826 * float(np.median(np.abs(residual / width)))
        if scale * float(np.median(width)) < 1e-9 or np.max(np.abs(solution - before)) < SETTLED:
            break
        weight = np.clip(1 - (residual / width / (BIWEIGHT * scale)) ** 2, 0, None) ** 2 / width**2
    solution[2:] += mean
    known = 0 if spread is None else STATED_WEIGHT
    return _line(centre, middle, solution, inverse, residual, width, weight, known)


def _jitter(residual: FloatArray, stated: FloatArray) -> float:
    """Standard deviation in s that, added to the stated ones, explains the residuals: time stamps are late at random.

    A tenth more than Gaussian residuals would have is left to the overall scale.
    """
    low, high = 0.0, 10 * float(np.median(np.abs(residual)))
    for _ in range(16):
        middle = (low + high) / 2
        excess = 1.4826 * float(np.median(np.abs(residual) / np.hypot(stated, middle))) > 1.1
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


def _line(
    centre: float,
    middle: float,
    solution: FloatArray,
    inverse: FloatArray,
    residual: FloatArray,
    width: FloatArray,
    weight: FloatArray,
    known: int,
) -> Line:
    kept = weight > 0
    dof = max(int(kept.sum()) - len(solution), 1)
    # The biweight's weights shrink with the residual; those of the kept pulses without it give the true noise.
    # The spread that the source states counts as a few residuals: else few pulses that happen to agree would
    # promise too much.
    noise = float((known + np.sum((residual[kept] / width[kept]) ** 2)) / (known + dof))
    covariance = noise * inverse
    return Line(
        origin=centre,
        slope=1 + float(solution[1]),
        intercept=middle + float(solution[0]),
        variance=(float(covariance[0, 0]), 2 * float(covariance[0, 1]), float(covariance[1, 1])),
        t_factor=float(student.ppf(0.5 + CONFIDENCE / 2, known + dof)),
        residual=residual,
        nuisance=tuple(float(x) for x in solution[2:]),
    )
