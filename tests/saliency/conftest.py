"""Networks whose answers are known, and a model like the shipped one with random weights."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from enicfer.models.preprocessing import as_tensor, resize_crops, standardise
from enicfer.models.ronnet import RonNet

SIZE = 24
PATCH = (slice(4, 10), slice(13, 19))


class Window(nn.Module):
    """Lets one patch of the image through and nothing else."""

    def forward(self, x):
        mask = torch.zeros(x.shape[-2:])
        mask[PATCH] = 1
        return x * mask


@pytest.fixture(scope="session")
def patch_network():
    """Logit 0 is a positive function of the brightness in `PATCH` alone; logit 1 is constant."""
    torch.manual_seed(1)
    conv, last = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Linear(4 * SIZE * SIZE, 2)
    with torch.no_grad():
        conv.weight.abs_()
        last.weight.abs_()
        last.weight.mul_(10)
        last.weight[1] = 0
        last.bias.zero_()
    network = nn.Sequential(Window(), conv, nn.ReLU(), nn.Flatten(), last)
    network.patch, network.side = PATCH, SIZE
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def ronnet():
    """A RonNet with random weights and logits of a useful size."""
    torch.manual_seed(0)
    network = RonNet(7)
    nn.init.normal_(network.fc2.weight, std=0.2)
    network.eval().requires_grad_(False)
    network.keep_spectra()
    return network


@pytest.fixture(scope="session")
def model(ronnet):
    """What `explain` needs of a classifier, around `ronnet`."""
    labels = ("angry", "fearful", "happy", "sad", "neutral", "disgusted", "surprised")

    def prepare(crops):
        return standardise(as_tensor(resize_crops(crops, 48)))

    def predict(crops):
        with torch.no_grad():
            return torch.softmax(ronnet(prepare(crops)) / 20, dim=1).numpy()

    return SimpleNamespace(
        network=ronnet,
        labels=labels,
        name="random",
        input_size=48,
        channels=1,
        prepare=prepare,
        predict=predict,
    )


@pytest.fixture(scope="session")
def crops():
    """Six different grey crops."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 6, 6)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)
