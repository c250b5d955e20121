"""Stretches without loss, against a simulated amplifier whose sampling instants are known."""

import numpy as np
import pytest

from enicfer.io.xdf.regular import is_regular, order_samples

JITTER = {
    "none": lambda rng, n: np.zeros(n),
    "normal, 5 ms": lambda rng, n: rng.normal(0, 0.005, n),
    "late by 20 ms": lambda rng, n: rng.exponential(0.02, n),
    "at times very late": lambda rng, n: rng.exponential(0.005, n) + (rng.random(n) < 1e-3) * 0.4,
}


def send(rate, seconds, lost, jitter, chunk, seed=1, true_rate=None):
    """Instants of sampling, and stamps: a packet's last sample has the time of arrival, the others count back."""
    rng = np.random.default_rng(seed)
    true = np.arange(int(rate * seconds)) / (true_rate or rate)
    kept = np.ones(len(true), bool)
    for start, length in lost:  # whole packets are lost
        first = int(start * rate) // chunk * chunk
        kept[first : first + max(1, round(length * rate / chunk)) * chunk] = False
    true = true[kept]
    packet = np.arange(len(true)) // chunk
    last = np.minimum((packet + 1) * chunk - 1, len(true) - 1)
    arrival = true[last] + JITTER[jitter](rng, packet[-1] + 1)[packet]
    if chunk > 1:
        arrival = np.maximum.accumulate(arrival)
    return true, 1000 + arrival - (last - np.arange(len(true))) / rate


def gaps_of(ordered):
    first = np.array(ordered.first[1:], int)
    return ordered.time[first - 1] - 1000, ordered.time[first] - ordered.time[first - 1] - ordered.step


@pytest.mark.parametrize("chunk", [1, 8, 32])
@pytest.mark.parametrize("jitter", JITTER)
def test_losses_from_a_tenth_of_a_second_are_found_and_nothing_else(jitter, chunk):
    lost = [(30.1, 0.1), (70, 0.4), (110, 1.9)]
    true, stamps = send(250, 130, lost, jitter, chunk, true_rate=249.9)
    ordered = order_samples(stamps, 250)
    place, length = gaps_of(ordered)
    for start, seconds in lost:
        found = length[np.abs(place - start) < 0.5].sum()
        assert found == pytest.approx(max(1, round(seconds * 250 / chunk)) * chunk / 249.9, abs=0.015)
    assert np.sum(length) < 2.6
    error = ordered.time - 1000 - true
    assert np.percentile(np.abs(error - np.median(error)), 99) < 0.008  # every sample is at its time
    assert np.all(np.diff(ordered.time) >= 0)


@pytest.mark.parametrize("chunk", [1, 32])
@pytest.mark.parametrize("jitter", JITTER)
@pytest.mark.parametrize("seed", range(2))
def test_jitter_is_no_loss(jitter, chunk, seed):
    _, stamps = send(250, 120, [], jitter, chunk, seed, true_rate=249.7)
    ordered = order_samples(stamps, 250)
    assert gaps_of(ordered)[1].sum() == pytest.approx(0, abs=0.002)
    assert 1 / ordered.step == pytest.approx(249.7, rel=1e-3)
    assert ordered.back == (0, 0.0)


def test_what_comes_late_and_at_once_was_not_lost():
    """A radio link that pauses for 2 s and then sends what it kept."""
    true, stamps = send(250, 120, [], "normal, 5 ms", 8)
    paused = (true >= 60) & (true < 62)
    stamps[paused] = 1062 + np.arange(paused.sum()) * 1e-4
    ordered = order_samples(stamps, 250)
    assert gaps_of(ordered)[1].sum() < 0.02
    assert np.abs(ordered.time - 1000 - true).max() < 0.03


def test_single_lost_samples_are_found_where_stamps_are_exact():
    true = np.delete(np.arange(5000) / 250, [100, 101, 900, 4000])
    ordered = order_samples(true, 250)
    assert ordered.first == (0, 100, 898, 3997)
    assert np.array_equal(ordered.time, true)


@pytest.mark.parametrize("jitter", JITTER)
@pytest.mark.parametrize("fall", [0.5, 5, 200000])
def test_a_clock_that_is_set_back_is_seen(jitter, fall):
    _, stamps = send(250, 60, [], jitter, 8)
    stamps[8000:] -= fall
    place, found = order_samples(stamps, 250).back
    assert place == 8000
    assert found == pytest.approx(-fall, abs=0.05)


def test_what_is_regular():
    rng = np.random.default_rng(0)
    events = np.cumsum(rng.uniform(0.3, 3, 40))
    assert not is_regular(events, 100) and not is_regular(events, 1) and not is_regular(events, 0)
    assert is_regular(np.arange(50) / 30, 30)
    assert is_regular(np.arange(50) / 25, 30)  # not the declared rate, but regular
    assert is_regular(send(250, 20, [(5, 2)], "late by 20 ms", 8)[1], 250)
    assert not is_regular(np.array([1.0, 2.0]), 1)
