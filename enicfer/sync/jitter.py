"""How far a single frame's stamp is off the camera's clock.

A computer stamps a frame when it gets it, some ms late at random. The map between the clocks averages that out, but
the time of one frame does not. Pulses that were seen in frames scatter by it, and by how well an onset is read in a
frame; the latter is known and taken off (Paule and Mandel 1982, doi:10.6028/jres.087.022; upper limit by the
Q-profile, Viechtbauer 2007, doi:10.1002/sim.2514). The frames' stamps say how large it can be: a stamp that is late
makes one interval longer and the next one shorter.

Times are in s.
"""

import numpy as np
from scipy.stats import chi2

from enicfer.records import FloatArray

UPPER = 0.9  # of the confidence interval's upper limit, where stamps allow that much
USUAL = 0.75  # an interval that differs from the median by more than this share is no neighbour's
OUTLYING = 4.685  # standard deviations; a pulse further off is a wrong pair


def jitter_of_stamps(video_time: FloatArray) -> float:
    """Standard deviation in s of stamps, by the covariance of neighbouring intervals.

    Intervals that vary because the camera exposes at other times are independent of each other, and count as none.
    """
    interval = np.diff(video_time)
    if len(interval) < 3:
        return 0.0
    off = interval - np.median(interval)
    near = np.abs(off) <= USUAL * np.median(interval)
    pair = near[1:] & near[:-1]
    if pair.sum() < 3:
        return 0.0
    a, b = off[1:][pair], off[:-1][pair]
    return float(np.sqrt(max(0.0, -float(np.mean((a - a.mean()) * (b - b.mean()))))))


def jitter_of_residuals(
    residual: FloatArray, spread: FloatArray, weight: FloatArray, n_parameters: int, of_stamps: float
) -> float:
    """Standard deviation in s of stamps, by how far pulses are off the map.

    Parameters
    ----------
    residual
        ``(p,)`` s.
    spread
        ``(p,)`` s: standard deviation with which the onset is read.
    weight
        ``(p,)`` share of a stamp's variance that an onset has; two stamps whose mean is taken leave a half.
    n_parameters
        Number of parameters that were fitted.
    of_stamps
        What `jitter_of_stamps` says; it decides as far as the residuals leave it open.
    """
    scale = np.hypot(spread, 1.4826 * float(np.median(np.abs(residual))))
    kept = np.abs(residual) <= OUTLYING * scale
    square, stated, weight = residual[kept] ** 2, spread[kept] ** 2, weight[kept]
    free = len(square) - n_parameters
    if free < 1:
        return of_stamps
    low = _solve(square, stated, weight, float(free))
    high = _solve(square, stated, weight, float(chi2.ppf(1 - UPPER, free)))
    return float(np.clip(of_stamps, low, max(low, high)))


def jitter_of_frames(residual: FloatArray, tick: float) -> float:
    """Standard deviation in s of stamps, where each frame has a pulse that is rounded to steps of ``tick`` (s)."""
    return float(np.sqrt(max(0.0, float(np.mean(residual**2)) - tick**2 / 12)))


def _solve(square: FloatArray, stated: FloatArray, weight: FloatArray, wanted: float) -> float:
    """Standard deviation at which the weighted sum of squares is what it should be, 0 where it is smaller already."""
    if np.sum(square / stated) <= wanted:
        return 0.0
    low, high = 0.0, float(np.sqrt(square.sum() / (weight.min() * wanted)))
    for _ in range(40):
        middle = (low + high) / 2
        above = np.sum(square / (stated + weight * middle**2)) > wanted
        low, high = (middle, high) if above else (low, middle)
    return high
