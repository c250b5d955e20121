"""A still face stands still, and a moving one moves as it does; the benchmark of the same name has more clips."""

import cv2
import numpy as np
import pytest

from benchmarks.localisation import Case, follow, measure
from benchmarks.occlusion import ArrayFrame
from enicfer.faces import flow
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.io.video.reader import read_frames


@pytest.mark.parametrize(
    "case",
    [Case("still", 40, True), Case("still", 100, False), Case("still", 250, True)],
    ids=lambda case: case.name,
)
def test_a_still_face_stands_still(case):
    found = measure(*follow(case, 60))
    assert found["box_step"] <= found["box_step_max"] <= 0.3  # percent of the face
    assert found["head_motion"] <= 0.03  # distances between the eyes per second


@pytest.mark.parametrize("course", ["shift", "fast shift", "turn", "growth"])
def test_a_moving_face_moves_as_it_does(course):
    found = measure(*follow(Case(course, 100, False), 75))
    assert found["error"] <= 0.5 and found["box_error"] <= 0.5  # percent of the face
    assert 0.97 <= found["gain"] <= 1.03
    assert abs(found["lag"]) <= 0.1  # frames


@pytest.mark.parametrize("clip", ["carphone_pristine.mp4", "signer_night.mkv", "face_noface.mov"])
def test_a_real_face_goes_further_in_two_frames_than_in_one(clip, shared_data):
    """Pure movement goes half as far in one, noise as far."""
    observer = FaceObserver(load_detector())
    for frame in read_frames(shared_data / "video" / clip):
        observer.observe(frame)
    track, _ = observer.finish()
    centre = track.landmarks.mean(axis=1).astype(float)
    size = np.sqrt((track.box[:, 2:] - track.box[:, :2]).prod(axis=1))
    one = np.linalg.norm(np.diff(centre, axis=0), axis=1)
    two = np.linalg.norm(centre[2:] - centre[:-2], axis=1)
    moves = two > 0.01 * size[2:]
    assert moves.sum() >= 3
    assert (one[1:] + one[:-1])[moves].sum() / 2 / two[moves].sum() <= 0.65


def texture(seed):
    """A picture (480, 640, 3) of coloured blots a few px wide."""
    noise = np.random.default_rng(seed).normal(0, 1, (480, 640, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


BOX = np.array([260.0, 160.0, 380.0, 310.0])
LANDMARKS = np.array([[295.0, 220.0], [345.0, 220.0], [320.0, 245.0], [300.0, 275.0], [340.0, 275.0]])


def sight(picture):
    patch = flow.cut_patch(ArrayFrame(0, 0.0, picture), BOX, 0.0)
    return flow.Sight(BOX, LANDMARKS, patch, 0.0, 0.0, 0.0, np.zeros(188, np.uint8), 0.9, 0.0, 0)


@pytest.mark.parametrize("turn, growth, shift", [(0, 1, (7, -4)), (4, 1, (0, 0)), (-2, 1.04, (-3, 2))])
def test_points_are_followed_as_the_picture_was_moved(turn, growth, shift):
    picture = texture(0)
    middle = np.array([320.0, 235.0])
    matrix = cv2.getRotationMatrix2D(
        tuple(middle - 0.5), turn, growth
    )  # pixel centres are whole numbers there
    matrix[:, 2] += shift
    moved = cv2.warpAffine(picture, matrix, (640, 480), flags=cv2.INTER_CUBIC)
    found = flow.follow(sight(picture), flow.cut_patch(ArrayFrame(1, 0.03, moved), BOX, 0.0))
    box, landmarks = found.box, found.landmarks
    assert found.share > 0.9
    expected = (LANDMARKS - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    # Blots that turn within a window look like a smaller shift: within 5 % of what the points moved.
    assert np.abs(landmarks - expected).max() < 0.3
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, middle + shift, atol=0.15)
    np.testing.assert_allclose(box[2:] - box[:2], growth * (BOX[2:] - BOX[:2]), rtol=0.005)


def test_nothing_is_followed_into_another_picture():
    other = flow.cut_patch(ArrayFrame(1, 0.03, texture(1)), BOX, 0.0)
    assert flow.follow(sight(texture(0)), other) is None
    grey = flow.cut_patch(ArrayFrame(1, 0.03, np.full((480, 640, 3), 90, np.uint8)), BOX, 0.0)
    assert flow.follow(sight(texture(0)), grey) is None
