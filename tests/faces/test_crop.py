import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.faces.crop import REFERENCE, crop_face, fit_similarity


@given(st.floats(0.05, 20), st.floats(-np.pi, np.pi), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_found_again(scale, angle, x, y):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = REFERENCE @ turn.T + (x, y)
    assert np.allclose(
        fit_similarity(REFERENCE, target), np.column_stack([turn, (x, y)]), atol=1e-6 * (1 + scale)
    )


def dots(size, landmarks, radius):
    """A dark picture with a bright dot at every landmark."""
    y, x = np.mgrid[:size, :size] + 0.5
    distance = np.hypot(x[..., None] - landmarks[:, 0], y[..., None] - landmarks[:, 1]).min(axis=-1)
    return (255 * np.clip(radius + 0.5 - distance, 0, 1)).astype(np.uint8)


@pytest.mark.parametrize("side", [40, 90, 400])
@pytest.mark.parametrize("angle", [-0.5, 0.0, 0.7])
def test_landmarks_come_to_their_reference_places(side, angle):
    turn = side * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (REFERENCE - 0.5) @ turn.T + (410, 390)
    crop = crop_face(dots(800, landmarks, 0.05 * side), (0, 0, 1, 1), landmarks, 96).astype(float)
    y, x = np.mgrid[:96, :96] + 0.5
    for place in REFERENCE * 96:
        near = crop * (np.hypot(x - place[0], y - place[1]) < 12)
        centre = np.array([(near * x).sum(), (near * y).sum()]) / near.sum()
        assert np.abs(centre - place).max() < 0.4


def test_fine_stripes_do_not_alias():
    stripes = np.tile(np.array([0, 255], np.uint8), (600, 300))
    crop = crop_face(stripes, (100, 100, 500, 500), None, 48)
    assert np.ptp(crop[4:-4, 4:-4].astype(int)) < 40 and abs(crop.mean() - 127) < 4


def test_colour_and_grey_agree_and_margins_show_more():
    rng = np.random.default_rng(0)
    gray = cv2.GaussianBlur(rng.integers(0, 255, (200, 200), dtype=np.uint8), (0, 0), 3)
    box = (60, 60, 140, 140)
    colour = crop_face(np.dstack([gray] * 3), box, None, 48)
    assert colour.shape == (48, 48, 3)
    assert np.array_equal(colour[..., 1], crop_face(gray, box, None, 48))
    wide = crop_face(gray, box, None, 96, margin=0.5)
    assert np.abs(wide[24:72, 24:72].astype(int) - crop_face(gray, box, None, 48)).mean() < 1.5


@given(st.tuples(*[st.floats(-300, 300)] * 2), st.floats(1, 500))
def test_any_box_gives_a_crop(corner, side):
    gray = np.full((50, 70), 90, np.uint8)
    crop = crop_face(gray, (*corner, corner[0] + side, corner[1] + side), None, 32)
    assert crop.shape == (32, 32) and (crop == 90).all()
