"""Tracklets: a face that stays where it is, and changes its looks by known distances."""

import numpy as np

from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.track import Tracker

BOX = np.array([[100, 100, 180, 200]], np.float32)
LOOKS = np.random.default_rng(0).integers(40, 110, SIGNATURE)


def follow(distances, times=None):
    """Tracklets of a face whose looks are so far from the first ones; 1 is 90 grey values of its clothing."""
    tracker, numbers = Tracker(), []
    for i, distance in enumerate(distances):
        signature = LOOKS.copy()
        signature[176:] += round(90 * distance)
        time = i / 30 if times is None else times[i]
        tracker.predict(time)
        numbers += tracker.assign(time, BOX, signature[None].astype(np.uint8))
    return numbers


def test_a_face_that_becomes_another_at_once_is_another():
    assert follow([0] * 40 + [0.4] * 5) == [0] * 40 + [1] * 5
    # Also where it was away for a moment.
    assert follow([0, 0, 0, 0.4, 0.4], [0, 0.1, 0.2, 0.6, 0.7]) == [0, 0, 0, 1, 1]


def test_a_face_that_changes_step_by_step_stays_one():
    assert follow(np.r_[0:0.8:0.1, 0.8:0:-0.1]) == [0] * 16


def test_a_glimpse_of_another_does_not_end_a_face():
    assert follow([0] * 10 + [0.6] * 2 + [0] * 5) == [0] * 10 + [1] * 2 + [0] * 5


def see(tracker, time, boxes, change=0):
    """Show faces that all look alike; what the tracker expected before."""
    expected = tracker.predict(time)
    looks = np.repeat(LOOKS[None], len(boxes), axis=0)
    looks[:, 176:] += change
    tracker.assign(time, boxes, looks.astype(np.uint8))
    return expected


def test_a_face_whose_looks_change_is_expected_once_and_not_missing():
    tracker = Tracker()
    see(tracker, 0.0, BOX)
    see(tracker, 0.03, BOX, change=60)
    assert len(tracker.live) == 2
    assert not tracker.misses()
    assert see(tracker, 0.07, BOX).shape == (1, 4)


def test_a_face_that_is_not_found_is_missing_and_still_expected():
    tracker, two = Tracker(), np.concatenate([BOX, BOX + np.float32([100, 0, 100, 0])])
    see(tracker, 0.0, two)
    assert not tracker.misses()
    see(tracker, 0.03, BOX)
    assert tracker.misses()
    assert see(tracker, 0.07, BOX).shape == (2, 4)


def test_a_face_is_forgotten_over_a_pause_not_over_a_search():
    tracker = Tracker()
    for time in (0.0, 0.03, 3.0):
        see(tracker, time, BOX)
        assert tracker.forgot == (time == 3.0)
    for time in np.arange(3.03, 4, 0.03):
        see(tracker, time, BOX[:0])
        assert not tracker.forgot
    assert not tracker.live
