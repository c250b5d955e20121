import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.faces.crop import REFERENCE
from enicfer.saliency.common_face import (
    REGIONS,
    common_points,
    five_points,
    locate_attribution,
    region_map,
    region_shares,
    warp_to_common_face,
)


def at(points, size=64):
    x, y = np.floor(np.asarray(points) * size).astype(int).T
    return y, x


def test_regions_cover_the_common_face_and_are_symmetric():
    regions = region_map(64)
    assert set(np.unique(regions)) == set(range(len(REGIONS)))
    assert (regions == regions[:, ::-1]).mean() > 0.98
    names = [REGIONS[k] for k in regions[at(REFERENCE)]]
    assert names == ["eyes", "eyes", "nose", "mouth", "mouth"]
    places = {
        "brows": (0.31, 0.28),
        "cheeks": (0.2, 0.6),
        "chin": (0.5, 0.93),
        "forehead": (0.5, 0.1),
        "outside": (0.01, 0.9),
    }
    for name, place in places.items():
        assert REGIONS[int(regions[at([place])][0])] == name


def test_a_face_that_is_framed_already_does_not_move():
    image = np.random.default_rng(0).random((2, 48, 48)).astype(np.float32)
    warped = warp_to_common_face(image, np.tile(REFERENCE, (2, 1, 1)), size=48)
    np.testing.assert_allclose(warped, image, atol=1e-4)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_what_is_at_a_landmark_comes_to_its_common_place(seed):
    rng = np.random.default_rng(seed)
    points = REFERENCE + rng.normal(0, 0.03, (5, 2))
    y, x = np.mgrid[:96, :96]
    for place, target in zip(points, REFERENCE, strict=True):
        spot = np.exp(-((x + 0.5 - place[0] * 96) ** 2 + (y + 0.5 - place[1] * 96) ** 2) / 18)
        warped = warp_to_common_face(spot[None], points[None], size=96)[0]
        peak = np.array(np.unravel_index(warped.argmax(), warped.shape))[::-1] + 0.5
        assert np.abs(peak - target * 96).max() <= 1.5


def test_a_uniform_map_has_the_share_of_area():
    rng = np.random.default_rng(1)
    points = REFERENCE + rng.normal(0, 0.02, (4, 5, 2))
    _, share, uniform = locate_attribution(np.ones((4, 48, 48)), points)
    np.testing.assert_allclose(share, uniform)
    np.testing.assert_allclose(share.sum(axis=1), 1)


def test_attribution_in_the_mouth_is_counted_wherever_it_is():
    points = np.stack([REFERENCE, REFERENCE * 0.8 + 0.02])
    maps = np.zeros((2, 96, 96))
    for image, landmarks in zip(maps, points, strict=True):
        image[at([landmarks[3:].mean(axis=0)], 96)] = 1
    _, share, _ = locate_attribution(maps, points)
    assert (share[:, REGIONS.index("mouth")] > 0.99).all()


def test_a_zero_map_has_no_shares():
    assert np.isnan(region_shares(np.zeros((1, 64, 64)))).all()


def test_68_landmarks_come_to_the_mean_shape():
    rng = np.random.default_rng(2)
    shape = rng.random((68, 2))
    shape[36:42] += REFERENCE[0] - shape[36:42].mean(axis=0)
    shape[42:48] += REFERENCE[1] - shape[42:48].mean(axis=0)
    shape[[30, 48, 54]] = REFERENCE[2:]
    faces = np.stack([shape, shape * 0.9 + 0.03])
    np.testing.assert_allclose(five_points(faces)[0], REFERENCE)
    np.testing.assert_allclose(common_points(faces), shape, atol=1e-9)
    assert warp_to_common_face(np.ones((2, 48, 48)), faces).shape == (2, 64, 64)


@pytest.mark.parametrize(
    ("maps", "landmarks", "sentence"),
    [
        (np.ones((1, 8, 8)), np.ones((1, 4, 2)), "allowed are"),
        (np.ones((2, 8, 8)), np.ones((1, 5, 2)), "do not fit together"),
        (np.ones((1, 8, 8)), np.full((1, 5, 2), np.nan), "Face 0 has no landmarks"),
    ],
)
def test_maps_and_landmarks_that_do_not_fit_are_refused(maps, landmarks, sentence):
    with pytest.raises(InputError, match=sentence):
        warp_to_common_face(maps, landmarks)


def test_shares_of_signed_maps_are_refused():
    with pytest.raises(InputError, match="without negative"):
        region_shares(-np.ones((1, 64, 64)))
