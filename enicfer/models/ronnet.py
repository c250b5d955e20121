"""RonNet: three convolution blocks and two fully connected layers.

Block: 5x5 convolution, ReLU, 2x2 max-pool (an odd last row or column is pooled alone), with 64, 128 and
256 filters; dropout 0.25 after the last block; a fully connected layer of 512 with ReLU and dropout 0.5;
a fully connected layer with one output per label.

Conventions: the public input is (images, channels, size, size), preprocessed; inside, activations
are positions first, (height, width, images, channels), because there the 5x5 convolutions run
through the Fourier transform at two to four times the speed (`enicfer.models.fourier`).
Parameters keep the names and shapes of `torch.nn.Conv2d` and `torch.nn.Linear`.

For training, batch normalisation after each layer is an option (`batch_norm=True`). It has a
shift but no scale, so its scale is always positive and commutes with max-pooling and ReLU:
`fold_batch_norm` therefore gives a plain RonNet with exactly the same outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from enicfer.models.fourier import Workspace, convolve, kernel_spectrum, times

FILTERS = (64, 128, 256)
KERNEL = 5
HIDDEN = 512
FEWEST = 16  # channels for which the Fourier transform pays
PADDING = {"valid": 0, "same": 2}
_WORKSPACE = Workspace()


class RonNet(nn.Module):
    """The classifier of the original work, with its free choices as parameters.

    Parameters
    ----------
    outputs
        Number of labels (times the number of heads while training with several label sources).
    input_size
        Height and width of the face crop in pixels.
    channels
        1 (grey) or 3 (RGB).
    padding
    batch_norm
        Normalise after each hidden layer (training only; folded before shipping).
    dropout
        After the last block and after the hidden fully connected layer.
    """

    def __init__(
        self,
        outputs: int = 7,
        input_size: int = 48,
        channels: int = 1,
        padding: str = "same",
        batch_norm: bool = False,
        dropout: tuple[float, float] = (0.25, 0.5),
    ) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "outputs": outputs,
            "input_size": input_size,
            "channels": channels,
            "padding": padding,
            "batch_norm": batch_norm,
        }
        self.pad = PADDING[padding]
        widths = (channels, *FILTERS)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, KERNEL, padding=self.pad, bias=not batch_norm)
            for a, b in zip(widths, FILTERS, strict=False)
        )
        size = input_size
        for _ in FILTERS:
            size = pooled_size(size, self.pad)
        self.fc1 = nn.Linear(FILTERS[-1] * size * size, HIDDEN, bias=not batch_norm)
        self.fc2 = nn.Linear(HIDDEN, outputs)
        self.norms = nn.ModuleList(
            ShiftNorm(width) if batch_norm else nn.Identity() for width in (*FILTERS, HIDDEN)
        )
        self.drop_conv = SeededDropout(dropout[0])
        self.drop_full = SeededDropout(dropout[1])
        self._spectra: list[Tensor] = []
        if not self.fc2.weight.is_meta:  # there is nothing to draw, and trying to loads torch's compiler
            self._draw_weights()

    def _draw_weights(self) -> None:
        for layer in (*self.convs, self.fc1):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.fc2.weight, std=0.01)
        nn.init.zeros_(self.fc2.bias)

    def _convolutions(self) -> list[nn.Conv2d]:
        return cast(list[nn.Conv2d], list(self.convs))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (images, outputs) of preprocessed images (images, channels, size, size)."""
        logits: Tensor = self.fc2(self.features(images))
        return logits

    def keep_spectra(self) -> None:
        """Transform the kernels once and for all; call it when the weights will not change."""
        size, self._spectra = self.arguments["input_size"], []
        if self.fc1.weight.device.type != "cpu":
            return
        for conv in self._convolutions():
            wide = conv.weight.shape[1] >= FEWEST
            spectrum = kernel_spectrum(conv.weight, size, self.pad) if wide else torch.empty(0)
            self._spectra.append(spectrum.detach())
            size = pooled_size(size, self.pad)

    def features(self, images: Tensor) -> Tensor:
        """Output of the hidden fully connected layer, (images, 512)."""
        if images.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return self._last(self._library_convolutions(images))
        x = images.permute(2, 3, 0, 1).contiguous()
        spectra: Sequence[Tensor | None] = self._spectra or [None] * len(FILTERS)
        memory = None if torch.is_grad_enabled() else _WORKSPACE
        for conv, norm, spectrum in zip(self._convolutions(), self.norms, spectra, strict=False):
            # Pooling before shift and ReLU gives the same values with a quarter of the work.
            x = pool(convolution(x, conv.weight, self.pad, spectrum, memory))
            if conv.bias is not None:
                x = x + conv.bias
            x = torch.relu(norm(x))
        return self._last(x.permute(2, 3, 0, 1))

    def _library_convolutions(self, x: Tensor) -> Tensor:
        # In half precision, processors with matrix instructions make the direct way the fast one; so do GPUs.
        x = x.contiguous(memory_format=torch.channels_last)
        for conv, norm in zip(self._convolutions(), self.norms, strict=False):
            x = pool_last(functional.conv2d(x, conv.weight, conv.bias, padding=self.pad).permute(0, 2, 3, 1))
            x = torch.relu(norm(x)).permute(0, 3, 1, 2)
        return x

    def _last(self, x: Tensor) -> Tensor:
        x = self.drop_conv(x.flatten(1))
        hidden: Tensor = self.drop_full(torch.relu(self.norms[3](self.fc1(x))))
        return hidden


class SeededDropout(nn.Module):
    """Dropout whose random numbers come from `generator`, so that threads cannot mix them up."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop each value with the probability, and scale the others."""
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        mask = torch.empty_like(x, device="cpu").bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep).to(x.device)


class ShiftNorm(nn.Module):
    """Batch normalisation over the last axis with a learned shift and no learned scale.

    A scale is redundant before ReLU and another layer; without it the folding is exact.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, momentum: float = 0.01, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis over all others."""
        flat = x.reshape(-1, x.shape[-1])
        return functional.batch_norm(
            flat,
            self.running_mean,
            self.running_var,
            None,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        ).view(x.shape)


def convolution(
    x: Tensor,
    weight: Tensor,
    padding: int,
    spectrum: Tensor | None = None,
    memory: Workspace | None = None,
) -> Tensor:
    """Positions-first convolution without bias; (height, width, images, channels) in and out."""
    if weight.shape[1] >= FEWEST:
        if spectrum is None:
            spectrum = kernel_spectrum(weight, x.shape[0], padding)
        return convolve(x, spectrum, weight.shape[2], padding, memory)
    # Few channels: gathering the 25 neighbours and one matrix product is faster.
    kernel = weight.shape[2]
    x = functional.pad(x, (0, 0, 0, 0, padding, padding, padding, padding))
    patches = x.unfold(0, kernel, 1).unfold(1, kernel, 1).flatten(3)
    height, width, images, _ = patches.shape
    product = times(patches.view(-1, patches.shape[3]), weight.flatten(1).T, memory)
    return product.view(height, width, images, len(weight))


def pooled_size(size: int, padding: int) -> int:
    """Height and width that a block leaves of `size` pixels."""
    return (size + 2 * padding - KERNEL + 2) // 2


def pool(x: Tensor) -> Tensor:
    """2x2 max-pooling of positions-first images; an odd last row or column is pooled alone."""
    x = _even(x, 0)
    height, width, images, channels = x.shape
    # Each pair of rows is one channels-last "image" for the fast library kernel.
    x = x.reshape(height // 2, 2, width, images * channels)
    x = functional.max_pool2d(x.permute(0, 3, 1, 2), 2)
    return x.permute(0, 2, 3, 1).reshape(height // 2, width // 2, images, channels)


def _even(x: Tensor, first: int) -> Tensor:
    """Repeat an odd last row and column, which no maximum feels; rows are on axis `first`, columns on the next."""
    for axis in (first, first + 1):
        if x.shape[axis] % 2:
            x = torch.cat((x, x.narrow(axis, -1, 1)), axis)
    return x


class _PoolLast(torch.autograd.Function):
    """2x2 max-pooling of (images, even height, even width, channels): the library's backward copies twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        images, height, width, channels = x.shape
        ctx.shape = x.shape
        x = x.reshape(images, height // 2, 2, width // 2, 2, channels)
        top, bottom = (torch.maximum(x[:, :, i, :, 0], x[:, :, i, :, 1]) for i in (0, 1))
        ctx.save_for_backward(top >= bottom, *(x[:, :, i, :, 0] >= x[:, :, i, :, 1] for i in (0, 1)))
        return torch.maximum(top, bottom)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        upper, *left = ctx.saved_tensors
        result = gradient.new_empty(ctx.shape)
        blocks = result.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        row = gradient * upper
        for i, part in enumerate((row, gradient - row)):
            torch.mul(part, left[i], out=blocks[:, :, i, :, 0])
            torch.sub(part, blocks[:, :, i, :, 0], out=blocks[:, :, i, :, 1])
        return result


def pool_last(x: Tensor) -> Tensor:
    """2x2 max-pooling of (images, height, width, channels); an odd last row or column is pooled alone."""
    pooled: Tensor = _PoolLast.apply(_even(x, 1))
    return pooled


@torch.no_grad()
def fold_batch_norm(model: RonNet) -> RonNet:
    """Return a plain RonNet with the same outputs in evaluation mode.

    Parameters
    ----------
    model
        With ``batch_norm=True``; a plain one is copied.
    """
    plain = RonNet(**{**model.arguments, "batch_norm": False})
    sources: list[nn.Conv2d | nn.Linear] = [*model._convolutions(), model.fc1]
    targets: list[nn.Conv2d | nn.Linear] = [*plain._convolutions(), plain.fc1]
    for source, norm, target in zip(sources, model.norms, targets, strict=True):
        if isinstance(norm, ShiftNorm):
            scale = (norm.running_var + norm.eps).rsqrt()
            shape = (-1, *[1] * (source.weight.ndim - 1))
            target.weight.copy_(source.weight * scale.view(shape))
            assert target.bias is not None  # a plain network has a bias where that was a shift
            target.bias.copy_(norm.bias - norm.running_mean * scale)
        else:
            target.load_state_dict(source.state_dict())
    plain.fc2.load_state_dict(model.fc2.state_dict())
    return plain.eval()
