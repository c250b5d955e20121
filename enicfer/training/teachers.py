"""Distillation: what finished models say about a batch, as something to learn.

Conventions: teachers see the very image that the network sees, augmentation included (Beyer et al.
2022, doi:10.1109/CVPR52688.2022.01065), and speak in calibrated probabilities, (n, k), in the order of the
recipe's labels; several teachers are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from enicfer.errors import InputError
from enicfer.models import load_model
from enicfer.models.preprocessing import standardise
from enicfer.training.recipe import Recipe


class Teachers:
    """The models that `[distillation] teachers` names.

    Parameters
    ----------
    recipe : Recipe

    Raises
    ------
    InputError
        A teacher does not know one of the labels, or reads another kind of picture.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.softness = recipe.distillation.temperature
        self.models = [load_model(name) for name in recipe.distillation.teachers]
        self.columns = []
        for model in self.models:
            missing = [label for label in recipe.data.labels if label not in model.labels]
            if missing:
                raise InputError(f"The teacher {model.name} does not know {', '.join(missing)}.")
            if model.channels != recipe.network.channels:
                raise InputError(
                    f"The teacher {model.name} reads {model.channels} channels, and [network] channels "
                    f"is {recipe.network.channels}; they must agree."
                )
            self.columns.append([model.labels.index(label) for label in recipe.data.labels])

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Softened probabilities (n, k) of images (n, channels, size, size) in 0-1."""
        answers = []
        for model, columns in zip(self.models, self.columns, strict=True):
            size = (model.input_size, model.input_size)
            seen = images
            if images.shape[2:] != size:
                seen = functional.interpolate(images, size, mode="bilinear", antialias=True)
            logits = model.network(standardise(seen)).float()[:, columns]
            answers.append(torch.softmax(logits / (model.temperature * self.softness), dim=1))
        return torch.stack(answers).mean(0)


def learn_from(taught: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Cross-entropy with the teachers at a common temperature (Hinton et al. 2015, arXiv:1503.02531).

    Parameters
    ----------
    taught : Tensor, shape (n, k)
        Probabilities at `temperature`.
    logits : Tensor, shape (n, k)
    temperature : float
        The loss is multiplied by its square, so that gradients keep their size.
    """
    return temperature**2 * functional.cross_entropy(logits / temperature, taught)
