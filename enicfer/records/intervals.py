"""Intervals. For children in general each child is left out once with all of its units, as frames of one are alike.

For the frames of the children who were filmed, only those are left to chance that were not drawn.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from enicfer.records.agreement import Estimate
from enicfer.records.types import FloatArray

LEVEL = 0.95
FEWEST = 3  # children, for an interval


def jackknife_sums(parts: FloatArray, measure: Callable[[FloatArray], FloatArray]) -> Estimate:
    """A measure of sums over children, with its interval.

    Parameters
    ----------
    parts
        ``(children, ...)``: what each child adds to the sums.
    measure
        Makes numbers ``(m,)`` of sums ``(m, ...)``; 1 is the best.

    Notes
    -----
    The jackknife (Tukey 1958; Efron and Stein 1981, doi:10.1214/aos/1176345462) with Student's t, on the scale of
    Fisher's z, on which an interval stays below 1. With few children it covers where percentiles of a bootstrap are
    too narrow. No interval where leaving a child out gives no number, or the measure is 1: nothing says then how
    much children differ.
    """
    value = float(measure(parts.sum(axis=0, keepdims=True))[0])
    if len(parts) < FEWEST or not np.isfinite(value):
        return Estimate(value)
    without = np.asarray(measure(parts.sum(axis=0) - parts), np.float64)
    if not np.isfinite(without).all() or abs(value) >= 1 or (np.abs(without) >= 1).any():
        return Estimate(value)
    z, n = np.arctanh(without), len(parts)
    error = np.sqrt((n - 1) / n * ((z - z.mean()) ** 2).sum())
    reach = student.ppf((1 + LEVEL) / 2, n - 1) * error
    return Estimate(
        value, float(np.tanh(np.arctanh(value) - reach)), float(np.tanh(np.arctanh(value) + reach))
    )


def weighted_mean(values: npt.ArrayLike, weight: npt.ArrayLike, group: npt.NDArray[Any]) -> Estimate:
    """Mean over all units of which a part was drawn at random, with its interval over groups.

    Parameters
    ----------
    values
        ``(n,)`` of the units that were drawn.
    weight
        ``(n,)``: how many units each stands for, 1 / the probability with which it was drawn.
    group
        ``(n,)``: the child of each.

    Notes
    -----
    The sum of the weighted values by that of the weights (Hajek 1971).
    """
    _, member = np.unique(group, return_inverse=True)
    weights = np.asarray(weight, np.float64)
    parts = [np.bincount(member, each) for each in (np.asarray(values, np.float64) * weights, weights)]
    return jackknife_sums(np.stack(parts, axis=1), lambda sums: np.asarray(sums[:, 0] / sums[:, 1]))


def share_of_these(values: npt.ArrayLike, weight: npt.ArrayLike, group: npt.NDArray[Any]) -> Estimate:
    """The same mean of values that are 0 or 1, with its interval for these groups alone.

    Parameters
    ----------
    values
        ``(n,)`` of the units that were drawn, 0 or 1.
    weight, group
        As for `weighted_mean`; units of each group were drawn apart from those of others.

    Notes
    -----
    How groups differ adds nothing to the error, as all of them are there: what counts is how units within each
    differ (Cochran 1977, Sampling Techniques, 5.3). The interval is Wilson's (1927,
    doi:10.1080/01621459.1927.10502953) for as many units drawn at random from one group as had the same error, with
    Student's t.
    """
    _, member = np.unique(group, return_inverse=True)
    right, weights = np.asarray(values, np.float64), np.asarray(weight, np.float64)
    total = np.bincount(member, weights)
    size = total**2 / np.bincount(member, weights**2)  # units of one weight that tell as much (Kish 1965)
    each, share = np.bincount(member, weights * right) / total, total / total.sum()
    value = min(1.0, float(share @ each))
    left = right.size - size.size
    if left < 1:
        return Estimate(value)
    several = size > 1 + 1e-9
    spread = np.zeros(size.size)
    spread[several] = (each * (1 - each) * size)[several] / (size[several] - 1)
    spread[~several] = (
        spread[several].mean() if several.any() else 0.25
    )  # of one unit nothing says how units differ
    unseen = np.clip(1 - size / np.maximum(total, size), 0, 1)
    variance = float((share**2 * spread / size * unseen).sum())
    units = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else float(right.size)
    t2 = float(student.ppf((1 + LEVEL) / 2, left)) ** 2
    middle = (value + t2 / (2 * units)) / (1 + t2 / units)
    reach = np.sqrt(t2 * (value * (1 - value) / units + t2 / (4 * units**2))) / (1 + t2 / units)
    return Estimate(value, min(value, float(middle - reach)), max(value, float(middle + reach)))
