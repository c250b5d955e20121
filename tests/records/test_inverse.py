"""The way back from the recording's clock to the video's, against a search of the map itself."""

import numpy as np
import pytest

from enicfer.records import Alignment
from enicfer.records.inverse import video_time_at

FIRST, LAST = -50.0, 350.0  # s of video that are searched
STEP = 1e-3  # s


def make_map(starts, slopes, intercepts):
    """An alignment whose pieces begin at ``starts`` and map there to ``intercepts``."""
    n, nothing = len(slopes), np.zeros(0)
    return Alignment(
        video_start=np.array([-np.inf, *starts]),
        origin=np.array([0.0, *starts]),
        slope=np.array(slopes),
        intercept=np.array(intercepts),
        variance=np.zeros((n, 3)),
        t_factor=np.ones(n),
        floor=np.zeros(n),
        **dict.fromkeys(
            ("pulse_video_time", "pulse_time", "residual", "unmatched_video", "unmatched_recording"), nothing
        ),
        source="led",
    )


MAPS = {
    "one rate": make_map([], [1.00003], [12.5]),
    "a curve": make_map([100.0, 200.0], [1.0, 1.01, 0.99], [5.0, 105.0, 206.0]),
    "a hole": make_map([100.0, 200.0], [1.0, 0.9999, 1.0], [5.0, 108.0, 240.0]),
    "a step back": make_map([100.0, 200.0], [1.0, 1.0, 1.001], [5.0, 103.0, 201.0]),
    "a piece that is gone": make_map([100.0, 104.0, 200.0], [1.0, 1.0, 1.0, 1.0], [5.0, 90.0, 100.0, 180.0]),
}


def search(alignment, time):
    """The first instant of the video that has come to each time."""
    grid = np.arange(FIRST, LAST, STEP)
    reached = np.maximum.accumulate(alignment.time(grid))
    return grid[np.searchsorted(reached, time)]


@pytest.mark.parametrize("name", MAPS)
def test_the_first_instant_that_comes_to_a_time_is_found(name):
    alignment = MAPS[name]
    time = np.random.default_rng(0).uniform(-30, 320, 2000)
    assert np.abs(video_time_at(alignment, time) - search(alignment, time)).max() <= 2 * STEP


@pytest.mark.parametrize("name", ["one rate", "a curve", "a hole"])
def test_there_and_back_is_the_same(name):
    video = np.linspace(-1e4, 1e4, 4001)
    assert np.abs(video_time_at(MAPS[name], MAPS[name].time(video)) - video).max() < 1e-8


def test_a_stretch_without_a_rate_is_crossed_on_a_line():
    alignment = make_map([100.0, 140.0], [1.0, np.nan, 1.0], [5.0, np.nan, 165.0])
    time = np.array([104.0, 105.0, 120.0, 150.0, 165.0, 170.0])
    assert np.allclose(video_time_at(alignment, time), [99.0, 100.0, 110.0, 130.0, 140.0, 145.0])


def test_the_rates_at_the_ends_go_on_where_the_outer_pieces_have_none():
    alignment = make_map([100.0, 200.0], [np.nan, 0.5, np.nan], [0.0, 300.0, 0.0])
    assert np.allclose(video_time_at(alignment, [290.0, 300.0, 360.0]), [80.0, 100.0, 220.0])


def test_a_map_without_any_rate_knows_no_time():
    assert np.isnan(video_time_at(make_map([], [np.nan], [0.0]), [1.0, 2.0])).all()


def test_shapes_and_empty_times_are_kept():
    assert video_time_at(MAPS["one rate"], 13.0).shape == ()
    assert video_time_at(MAPS["one rate"], np.zeros((0, 3))).shape == (0, 3)
