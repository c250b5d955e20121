import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import AlignmentError
from enicfer.sync.matching import match_pulses


def session(seed, n=60, missing=0.15, extra=0.1, jitter=0.012, slope=1.0004, offset=3333.0, law="random"):
    rng = np.random.default_rng(seed)
    gaps = {"random": rng.uniform(5, 15, n), "regular": np.full(n, 10.0)}[law]
    onset = np.cumsum(gaps)

    def side():
        kept = onset[rng.random(n) >= missing]
        return np.sort(np.concatenate([kept, rng.uniform(0, onset[-1], round(n * extra))]))

    video = side()
    return np.sort(video + rng.uniform(-jitter, jitter, len(video))), side() * slope + offset


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    drift=st.floats(-1e-3, 1e-3),
    offset=st.floats(-20000, 20000),
)
def test_any_offset_and_drift_is_found(seed, drift, offset):
    video, recording = session(seed, slope=1 + drift, offset=offset)
    best = match_pulses(video, recording, 0.025).best
    ends = np.array([video[0], video[-1]])
    error = best.slope * (ends - best.origin) + best.intercept - ((1 + drift) * ends + offset)
    assert np.abs(error).max() < 0.02


def test_the_runner_up_is_far_behind():
    match = match_pulses(*session(1), 0.025)
    assert match.rival is not None
    assert len(match.rival.video) < len(match.best.video) / 3
    assert match.best.log_false_alarms < -20


@pytest.mark.parametrize("missing", [0.0, 0.15, 0.4])
def test_regular_pulses_are_refused_and_said_to_be_regular(missing):
    for seed in range(10):
        with pytest.raises(AlignmentError, match=r"nothing in common|more than one way"):
            match_pulses(*session(seed, missing=missing, law="regular"), 0.025)
    with pytest.raises(AlignmentError, match="pulses come every 10 s"):
        match_pulses(*session(0, missing=0.0, extra=0.0, law="regular"), 0.025)


def test_a_coarse_offset_settles_regular_pulses():
    video, recording = session(0, law="regular")
    best = match_pulses(video, recording, 0.025, prior=(3334.5, 3.0)).best
    assert abs(best.offset - 3333.0) < 0.05
    with pytest.raises(AlignmentError):
        match_pulses(video, recording, 0.025, prior=(3334.5, 30.0))


@pytest.mark.parametrize("length", [300, 700, 1500])
def test_a_coarse_offset_settles_regular_pulses_in_a_long_video(length):
    video, recording = np.arange(length) + 0.3, np.arange(1800) + 0.32
    best = match_pulses(video, recording, 0.025, prior=(5.0, 0.4)).best
    assert best.offset == pytest.approx(5.02)
    with pytest.raises(AlignmentError, match="more than one way"):
        match_pulses(video, recording, 0.025, prior=(5.0, 1.4))


def test_unrelated_trains_are_refused():
    for seed in range(30):
        video, _ = session(seed)
        _, recording = session(seed + 1000)
        with pytest.raises(AlignmentError, match=r"nothing in common|more than one way"):
            match_pulses(video, recording, 0.025)


def test_too_few_pulses_are_refused_with_their_number():
    with pytest.raises(AlignmentError, match=r"shows 3 pulses and the recording has [0-9]+: at least 4"):
        match_pulses([1.0, 2.5, 7.0], session(0)[1], 0.025)


def test_codes_tell_regular_pulses_apart():
    rng = np.random.default_rng(0)
    onset = np.arange(40) * 10.0
    codes = rng.integers(0, 16, 40).astype(str)
    seen, recorded = rng.random(40) > 0.2, rng.random(40) > 0.2
    match = match_pulses(
        onset[seen],
        onset[recorded] * 1.0003 + 77,
        0.025,
        codes=(codes[seen].tolist(), codes[recorded].tolist()),
    )
    assert abs(match.best.offset - 77) < 0.01
    assert len(match.best.video) == np.sum(seen & recorded)


def test_unsorted_or_nan_pulses_are_refused():
    good = session(0)[1]
    for bad in ([3.0, 1.0, 2.0, 5.0, 9.0], [1.0, np.nan, 3.0, 4.0, 5.0]):
        with pytest.raises(AlignmentError, match="finite and sorted"):
            match_pulses(bad, good, 0.025)


def test_same_input_same_answer():
    a, b = match_pulses(*session(3), 0.025), match_pulses(*session(3), 0.025)
    assert (a.best.slope, a.best.intercept, a.rival_p) == (b.best.slope, b.best.intercept, b.rival_p)
    assert np.array_equal(a.best.video, b.best.video)


def test_5000_pulses_on_both_sides_take_seconds():
    rng = np.random.default_rng(0)
    onset = np.sort(rng.uniform(0, 30000, 5000))
    video = np.sort(np.concatenate([onset[rng.random(5000) > 0.15], rng.uniform(0, 30000, 500)]))
    recording = (
        np.sort(np.concatenate([onset[rng.random(5000) > 0.15], rng.uniform(0, 30000, 500)])) * 1.0004 - 800
    )
    begin = time.process_time()
    best = match_pulses(video, recording, 0.025).best
    assert time.process_time() - begin < 5
    assert abs(best.offset + 800) < 0.005
    assert abs(best.slope - 1.0004) < 1e-7
