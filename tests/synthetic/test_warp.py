import numpy as np
import pytest

from enicfer.synthetic.portraits import PEOPLE, PUPIL_DISTANCE, load_portrait
from enicfer.synthetic.warp import EXPRESSIONS, head_fields, move_points, pose_portrait


def corners_and_lips(name, expression, yaw=0.0):
    portrait = load_portrait(name)
    names = ("right_mouth_corner", "left_mouth_corner", "lower_lip", "right_brow_inner", "left_brow_inner")
    points = np.array([portrait.points[point] for point in names])
    return dict(zip(names, move_points(portrait, points, expression, 1.0, yaw), strict=True))


@pytest.mark.parametrize("name", PEOPLE)
def test_expressions_move_what_they_should(name):
    neutral, happy, angry, surprised = (
        corners_and_lips(name, expression) for expression in ("neutral", "happy", "angry", "surprised")
    )
    for side in ("right", "left"):
        assert happy[f"{side}_mouth_corner"][1] < neutral[f"{side}_mouth_corner"][1] - 4
        assert angry[f"{side}_mouth_corner"][1] > neutral[f"{side}_mouth_corner"][1] + 3
        assert angry[f"{side}_brow_inner"][1] > neutral[f"{side}_brow_inner"][1] + 4
        assert surprised[f"{side}_brow_inner"][1] < neutral[f"{side}_brow_inner"][1] - 4
    assert surprised["lower_lip"][1] > neutral["lower_lip"][1] + 10


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_fields_are_smooth_and_end_at_the_head(name, expression):
    field = head_fields(name).expression[expression]
    assert np.isfinite(field).all()
    border = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
    assert np.abs(border).max() < 0.02 * PUPIL_DISTANCE


@pytest.mark.parametrize("name", PEOPLE)
def test_a_turn_moves_the_nose_more_than_the_cheeks(name):
    portrait = load_portrait(name)
    names = ("nose_tip", "right_jaw", "left_jaw")
    points = np.array([portrait.points[point] for point in names])
    moved = move_points(portrait, points, "neutral", 0.0, 0.3) - points
    assert moved[0, 0] > moved[1, 0] > 0
    assert moved[0, 0] > moved[2, 0] > 0


def test_neutral_is_the_photograph():
    portrait = load_portrait("hopper")
    image, alpha = pose_portrait(portrait, "neutral", 0.0, 0.0)
    np.testing.assert_array_equal(image, portrait.image)
    np.testing.assert_array_equal(alpha, portrait.alpha)
    assert (image <= alpha[..., None].astype(int) + 1).all(), "premultiplied"
