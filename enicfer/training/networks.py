"""The network that a recipe trains: new, or begun from another model (transfer).

Conventions: a new network has batch normalisation after each hidden layer, which the finished
model no longer has (`enicfer.models.ronnet.fold_batch_norm`).  One that begins from a finished
model has none, takes over its weights, and keeps the layers named in `[transfer] freeze` as they
are; outputs are matched by label, and a label that is new begins at zero.
"""

from __future__ import annotations

import copy
from typing import Any

import torch

from enicfer.errors import InputError
from enicfer.models import load_model
from enicfer.models.googlenet import BasicConv2d, GoogLeNet
from enicfer.models.ronnet import RonNet, fold_batch_norm
from enicfer.training.recipe import Recipe

FREEZABLE = ("convs", "fc1")


def build_network(recipe: Recipe, begin: bool = True) -> RonNet | GoogLeNet:
    """Make the network of a recipe.

    Parameters
    ----------
    recipe : Recipe
    begin : bool
        Take over the weights that `[transfer] start` names; False where a checkpoint follows.

    Returns
    -------
    RonNet or GoogLeNet
        With `requires_grad` False for frozen layers.

    Raises
    ------
    InputError
        An unknown layer to freeze, or a start that does not fit the recipe.
    """
    strange = [name for name in recipe.transfer.freeze if name not in FREEZABLE]
    if strange:
        raise InputError(f"[transfer] freeze names {', '.join(strange)}; allowed are {', '.join(FREEZABLE)}.")
    heads = 2 if recipe.schedule.vote_weight else 1
    transfers = bool(recipe.transfer.start)
    plan = recipe.network
    arguments: dict[str, Any] = {
        "outputs": heads * len(recipe.data.labels),
        "input_size": plan.input_size,
        "channels": plan.channels,
    }
    if plan.architecture == "googlenet":
        if transfers:
            raise InputError("[transfer] is possible with the ronnet architecture only.")
        return GoogLeNet(**arguments, dropout=plan.dropout[1])
    network = RonNet(**arguments, padding=plan.padding, batch_norm=not transfers, dropout=plan.dropout)
    if transfers and begin:
        _take_over(network, recipe, heads)
    if transfers:
        for name in recipe.transfer.freeze:
            network.get_submodule(name).requires_grad_(False)
    return network


@torch.no_grad()
def _take_over(network: RonNet, recipe: Recipe, heads: int) -> None:
    source = load_model(recipe.transfer.start)
    if not isinstance(source.network, RonNet):
        raise InputError(f"{source.name} is no RonNet, so a RonNet cannot begin from it.")
    for key in ("input_size", "channels", "padding"):
        theirs, ours = source.network.arguments[key], network.arguments[key]
        if theirs != ours:
            raise InputError(
                f"{source.name} has {key} {theirs}, and [network] {key} is {ours}; they must agree."
            )
    state = source.network.state_dict()
    weight, bias = torch.zeros_like(network.fc2.weight), torch.zeros_like(network.fc2.bias)
    for head in range(heads):
        for row, label in enumerate(recipe.data.labels):
            if label in source.labels:
                here = head * len(recipe.data.labels) + row
                there = source.labels.index(label)
                # Begin calibrated: the temperature becomes part of the weights.
                weight[here] = state["fc2.weight"][there] / source.temperature
                bias[here] = state["fc2.bias"][there] / source.temperature
    network.load_state_dict(state | {"fc2.weight": weight, "fc2.bias": bias})


@torch.no_grad()
def unit_variance(network: GoogLeNet) -> GoogLeNet:
    """The same function with every normalised layer at variance 1.

    What comes before a normalisation may have any scale. Training lets it grow, up to variances beyond the
    range of half precision; here each channel's weights are divided by what the normalisation divides by.
    """
    scaled = copy.deepcopy(network)
    for layer in scaled.modules():
        if isinstance(layer, BasicConv2d):
            mean, variance = layer.bn.running_mean, layer.bn.running_var
            assert mean is not None and variance is not None
            deviation = torch.sqrt(variance + layer.bn.eps)
            layer.conv.weight /= deviation[:, None, None, None]
            mean /= deviation
            variance.fill_(1 - layer.bn.eps)
    return scaled


def last_layer(network: torch.nn.Module) -> str:
    """Name of the output layer."""
    return "fc2" if isinstance(network, RonNet) else "fc"


@torch.no_grad()
def finish_network(network: RonNet | GoogLeNet, labels: int, vote_share: float) -> RonNet | GoogLeNet:
    """Make the network that is shipped: folded, and with one output per label.

    Parameters
    ----------
    network : RonNet or GoogLeNet
        As `build_network` made it, trained.
    labels : int
    vote_share : float
        See `enicfer.training.export.export_model`; the weighted sum of two linear outputs is
        again one linear output.
    """
    network = fold_batch_norm(network) if isinstance(network, RonNet) else unit_variance(network)
    last = last_layer(network)
    state = network.state_dict()
    for name in (f"{last}.weight", f"{last}.bias"):
        if len(state[name]) > labels:
            state[name] = torch.lerp(state[name][:labels], state[name][labels:], vote_share)
    finished = type(network)(**{**network.arguments, "outputs": labels})
    finished.load_state_dict(state)
    return finished.eval()
