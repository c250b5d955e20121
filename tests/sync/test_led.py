import numpy as np
import pytest

from enicfer.errors import AlignmentError
from enicfer.sync.led import find_led_onsets, rank_cells

FRAME = 1 / 30


def film(onset, stop, exposure=0.6, gamma=1.0, noise=1.0, seed=0, length=0.2):
    rng = np.random.default_rng(seed)
    end = np.arange(1, int(stop / FRAME)) * FRAME
    lit = np.zeros(len(end))
    for start in onset:
        light = np.minimum(end, start + length) - np.maximum(end - exposure * FRAME, start)
        lit = np.maximum(lit, np.clip(light / (exposure * FRAME), 0, 1))
    return end, 40 + 120 * lit ** (1 / gamma) + rng.normal(0, noise, len(end))


@pytest.mark.parametrize("exposure", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_onsets_have_no_bias_and_are_finer_than_a_frame(exposure, gamma):
    onset = np.cumsum(np.random.default_rng(1).uniform(1, 3, 60))
    found = find_led_onsets(*film(onset, onset[-1] + 2, exposure, gamma))
    assert len(found.time) == 60
    error = found.time - onset
    # a frame's time alone would be late by half a frame or more, 17 ms
    assert abs(np.mean(error)) < 0.003
    assert np.std(error) < FRAME / np.sqrt(12) + 0.001


def test_dropped_frames_widen_the_onset_and_do_not_shift_it():
    rng = np.random.default_rng(2)
    onset = np.cumsum(rng.uniform(1, 3, 200))
    time, brightness = film(onset, onset[-1] + 2, exposure=0.1)
    kept = rng.random(len(time)) > 0.3
    found = find_led_onsets(time[kept], brightness[kept])
    error = found.time - onset
    assert (
        abs(np.mean(error)) < 0.004
    )  # 200 onsets with a spread of 13 ms; a frame's time would be late by 23 ms
    wide = found.spread > 1.5 * FRAME / np.sqrt(12)
    assert 0.1 < np.mean(wide) < 0.5
    assert np.std(error[wide]) > 1.3 * np.std(error[~wide])


@pytest.mark.parametrize("value", [0.0, 128.0, 255.0])
def test_a_constant_region_is_refused_with_its_brightness(value):
    with pytest.raises(AlignmentError, match=f"stays between {value:.0f} and {value:.0f} of 255"):
        find_led_onsets(np.arange(100) * FRAME, np.full(100, value))


def test_noise_alone_is_not_a_pulse():
    rng = np.random.default_rng(0)
    with pytest.raises(AlignmentError, match="never steps"):
        find_led_onsets(np.arange(3000) * FRAME, 80 + rng.normal(0, 0.5, 3000))


def test_undecodable_frames_are_left_out():
    time, brightness = film([5.01, 7.02, 9.03, 11.01], 13)
    brightness[[20, 50, 211]] = np.nan
    assert len(find_led_onsets(time, brightness).time) == 4


def test_the_led_is_found_among_moving_people():
    rng = np.random.default_rng(3)
    onset = np.cumsum(rng.uniform(3, 6, 20))
    time, brightness = film(onset, onset[-1] + 3)
    texture = rng.uniform(30, 200, (36, 148))
    shift = (np.cumsum(rng.normal(0, 0.4, len(time))) % 100).astype(int)
    grid = np.stack([texture[:, s : s + 48] for s in shift]) + rng.normal(0, 1, (len(time), 36, 48))
    grid[:, 3:9, 40:46] = 70 + rng.normal(0, 1, (len(time), 6, 6))
    grid[:, 5, 43] = 70 + 0.5 * (brightness - 40)
    assert rank_cells(np.clip(grid, 0, 255).astype(np.uint8), 20)[0] == (5, 43)


@pytest.mark.parametrize("exposure", [0.15, 0.5])
@pytest.mark.parametrize("length", [0.005, 0.02])
def test_flashes_shorter_than_a_frame_are_only_known_to_half_of_it(exposure, length):
    onset = np.cumsum(np.random.default_rng(1).uniform(1, 3, 120))
    time, brightness = film(onset, onset[-1] + 2, exposure, length=length)
    found = find_led_onsets(time, brightness)
    assert found.floor > 0.49 * FRAME
    assert "stay on for two frames" in found.notes[0]
    seen = onset[np.abs(onset - found.time[:, None]).argmin(axis=1)]
    assert abs(np.mean(found.time - seen)) <= found.floor


@pytest.mark.parametrize("exposure", [0.05, 0.5, 1.0])
def test_flashes_of_two_frames_are_long_enough(exposure):
    onset = np.cumsum(np.random.default_rng(1).uniform(1, 3, 60))
    found = find_led_onsets(*film(onset, onset[-1] + 2, exposure, length=2 * FRAME))
    assert found.floor == 0 and not found.notes


def test_one_repeated_stamp_says_nothing_of_the_camera():
    onset = np.cumsum(np.random.default_rng(1).uniform(1, 3, 40))
    time, brightness = film(onset, onset[-1] + 2)
    lit = int(np.searchsorted(time, onset[10]))
    repeated = time.copy()
    repeated[lit] = time[lit - 1]
    found, other = find_led_onsets(repeated, brightness), find_led_onsets(time, brightness)
    assert found.camera.expected == pytest.approx(other.camera.expected, rel=0.1)
    assert found.camera.spread == pytest.approx(other.camera.spread, rel=0.1)
