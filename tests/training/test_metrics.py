import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.training.metrics import abstain, bootstrap_accuracy, score


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
    for seed in range(100):
        right = generator.random(150) < 0.7
        low, high = bootstrap_accuracy(right, np.full(150, ""), draws=300, seed=seed)
        inside += low <= 0.7 <= high
    assert 88 <= inside <= 99


def test_images_of_one_subject_count_as_one() -> None:
    # 10 subjects with 100 equal images each carry the information of 10 images.
    right = np.repeat(np.arange(10) < 7, 100)
    subject = np.repeat([f"s{i}" for i in range(10)], 100)
    low, high = bootstrap_accuracy(right, subject)
    assert high - low > 0.4
    low, high = bootstrap_accuracy(right, np.full(1000, ""))
    assert high - low < 0.08
    assert np.isnan(bootstrap_accuracy(right, np.full(1000, "one"))).all()
