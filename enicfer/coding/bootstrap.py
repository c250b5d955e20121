"""Intervals over children: those of a study are drawn anew with all of their units, as frames are not independent."""

from collections.abc import Callable

import numpy as np

from enicfer.records import FloatArray
from enicfer.records.agreement import Estimate

ROUNDS = 2000
LEVEL = 0.95
_FEWEST = 0.5  # of the rounds must give a number


def resample_sums(parts: FloatArray, measure: Callable[[FloatArray], FloatArray], seed: int = 0) -> Estimate:
    """A measure of sums over children.

    Parameters
    ----------
    parts
        ``(children, ...)``: what each child adds to the sums.
    measure
        Makes numbers ``(m,)`` of sums ``(m, ...)``.
    seed
        Of the draws.
    """
    n = len(parts)
    value = float(measure(parts.sum(axis=0, keepdims=True))[0])
    if n < 2 or not np.isfinite(value):
        return Estimate(value)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), ROUNDS)
    return _interval(value, measure(np.tensordot(drawn.astype(np.float64), parts, axes=1)))


def _interval(value: float, rounds: FloatArray) -> Estimate:
    known = rounds[np.isfinite(rounds)]
    if known.size < _FEWEST * rounds.size:
        return Estimate(value)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))
