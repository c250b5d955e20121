import pytest
import torch

from enicfer.training.lab_conditions import CONDITIONS, imitate_lab


def images() -> torch.Tensor:
    return torch.rand(60, 1, 48, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_changes_images_and_keeps_their_range(name: str) -> None:
    first, second = (CONDITIONS[name](images(), torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == images().shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first != images()).flatten(1).any(1).all()


@pytest.mark.parametrize("name", ["cap", "strap", "coil"])
def test_what_is_worn_leaves_eyes_and_mouth_visible(name: str) -> None:
    changed = CONDITIONS[name](images(), torch.Generator().manual_seed(2)) != images()
    # Between the eyes' outer corners, from the eyes to the mouth, as FER2013 frames a face.
    inner = changed[:, 0, int(0.37 * 48) : int(0.85 * 48), int(0.28 * 48) : int(0.72 * 48)]
    assert inner.float().mean() < 0.02
    assert changed.float().mean() > 0.03


def test_the_probability_is_kept_and_zero_changes_nothing() -> None:
    many = torch.rand(2000, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    result = imitate_lab(many, 0.3, torch.Generator().manual_seed(0))
    changed = (result != many).flatten(1).any(1).float().mean()
    assert changed == pytest.approx(0.3, abs=0.05)
    assert imitate_lab(many, 0.0, torch.Generator()) is many
