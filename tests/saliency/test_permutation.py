from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_1samp, ttest_ind

from enicfer.saliency.permutation import (
    FEWEST_TESTED,
    IndependentTest,
    PairedTest,
    null_distribution,
    smallest_p,
)


def test_all_groupings_are_counted_where_they_are_few():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(8, 1)) + 1, rng.normal(size=(8, 1))
    null = null_distribution(IndependentTest(a, b), permutations=20_000)
    assert null.size == 12_870
    known = permutation_test(
        (a[:, 0], b[:, 0]),
        lambda x, y, axis: np.abs(ttest_ind(x, y, axis=axis, equal_var=False).statistic),
        n_resamples=np.inf,
        alternative="greater",
        vectorized=True,
    )
    size = np.abs(IndependentTest(a, b).observed())[0]
    assert (null >= size - 1e-9).mean() == pytest.approx(known.pvalue)


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
        (3, 3, False, 1999, 2 / 20),
        (3, 4, False, 1999, 1 / 35),
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
    assert len(list(combinations(range(6), 3))) * smallest_p(3, 3, False, 1999) == 2
