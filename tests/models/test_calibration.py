import numpy as np
import pytest
from scipy.special import softmax

from enicfer.models.calibration import fit_temperature, reliability


def draw(logits: np.ndarray, seed: int) -> np.ndarray:
    """Labels that follow the probabilities of the logits exactly."""
    cumulative = softmax(logits, axis=1).cumsum(1)
    return (np.random.default_rng(seed).random((len(logits), 1)) > cumulative).sum(1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_finds_the_temperature_that_made_the_labels(temperature: float) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    label = draw(logits, 1)
    assert fit_temperature(logits * temperature, label) == pytest.approx(temperature, rel=0.04)


def test_true_probabilities_are_reliable_and_exaggerated_ones_are_not() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    label = draw(logits, 1)
    assert reliability(softmax(logits, axis=1), label).error < 0.015
    assert reliability(softmax(3 * logits, axis=1), label).error > 0.1


def test_reliability_of_a_known_case() -> None:
    probability = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    result = reliability(probability, np.array([0, 1, 0, 1]), bins=10)
    assert result.count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 2, 0]
    assert result.error == pytest.approx(0.5 * abs(0.9 - 0.5) + 0.5 * abs(0.6 - 1.0))
