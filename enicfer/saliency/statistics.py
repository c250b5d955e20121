"""Statistics of attributions: intervals by bootstrap, and the comparison of two groups by permutation.

The unit is the subject: values of one subject's images are averaged first, and subjects are drawn or permuted
as a whole. Missing values (a subject that never showed an expression) are NaN.

Conventions: values are (n, f), one row per image or subject; units are (n,) names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.records import FloatArray

BOOTSTRAPS = 2000
PERMUTATIONS = 1999
FEWEST = 3  # units with a value, for an interval or a test


def average_by_unit(values: npt.ArrayLike, units: npt.ArrayLike) -> tuple[npt.NDArray[np.str_], FloatArray]:
    """Names (u,) of the units, sorted, and the means (u, f) of their values, NaN left out."""
    rows, names = np.asarray(values, np.float64), np.asarray(units)
    order = np.argsort(names, kind="stable")
    unique, first = np.unique(names[order], return_index=True)
    flat = rows.reshape(len(rows), -1)[order]
    known = np.isfinite(flat)
    total = np.add.reduceat(np.where(known, flat, 0), first, axis=0)
    with np.errstate(invalid="ignore"):
        return unique, total / np.add.reduceat(known.astype(np.float64), first, axis=0)


def bootstrap_mean(
    values: npt.ArrayLike, units: npt.ArrayLike, repeats: int = BOOTSTRAPS, seed: int = 0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean over units and its 95 % interval.

    Parameters
    ----------
    values
        (n, f).
    units
        (n,) names; units are drawn with replacement (percentile bootstrap, Efron 1979).
    repeats, seed
        Number of draws; seed of the generator.

    Returns
    -------
    mean, low, high
        (f,) each; the interval is NaN where fewer than `FEWEST` units have a value.
    """
    _, means = average_by_unit(values, units)
    n = len(means)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=repeats)
    known = np.isfinite(means)
    with np.errstate(invalid="ignore"):
        drawn = (draws @ np.where(known, means, 0)) / (draws @ known)
        mean = np.where(known, means, 0).sum(axis=0) / known.sum(axis=0)
    filled = np.where(np.isfinite(drawn), drawn, mean)
    ends = np.quantile(filled, [0.025, 0.975], axis=0)
    low, high = np.where(known.sum(axis=0) >= FEWEST, ends, np.nan)
    return mean, low, high


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison of two groups found, for each of f features.

    Attributes
    ----------
    mean_a, mean_b, difference
        (f,) means over subjects; ``difference`` is A minus B.
    t
        (f,) Welch's t (for paired groups: t of the differences); NaN where too few subjects have a value.
    p
        (f,) two-sided, corrected for all features by the distribution of the largest absolute t.
    effect
        (f,) standardised difference: Hedges' g, or for paired groups the mean difference over its spread.
    threshold
        Absolute t above which p <= 0.05.
    paired
        Whether the same subjects are in both groups.
    n_a, n_b
        Numbers of subjects.
    permutations
        How many were drawn.
    """

    mean_a: FloatArray
    mean_b: FloatArray
    difference: FloatArray
    t: FloatArray
    p: FloatArray
    effect: FloatArray
    threshold: float
    paired: bool
    n_a: int
    n_b: int
    permutations: int


def compare_groups(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    units_a: npt.ArrayLike,
    units_b: npt.ArrayLike,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Comparison:
    """Compare two groups, feature by feature, with the error rate controlled over all features.

    Parameters
    ----------
    a, b
        (n, f) and (m, f) values of images; NaN where there is none.
    units_a, units_b
        (n,), (m,) names of the subjects. The same names in both groups make it a paired comparison.
    permutations, seed
        Number of random permutations; seed of the generator.

    Raises
    ------
    InputError
        If a group is empty or has fewer than `FEWEST` subjects, or if only some subjects are in both.

    Notes
    -----
    Permutation of subjects between groups, or for paired groups exchange of the two within subjects, with the
    maximum statistic over features: Nichols and Holmes 2002, doi:10.1002/hbm.1058. Effect size: Hedges 1981,
    doi:10.3102/10769986006002107.
    """
    for name, rows in (("A", a), ("B", b)):
        if not len(np.asarray(rows)):
            raise InputError(
                f"Group {name} is empty: give images of at least {FEWEST} subjects for each group."
            )
    names_a, mean_a = average_by_unit(a, units_a)
    names_b, mean_b = average_by_unit(b, units_b)
    paired = check_units(names_a, names_b)
    rng = np.random.default_rng(seed)
    statistic = _PairedTest(mean_a - mean_b) if paired else _IndependentTest(mean_a, mean_b)
    t = statistic.observed()
    largest = np.array([_largest(statistic.draw(rng)) for _ in range(permutations)])
    size = np.abs(np.nan_to_num(t))
    p = (1 + (largest[:, None] >= size[None] - 1e-9).sum(axis=0)) / (1 + permutations)
    with np.errstate(invalid="ignore"):
        means = [np.where(np.isfinite(t), _mean(m), np.nan) for m in (mean_a, mean_b)]
    difference = _mean(mean_a - mean_b) if paired else means[0] - means[1]
    return Comparison(
        mean_a=means[0],
        mean_b=means[1],
        difference=np.where(np.isfinite(t), difference, np.nan),
        t=t,
        p=np.where(np.isfinite(t), p, np.nan),
        effect=statistic.effect(),
        threshold=float(np.quantile(largest, 0.95, method="higher")),
        paired=paired,
        n_a=len(names_a),
        n_b=len(names_b),
        permutations=permutations,
    )


def check_units(
    names_a: Sequence[str] | npt.NDArray[np.str_], names_b: Sequence[str] | npt.NDArray[np.str_]
) -> bool:
    """Whether two groups are paired; InputError where they are neither paired nor independent, or too small."""
    for name, names in (("A", names_a), ("B", names_b)):
        if len(set(names)) < FEWEST:
            raise InputError(
                f"Group {name} has {len(set(names))} subjects: a comparison needs at least {FEWEST} in each group."
            )
    both = set(names_a) & set(names_b)
    if both and (both != set(names_a) or both != set(names_b)):
        raise InputError(
            f"{len(both)} of the subjects are in both groups and others in one only: the groups must have the same "
            "subjects (two models, two conditions) or different ones (children, adults)."
        )
    return bool(both)


def _mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))


def _largest(t: FloatArray) -> float:
    return float(np.abs(np.nan_to_num(t)).max(initial=0.0))


class _IndependentTest:
    """Welch's t over features with missing values, for the given and for random groups."""

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
        self.enough = (self.known[self.in_a].sum(axis=0) >= FEWEST) & (
            self.known[~self.in_a].sum(axis=0) >= FEWEST
        )

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
        return self._t(self.in_a)

    def draw(self, rng: np.random.Generator) -> FloatArray:
        return self._t(rng.permutation(self.in_a))

    def effect(self) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            (n, m, v), (k, q, u) = self._moments(self.in_a), self._moments(~self.in_a)
            pooled = ((n - 1) * v + (k - 1) * u) / (n + k - 2)
            g = (m - q) / np.sqrt(pooled) * (1 - 3 / (4 * (n + k) - 9))
        return np.where(np.isfinite(self.observed()), g, np.nan)


class _PairedTest:
    """One-sample t of the differences, for the given and for random signs."""

    def __init__(self, difference: FloatArray) -> None:
        self.known = np.isfinite(difference).astype(np.float64)
        self.values = np.nan_to_num(difference)
        self.n = self.known.sum(axis=0)
        self.sum_of_squares = (self.values**2).sum(axis=0)

    def _spread(self, mean: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.clip(self.sum_of_squares - self.n * mean**2, 0, None) / (self.n - 1)))

    def _t(self, signs: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = signs @ self.values / self.n
            spread = self._spread(mean)
            t = mean / spread * np.sqrt(self.n)
        return np.where((self.n >= FEWEST) & (spread > 1e-12), t, np.nan)

    def observed(self) -> FloatArray:
        return self._t(np.ones(len(self.values)))

    def draw(self, rng: np.random.Generator) -> FloatArray:
        return self._t(rng.choice([-1.0, 1.0], size=len(self.values)))

    def effect(self) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.values.sum(axis=0) / self.n
            return np.where(np.isfinite(self.observed()), mean / self._spread(mean), np.nan)
