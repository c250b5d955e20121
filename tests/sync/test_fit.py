import numpy as np
import pytest

from enicfer.errors import AlignmentError
from enicfer.sync.fit import fit_line
from enicfer.sync.pieces import line_alignment


def simulate(rng, n=30, noise=0.005, outliers=0):
    video = np.sort(rng.uniform(0, 600, n))
    time = 1.0003 * video + 12 + rng.normal(0, noise, n)
    time[:outliers] += 0.2
    return video, time


def test_a_line_without_noise_is_found_exactly():
    video = np.arange(10.0)
    line = fit_line(video, 1.0002 * video + 5)
    assert line.time(7.5) == pytest.approx(1.0002 * 7.5 + 5, abs=1e-9)


@pytest.mark.parametrize("spread", [None, 0.005])
def test_the_bound_covers_the_truth(spread):
    rng = np.random.default_rng(1)
    at = np.linspace(-100, 700, 9)  # also outside of the pulses
    hits = []
    for _ in range(400):
        video, time = simulate(rng)
        line = fit_line(video, time, None if spread is None else np.full(30, spread))
        found = line_alignment(line, (video, time), "test")
        hits.append(np.abs(found.time(at) - (1.0003 * at + 12)) <= found.uncertainty(at))
    assert 0.93 <= np.mean(hits) <= 0.99


def test_the_bound_grows_away_from_the_pulses():
    video, time = simulate(np.random.default_rng(2))
    found = line_alignment(fit_line(video, time), (video, time), "test")
    bound = found.uncertainty(np.array([300.0, 700, 1500, 5000]))
    assert np.all(np.diff(bound) > 0)
    assert bound[-1] > 5 * bound[0]


def test_pairs_that_are_no_pairs_do_not_move_the_line():
    rng = np.random.default_rng(3)
    video, time = simulate(rng, outliers=3)
    assert abs(fit_line(video, time).time(300.0) - (1.0003 * 300 + 12)) < 0.004


def test_shared_parameters_are_estimated_and_widen_the_bound():
    rng = np.random.default_rng(4)
    video, time = simulate(rng, n=60, noise=0.001)
    lever = rng.uniform(0, 1, (60, 1))
    shifted = video - 0.02 * lever[:, 0]
    plain = fit_line(shifted, time, np.full(60, 0.001))
    line = fit_line(shifted, time, np.full(60, 0.001), 1e-3, lever, np.zeros(1), np.array([0.05]))
    assert line.nuisance[0] == pytest.approx(0.02, abs=0.002)
    assert abs(line.time(300.0) - (1.0003 * 300 + 12)) < 0.0015 < abs(plain.time(300.0) - (1.0003 * 300 + 12))


def test_fewer_than_three_pulses_are_refused():
    with pytest.raises(AlignmentError, match="at least 3 pulses"):
        fit_line([1.0, 2.0], [1.0, 2.0])
