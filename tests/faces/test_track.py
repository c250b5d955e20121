"""Tracklets: a face that stays where it is, and changes its looks by known distances."""

import numpy as np

from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.track import Tracker

BOX = np.array([[100, 100, 180, 200]], np.float32)


def follow(distances, times=None):
    """Tracklets of a face whose looks are so far from the first ones; 1 is 90 grey values of its clothing."""
    looks = np.random.default_rng(0).integers(40, 110, SIGNATURE)
    tracker, numbers = Tracker(), []
    for i, distance in enumerate(distances):
        signature = looks.copy()
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
