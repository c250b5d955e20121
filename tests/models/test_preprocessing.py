import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.models.preprocessing import as_tensor, resize_crops, standardise


@settings(max_examples=20)
@given(height=st.integers(1, 120), width=st.integers(1, 120), level=st.integers(0, 255), rgb=st.booleans())
def test_a_flat_crop_stays_flat_at_any_size(height: int, width: int, level: int, rgb: bool) -> None:
    crop = np.full((height, width, 3) if rgb else (height, width), level, np.uint8)
    resized = resize_crops([crop], 48)
    assert resized.shape == (1, 48, 48)
    assert np.abs(resized.astype(int) - level).max() <= 1


def test_images_of_the_right_size_are_not_touched() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48), np.uint8)
    assert np.array_equal(resize_crops(images, 48), images)


def test_channels_are_in_rgb_order() -> None:
    red = np.zeros((10, 10, 3), np.uint8)
    red[..., 0] = 255
    assert resize_crops(red[None], 8)[0, 0, 0] == 76  # the luma weight of red, 0.299
    assert as_tensor(resize_crops(red[None], 8, 3))[0, :, 0, 0].tolist() == [1, 0, 0]


def test_exposure_and_contrast_make_no_difference() -> None:
    image = np.random.default_rng(0).integers(60, 120, (1, 48, 48)).astype(np.uint8)
    brighter = (image * 2 + 10).astype(np.uint8)
    a, b = standardise(as_tensor(image)), standardise(as_tensor(brighter))
    torch.testing.assert_close(a, b, atol=1e-3, rtol=0)
    assert abs(float(a.mean())) < 1e-5
    assert abs(float(a.std(correction=0)) - 1) < 1e-4


def test_a_flat_image_is_finite() -> None:
    assert torch.equal(standardise(torch.full((1, 1, 4, 4), 0.5)), torch.zeros(1, 1, 4, 4))
