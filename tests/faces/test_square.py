import numpy as np
import pytest

from enicfer.faces.detectors import load_detector
from enicfer.faces.detectors.base import intersection_over_union
from enicfer.faces.square import cut_square, find_face


class Counting:
    """A detector that notes the sides of the pictures it searched."""

    def __init__(self):
        self._detector = load_detector()
        self.region_side = self._detector.region_side
        self.sides = []

    def detect(self, bgr):
        self.sides.append(bgr.shape[0])
        return self._detector.detect(bgr)


@pytest.fixture(scope="module")
def face(two_people):
    frame = two_people[0][0]
    return frame, load_detector().detect(frame.picture).box[0].astype(float)


@pytest.mark.parametrize("shift, searches", [(0.0, 1), (0.1, 1), (0.45, 2), (-0.45, 2)])
def test_a_face_that_moved_little_costs_one_small_search(face, shift, searches):
    frame, true = face
    detector = Counting()
    box = true + shift * (true[3] - true[1]) * np.array([1, 0, 1, 0])
    square = cut_square(frame, box, detector.region_side)
    found = find_face(detector, square, box, 0.5)
    assert len(found) == 1
    assert intersection_over_union(found.box, true)[0, 0] > 0.8
    assert detector.sides == [64, 80][:searches]


def test_both_searches_say_the_same(face):
    frame, box = face
    detector = Counting()
    square = cut_square(frame, box, detector.region_side)
    small = find_face(detector, square, box, 0.5)
    whole = find_face(detector, square, box, 1.1)  # no score is enough for the middle
    assert detector.sides == [64, 64, 80]
    assert np.abs(small.landmarks - whole.landmarks).max() < 0.05 * (box[3] - box[1])


def test_no_face_where_there_is_none(face):
    frame, _ = face
    box = np.array([380.0, 220.0, 440.0, 300.0])
    detector = Counting()
    assert len(find_face(detector, cut_square(frame, box, detector.region_side), box, 0.5)) == 0


@pytest.mark.parametrize("box", [(-50, -50, 30, 40), (440, 330, 520, 420), (900, 900, 960, 990)])
def test_what_lies_outside_the_picture_is_grey(face, box):
    frame, _ = face
    square = cut_square(frame, box, 80)
    assert square.picture.shape == (80, 80, 3)
    assert (square.picture == 128).all(axis=2).any()
