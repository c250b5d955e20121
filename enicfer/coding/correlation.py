"""Intraclass correlation of numbers that several coders give to the same units.

Reference: Shrout and Fleiss 1979 (doi:10.1037/0033-2909.86.2.420). Units and coders are both drawn at random from
more of them, and coders must agree in level (cases 2,1 and 2,k).
"""

import numpy as np

from enicfer.records import FloatArray


def intraclass_parts(values: FloatArray) -> FloatArray:
    """What units add to the sums of which both correlations are made.

    Parameters
    ----------
    values
        ``(n, k)``: units by coders; units that somebody did not rate (NaN) are left out.

    Returns
    -------
    FloatArray
        ``(k + 3,)``: number of units, sums of the squared means of units and of all squares, sums of the coders.
    """
    values = values[np.isfinite(values).all(axis=1)]
    means = (values.mean(axis=1) ** 2).sum()
    return np.concatenate([[len(values), means, (values**2).sum()], values.sum(axis=0)])


def intraclass_correlation_of(parts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """ICC(2,1) of one coder and ICC(2,k) of the mean of all, of sums ``(..., k + 3)`` of `intraclass_parts`.

    They are NaN where there are fewer than two units or coders, or nothing varies.
    """
    n, means, squares, coders = parts[..., 0], parts[..., 1], parts[..., 2], parts[..., 3:]
    k = coders.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        level = coders.sum(-1) ** 2 / (n * k)
        rows = k * means - level
        columns = (coders**2).sum(-1) / n - level
        between, of_coders = rows / (n - 1), columns / (k - 1) if k > 1 else np.full_like(n, np.nan)
        rest = (squares - level - rows - columns) / ((n - 1) * (k - 1))
        single = (between - rest) / (between + (k - 1) * rest + k * (of_coders - rest) / n)
        mean = (between - rest) / (between + (of_coders - rest) / n)
        defined = (n > 1) & (k > 1) & (squares - level > 1e-12 * squares)
    return np.where(defined, single, np.nan), np.where(defined, mean, np.nan)


def intraclass_correlation(values: FloatArray) -> tuple[float, float]:
    """ICC(2,1) and ICC(2,k) of values ``(n, k)``; see `intraclass_parts` and `intraclass_correlation_of`."""
    single, mean = intraclass_correlation_of(intraclass_parts(values))
    return float(single), float(mean)
