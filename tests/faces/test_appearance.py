"""Distances between looks: made-up signatures with known differences."""

import numpy as np
import pytest

from enicfer.faces.appearance import (
    SIGNATURE,
    UNIT_CHROMA,
    UNIT_SURROUND,
    appearance_distance,
    face_distance,
    normalise_luma,
)

FACE, CHROMA, SURROUND = slice(0, 144), slice(144, 176), slice(176, SIGNATURE)


@pytest.fixture
def looks():
    return np.random.default_rng(0).integers(60, 180, SIGNATURE).astype(np.float64)


def test_each_part_counts_as_a_third(looks):
    other = looks.copy()
    other[CHROMA] += UNIT_CHROMA
    other[SURROUND] += 2 * UNIT_SURROUND
    np.testing.assert_allclose(appearance_distance(looks, other), 1.0, rtol=1e-5)
    np.testing.assert_allclose(face_distance(looks, other), 0.5, rtol=1e-5)


@pytest.mark.parametrize("tint", [(128, 128), (146, 117)])
def test_in_a_grey_picture_colours_do_not_make_people_alike(looks, tint):
    """Also by infrared light in one tint, with the little noise that compression leaves."""
    rng = np.random.default_rng(1)
    pair = np.array([looks, looks])
    for each in pair:
        each[CHROMA] = np.tile(tint, 16)
        each[SURROUND].reshape(4, 3)[:, 1:] = tint
    pair[:, 144:] += rng.normal(0, 0.3, (2, SIGNATURE - 144))
    pair[1, FACE] = looks[FACE][::-1]
    pair[1, SURROUND].reshape(4, 3)[:, 0] += 30
    luma = (1 - float(np.corrcoef(normalise_luma(pair))[0, 1])) / 0.5
    np.testing.assert_allclose(face_distance(*pair), luma, rtol=0.03)
    np.testing.assert_allclose(appearance_distance(*pair), (luma + np.sqrt(1 / 3)) / 2, rtol=0.03)


def test_a_grey_and_a_coloured_face_are_compared_by_colour(looks):
    grey = looks.copy()
    grey[CHROMA] = 128
    grey[SURROUND].reshape(4, 3)[:, 1:] = 128
    chroma = np.sqrt(np.mean((looks[CHROMA] - 128) ** 2)) / UNIT_CHROMA
    np.testing.assert_allclose(face_distance(looks, grey), chroma / 2, rtol=1e-5)
