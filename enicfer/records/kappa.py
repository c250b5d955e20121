"""Agreement of two in categories, for coders and for classifiers alike.

Conventions: a table ``(..., k, k)`` counts units by the category of the first (rows) and of the second (columns);
leading axes hold many tables, which are worked on at once. A number that is not defined, because there is no unit or
all are of one category, is NaN.

Reference: Cohen 1960 (doi:10.1177/001316446002000104).
"""

import numpy as np
import numpy.typing as npt

from enicfer.records.types import FloatArray


def percent_agreement(table: FloatArray) -> FloatArray:
    """Fraction of the units on which both say the same."""
    return divide(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def cohen_kappa(table: FloatArray) -> FloatArray:
    """Cohen's kappa."""
    total = table.sum((-2, -1))
    chance = divide((table.sum(-1) * table.sum(-2)).sum(-1), total**2)
    return divide(percent_agreement(table) - chance, 1 - chance)


def divide(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """``a / b``, NaN where ``b`` is 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b != 0)
