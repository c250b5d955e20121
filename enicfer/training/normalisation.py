"""Batch normalisation for a finished RonNet, whose layers have been folded (`enicfer.models.ronnet.fold_batch_norm`).

Conventions: the network with normalisation gives the outputs of the finished one in evaluation mode, and folds
back to it.  What a layer's normalisation divides by, the next layer's weights multiply.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from enicfer.models.preprocessing import standardise
from enicfer.models.ronnet import RonNet, ShiftNorm, convolution, pool
from enicfer.training.augmentation import augment
from enicfer.training.gradient import seeded_generator
from enicfer.training.recipe import Recipe

SAMPLE = 512  # images for the statistics


def sample_images(recipe: Recipe, images: Tensor) -> Tensor | None:
    """Take some training images (n, channels, size, size) in 0-1 as a training step would see them, preprocessed.

    None where the recipe does not normalise.
    """
    if not recipe.transfer.normalise:
        return None
    rows = torch.linspace(0, len(images) - 1, min(SAMPLE, len(images))).long()
    generator = seeded_generator(recipe.schedule.seed, 0, stream=3)
    return standardise(augment(images[rows], recipe.augmentation, generator))


@torch.no_grad()
def normalise_layers(network: RonNet, images: Tensor) -> RonNet:
    """Give the layers of a plain RonNet batch normalisation.

    Without it, a finished network can be trained with small steps only. The statistics are those of the images, so
    that training begins where it would have ended.

    Parameters
    ----------
    network
        Without batch normalisation.
    images
        ``(n, channels, size, size)``: preprocessed training images, at least two; some hundreds are enough.

    Returns
    -------
    RonNet
        A new network, the same function in evaluation mode.
    """
    dropout = network.drop_conv.probability, network.drop_full.probability
    result = RonNet(**{**network.arguments, "batch_norm": True}, dropout=dropout)
    sources: list[nn.Conv2d | nn.Linear] = [*network._convolutions(), network.fc1]
    targets: list[nn.Conv2d | nn.Linear] = [*result._convolutions(), result.fc1]
    x = images.permute(2, 3, 0, 1).contiguous()
    scale = torch.ones(images.shape[1])
    for source, target, norm in zip(sources, targets, result.norms, strict=True):
        assert isinstance(norm, ShiftNorm)
        assert source.bias is not None  # a plain network has one
        if isinstance(target, nn.Conv2d):
            target.weight.copy_(source.weight * scale[:, None, None])
            x = pool(convolution(x, target.weight, network.pad))
        else:
            # Its inputs are the last block's channels, each with all its positions.
            target.weight.copy_(
                source.weight * scale.repeat_interleave(network.fc1.in_features // len(scale))
            )
            x = target(x.permute(2, 3, 0, 1).flatten(1))
        flat = x.flatten(0, -2)
        norm.running_mean.copy_(flat.mean(0))
        norm.running_var.copy_(flat.var(0))
        scale = (norm.running_var + norm.eps).sqrt()
        norm.bias.copy_((norm.running_mean + source.bias) / scale)
        x = torch.relu((x - norm.running_mean) / scale + norm.bias)
    result.fc2.weight.copy_(network.fc2.weight * scale)
    result.fc2.bias.copy_(network.fc2.bias)
    return result
