"""Maps that follow steps and wander, against clocks that are simulated here from the wander itself."""

import numpy as np
import pytest

from enicfer.sync.bend import bend_line
from enicfer.sync.fit import fit_line
from enicfer.sync.led import Onsets
from enicfer.sync.pieces import Breaks, align_pulses

SPAN = (0.0, 1200.0)
FRAME = 1 / 30


def pulses(seed, wander=lambda v: 0 * v, n=90, noise=0.003):
    rng = np.random.default_rng(seed)
    video = np.sort(rng.uniform(5, 1195, n))
    return video, 1.0001 * video + 30 + wander(video) + rng.normal(0, noise, n)


def bend(video, time, noise=0.003, breaks=()):
    spread = np.full(len(video), noise)
    return bend_line(fit_line(video, time, spread), video, time, spread, SPAN, FRAME, breaks=breaks)


def align(video, time):
    onsets = Onsets(video, np.full(len(video), 0.003))
    return align_pulses(onsets, time, "led", 0.025, breaks=Breaks(video_time=np.arange(0, 1200, FRAME)))


def share_within(found, wander):
    v = np.arange(5.0, 1195)
    time = found.time(v)
    known = np.isfinite(time)
    return np.mean(np.abs(time - (1.0001 * v + 30 + wander(v)))[known] <= found.uncertainty(v)[known])


def test_clocks_on_a_line_are_left_alone_and_bounds_grow_little():
    bent, growth = 0, []
    for seed in range(60):
        video, time = pulses(seed)
        found = bend(video, time)
        bent += not found.straight
        before = fit_line(video, time, np.full(90, 0.003)).variance[0]
        if found.straight:
            growth.append(np.sqrt(found.lines[0].variance[0] / before))
    assert bent <= 1
    assert 1 < np.median(growth) < 1.5


@pytest.mark.parametrize("frames", [1, 2, -1])
@pytest.mark.parametrize("place", [100.0, 600.0, 1150.0])
def test_a_lost_or_repeated_frame_is_a_step_of_the_map(frames, place):
    def step(v):
        return frames * FRAME * (v > place)

    found = align(*pulses(1, step))
    (note,) = [n for n in found.notes if "step against each other" in n or "separate pieces" in n]
    if "step against" in note:
        assert ("lost" if frames > 0 else "written twice") in note
    v = np.arange(0, 1200, FRAME)
    error = np.abs(found.time(v) - (1.0001 * v + 30 + step(v)))
    known = np.isfinite(error)
    assert known.mean() > 0.9
    assert error[known].max() < 0.006
    assert share_within(found, step) > 0.95


def test_two_steps_keep_one_rate_of_the_clocks():
    def steps(v):
        return FRAME * ((v > 300) * 1.0 + (v > 900))

    found = align(*pulses(2, steps))
    rates = found.slope[np.isfinite(found.slope)]
    np.testing.assert_allclose(rates, 1.0001, atol=2e-5)
    assert share_within(found, steps) > 0.95


def test_a_known_break_says_where_the_step_is():
    found = bend(*pulses(3, lambda v: 0.02 * (v > 500)), breaks=(500.0,))
    assert found.steps[0][:2] == (500.0, 500.0)
    assert None not in found.lines


@pytest.mark.parametrize(
    "wander",
    [
        lambda v: 0.006 * np.sin(2 * np.pi * v / 900),
        lambda v: 2e-8 * (v - 600) ** 2,
        lambda v: 0.03 * np.exp(-v / 600),
    ],
    ids=["sway", "rate changes evenly", "warming up"],
)
def test_a_smooth_wander_is_followed_within_the_bound(wander):
    shares = []
    for seed in range(5):
        found = align(*pulses(seed, wander))
        assert any("wander against each other" in note for note in found.notes)
        assert len(found.clock_segments) == 1
        shares.append(share_within(found, wander))
    assert np.mean(shares) > 0.93


def test_a_random_walk_is_within_the_bound():
    shares = []
    for seed in range(8):
        walk = np.cumsum(np.random.default_rng([seed, 7]).normal(0, 0.0004, 1201))
        at = lambda v, walk=walk: np.interp(v, np.arange(1201), walk)  # noqa: E731
        shares.append(share_within(align(*pulses(seed, at)), at))
    assert np.mean(shares) > 0.9


def test_a_wrong_pair_is_no_step():
    video, time = pulses(4)
    time[-1] += 0.03
    assert bend(video, time).straight


def test_few_pulses_leave_the_line():
    video, time = pulses(5, lambda v: 0.03 * (v > 600), n=6)
    assert bend(video, time).straight
