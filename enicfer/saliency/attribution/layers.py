"""A network as a chain of modules, for the methods that must reach into it.

Guided backpropagation, Grad-CAM and the excitation of single filters need ReLUs and convolutions that are
modules. RonNet computes its layers as functions, positions first and partly through the Fourier transform, so
it is written out here as the plain chain that its description names; weights are shared, not copied.

Conventions: images are float32 (n, channels, size, size), preprocessed; logits (n, k).
"""

import copy
from collections.abc import Iterator

import torch
from torch import nn

from enicfer.errors import ModelError
from enicfer.models.ronnet import RonNet


def as_layers(network: nn.Module) -> nn.Module:
    """The same function made of modules.

    Parameters
    ----------
    network
        A RonNet without batch normalisation, or any network whose ReLUs and convolutions are modules.

    Returns
    -------
    nn.Module
        In evaluation mode. For RonNet its outputs differ from the network's by rounding only.

    Raises
    ------
    ModelError
        If the network has no ReLU module, so that guided backpropagation would silently be a plain gradient.
    """
    if isinstance(network, RonNet):
        return _ronnet_layers(network)
    if not any(isinstance(module, nn.ReLU) for module in network.modules()):
        raise ModelError(
            f"The network {type(network).__name__} has no ReLU modules, which this method changes",
            remedy="choose gradient, smoothgrad, integrated or occlusion",
        )
    return network.eval()


def _ronnet_layers(network: RonNet) -> nn.Sequential:
    if network.arguments["batch_norm"]:
        raise ModelError(
            "The RonNet still has its batch normalisation", remedy="fold it with fold_batch_norm first"
        )
    chain: list[nn.Module] = []
    for conv in network.convs:
        chain += [conv, nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
    return nn.Sequential(*chain, nn.Flatten(), network.fc1, nn.ReLU(), network.fc2).eval()


def conv_outputs(network: nn.Module) -> dict[str, nn.Module]:
    """Name -> the module whose output is a convolution layer's, after its ReLU where one follows.

    Parameters
    ----------
    network
        What `as_layers` returned.

    Raises
    ------
    ModelError
        If there is no convolution.
    """
    found: dict[str, nn.Module] = {}
    leaves = list(_leaves(network))
    for i, module in enumerate(leaves):
        if isinstance(module, nn.Conv2d):
            follows = leaves[i + 1] if i + 1 < len(leaves) else None
            found[f"conv{len(found) + 1}"] = follows if isinstance(follows, nn.ReLU) else module
    if not found:
        raise ModelError(
            f"The network {type(network).__name__} has no convolution to look at",
            remedy="give a model that has one",
        )
    return found


def find_centres(chain: nn.Module, layer: nn.Module) -> tuple[float, float] | None:
    """Where in the picture the cells of a layer are: middle of the first one and distance between two, in px.

    None where the network is no plain chain of square convolutions and poolings.
    """
    first, step = 0.5, 1.0  # pixel centres are at whole numbers plus a half
    for module in chain if isinstance(chain, nn.Sequential) else ():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            if isinstance(module.padding, str):
                return None
            kernel, padding, stride = (
                _one(value) for value in (module.kernel_size, module.padding, module.stride)
            )
            first += ((kernel - 1) / 2 - padding) * step
            step *= stride
        if module is layer:
            return first, step
    return None


def _one(value: int | tuple[int, ...]) -> int:
    """The number for both directions."""
    numbers = {value} if isinstance(value, int) else set(value)
    (number,) = numbers
    return int(number)


def _leaves(network: nn.Module) -> Iterator[nn.Module]:
    return (module for module in network.modules() if not list(module.children()))


def weight_layers(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """Name and module of every layer with weights, from the input to the output."""
    return [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight is not None
    ]


def randomise_from_top(network: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Destroy what the network learned, layer by layer from the output to the input.

    Parameters
    ----------
    network
        It is copied, not changed.
    seed
        Of the random weights.

    Yields
    ------
    name, network
        The layer that was last made random, and the network with this and all later layers random: weights
        and biases are drawn from a normal distribution with mean and spread of the layer's trained ones.

    Notes
    -----
    The cascading randomisation of Adebayo et al. 2018, arXiv:1810.03292.
    """
    changed = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    for name, module in reversed(weight_layers(changed)):
        with torch.no_grad():
            for values in (module.weight, module.bias):
                if isinstance(values, torch.Tensor):
                    noise = torch.randn(values.shape, generator=generator)
                    values.copy_(noise * values.std(correction=0) + values.mean())
        if isinstance(changed, RonNet):
            changed.keep_spectra()  # its kept transforms are of the old weights
        yield name, changed
