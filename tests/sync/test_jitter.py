import numpy as np
import pytest

from enicfer.config.protocol import Pulses
from enicfer.sync import Evidence, align
from enicfer.sync.jitter import jitter_of_residuals, jitter_of_stamps

FRAME = 1 / 30


@pytest.mark.parametrize("jitter", [0.0, 0.001, 0.005])
def test_jitter_of_stamps_is_seen_and_a_variable_rate_is_none(jitter):
    rng = np.random.default_rng(1)
    t = np.cumsum(FRAME * rng.uniform(0.9, 1.1, 30000))
    assert jitter_of_stamps(t + rng.normal(0, jitter, len(t))) == pytest.approx(jitter, abs=0.0004)


def test_what_reading_an_onset_adds_is_taken_off():
    rng = np.random.default_rng(2)
    spread = np.full(4000, 0.003)
    for jitter in (0.0, 0.002, 0.005):
        residual = rng.normal(0, np.hypot(spread, jitter))
        found = jitter_of_residuals(residual, spread, np.ones(4000), 2, of_stamps=jitter)
        assert found == pytest.approx(jitter, abs=0.0003)
    small = jitter_of_residuals(rng.normal(0, 0.001, 4000), spread, np.ones(4000), 2, of_stamps=0.01)
    assert small == 0


def filmed(seed, jitter):
    """Frames whose exposure ends at ``end``, stamped late or early at random, of a flashing LED."""
    rng = np.random.default_rng(seed)
    end = np.arange(1, 18000) * FRAME
    onset = 3 + np.cumsum(rng.uniform(5, 15, 55))
    lit = np.zeros(len(end))
    for start in onset:
        light = np.minimum(end, start + 0.2) - np.maximum(end - 0.02, start)
        lit = np.maximum(lit, np.clip(light / 0.02, 0, 1))
    stamp = end + rng.normal(0, jitter, len(end))
    grey = 40 + 120 * lit ** (1 / 1.5) + rng.normal(0, 0.5, len(end))
    return Evidence(stamp, np.round(onset * 1.00005 + 20, 3), brightness=grey), end


@pytest.mark.parametrize("jitter", [0.002, 0.005])
def test_the_bounds_of_the_map_and_of_a_frame_hold(jitter):
    map_within, frame_within, frame_within_map = [], [], []
    for seed in range(8):
        evidence, end = filmed(seed, jitter)
        found = align(evidence, Pulses())
        truth = 1.00005 * end + 20
        error = np.abs(found.time(evidence.video_time) - truth)
        map_within.append(np.mean(np.abs(found.time(end) - truth) <= found.uncertainty(end)))
        frame_within.append(np.mean(error <= found.frame_uncertainty(evidence.video_time)))
        frame_within_map.append(np.mean(error <= found.uncertainty(evidence.video_time)))
    assert np.mean(map_within) > 0.9
    assert 0.93 < np.mean(frame_within) < 0.995
    assert np.mean(frame_within_map) < 0.85


def test_without_jitter_the_two_bounds_are_the_same():
    evidence, _ = filmed(1, 0.0)
    found = align(evidence, Pulses())
    v = evidence.video_time
    assert np.max(found.frame_uncertainty(v) - found.uncertainty(v)) < 0.0005
