"""Intraclass correlation of numbers that several coders give to the same units.

Reference: Shrout and Fleiss 1979 (doi:10.1037/0033-2909.86.2.420). Units and coders are both drawn at random from
more of them, and coders must agree in level (cases 2,1 and 2,k).
"""

import numpy as np

from enicfer.records import FloatArray


def intraclass_correlation(values: FloatArray) -> tuple[float, float]:
    """ICC(2,1) of one coder and ICC(2,k) of the mean of all k.

    Parameters
    ----------
    values
        ``(n, k)``: units by coders; units that somebody did not rate (NaN) are left out.

    Returns
    -------
    float, float
        NaN where there are fewer than two units or coders, or nothing varies.
    """
    values = values[np.isfinite(values).all(axis=1)]
    n, k = values.shape
    if n < 2 or k < 2:
        return float("nan"), float("nan")
    grand = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    between = k * float(((rows - grand) ** 2).sum()) / (n - 1)
    coders = n * float(((columns - grand) ** 2).sum()) / (k - 1)
    rest = float(((values - rows[:, None] - columns + grand) ** 2).sum()) / ((n - 1) * (k - 1))
    single = between + (k - 1) * rest + k * (coders - rest) / n
    mean = between + (coders - rest) / n
    if not between + coders + rest > 1e-18 or single == 0 or mean == 0:
        return float("nan"), float("nan")
    return (between - rest) / single, (between - rest) / mean
