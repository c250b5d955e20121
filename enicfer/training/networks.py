"""The network that a recipe trains: new, or begun from another model (transfer).

Conventions: a new network has batch normalisation after each hidden layer, which the finished
model no longer has (`enicfer.models.ronnet.fold_batch_norm`); a RonNet that begins from a finished
one has none, either.  GoogLeNet keeps its own always.  A network that begins from a finished model
takes over its weights, and keeps the layers named in `[transfer] freeze` as they are, statistics
included; outputs are matched by label, and a label that is new begins at zero.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from enicfer.errors import InputError, ModelError
from enicfer.models import load_model
from enicfer.models.googlenet import BasicConv2d, GoogLeNet
from enicfer.models.ronnet import RonNet, fold_batch_norm
from enicfer.training.normalisation import normalise_layers
from enicfer.training.recipe import Recipe

FREEZABLE = {"ronnet": ("convs", "fc1"), "googlenet": ("convs",)}


def build_network(
    recipe: Recipe, begin: bool = True, images: torch.Tensor | None = None
) -> RonNet | GoogLeNet:
    """Make the network of a recipe.

    Parameters
    ----------
    recipe
    begin
        Take over the weights that `[transfer] start` names; False where a checkpoint follows.
    images
        ``(n, channels, size, size)``:
        Preprocessed training images, for the statistics that `[transfer] normalise` begins with.

    Returns
    -------
    RonNet or GoogLeNet
        With `requires_grad` False for frozen layers.

    Raises
    ------
    InputError
        An unknown layer to freeze, a start that does not fit the recipe, or a network that cannot be normalised.
    """
    _check_normalise(recipe)
    plan = recipe.network
    allowed = FREEZABLE[plan.architecture]
    strange = [name for name in recipe.transfer.freeze if name not in allowed]
    if strange:
        raise InputError(
            f"[transfer] freeze names {', '.join(strange)}, which {plan.architecture} has not",
            remedy=f"give some of {', '.join(allowed)}",
        )
    heads = 2 if recipe.schedule.vote_weight else 1
    transfers = bool(recipe.transfer.start)
    arguments: dict[str, Any] = {
        "outputs": heads * len(recipe.data.labels),
        "input_size": plan.input_size,
        "channels": plan.channels,
    }
    network: RonNet | GoogLeNet
    if plan.architecture == "googlenet":
        network = GoogLeNet(**arguments, dropout=plan.dropout[1])
    else:
        normalised = not transfers or (recipe.transfer.normalise and not begin)
        network = RonNet(**arguments, padding=plan.padding, batch_norm=normalised, dropout=plan.dropout)
    if transfers and begin:
        _take_over(network, recipe, heads)
        if isinstance(network, RonNet) and recipe.transfer.normalise:
            if images is None:
                raise ValueError("normalise needs images for its statistics")
            network = normalise_layers(network, images)
    if transfers:
        for name in recipe.transfer.freeze:
            for module in _frozen_part(network, name):
                module.requires_grad_(False)
    return network


def _check_normalise(recipe: Recipe) -> None:
    if not recipe.transfer.normalise:
        return
    if recipe.network.architecture != "ronnet" or not recipe.transfer.start or recipe.transfer.freeze:
        raise InputError(
            f"[transfer] normalise is true for a {recipe.network.architecture} with start = "
            f"{recipe.transfer.start!r} and freeze = {list(recipe.transfer.freeze)}",
            remedy="it is for a ronnet that begins from a finished one, with freeze = []",
        )


def restore_weights(network: torch.nn.Module, weights: Mapping[str, torch.Tensor], checkpoint: Path) -> None:
    """Give a network the weights of a checkpoint of its recipe.

    Raises
    ------
    ModelError
        They do not fit, because an earlier version of enicfer built the network otherwise.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"The weights in {checkpoint} do not fit the network of the recipe, which another "
            "version of enicfer built otherwise",
            place=checkpoint,
            remedy="go on with that version, or train anew in another output folder",
        ) from error


def _frozen_part(network: RonNet | GoogLeNet, name: str) -> list[torch.nn.Module]:
    if isinstance(network, RonNet):
        return [network.get_submodule(name)]
    return [module for child, module in network.named_children() if child != last_layer(network)]


@torch.no_grad()
def _take_over(network: RonNet | GoogLeNet, recipe: Recipe, heads: int) -> None:
    source = load_model(recipe.transfer.start)
    if type(source.network) is not type(network):
        theirs, ours = type(source.network).__name__, type(network).__name__
        raise InputError(
            f"{source.name} is a {theirs}, so a {ours} cannot begin from it",
            remedy=f"begin from a {ours}, or change [network] architecture",
        )
    # GoogLeNet averages over all positions at its end: its weights fit every size of picture.
    for key in (
        ("channels", "padding") if isinstance(network, GoogLeNet) else ("input_size", "channels", "padding")
    ):
        given, wanted = source.network.arguments.get(key), network.arguments.get(key)
        if given != wanted:
            raise InputError(
                f"{source.name} has {key} {given}, and [network] {key} is {wanted}",
                remedy="make them agree",
            )
    if not set(source.labels) & set(recipe.data.labels):
        warnings.warn(
            f"{source.name} knows {', '.join(source.labels)}, none of which is in [data] labels: only its "
            "layers below the last are taken over.",
            stacklevel=2,
        )
    state, last = source.network.state_dict(), last_layer(network)
    own = network.get_submodule(last).state_dict()
    weight, bias = torch.zeros_like(own["weight"]), torch.zeros_like(own["bias"])
    for head in range(heads):
        for row, label in enumerate(recipe.data.labels):
            if label in source.labels:
                here = head * len(recipe.data.labels) + row
                there = source.labels.index(label)
                # Begin calibrated: the temperature becomes part of the weights.
                weight[here] = state[f"{last}.weight"][there] / source.temperature
                bias[here] = state[f"{last}.bias"][there] / source.temperature
    network.load_state_dict(state | {f"{last}.weight": weight, f"{last}.bias": bias})


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
    network
        As `build_network` made it, trained.
    labels
    vote_share
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


@torch.no_grad()
def keep_start(finished: RonNet | GoogLeNet, recipe: Recipe, vote_share: float) -> None:
    """Move the weights of a finished network towards those that it began from, as `[transfer] keep` says.

    Both are folded, so that their layers have one scale.
    """
    begun = build_network(replace(recipe, transfer=replace(recipe.transfer, normalise=False)))
    start = finish_network(begun, len(recipe.data.labels), vote_share).state_dict()
    for name, value in finished.state_dict().items():
        if value.is_floating_point():
            value.lerp_(start[name], recipe.transfer.keep)
