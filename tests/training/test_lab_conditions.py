import math

import cv2
import numpy as np
import pytest
import torch

from enicfer.training.lab_conditions import (
    CONDITIONS,
    compress,
    imitate_lab,
    move,
    stand_far_away,
    turn_off_light,
)


def images() -> torch.Tensor:
    return torch.rand(60, 1, 48, 48, generator=torch.Generator().manual_seed(1))


def seeded(seed: int = 2) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def strengths(value: float, n: int = 60) -> torch.Tensor:
    return torch.full((n, 1, 1, 1), value)


def soft_images(n: int = 60) -> torch.Tensor:
    """Pictures whose neighbouring pixels are alike, as those of faces are."""
    rough = torch.rand(n, 1, 12, 12, generator=seeded(1))
    return torch.nn.functional.interpolate(rough, (48, 48), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_changes_images_and_keeps_their_range(name: str) -> None:
    first, second = (CONDITIONS[name](images(), strengths(0.8), seeded()) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == images().shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first != images()).flatten(1).any(1).all()


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_greater_strength_leaves_less_of_the_picture(name: str) -> None:
    clean = soft_images(200)

    def alike(strength: float) -> float:
        seen = CONDITIONS[name](clean, strengths(strength, 200), seeded())
        pairs = zip(seen.flatten(1).numpy(), clean.flatten(1).numpy(), strict=True)
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))

    found = [alike(strength) for strength in (0.0, 0.5, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.8
    assert found[0] - found[2] > 0.005


@pytest.mark.parametrize("name", ["cap", "strap", "coil"])
def test_what_is_worn_leaves_eyes_and_mouth_visible(name: str) -> None:
    changed = CONDITIONS[name](images(), strengths(1.0), seeded()) != images()
    # Between the eyes' outer corners, from the eyes to the mouth, as FER2013 frames a face.
    inner = changed[:, 0, int(0.37 * 48) : int(0.85 * 48), int(0.28 * 48) : int(0.72 * 48)]
    assert inner.float().mean() < 0.02
    assert changed.float().mean() > 0.03


def test_motion_keeps_the_light_and_smears_along_one_line() -> None:
    point = torch.zeros(40, 1, 49, 49)
    point[:, :, 24, 24] = 1
    smeared = move(point, strengths(1.0, 40), seeded())[:, 0]
    torch.testing.assert_close(smeared.sum((1, 2)), torch.ones(40))
    y, x = torch.meshgrid(torch.arange(49.0) - 24, torch.arange(49.0) - 24, indexing="ij")
    spread = torch.stack([(smeared * a * b).sum((1, 2)) for a, b in ((x, x), (x, y), (x, y), (y, y))], 1)
    narrow, wide = torch.linalg.eigvalsh(spread.view(-1, 2, 2)).T
    # A line of 9 pixels has the variance 81 / 12 along it, and a pixel has 1 / 6 or less across.
    assert (wide - 81 / 12).abs().max() < 1.2
    assert narrow.max() < 0.4


def test_few_pixels_are_what_opencv_makes_of_a_face_that_is_far() -> None:
    clean = soft_images(20)
    seen = stand_far_away(clean, strengths(0.5, 20), seeded())
    for one, picture in zip(seen[:, 0].numpy(), clean[:, 0].numpy(), strict=True):
        small = cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA)
        again = cv2.resize(small, (48, 48), interpolation=cv2.INTER_LINEAR)
        assert np.abs(one - again).mean() < 0.012  # the noise of the sensor


def test_darkness_is_as_dark_as_stated_and_has_whole_levels() -> None:
    grey = torch.full((300, 1, 48, 48), 0.5)
    for strength, light in ((0.0, 0.3), (1.0, 0.08)):
        dark = turn_off_light(grey, strengths(strength, 300), seeded())
        assert float(dark.mean()) == pytest.approx(0.5 * light, abs=0.001)
        torch.testing.assert_close(dark * 255, (dark * 255).round(), atol=1e-3, rtol=0)


def test_compression_loses_fine_patterns_first() -> None:
    flat = torch.full((20, 1, 48, 48), 100 / 255)
    assert (compress(flat, strengths(1.0, 20), seeded()) - flat).abs().max() < 0.5 / 255 + 1e-5
    x = torch.arange(48.0)

    def kept(pixels: float) -> float:
        wave = (0.5 + 0.1 * torch.sin(2 * math.pi * x / pixels)).expand(20, 1, 48, 48).contiguous()
        left = compress(wave, strengths(0.6, 20), seeded()) - 0.5
        return float(left.square().mean() / (wave - 0.5).square().mean())

    faint = (0.5 + 0.02 * torch.sin(2 * math.pi * x / 3)).expand(20, 1, 48, 48).contiguous()
    assert kept(16) > 0.6
    assert (compress(faint, strengths(1.0, 20), seeded()) - 0.5).abs().max() < 0.01


def test_the_probability_is_kept_and_zero_changes_nothing() -> None:
    many = torch.rand(2000, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    result = imitate_lab(many, 0.3, torch.Generator().manual_seed(0))
    changed = (result != many).flatten(1).any(1).float().mean()
    assert changed == pytest.approx(0.3, abs=0.05)
    assert imitate_lab(many, 0.0, torch.Generator()) is many


def test_strengths_are_drawn_up_to_the_strongest() -> None:
    bright = torch.ones(4000, 1, 4, 4)

    def darkest(strongest: float) -> float:
        return float(imitate_lab(bright, 1.0, seeded(), strongest)[:, :, 1:, 1:].mean((1, 2, 3)).min())

    assert darkest(1.0) < 0.1
    assert darkest(0.2) > 0.2
