import re

import numpy as np
import pytest

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
from enicfer.sync import Evidence, align
from enicfer.sync.fit import fit_line
from enicfer.sync.led import Onsets
from enicfer.sync.pieces import align_pulses


def session(drift, seed=0, n=60, noise=0.004, longest=15.0):
    """Pulses of a video and of a recording whose clock runs faster by ``drift`` (a share)."""
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.uniform(longest / 3, longest, n))
    return onset + rng.uniform(-noise, noise, n), onset * (1 + drift) + 12.0


def align_session(drift, max_drift=1e-3, **more):
    video, recording = session(drift, **more)
    onsets = Onsets(video, np.full(len(video), 0.0025))
    return align_pulses(onsets, recording, "led", 0.025, max_drift=max_drift)


@pytest.mark.parametrize(
    ("drift", "ratio", "stated"),
    [
        (0.001 + 20e-6, "1000/1001", "30 "),
        (0.001 + 90e-6, "1000/1001", "30 "),
        (0.001 - 60e-6, "1000/1001", "30 "),
        (1 / 1.001 - 1 - 40e-6, "1001/1000", "29.97"),
        (1 / 1.001 - 1 + 40e-6, "1001/1000", "29.97"),
    ],
)
def test_a_frame_rate_stated_wrongly_is_taken_out_and_said(drift, ratio, stated):
    found = align_session(drift)
    v = np.linspace(0, 600, 30)
    error = np.abs(found.time(v) - (v * (1 + drift) + 12.0))
    assert error.max() < 0.004
    assert np.all(error <= 2 * found.uncertainty(v))
    said = [note for note in found.notes if ratio in note]
    assert len(said) == 1
    assert f"written for {stated}" in said[0]
    shown = float(re.search(r"drift of the camera's clock, ([+-]\d+) ppm", said[0])[1])
    assert shown == pytest.approx(found.details.pieces[0].drift_ppm, abs=1), "one sign everywhere"


@pytest.mark.parametrize("drift", [1.25e-3, -1.2e-3])
def test_a_drift_beyond_the_limit_is_refused_with_what_to_do(drift):
    sign = "-" if drift > 0 else "\\+"  # a fast recording: a slow camera
    with pytest.raises(
        AlignmentError, match=rf"camera's clock is {sign}1[12][0-9]+ ppm .*set max_drift = 1400"
    ):
        align_session(drift)
    assert np.isfinite(align_session(drift, max_drift=1.4e-3).time(100.0))


def test_a_limit_that_was_set_lower_holds_for_a_ratio_too():
    with pytest.raises(
        AlignmentError, match=r"as where 30 .* is stated for 29.97 .*max_drift allows 800 ppm"
    ):
        align_session(1e-3, max_drift=8e-4)


@pytest.mark.parametrize("duration", [300, 900, 1800])
@pytest.mark.parametrize("drift", [1050e-6, 1200e-6, -1100e-6, 1290e-6])
def test_no_map_is_off_by_more_than_its_bound_at_any_length(drift, duration):
    try:
        found = align_session(drift, n=int(duration / 10))
    except AlignmentError:
        return
    v = np.linspace(0, duration * 0.95, 50)
    error = np.abs(found.time(v) - (v * (1 + drift) + 12.0))
    known = np.isfinite(error)
    assert np.all(error[known] <= 2 * found.uncertainty(v[known]))


def test_few_close_pulses_are_moved_and_the_bound_includes_it():
    rng = np.random.default_rng(1)
    video = np.cumsum(rng.uniform(0.5, 1.5, 8))
    time = video * (1 + 9e-4) + rng.normal(0, 0.004, 8) + 8e-4 * (video - video.mean())
    line = fit_line(video, time, np.full(8, 0.004), max_drift=1e-3)
    free = fit_line(video, time, np.full(8, 0.004), max_drift=1e-1)
    assert abs(free.slope - 1) > 1e-3
    assert abs(line.slope - 1) == pytest.approx(1e-3)
    assert abs(free.slope - line.slope) <= line.drift_error
    onsets = Onsets(video, np.full(8, 0.004))
    found = align_pulses(onsets, time, "led", 0.025, max_drift=1e-3)
    assert any("it is taken as" in note and "max_drift allows" in note for note in found.notes)


def test_a_drift_beyond_the_limit_is_not_hidden_by_weights():
    video, time = session(1300e-6)
    lever = np.random.default_rng(2).uniform(0, 1, (60, 1))
    with pytest.raises(AlignmentError, match=r"camera's clock is -1[23][0-9]+ ppm"):
        fit_line(video, time, np.full(60, 0.003), 1e-3, lever, np.zeros(1), np.array([0.01]))


def test_camera_pulses_of_a_rate_stated_wrongly_are_said_too():
    rng = np.random.default_rng(3)
    stamp = np.delete(np.arange(9000) / 60, rng.integers(100, 8900, 40))
    pulse = np.arange(9000) * 1.001 / 60 * (1 + 30e-6) + 5.0
    found = align(Evidence(stamp, np.round(pulse, 4)), Pulses(source="frames"))
    assert any("1000/1001" in note and "59.94" in note for note in found.notes)
    assert found.slope[0] == pytest.approx(1.00103, abs=2e-6)
