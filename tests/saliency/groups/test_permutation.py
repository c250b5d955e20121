from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from enicfer.saliency.groups.permutation import (
    FEWEST_TESTED,
    IndependentTest,
    PairedTest,
    null_distribution,
    smallest_p,
)


def test_all_signs_of_two_groups_are_counted_where_they_are_few(monkeypatch):
    """Against every choice of signs by hand, with a subject that has no value."""
    monkeypatch.setattr("enicfer.saliency.groups.permutation.FEWEST_TESTED", 3)
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.7, 2, size=(3, 2)), rng.normal(size=(4, 2))
    b[2, 1] = np.nan
    null = null_distribution(IndependentTest(a, b), permutations=200)
    every = np.zeros((2, 2**7))
    for f in range(2):
        x, y = a[:, f], b[np.isfinite(b[:, f]), f]
        weight = len(x) / x.var(ddof=1), len(y) / y.var(ddof=1)
        common = (weight[0] * x.mean() + weight[1] * y.mean()) / sum(weight)
        for i, signs in enumerate(product([1, -1], repeat=7)):
            s, r = np.array(signs[:3]), np.array(signs[3:])[np.isfinite(b[:, f])]
            every[f, i] = abs(ttest_ind(s * (x - common), r * (y - common), equal_var=False).statistic)
    np.testing.assert_allclose(np.sort(null), np.sort(every.max(axis=0)))
    assert null[0] == pytest.approx(np.abs(IndependentTest(a, b).observed()).max())


def test_all_signs_are_counted_where_they_are_few():
    difference = np.random.default_rng(1).normal(0.5, size=(8, 1))
    null = null_distribution(PairedTest(difference), permutations=1999)
    every = [
        abs(ttest_1samp(np.array(s) * difference[:, 0], 0).statistic) for s in product([1, -1], repeat=8)
    ]
    np.testing.assert_allclose(np.sort(null), np.sort(every))


def test_drawn_permutations_hold_the_true_one():
    rng = np.random.default_rng(2)
    test = IndependentTest(rng.normal(size=(9, 2)) + 9, rng.normal(size=(9, 2)))
    null = null_distribution(test, permutations=99)
    assert null.size == 100 and null[0] == np.abs(test.observed()).max()


@pytest.mark.parametrize(
    ("n", "k", "paired", "permutations", "expected"),
    [
        (3, 3, False, 1999, 2 / 64),
        (3, 4, False, 1999, 2 / 128),
        (5, 5, True, 1999, 2 / 32),
        (8, 8, True, 1999, 2 / 256),
        (20, 20, False, 9, 1 / 10),
    ],
)
def test_the_smallest_p_is_known_beforehand(n, k, paired, permutations, expected):
    assert smallest_p(n, k, paired, permutations) == pytest.approx(expected)


def test_the_smallest_p_is_reached_by_an_enormous_difference():
    noise = np.random.default_rng(3).normal(size=(2 * FEWEST_TESTED, 1))
    a, b = noise[:FEWEST_TESTED] + 1000, noise[FEWEST_TESTED:]
    null = null_distribution(PairedTest(a - b), permutations=1999)
    reached = (null >= np.abs(PairedTest(a - b).observed()) - 1e-9).mean()
    assert reached == smallest_p(FEWEST_TESTED, FEWEST_TESTED, True, 1999)


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    rng = np.random.default_rng(4)
    test = IndependentTest(rng.normal(size=(9, 3)), rng.normal(size=(10, 3)))
    whole = null_distribution(test, permutations=50)
    monkeypatch.setattr("enicfer.saliency.groups.permutation._AT_ONCE", 21)
    np.testing.assert_allclose(null_distribution(test, permutations=50), whole)
