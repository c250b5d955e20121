"""Draws: their probabilities are what they say, distances and limits hold, weighted means are unbiased."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.coding.drawing import (
    choose_diverse,
    count_densest,
    draw_share,
    draw_systematically,
    share_out,
    spread_peaks,
)
from enicfer.coding.plan import estimate_share
from enicfer.coding.sampling import SamplingOptions, find_probabilities


def population(seed=0, sizes=(900, 300, 60)):
    """Frames of three children, of whom one has many more, at irregular times; accuracy differs by child."""
    rng = np.random.default_rng(seed)
    child = np.repeat(np.arange(len(sizes)), sizes)
    video_time = np.concatenate([np.sort(rng.uniform(0, n / 3, n)) for n in sizes])
    right = (rng.random(child.size) < np.array([0.9, 0.5, 0.2])[child]).astype(float)
    return child, video_time, right


def test_the_weighted_mean_of_the_random_part_is_unbiased():
    child, video_time, right = population()
    options = SamplingOptions(n=120, random=0.5, distance=1.0)
    probability = find_probabilities(child, child, video_time, options, cap=100)
    totals, ratios, plain, counts = [], [], [], np.zeros(child.size)
    for seed in range(3000):
        drawn = draw_systematically(probability, np.random.default_rng(seed))
        counts[drawn] += 1
        weight = 1 / probability[drawn]
        totals.append((weight * right[drawn]).sum() / child.size)
        ratios.append((weight * right[drawn]).sum() / weight.sum())
        plain.append(right[drawn].mean())
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - right.mean()) < 4 * error
    assert abs(np.mean(ratios) - right.mean()) < 0.01
    assert abs(np.mean(plain) - right.mean()) > 0.1  # without weights it is not
    # Every frame is drawn as often as its probability says.
    z = (counts - 3000 * probability) / np.sqrt(3000 * probability * (1 - probability))
    assert np.abs(z).max() < 5 and z.std() < 1.3
    for estimate in estimate_share(right[drawn], probability[drawn], child[drawn]):
        assert estimate.value == pytest.approx(ratios[-1]) and estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize(("children", "each"), [(2, 15), (8, 8), (20, 3)])
@pytest.mark.parametrize("rate", [0.7, 0.95])
def test_the_interval_is_for_the_frames_of_these_children(children, each, rate):
    """However much children differ: all of them are there. An interval over children would be far too wide here."""
    rng = np.random.default_rng((children, round(100 * rate)))
    frames = 600
    child = np.repeat(np.arange(children), frames)
    probability = np.full(child.size, each / frames)
    covered, widths = 0, []
    for _ in range(400):
        able = rng.beta(6 * rate, 6 * (1 - rate), children)
        right = (rng.random(child.size) < able[child]).astype(float)
        drawn = draw_systematically(probability, rng)
        found, general = estimate_share(right[drawn], probability[drawn], child[drawn])
        covered += found.low <= right.mean() <= found.high
        widths.append((general.high - general.low) / (found.high - found.low))
        assert 0 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert 0.92 <= covered / 400 <= 0.985
    assert children < 3 or np.nanmedian(widths) > 1.2


def test_the_interval_without_differences_is_that_of_wilson():
    """Newcombe 1998, Statistics in Medicine 17, 857-872: 81 of 263 give 0.2553 to 0.3662."""
    right = np.repeat([1.0, 0.0], [81, 182])
    found, _ = estimate_share(right, np.full(263, 1e-9), np.zeros(263))
    assert (found.low, found.high) == pytest.approx(
        (0.2553, 0.3662), abs=6e-4
    )  # and t is a little wider than z
    nothing, _ = estimate_share(np.zeros(3), np.full(3, 0.1), np.arange(3))
    assert (nothing.value, np.isnan(nothing.low)) == (0.0, True)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.floats(0.2, 5), st.integers(0, 1000))
@settings(max_examples=60)
def test_the_random_part_keeps_its_distance_and_its_cap(sizes, distance, seed):
    child, video_time, _ = population(seed, (*sizes, 50, 50)[:3])
    options = SamplingOptions(n=80, random=0.5, distance=distance)
    probability = find_probabilities(child, child, video_time, options, cap=7)
    drawn = draw_systematically(probability, np.random.default_rng(seed))
    assert abs(drawn.size - probability.sum()) < 1 and probability.sum() <= 40 + 1e-6
    for one in np.unique(child):
        times = video_time[drawn[child[drawn] == one]]
        assert times.size <= 8 and (np.diff(times) >= distance - 1e-6).all()


def test_parts_are_equal_as_far_as_they_can_be():
    assert share_out(12, np.array([10.0, 2, 10])).tolist() == [5, 2, 5]
    assert share_out(100, np.array([10.0, 2, 10])).tolist() == [10, 2, 10]
    assert share_out(0, np.array([1.0, 2])).tolist() == [0, 0]


def test_the_densest_stretch():
    assert count_densest(np.array([0.0, 0.5, 0.9, 1.0, 5.0]), 1.0) == 3
    assert count_densest(np.zeros(0), 1.0) == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.floats(0.05, 0.95), st.integers(0, 99))
def test_every_stratum_gives_its_share(strata, share, seed):
    drawn = draw_share(strata, share, np.random.default_rng(seed))
    for one in set(strata):
        own = np.array(strata) == one
        assert abs(drawn[own].sum() - share * own.sum()) <= 1 + 1e-9


def test_peaks_keep_their_distance_from_each_other_and_from_what_is_taken():
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, -np.inf])
    time = np.array([0.0, 0.5, 1.0, 3.0, 0.0, 9.0])
    run = np.array([0, 0, 0, 0, 1, 1])
    assert spread_peaks(score, run, time, 1.0, np.zeros(0, int), 9).tolist() == [0, 2, 3, 4]
    assert spread_peaks(score, run, time, 1.0, np.array([3]), 2).tolist() == [0, 2]


def test_what_is_chosen_is_uncertain_unlike_the_others_and_within_limits():
    features = np.array([[0.0], [0.01], [5.0], [9.0]])
    score = np.array([0.9, 0.89, 0.5, 0.1])
    none = np.zeros((0, 1))
    assert choose_diverse(score, features, none, [], 2) == [0, 2]
    assert choose_diverse(score, features, np.array([[0.0]]), [], 1) == [2]
    groups = np.array([1, 1, 1, 2])
    assert choose_diverse(score, features, none, [(groups, {1: 1, 2: 1})], 9) == [0, 3]
    assert choose_diverse(score, features, none, [(groups, {1: 0, 2: 0})], 9) == []
