import numpy as np
import pytest
import torch
from torch import nn

from enicfer.errors import InputError, ModelError
from enicfer.saliency.attribution.filters import backpropagate_filter, find_exciting_images


@pytest.fixture(scope="module")
def network():
    """Filter 0 sees a bright dot, filter 1 a dark one."""
    conv = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight[:] = -1 / 8
        conv.weight[:, 0, 1, 1] = 1
        conv.weight[1] *= -1
    return (
        nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(2 * 16 * 16, 3)).eval().requires_grad_(False)
    )


@pytest.fixture(scope="module")
def dots():
    images = torch.zeros(10, 1, 16, 16)
    for i in range(10):
        images[i, 0, 3 + i, 8] = float(i) if i < 6 else -float(i)
    return images


def test_filters_find_the_images_that_were_made_for_them(network, dots):
    (responses,) = find_exciting_images(network, dots, top=3)
    assert responses.layer == "conv1"
    assert responses.top.tolist() == [[5, 4, 3], [9, 8, 7]]
    np.testing.assert_allclose(responses.excitation, [[5, 4, 3], [9, 8, 7]])
    assert (responses.selectivity > 1).all()


def test_guided_backpropagation_shows_where_the_filter_was_excited(network, dots):
    found = backpropagate_filter(network, dots[[5]], "conv1", 0)[0, 0]
    assert np.unravel_index(np.abs(found).argmax(), found.shape) == (8, 8)
    assert np.abs(found[7:10, 7:10]).sum() == pytest.approx(np.abs(found).sum())


def test_ronnet_has_three_layers_of_filters(ronnet):
    images = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    found = find_exciting_images(ronnet, images, top=2)
    assert [(r.layer, len(r.top)) for r in found] == [("conv1", 64), ("conv2", 128), ("conv3", 256)]
    gradient = backpropagate_filter(ronnet, images[found[2].top[7]], "conv3", 7)
    assert gradient.shape == (2, 1, 48, 48) and np.abs(gradient).max() > 0


def test_what_cannot_be_shown_is_said(network, dots):
    with pytest.raises(InputError, match="2 images, fewer than the 6"):
        find_exciting_images(network, dots[:2])
    with pytest.raises(InputError, match="no layer 'conv7': choose one of conv1"):
        backpropagate_filter(network, dots, "conv7", 0)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(256, 2), nn.ReLU())
    with pytest.raises(ModelError, match="no convolution"):
        find_exciting_images(flat, dots)
