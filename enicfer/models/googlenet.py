"""GoogLeNet (Szegedy et al. 2015, doi:10.1109/CVPR.2015.7298594) with batch normalisation.

Parameters have the names and shapes of torchvision's `googlenet` without auxiliary outputs, so
its published weights can be loaded (its "5x5" branch is 3x3, and so is this one).

Conventions: (images, channels, size, size), preprocessed, to logits (images, outputs).  The first
layers divide the size by 32; faces of 48 pixels leave 2x2 positions to the last module.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from enicfer.models.ronnet import SeededDropout

# Inputs, 1x1, (1x1 before) 3x3, (1x1 before) second 3x3, 1x1 after pooling.
MODULES = {
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}


class BasicConv2d(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three."""
        return functional.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches whose outputs are stacked."""

    def __init__(self, n: int, one: int, r3: int, three: int, r5: int, five: int, pool: int) -> None:
        super().__init__()
        self.branch1 = BasicConv2d(n, one, 1)
        self.branch2 = nn.Sequential(BasicConv2d(n, r3, 1), BasicConv2d(r3, three, 3))
        self.branch3 = nn.Sequential(BasicConv2d(n, r5, 1), BasicConv2d(r5, five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), BasicConv2d(n, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Run the branches and stack their channels."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class GoogLeNet(nn.Module):
    """GoogLeNet for face crops.

    Parameters
    ----------
    outputs
    input_size
        Height and width in pixels; at least 33.
    channels
        1 (grey) or 3 (RGB).
    dropout
        Before the last layer.
    """

    def __init__(
        self, outputs: int = 7, input_size: int = 48, channels: int = 3, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "outputs": outputs,
            "input_size": input_size,
            "channels": channels,
        }
        self.conv1 = BasicConv2d(channels, 64, 7, stride=2)
        self.conv2 = BasicConv2d(64, 64, 1)
        self.conv3 = BasicConv2d(64, 192, 3)
        for name, widths in MODULES.items():
            self.add_module(name, Inception(*widths))
        self.dropout = SeededDropout(dropout)
        self.fc = nn.Linear(1024, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if (
                    not module.weight.is_meta
                ):  # there is nothing to draw, and trying to loads torch's compiler
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                # Channels last: the layout in which the library's convolutions are fast.
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (images, outputs)."""
        x = _halve(self.conv1(images.contiguous(memory_format=torch.channels_last)))
        x = _halve(self.conv3(self.conv2(x)))
        for name in MODULES:
            x = self.get_submodule(name)(x)
            if name == "inception3b":
                x = _halve(x)
            elif name == "inception4e":
                x = functional.max_pool2d(x, 2, 2, ceil_mode=True)
        logits: Tensor = self.fc(self.dropout(x.mean(dim=(2, 3))))
        return logits


def _halve(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, 2, ceil_mode=True)
