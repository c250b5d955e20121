"""Statistics of attributions: intervals by bootstrap, and the comparison of two groups by permutation.

The unit is the subject: values of one subject's images are averaged first, and subjects are drawn or permuted
as a whole. Missing values (a subject that never showed an expression) are NaN. The tests themselves are in
`enicfer.saliency.permutation`.

Conventions: values are (n, f), one row per image or subject; units are (n,) names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.records import FloatArray
from enicfer.saliency.permutation import FEWEST_TESTED, IndependentTest, PairedTest, null_distribution

BOOTSTRAPS = 2000
PERMUTATIONS = 1999
FEWEST = 3  # units with a value, for an interval
ALPHA = 0.05
DRAWN_AT_ONCE = 1_000_000  # numbers, to bound the memory of the bootstrap


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
    rng = np.random.default_rng(seed)
    known = np.isfinite(means)
    filled, step = np.where(known, means, 0), max(1, DRAWN_AT_ONCE // n)
    with np.errstate(invalid="ignore"):
        parts = []
        for start in range(0, repeats, step):
            draws = rng.multinomial(n, np.full(n, 1 / n), size=min(step, repeats - start)).astype(np.float64)
            parts.append((draws @ filled) / (draws @ known))
        drawn = np.concatenate(parts)
        mean = np.where(known, means, 0).sum(axis=0) / known.sum(axis=0)
    ends = np.quantile(np.where(np.isfinite(drawn), drawn, mean), [0.025, 0.975], axis=0)
    low, high = np.where(known.sum(axis=0) >= FEWEST, ends, np.nan)
    return mean, low, high


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison of two groups found, for each of f features.

    Attributes
    ----------
    mean_a, mean_b, difference
        (f,) means over subjects; ``difference`` is A minus B. Paired: over subjects who have both values.
    t
        (f,) Welch's t (for paired groups: t of the differences); NaN where too few subjects have a value.
    p
        (f,) two-sided, corrected for the features of the family and the number of families.
    effect
        (f,) standardised difference: Hedges' g, or for paired groups the mean difference over its spread.
    threshold
        (f,) absolute t above which p <= 0.05.
    n_a, n_b
        (f,) numbers of subjects with a value; paired: with both.
    paired
        Whether the same subjects are in both groups.
    permutations
        How many were drawn of each family, or more than all that there are.
    """

    mean_a: FloatArray
    mean_b: FloatArray
    difference: FloatArray
    t: FloatArray
    p: FloatArray
    effect: FloatArray
    threshold: FloatArray
    n_a: npt.NDArray[np.int64]
    n_b: npt.NDArray[np.int64]
    paired: bool
    permutations: int


def compare_groups(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    units_a: npt.ArrayLike,
    units_b: npt.ArrayLike,
    *,
    families: npt.ArrayLike | None = None,
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
    families
        (f,) which features are tested together (the pixels of one expression); by default all are.
    permutations, seed
        Number of random permutations, where there are more than these; seed of the generator.

    Raises
    ------
    InputError
        If a group has fewer than `FEWEST_TESTED` subjects, if only some subjects are in both, or if so few
        permutations cannot give a p of 0.05.

    Notes
    -----
    Within a family, subjects who have values in it are exchanged between the groups, or for paired groups the two
    values within those who have both; p is corrected for the family's features by the maximum statistic (Nichols
    and Holmes 2002, doi:10.1002/hbm.1058), which controls the family-wise error strongly. Families have different
    subjects, so that their largest |t| are not of one size and the largest of all would be that of the smallest
    family: over the families tested, p is multiplied by their number (Bonferroni; Dunn 1961,
    doi:10.1080/01621459.1961.10482090).
    """
    paired = check_units(np.unique(units_a), np.unique(units_b))
    mean_a, mean_b = average_by_unit(a, units_a)[1], average_by_unit(b, units_b)[1]
    if paired:
        both = np.isfinite(mean_a) & np.isfinite(mean_b)
        mean_a, mean_b = (np.where(both, mean, np.nan) for mean in (mean_a, mean_b))
    labels = np.zeros(mean_a.shape[1]) if families is None else np.asarray(families)
    members = [labels == label for label in np.unique(labels)]
    tests = [_make_test(mean_a[:, chosen], mean_b[:, chosen], paired) for chosen in members]
    t = [test.observed() for test in tests]
    tested = sum(bool(np.isfinite(values).any()) for values in t)
    check_permutations(permutations, tested)
    result = {name: np.empty(mean_a.shape[1]) for name in ("t", "p", "effect", "threshold", "n_a", "n_b")}
    for chosen, test, values in zip(members, tests, t, strict=True):
        null = np.sort(null_distribution(test, permutations, seed))[::-1]
        within = (null[:, None] >= np.abs(np.nan_to_num(values))[None] - 1e-9).mean(axis=0)
        allowed = int(len(null) * ALPHA / max(tested, 1) + 1e-9)
        result["t"][chosen] = values
        result["p"][chosen] = np.where(np.isfinite(values), np.minimum(1, tested * within), np.nan)
        result["effect"][chosen] = test.effect()
        result["threshold"][chosen] = null[allowed] if allowed else np.inf
        result["n_a"][chosen], result["n_b"][chosen] = test.n_a, test.n_b
    means = [np.where(np.isfinite(result["t"]), _mean(values), np.nan) for values in (mean_a, mean_b)]
    return Comparison(
        mean_a=means[0],
        mean_b=means[1],
        difference=means[0] - means[1],
        t=result["t"],
        p=result["p"],
        effect=result["effect"],
        threshold=result["threshold"],
        n_a=result["n_a"].astype(np.int64),
        n_b=result["n_b"].astype(np.int64),
        paired=paired,
        permutations=permutations,
    )


def check_units(
    names_a: Sequence[str] | npt.NDArray[np.str_], names_b: Sequence[str] | npt.NDArray[np.str_]
) -> bool:
    """Whether two groups are paired; InputError where they are neither paired nor independent, or too small."""
    for name, names in (("A", names_a), ("B", names_b)):
        if len(set(names)) < FEWEST_TESTED:
            raise InputError(
                f"Group {name} has {len(set(names))} subjects, too few to find any difference: a comparison needs "
                f"at least {FEWEST_TESTED} in each group."
            )
    both = set(names_a) & set(names_b)
    if both and (both != set(names_a) or both != set(names_b)):
        raise InputError(
            f"{len(both)} of the subjects are in both groups and others in one only: the groups must have the same "
            "subjects (two models, two conditions) or different ones (children, adults)."
        )
    return bool(both)


def check_permutations(permutations: int, tests: int = 1) -> None:
    """Refuse so few permutations that no p could be 0.05 after correction for the number of tests."""
    needed = int(np.ceil(tests / ALPHA - 1e-9)) - 1
    if permutations < max(needed, 1):
        raise InputError(
            f"{permutations} permutations allow no corrected p below {tests / max(permutations + 1, 1):.2f}: "
            f"give at least {needed}, better {PERMUTATIONS}."
        )


def _make_test(a: FloatArray, b: FloatArray, paired: bool) -> IndependentTest | PairedTest:
    """The test of one family, of the subjects who have a value in it."""
    if paired:
        return PairedTest((a - b)[np.isfinite(a - b).any(axis=1)])
    return IndependentTest(*(values[np.isfinite(values).any(axis=1)] for values in (a, b)))


def _mean(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))
