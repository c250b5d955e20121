"""Tests of many features at once by exchanging signs, and the distribution of the largest |t|.

Independent groups: what is left of each subject after the common mean is given a random sign, and Welch's t is
computed anew (a wild bootstrap with the null hypothesis imposed: Wu 1986, doi:10.1214/aos/1176350142; Winkler et al.
2014, doi:10.1016/j.neuroimage.2014.01.060). Each subject keeps its group and its own spread, so the test holds where
spreads, numbers of images and numbers of subjects differ; exchanging the groups' labels would not. It needs values
that spread alike to both sides of a group's mean. Where they do not, and the groups also differ in size or spread,
it finds too much, as every t does; `benchmarks/saliency_groups.py` measures how much.

Paired groups: the two values of a subject are exchanged (the sign of the difference).

All signs are tried where there are not more than asked for; else they are drawn, and the true ones are counted
with them, so that p is never 0 (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585). A feature's p is corrected
for all features by the distribution of the largest |t| (Nichols and Holmes 2002, doi:10.1002/hbm.1058).

Conventions: values are (subjects, f), NaN where a subject has none; signs are (d, subjects), 1 or -1.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from enicfer.records import FloatArray

# Subjects of each group for a test. With fewer, Welch's t is no longer robust to different spreads, and the
# 2 / 2**8 of eight pairs is the largest smallest p that stays below 0.05 after correction for six expressions.
FEWEST_TESTED = 8
_AT_ONCE = 500_000  # numbers, to bound the memory of a block of draws
_NO_SPREAD = 1e-24  # variances that are rounding


class IndependentTest:
    """Welch's t over features with missing values, for the true and for other signs of what is left of each subject.

    Parameters
    ----------
    a, b
        (n, f) and (m, f) values of the subjects of each group.
    """

    def __init__(self, a: FloatArray, b: FloatArray) -> None:
        self.subjects = len(a) + len(b)
        self._known = [np.isfinite(values).astype(np.float64) for values in (a, b)]
        self.n_a, self.n_b = (known.sum(axis=0) for known in self._known)
        self.enough = np.minimum(self.n_a, self.n_b) >= FEWEST_TESTED
        with np.errstate(invalid="ignore", divide="ignore"):
            centre = (np.nansum(a, axis=0) + np.nansum(b, axis=0)) / (self.n_a + self.n_b)
            values = [np.nan_to_num(group - centre) for group in (a, b)]  # keeps the sums of squares exact
            self._mean = [v.sum(axis=0) / n for v, n in zip(values, (self.n_a, self.n_b), strict=True)]
            self._variance = [
                (((v - m) * k) ** 2).sum(axis=0) / (n - 1)
                for v, m, k, n in zip(values, self._mean, self._known, (self.n_a, self.n_b), strict=True)
            ]
            # The mean of both under the null hypothesis, each group weighted by the precision of its own.
            weight = [
                n / np.maximum(v, 1e-300) for n, v in zip((self.n_a, self.n_b), self._variance, strict=True)
            ]
            common = (self._mean[0] * weight[0] + self._mean[1] * weight[1]) / (weight[0] + weight[1])
            self._left = [np.nan_to_num((v - common) * k) for v, k in zip(values, self._known, strict=True)]
        self._squares = [(left**2).sum(axis=0) for left in self._left]
        self._tested = np.isfinite(self.observed())

    def observed(self) -> FloatArray:
        """(f,) t of the true groups; NaN where too few subjects have a value, or their values are all the same."""
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = self._variance[0] / self.n_a + self._variance[1] / self.n_b
            t = (self._mean[0] - self._mean[1]) / np.sqrt(spread)
        return np.where(self.enough & (spread > _NO_SPREAD), t, np.nan)

    def statistic(self, signs: FloatArray) -> FloatArray:
        """(d, f) t for each choice of ``signs``."""
        parts = np.split(signs, [len(self._left[0])], axis=1)
        difference, spread = 0.0, 0.0
        with np.errstate(invalid="ignore", divide="ignore"):
            for sign, part, left, squares, n in zip(
                (1, -1), parts, self._left, self._squares, (self.n_a, self.n_b), strict=True
            ):
                mean = part @ left / n
                difference = difference + sign * mean
                spread = spread + np.clip(squares - n * mean**2, 0, None) / (n - 1) / n
            t = difference / np.sqrt(spread)
        return np.where(self._tested & (spread > _NO_SPREAD), t, np.nan)

    def effect(self) -> FloatArray:
        """(f,) Hedges' g (1981, doi:10.3102/10769986006002107)."""
        n, k = self.n_a, self.n_b
        with np.errstate(invalid="ignore", divide="ignore"):
            pooled = ((n - 1) * self._variance[0] + (k - 1) * self._variance[1]) / (n + k - 2)
            g = (self._mean[0] - self._mean[1]) / np.sqrt(pooled) * (1 - 3 / (4 * (n + k) - 9))
        return np.where(self._tested, g, np.nan)


class PairedTest:
    """One-sample t of the differences, for the true and for other signs.

    Parameters
    ----------
    difference
        (n, f), of each subject.
    """

    def __init__(self, difference: FloatArray) -> None:
        self.subjects = len(difference)
        self.values = np.nan_to_num(difference)
        self.n_a = self.n_b = self.n = np.isfinite(difference).astype(np.float64).sum(axis=0)
        self.sum_of_squares = (self.values**2).sum(axis=0)

    def _spread(self, mean: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.clip(self.sum_of_squares - self.n * mean**2, 0, None) / (self.n - 1)))

    def statistic(self, signs: FloatArray) -> FloatArray:
        """(d, f) t for each choice of ``signs``."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = signs @ self.values / self.n
            spread = self._spread(mean)
            t = mean / spread * np.sqrt(self.n)
        return np.where((self.n >= FEWEST_TESTED) & (spread > 1e-12), t, np.nan)

    def observed(self) -> FloatArray:
        """(f,) t of the true signs."""
        return np.asarray(self.statistic(np.ones((1, self.subjects)))[0])

    def effect(self) -> FloatArray:
        """(f,) mean difference over its spread."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.values.sum(axis=0) / self.n
            return np.where(np.isfinite(self.observed()), mean / self._spread(mean), np.nan)


def null_distribution(test: IndependentTest | PairedTest, permutations: int, seed: int = 0) -> FloatArray:
    """Largest |t| over the features for each choice of signs, the true one first.

    Parameters
    ----------
    test
        The groups.
    permutations
        How many choices are drawn, unless all are not more than these and the true one.
    seed
        Of the generator.
    """
    step = max(1, _AT_ONCE // max(1, test.n_a.size))
    blocks = (
        _every(test.subjects, step)
        if 2**test.subjects <= permutations + 1
        else _drawn(test.subjects, permutations, step, seed)
    )
    found = [np.abs(np.nan_to_num(test.statistic(block))).max(axis=1, initial=0.0) for block in blocks]
    if 2**test.subjects > permutations + 1:
        found.insert(0, [np.abs(np.nan_to_num(test.observed())).max(initial=0.0)])
    return np.concatenate(found)


def smallest_p(n_a: int, n_b: int, paired: bool, permutations: int) -> float:
    """The smallest p that ``n_a`` and ``n_b`` subjects can give, however large the difference.

    The opposite of all signs has the same |t| as the true ones.
    """
    return max(2 / 2 ** (n_a if paired else n_a + n_b), 1 / (permutations + 1))


def _every(subjects: int, step: int) -> Iterator[FloatArray]:
    """All signs, the true ones (all 1) first, in blocks of ``step``."""
    signs = np.array(list(product([1.0, -1.0], repeat=subjects)))
    return (signs[start : start + step] for start in range(0, len(signs), step))


def _drawn(subjects: int, count: int, step: int, seed: int) -> Iterator[FloatArray]:
    """``count`` random choices of signs, in blocks of ``step``; the block's size changes nothing."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, step):
        yield rng.choice([-1.0, 1.0], size=(min(step, count - start), subjects))
