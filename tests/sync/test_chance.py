import numpy as np
import pytest

from enicfer.errors import AlignmentError
from enicfer.sync.chance import IntervalChance
from enicfer.sync.matching import match_pulses
from enicfer.sync.voting import Problem

LAWS = {
    "random": lambda rng, n: rng.uniform(5, 15, n),
    "whole seconds": lambda rng, n: rng.integers(2, 7, n).astype(float),
    "half seconds": lambda rng, n: rng.integers(4, 13, n) / 2,
    "short list": lambda rng, n: rng.choice([2.1, 3.4, 5.3], n),
    "beat": lambda rng, n: np.diff(5.0 * np.arange(n + 1) + rng.normal(0, 0.1, n + 1)),
    "near a period": lambda rng, n: 5.0 + rng.normal(0, 0.05, n),
}


def is_accepted(video, recording, tolerance=0.025, **more):
    try:
        match_pulses(video, recording, tolerance, **more)
    except AlignmentError:
        return False
    return True


def side(rng, onset, missing=0.15, extra=0.1):
    kept = onset[rng.random(len(onset)) >= missing]
    return np.sort(np.concatenate([kept, rng.uniform(0, onset[-1], round(extra * len(onset)))]))


def pose(train, tolerance=0.025):
    n = len(train)
    zeros = np.zeros(n)
    return Problem(train, train, zeros, zeros, np.arange(n), train, tolerance, 1e-3, None, 1.0)


@pytest.mark.parametrize(
    ("law", "low", "high"),
    [
        ("random", 0.002, 0.012),
        ("whole seconds", 0.22, 0.28),
        ("half seconds", 0.11, 0.145),
        ("beat", 0.15, 0.4),
    ],
)
def test_the_chance_is_that_of_trains_that_are_drawn_anew(law, low, high):
    """With a match at an anchor, how many others of two unrelated trains match is counted by brute force."""
    rng = np.random.default_rng(0)
    hits = trials = 0
    for _ in range(40):
        a, b = (np.cumsum(LAWS[law](rng, 60)) for _ in range(2))
        for i, j in rng.integers(10, 50, (10, 2)):
            moved = np.delete(a, i) - a[i] + b[j]
            moved = moved[(moved >= b[0]) & (moved <= b[-1])]
            hits += np.sum(np.abs(moved[:, None] - b[None, :]).min(axis=1) <= 1.5 * 0.025)
            trials += len(moved)
    found = [max(IntervalChance(pose(np.cumsum(LAWS[law](rng, 60)))).chance) for _ in range(20)]
    assert low <= hits / trials <= high
    assert 0.7 * hits / trials <= np.mean(found) <= 1.6 * hits / trials


def test_same_trains_same_chance():
    train = np.cumsum(LAWS["short list"](np.random.default_rng(1), 400))
    assert IntervalChance(pose(train)).chance == IntervalChance(pose(train)).chance


@pytest.mark.parametrize("law", ["whole seconds", "half seconds", "short list", "beat", "near a period"])
@pytest.mark.parametrize("n", [6, 8, 12])
def test_unrelated_trains_that_keep_a_beat_are_refused(law, n):
    rng = np.random.default_rng([n, *law.encode()])
    accepted = 0
    for _ in range(80):
        video, recording = (np.cumsum(LAWS[law](rng, n)) for _ in range(2))
        video = np.sort(video + rng.uniform(-0.004, 0.004, n))
        accepted += is_accepted(video, recording * (1 + rng.uniform(-5e-4, 5e-4)))
    assert accepted == 0


@pytest.mark.parametrize(
    ("law", "n", "least"), [("random", 60, 30), ("whole seconds", 60, 30), ("random", 12, 27)]
)
def test_true_trains_are_still_accepted(law, n, least):
    rng = np.random.default_rng([n, *law.encode()])
    accepted = 0
    for _ in range(30):
        onset = np.cumsum(LAWS[law](rng, n))
        accepted += is_accepted(side(rng, onset), side(rng, onset) * 1.0003 + 20)
    assert accepted >= least


def test_twenty_whole_seconds_are_enough():
    rng = np.random.default_rng(5)
    accepted = 0
    for _ in range(60):
        onset = np.cumsum(rng.integers(5, 16, 20).astype(float))
        accepted += is_accepted(side(rng, onset), side(rng, onset) * 1.0003 + 20)
    assert accepted >= 54


def test_the_message_says_what_is_alike():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        onset = np.cumsum(rng.choice([2.0, 4.0, 6.0], 9))
        with pytest.raises(AlignmentError) as error:
            match_pulses(onset, np.delete(onset, rng.integers(1, 8)) + 5.0, 0.025)
        if "too much alike" in str(error.value):
            assert "of the others do by chance" in str(error.value)
            assert "coarse_offset" in str(error.value)
            return
    pytest.fail("no trains were refused for their intervals")
