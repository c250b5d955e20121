"""What to expect of a measure in stretches in which it was not measured, from how it goes at other times.

A line over a stretch without a valid frame keeps chance values of its two ends for all of its length, and effects
that are estimated with it come out too small. The conditional mean has an error that does not go with its value, so
that effects keep their size. It is found as in simple kriging (Cressie 1990, doi:10.1007/BF00889887), with the
covariance over time of the measure itself: near to a known value it is that value, far from all it is the mean.

Conventions: steps of equal length; deviations from the mean.
"""

import numpy as np

from enicfer.records import FloatArray

KNOWN = 0.5  # part of a step that must be known to be taken as it is
_REACH = 160  # steps on each side of a stretch that are looked at, and fewer beside short ones
_NOISE = 0.01  # of the variance, belongs to single steps


def expected_deviation(deviation: FloatArray, known: FloatArray) -> FloatArray:
    """Deviations from the mean, with what is to be expected where they are not known.

    Parameters
    ----------
    deviation
        ``(m,)``, of each step; anything where ``known`` is too small.
    known
        ``(m,)`` part of each step that was measured, 0 to 1; with less than `KNOWN` it is filled.

    Returns
    -------
    FloatArray
        ``(m,)``.
    """
    there = known >= KNOWN
    out = np.where(there, deviation, 0.0)
    missing = np.flatnonzero(~there)
    if not missing.size or not there.any():
        return out
    covariance = _covariance(out, there)
    if covariance[0] <= 1e-12:
        return out
    cut = np.flatnonzero(np.diff(missing) > 1)
    for first, last in zip(missing[np.r_[0, cut + 1]], missing[np.r_[cut, missing.size - 1]], strict=True):
        reach = min(_REACH, 20 + 10 * int(last - first + 1))
        near = np.arange(max(0, first - reach), min(there.size, last + 1 + reach))
        near = near[there[near]]
        stretch = np.arange(first, last + 1)
        if near.size:
            among = _at(covariance, near[:, None] - near) + _NOISE * covariance[0] * np.eye(near.size)
            out[stretch] = _at(covariance, stretch[:, None] - near) @ np.linalg.solve(among, out[near])
    return out


def _covariance(deviation: FloatArray, there: np.ndarray) -> FloatArray:
    """Covariance at distances of 0, 1, ... steps, of the steps that are there; it is a possible one of a process."""
    n = deviation.size
    spectrum, count = (np.abs(np.fft.rfft(x, 2 * n)) ** 2 for x in (deviation, there.astype(np.float64)))
    length = min(n, 3 * _REACH)
    pairs = np.fft.irfft(count, 2 * n)[:length]
    covariance = np.fft.irfft(spectrum, 2 * n)[:length] / np.maximum(pairs, 0.5)
    covariance = covariance * (1 - np.arange(length) / length)
    both = np.r_[covariance, 0.0, covariance[:0:-1]]
    possible = np.clip(np.fft.rfft(both).real, 0, None)
    return np.asarray(np.fft.irfft(possible, both.size)[:length])


def _at(covariance: FloatArray, distance: np.ndarray) -> FloatArray:
    steps = np.abs(distance)
    return np.where(steps < covariance.size, covariance[np.minimum(steps, covariance.size - 1)], 0.0)
