import pytest
import torch

from enicfer.training.augmentation import Augmentation, augment, erase, transform

STILL = Augmentation(
    flip=0, rotation=0, scale=0, translation=0, shear=0, gamma=0, contrast=0, erase=0, blur=0, noise=0
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(40, 1, 48, 48, generator=seeded(9))


def test_nothing_switched_on_changes_nothing(images: torch.Tensor) -> None:
    torch.testing.assert_close(augment(images, STILL, seeded()), images, atol=1e-3, rtol=0)


def test_the_same_generator_gives_the_same_images(images: torch.Tensor) -> None:
    first = augment(images, Augmentation(), seeded(3))
    assert torch.equal(first, augment(images, Augmentation(), seeded(3)))
    assert not torch.equal(first, augment(images, Augmentation(), seeded(4)))


def test_range_and_shape_stay(images: torch.Tensor) -> None:
    result = augment(images, Augmentation(noise=1, blur=0.5, erase=1), seeded())
    assert result.shape == images.shape
    assert result.min() >= 0
    assert result.max() <= 1


def test_flip_is_a_mirror_image(images: torch.Tensor) -> None:
    settings = Augmentation(flip=1, rotation=0, scale=0, translation=0, shear=0)
    torch.testing.assert_close(transform(images, settings, seeded()), images.flip(3), atol=1e-4, rtol=0)


def test_a_face_stays_in_the_picture() -> None:
    # A bright disc in the middle must still be there, near the middle, after every change.
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    disc = (((y - 23.5) ** 2 + (x - 23.5) ** 2) < 100).float().expand(200, 1, 48, 48)
    result = transform(disc, Augmentation(), seeded())[:, 0]
    mass = result.sum((1, 2))
    centre = (result.sum(1) * torch.arange(48.0)).sum(1) / mass
    assert ((mass / disc[0].sum() > 0.7) & (mass / disc[0].sum() < 1.4)).all()
    assert (centre - 23.5).abs().max() < 0.08 * 48 * 1.2
    assert (centre - 23.5).abs().mean() > 0.5


def test_erasing_touches_the_stated_part() -> None:
    blank = torch.full((500, 1, 48, 48), 2.0)
    changed = (erase(blank, 0.5, seeded()) != 2).float().mean((1, 2, 3))
    hit = changed > 0
    assert hit.float().mean() == pytest.approx(0.5, abs=0.08)
    assert changed[hit].max() < 0.23
    assert changed[hit].mean() == pytest.approx(0.11, abs=0.02)
