import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.records.kappa import cohen_kappa
from enicfer.training.metrics import (
    abstain,
    accuracy_interval,
    compare_paired,
    score,
    weighted_accuracy,
)


def test_a_known_table() -> None:
    label = np.array([0, 0, 0, 1, 1, 2])
    said = np.array([0, 0, 1, 1, 1, 0])
    result = score(said, label, 4)
    assert result.confusion.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert result.macro_f1 == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    np.testing.assert_allclose(result.recall, [2 / 3, 1, 0, np.nan])
    np.testing.assert_allclose(result.precision, [2 / 3, 2 / 3, np.nan, np.nan])


def test_no_images_are_refused() -> None:
    with pytest.raises(InputError, match="no labelled images"):
        score(np.array([], int), np.array([], int), 3)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), n=st.integers(1, 300))
def test_full_coverage_is_the_accuracy(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    probability = generator.dirichlet(np.ones(4), n)
    label = generator.integers(4, size=n)
    curve = abstain(probability, label)
    assert curve.coverage[-1] == 1
    assert curve.accuracy[-1] == pytest.approx((probability.argmax(1) == label).mean())
    assert (np.diff(curve.coverage) > 0).all()
    assert (np.diff(curve.threshold) <= 0).all()


def test_confident_answers_are_better_when_probabilities_are_true() -> None:
    generator = np.random.default_rng(0)
    probability = generator.dirichlet(np.ones(4) / 2, 5000)
    label = (generator.random((5000, 1)) > probability.cumsum(1)).sum(1)
    curve = abstain(probability, label)
    assert curve.accuracy[20] > curve.accuracy[-1] + 0.15


def test_the_interval_holds_the_truth_at_its_rate() -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        right = generator.random(150) < 0.7
        low, high = accuracy_interval(right, np.full(150, ""))
        inside += low <= 0.7 <= high
    assert 88 <= inside <= 99


@pytest.mark.parametrize(
    ("subjects", "images", "rate"), [(3, 10, 0.7), (6, 20, 0.6), (12, 8, 0.9), (30, 5, 0.5)]
)
def test_the_interval_covers_with_few_subjects(subjects: int, images: int, rate: float) -> None:
    """Subjects differ in how well they are read; the percentile bootstrap covers 0.6 to 0.92 of these."""
    generator, inside, runs = np.random.default_rng(0), 0, 600
    group = np.repeat([f"s{i}" for i in range(subjects)], images)
    for _ in range(runs):
        own = generator.beta(8 * rate, 8 * (1 - rate), subjects)
        low, high = accuracy_interval(generator.random(len(group)) < np.repeat(own, images), group)
        inside += low <= rate <= high
    assert inside / runs > 0.93


def test_an_accuracy_of_1_has_a_lower_bound() -> None:
    """All of 10 subjects' images are right: as for 10 independent images, 0.025 ** (1 / 10)."""
    low, high = accuracy_interval(np.ones(40, bool), np.repeat([f"s{i}" for i in range(10)], 4))
    assert high == 1 and low == pytest.approx(0.025 ** (1 / 10))


def test_unknown_subjects_have_the_exact_binomial_interval() -> None:
    from scipy.stats import binomtest

    known = binomtest(60, 80).proportion_ci()
    found = accuracy_interval(np.arange(80) < 60, np.full(80, ""))
    np.testing.assert_allclose(found, (known.low, known.high), atol=0.002)


def test_images_of_one_subject_count_as_one() -> None:
    # 10 subjects with 100 equal images each carry the information of 10 images.
    right = np.repeat(np.arange(10) < 7, 100)
    subject = np.repeat([f"s{i}" for i in range(10)], 100)
    low, high = accuracy_interval(right, subject)
    assert high - low > 0.4
    low, high = accuracy_interval(right, np.full(1000, ""))
    assert high - low < 0.08
    assert np.isnan(accuracy_interval(right, np.full(1000, "one"))).all()
    assert np.isnan(accuracy_interval(right, np.where(np.arange(1000) < 500, "one", "two"))).all()


def test_kappa_is_that_of_worked_examples() -> None:
    """Two readers of grant proposals (20, 5, 10, 15: 0.4), and three labels by hand."""
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert cohen_kappa(np.array([[45, 15], [25, 15]])) == pytest.approx(0.1304, abs=5e-5)
    table = np.array([[9, 3, 1], [2, 7, 4], [0, 5, 11]])
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(table[i, j])]
    chance = np.mean([a == b for a, _ in pairs for _, b in pairs])
    same = np.mean([a == b for a, b in pairs])
    assert cohen_kappa(table) == pytest.approx((same - chance) / (1 - chance))
    assert np.isnan(cohen_kappa(np.array([[5, 0], [0, 0]])))


def test_mcnemar_is_a_coin_that_is_thrown_for_each_disagreement() -> None:
    from math import comb

    first = np.r_[np.ones(9, bool), np.zeros(2, bool), np.ones(20, bool)]
    second = np.r_[np.zeros(9, bool), np.ones(2, bool), np.ones(20, bool)]
    found = compare_paired(first, second, np.full(31, ""))
    assert (found.only_first, found.only_second) == (9, 2)
    assert found.p_mcnemar == pytest.approx(2 * sum(comb(11, k) for k in range(3)) / 2**11)
    assert found.difference == pytest.approx(7 / 31) and found.low < 7 / 31 < found.high
    assert compare_paired(first, first, np.full(31, "")).p_mcnemar == 1
    assert np.isnan(compare_paired(first, second, np.resize(["a", "b"], 31)).low)
    with pytest.raises(InputError, match="no labelled images"):
        compare_paired(first[:0], second[:0], np.empty(0, str))


@pytest.mark.parametrize("subjects", [4, 12, 30])
def test_the_interval_of_a_difference_covers_with_few_subjects(subjects: int) -> None:
    """Two models with one accuracy, whose errors go with the subject."""
    generator, inside, runs = np.random.default_rng(1), 0, 600
    group = np.repeat([f"s{i}" for i in range(subjects)], 12)
    for _ in range(runs):
        rates = generator.beta(4, 3, (2, subjects)).repeat(12, axis=1)
        found = compare_paired(*(generator.random(rates.shape) < rates), group)
        inside += found.low <= 0 <= found.high
    assert 0.925 < inside / runs < 0.975


def test_a_random_part_tells_the_accuracy_over_all_frames() -> None:
    """Twelve children with 200 to 2000 frames give 40 each; the interval holds in 88 to 99 of 100 draws."""
    rng = np.random.default_rng(0)
    held, values = 0, []
    sizes = np.linspace(200, 2000, 12).astype(int)
    rates = np.linspace(0.9, 0.5, 12)  # children with more frames are read less well
    truth = float((sizes * rates).sum() / sizes.sum())
    for _ in range(100):
        drawn = rng.choice(12, 12)  # children of a population
        right = np.concatenate([rng.random(40) < rates[child] for child in drawn])
        weight = np.repeat(sizes[drawn] / 40, 40)
        _, found = weighted_accuracy(right, weight, np.repeat([f"child{i}" for i in range(12)], 40))
        held += found.low <= truth <= found.high
        values.append(found.value)
    assert 88 <= held <= 99
    assert np.mean(values) == pytest.approx(truth, abs=0.015)
    assert abs(rates.mean() - truth) > 0.05, "the plain mean is another number"
