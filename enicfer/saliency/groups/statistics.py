"""Statistics of attributions: intervals of means, and the comparison of two groups by random signs.

The unit is the subject: values of one subject's images are averaged first, and subjects count, or get a sign,
as a whole. Missing values (a subject that never showed an expression) are NaN. The tests themselves are in
`enicfer.saliency.groups.permutation`.

Conventions: values are (n, f), one row per image or subject; units are (n,) names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.records import FloatArray
from enicfer.saliency.groups.permutation import FEWEST_TESTED, IndependentTest, PairedTest, null_distribution

PERMUTATIONS = 1999
FEWEST = 3  # units with a value, for an interval
ALPHA = 0.05


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


def mean_interval(values: npt.ArrayLike, units: npt.ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean over units and its 95 % interval, by Student's t.

    With few units it covers the true mean as often as it says, which the percentile bootstrap does not (0.77 to 0.92
    of the time with 3 to 30 units). Of very skewed, log-normal values it covers 0.88 to 0.92.

    Parameters
    ----------
    values
        (n, f).
    units
        (n,) names; the unit's mean is one observation.

    Returns
    -------
    mean, low, high
        (f,) each; the interval is NaN where fewer than `FEWEST` units have a value.
    """
    from scipy.stats import t

    _, means = average_by_unit(values, units)
    known = np.isfinite(means)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, means, 0).sum(axis=0) / n
        variance = (np.where(known, means - mean, 0) ** 2).sum(axis=0) / (n - 1)
        half = t.ppf(0.975, np.maximum(n - 1, 1)) * np.sqrt(variance / n)
    half = np.where(n >= FEWEST, half, np.nan)
    return mean, mean - half, mean + half


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
        How many choices of signs were drawn for each family, or more than all that there are.
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

    Every subject counts once, however many images of it there are.

    Parameters
    ----------
    a, b
        (n, f) and (m, f) values of images; NaN where there is none.
    units_a, units_b
        (n,), (m,) names of the subjects. The same names in both groups make it a paired comparison.
    families
        (f,) which features are tested together (the pixels of one expression); by default all are.
    permutations, seed
        Number of random choices of signs, where there are more than these; seed of the generator.

    Raises
    ------
    InputError
        If a group has fewer than `FEWEST_TESTED` subjects, if only some subjects are in both, or if so few
        permutations cannot give a p of 0.05.

    Notes
    -----
    Within a family, what is left of each subject after the common mean gets a random sign, or for paired groups the
    two values of each subject who has both are exchanged; see `enicfer.saliency.groups.permutation`. p is
    corrected for the family's features by the largest ``|t|`` (Nichols and Holmes 2002, doi:10.1002/hbm.1058). So
    the chance to find any difference where there is none is about 0.05, also where the groups differ in the
    number of subjects (8 to 30 were tried), in their spread (up to 4 to 1) and in the number of images per
    subject (1 or 2 against 20 to 40), as long as values spread alike to both sides of the mean. With skewed
    values it holds for groups of one size and spread; else it can be several times as large.
    `benchmarks/saliency_groups.py` has the numbers.

    Families have different subjects, so that their largest ``|t|`` differ and the largest of all would be
    that of the smallest family: over the families tested, p is multiplied by their number (Bonferroni; Dunn 1961,
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
                f"Group {name} has {len(set(names))} subjects, too few to find any difference",
                remedy=f"give at least {FEWEST_TESTED} in each group",
            )
    both = set(names_a) & set(names_b)
    if both and (both != set(names_a) or both != set(names_b)):
        raise InputError(
            f"{len(both)} of the subjects are in both groups and others in one only",
            remedy=(
                "the groups must have the same subjects (two models, two conditions) or different ones "
                "(children, adults)"
            ),
        )
    return bool(both)


def check_permutations(permutations: int, tests: int = 1) -> None:
    """Refuse so few permutations that no p could be 0.05 after correction for the number of tests."""
    needed = int(np.ceil(tests / ALPHA - 1e-9)) - 1
    if permutations < max(needed, 1):
        raise InputError(
            f"{permutations} permutations allow no corrected p below {tests / max(permutations + 1, 1):.2f}",
            remedy=f"give at least {needed}, better {PERMUTATIONS}",
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
