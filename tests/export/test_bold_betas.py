"""Effects in simulated BOLD are found with the regressors that are written; 100 seeds are a benchmark."""

import math

import numpy as np
import pytest

pytest.importorskip("nilearn")

from benchmarks.bold_betas import CENTRAL, DESIGNS, drive, response, summarise, try_seed

SEEDS = range(1000, 1003)


def test_the_simulated_response_is_two_gammas_of_integral_one():
    time = (np.arange(60_000) + 0.5) / 1000
    assert np.sum(response(time)) / 1000 == pytest.approx(1.0, abs=1e-6)
    assert time[response(time).argmax()] == pytest.approx(5.0, abs=0.05)
    assert response(np.array([5.0]))[0] == pytest.approx(
        6 / 5 * (5**5 * math.exp(-5) / 120 - 5**15 * math.exp(-5) / math.factorial(15) / 6)
    )


def test_what_is_always_on_drives_a_voxel_by_one():
    assert drive(np.ones(60_000))[40:] == pytest.approx(1.0, abs=1e-3)


def test_known_effects_are_found_within_their_intervals():
    found = [try_seed(seed) for seed in SEEDS]
    table = summarise(found)
    assert tuple(table["effect"]) == DESIGNS
    assert table["within 95 %"].sum() >= 12  # of 15; 11 or fewer happen once in 200
    for row in table.itertuples(index=False):
        _, truth, mean, error, _, seeds = row
        assert abs(mean - truth) < 2 * CENTRAL * error / math.sqrt(seeds)
