import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.config.protocol import Quality
from enicfer.faces.quality import (
    HEAD,
    MEASURES,
    estimate_pose,
    extend_occlusion,
    judge,
    measure_sharpness,
    measure_truncation,
)
from enicfer.records import Status


def project(yaw, pitch, roll, scale=40.0):
    """The generic head, turned (degrees) and seen from far away."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn_yaw = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    turn_pitch = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    turn_roll = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return (HEAD @ (turn_roll @ turn_pitch @ turn_yaw).T)[:, :2] * scale + 100


@given(st.floats(-50, 50), st.floats(-30, 30), st.floats(-40, 40))
def test_pose_of_the_generic_head_is_recovered(yaw, pitch, roll):
    found = estimate_pose(project(yaw, pitch, roll)[None])[0]
    assert np.allclose(found, (yaw, pitch, roll), atol=0.5)


def test_signs_of_the_angles():
    nose = 2
    assert project(30, 0, 0)[nose, 0] > project(0, 0, 0)[nose, 0]  # to the picture's right
    assert project(0, 20, 0)[nose, 1] > project(0, 0, 0)[nose, 1]  # down
    left_eye, right_eye = project(0, 0, 20)[1], project(0, 0, 20)[0]
    assert left_eye[1] > right_eye[1]  # clockwise in the picture


def test_blur_lowers_sharpness():
    rng = np.random.default_rng(0)
    face = cv2.GaussianBlur(rng.integers(0, 255, (64, 64)).astype(np.uint8), (0, 0), 1.0)
    values = [measure_sharpness(cv2.GaussianBlur(face, (0, 0), s)) for s in (0.3, 1.0, 2.0, 4.0)]
    assert values == sorted(values, reverse=True) and values[0] > 4 * values[-1]
    assert measure_sharpness(np.full((64, 64), 7, np.uint8)) == 0


def test_truncation_is_the_fraction_outside():
    assert measure_truncation((10, 10, 20, 20), 100, 100) == 0
    assert measure_truncation((-5, 0, 5, 10), 100, 100) == pytest.approx(0.5)
    assert measure_truncation((95, 95, 105, 105), 100, 100) == pytest.approx(0.75)


GOOD = {"yaw": 0, "pitch": 0, "roll": 0, "size": 90, "sharpness": 50, "brightness": 120}
GOOD |= {"truncated": 0, "occlusion": 0}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("yaw", -60, Status.POSE),
        ("pitch", 50, Status.POSE),
        ("roll", 60, Status.POSE),
        ("size", 20, Status.TOO_SMALL),
        ("sharpness", 0.1, Status.BLURRED),
        ("brightness", 5, Status.DARK),
        ("truncated", 0.6, Status.OCCLUDED),
        ("occlusion", 0.5, Status.OCCLUDED),
        ("yaw", 10, Status.OK),
    ],
)
def test_each_measure_has_its_status(name, value, status):
    assert set(GOOD) == set(MEASURES)
    measures = {k: np.array([v], np.float32) for k, v in (GOOD | {name: value}).items()}
    assert judge(np.array([0.8], np.float32), measures, Quality())[0] == status


def test_doubt_spreads_to_the_next_frame_and_with_evidence_on():
    status = np.array([0] * 8 + [7] + [0] * 8, np.uint8)
    evidence = np.full(17, 0.01, np.float32)
    evidence[[6, 8, 11, 12, 16]] = 0.07, 0.5, 0.07, 0.07, 0.07
    found = extend_occlusion(status, evidence, Quality())
    assert np.flatnonzero(found).tolist() == [6, 7, 8, 9, 11]


def judge_over_time(name, values, **limits):
    n = len(values)
    measures = {k: np.full(n, v, np.float32) for k, v in GOOD.items()}
    measures[name] = np.asarray(values, np.float32)
    return judge(np.full(n, 0.8, np.float32), measures, Quality(**limits), np.arange(n) / 30)


@pytest.mark.parametrize(
    "name, limit, direction", [("yaw", 45.0, 1), ("sharpness", 20.0, -1), ("size", 32.0, -1)]
)
def test_a_measure_beside_its_threshold_does_not_go_to_and_fro(name, limit, direction):
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, 200) * limit
    values = np.r_[
        [limit - 0.3 * direction * limit] * 30, limit + noise, [limit - 0.3 * direction * limit] * 30
    ]
    status = judge_over_time(name, values)
    # Noticed in the first frame beyond, as ever; believed in the first that is clear of it.
    first = int(np.flatnonzero(direction * values > direction * limit)[0])
    assert np.flatnonzero(status)[0] == first
    assert not status[230:].any()
    assert (np.diff(status.astype(int)) != 0).sum() == 2


def test_a_face_that_stays_within_a_threshold_is_believed_again():
    values = [40] * 5 + [31.9] + [33] * 25
    status = judge_over_time("size", values)
    lost = np.flatnonzero(status)
    assert lost[0] == 5 and (np.diff(lost) == 1).all()
    assert 0.25 <= len(lost) / 30 <= 0.4
    assert not judge_over_time("size", [33] * 30).any()
    assert np.flatnonzero(judge_over_time("size", [40, 31.9, 36, 33, 33, np.nan, 33])).tolist() == [1]
