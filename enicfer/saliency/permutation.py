"""Permutation tests of many features at once: what is exchanged, and the distribution of the largest |t|.

Independent groups: the groups' labels of whole subjects are exchanged, and the statistic is Welch's t, with which
the test stays approximately right where the groups' spreads differ (Chung and Romano 2013,
doi:10.1214/13-AOS1090). Paired groups: the two values of a subject are exchanged (the sign of the difference).
All exchanges are made where there are not more than asked for; else they are drawn, and the true one is counted
with them, so that p is never 0 (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585). A feature's p is corrected
for all features by the distribution of the largest |t| (Nichols and Holmes 2002, doi:10.1002/hbm.1058).

Conventions: values are (subjects, f), NaN where a subject has none.
"""

from collections.abc import Iterator
from itertools import combinations, product
from math import comb

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray

# Subjects of each group for a test. With fewer, Welch's t is no longer robust to different spreads, and the
# 2 / 2**8 of eight pairs is the largest smallest p that stays below 0.05 after correction for six expressions.
FEWEST_TESTED = 8


class IndependentTest:
    """Welch's t over features with missing values, for the true and for other groups."""

    def __init__(self, a: FloatArray, b: FloatArray) -> None:
        values = np.concatenate([a, b])
        self.known = np.isfinite(values).astype(np.float64)
        # Centring changes no difference and keeps the sums of squares exact.
        with np.errstate(invalid="ignore"):
            centre = np.where(
                self.known.sum(axis=0) > 0, np.nansum(values, axis=0) / self.known.sum(axis=0), 0
            )
        self.values = np.where(self.known > 0, values - centre, 0)
        self.squares = self.values**2
        self.in_a = np.arange(len(values)) < len(a)
        self.n_a, self.n_b = (self.known[rows].sum(axis=0) for rows in (self.in_a, ~self.in_a))
        self.enough = np.minimum(self.n_a, self.n_b) >= FEWEST_TESTED
        self.exchanges = comb(len(values), len(a))

    def _moments(self, rows: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray, FloatArray]:
        group = rows.astype(np.float64)
        n = group @ self.known
        mean = group @ self.values / n
        return n, mean, (group @ self.squares - n * mean**2) / (n - 1)

    def _t(self, in_a: npt.NDArray[np.bool_]) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            (n, m, v), (k, q, u) = self._moments(in_a), self._moments(~in_a)
            spread = np.clip(v, 0, None) / n + np.clip(u, 0, None) / k
            t = (m - q) / np.sqrt(spread)
        return np.where(self.enough & (spread > 1e-24) & (n > 1) & (k > 1), t, np.nan)

    def observed(self) -> FloatArray:
        """(f,) t of the true groups."""
        return self._t(self.in_a)

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """(f,) t of random groups."""
        return self._t(rng.permutation(self.in_a))

    def every(self) -> Iterator[FloatArray]:
        """(f,) t of each possible grouping."""
        for chosen in combinations(range(len(self.in_a)), int(self.in_a.sum())):
            yield self._t(np.isin(np.arange(len(self.in_a)), chosen))

    def effect(self) -> FloatArray:
        """(f,) Hedges' g (1981, doi:10.3102/10769986006002107)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            (n, m, v), (k, q, u) = self._moments(self.in_a), self._moments(~self.in_a)
            pooled = ((n - 1) * v + (k - 1) * u) / (n + k - 2)
            g = (m - q) / np.sqrt(pooled) * (1 - 3 / (4 * (n + k) - 9))
        return np.where(np.isfinite(self.observed()), g, np.nan)


class PairedTest:
    """One-sample t of the differences, for the true and for other signs."""

    def __init__(self, difference: FloatArray) -> None:
        self.known = np.isfinite(difference).astype(np.float64)
        self.values = np.nan_to_num(difference)
        self.n_a = self.n_b = self.n = self.known.sum(axis=0)
        self.sum_of_squares = (self.values**2).sum(axis=0)
        self.exchanges = 2 ** len(difference)

    def _spread(self, mean: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.clip(self.sum_of_squares - self.n * mean**2, 0, None) / (self.n - 1)))

    def _t(self, signs: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = signs @ self.values / self.n
            spread = self._spread(mean)
            t = mean / spread * np.sqrt(self.n)
        return np.where((self.n >= FEWEST_TESTED) & (spread > 1e-12), t, np.nan)

    def observed(self) -> FloatArray:
        """(f,) t of the true signs."""
        return self._t(np.ones(len(self.values)))

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """(f,) t of random signs."""
        return self._t(rng.choice([-1.0, 1.0], size=len(self.values)))

    def every(self) -> Iterator[FloatArray]:
        """(f,) t of each possible choice of signs."""
        return (self._t(np.array(signs)) for signs in product([1.0, -1.0], repeat=len(self.values)))

    def effect(self) -> FloatArray:
        """(f,) mean difference over its spread."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.values.sum(axis=0) / self.n
            return np.where(np.isfinite(self.observed()), mean / self._spread(mean), np.nan)


def null_distribution(test: IndependentTest | PairedTest, permutations: int, seed: int = 0) -> FloatArray:
    """Largest |t| over the features for each exchange, the true one among them.

    Parameters
    ----------
    test
        The groups.
    permutations
        How many exchanges are drawn, unless all are not more than these and the true one.
    seed
        Of the generator.
    """
    if test.exchanges <= permutations + 1:
        return np.array([_largest(t) for t in test.every()])
    rng = np.random.default_rng(seed)
    return np.array([_largest(test.observed()), *(_largest(test.draw(rng)) for _ in range(permutations))])


def smallest_p(n_a: int, n_b: int, paired: bool, permutations: int) -> float:
    """The smallest p that ``n_a`` and ``n_b`` subjects can give, however large the difference.

    Where groups are equally large (or paired), the exchange of all has the same |t| as the true groups.
    """
    exchanges = 2**n_a if paired else comb(n_a + n_b, n_a)
    alike = 2 if paired or n_a == n_b else 1
    return max(alike / exchanges, 1 / (permutations + 1))


def _largest(t: FloatArray) -> float:
    return float(np.abs(np.nan_to_num(t)).max(initial=0.0))
