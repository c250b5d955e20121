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


@dataclass(frozen=True)
class Line:
    """One affine piece and its bound; the attributes are those of `enicfer.records.Alignment`."""

    origin: float
    slope: float
    intercept: float
    variance: tuple[float, float, float]
    t_factor: float
    residual: FloatArray

    def time(self, video_time: npt.ArrayLike) -> FloatArray:
        """Map ``video_time`` (s) to ``time`` (s)."""
        return np.asarray(self.slope * (np.asarray(video_time) - self.origin) + self.intercept)


def fit_line(
    video: npt.ArrayLike,
    time: npt.ArrayLike,
    spread: npt.ArrayLike | None = None,
    max_drift: float = 1e-3,
) -> Line:
    """Fit a robust line to matched pulses.

    Parameters
    ----------
    video, time
        ``(p,)`` s: the pulses on both clocks, at least 3.
    spread
        ``(p,)`` relative standard deviation of each pulse; equal if None.
    max_drift
        Slope is clipped to 1 +- this; only few and close pulses ever get there.

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
    base = np.ones(len(v)) if spread is None else 1 / np.asarray(spread, dtype=np.float64) ** 2
    base = base / base.mean()
    weight = base
    slope, centre, middle = 1.0, 0.0, 0.0
    for _ in range(20):
        total = weight.sum()
        centre, middle = float(weight @ v / total), float(weight @ y / total)
        slope = float(weight @ ((v - centre) * (y - middle)) / (weight @ (v - centre) ** 2))
        slope = float(np.clip(slope, 1 - max_drift, 1 + max_drift))
        residual = y - middle - slope * (v - centre)
        scaled = residual * np.sqrt(base)
        scale = 1.4826 * float(np.median(np.abs(scaled)))
        if scale < 1e-9:
            break
        weight = base * np.clip(1 - (scaled / (BIWEIGHT * scale)) ** 2, 0, None) ** 2
    residual = y - middle - slope * (v - centre)
    kept = weight > 0
    dof = max(int(kept.sum()) - 2, 1)
    noise = float(np.sum(base[kept] * residual[kept] ** 2) / dof)
    total = float(base[kept].sum())
    lever = float(base[kept] @ (v[kept] - centre) ** 2)
    return Line(
        origin=centre,
        slope=slope,
        intercept=middle,
        variance=(noise / total, 0.0, noise / lever),
        t_factor=float(student.ppf(0.5 + CONFIDENCE / 2, dof)),
        residual=residual,
    )
