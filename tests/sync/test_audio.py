import numpy as np
import pytest

from enicfer.errors import AlignmentError
from enicfer.sync.audio import find_beeps

RATE = 16000


def sound(onset, stop, shape="beep", noise=0.005, offset=0.0):
    rng = np.random.default_rng(0)
    x = offset + rng.normal(0, noise, int(stop * RATE))
    for start in onset:
        first = int(np.ceil(start * RATE))
        t = np.arange(first, first + int(0.05 * RATE)) / RATE - start
        x[first : first + len(t)] += 0.4 * np.sin(2 * np.pi * 1000 * t) if shape == "beep" else 0.5
    return x


@pytest.mark.parametrize("shape", ["beep", "ttl"])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_onsets_are_right_to_a_sample_or_two(shape, offset):
    onset = np.cumsum(np.random.default_rng(1).uniform(0.5, 2, 30))
    found = find_beeps(sound(onset, onset[-1] + 1, shape, offset=offset), RATE, start=2.5)
    assert len(found.time) == 30
    assert np.abs(found.time - 2.5 - onset).max() < 2 / RATE


def test_the_louder_of_two_channels_is_taken():
    onset = [1.0, 2.3, 4.1]
    x = np.stack([np.zeros(6 * RATE), sound(onset, 6)], axis=1)
    assert np.allclose(find_beeps(x, RATE).time, onset, atol=2 / RATE)


@pytest.mark.parametrize(
    "x", [np.zeros(RATE), np.random.default_rng(0).normal(0, 0.01, 5 * RATE), np.zeros(10)]
)
def test_silence_and_noise_are_refused(x):
    with pytest.raises(AlignmentError, match=r"no beep or TTL|too few for a beep"):
        find_beeps(x, RATE)


def test_tones_near_half_the_sampling_rate_are_read_or_refused():
    """No harmonic of such a tone can be told from noise, so there is no ramp to fit."""
    onset = np.cumsum(np.random.default_rng(2).uniform(0.5, 2, 20))
    x = np.random.default_rng(0).normal(0, 0.005, int((onset[-1] + 1) * RATE))
    for start in onset:
        first = int(np.ceil(start * RATE))
        k = np.arange(int(0.05 * RATE))
        x[first : first + k.size] += 0.4 * np.clip(k / 80, 0, 1) * np.sin(2 * np.pi * 0.48 * k)
    try:
        found = find_beeps(x, RATE)
    except AlignmentError:
        return
    near = np.abs(found.time[:, None] - onset).min(axis=1)
    assert np.all(near < 0.01)
