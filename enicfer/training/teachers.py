"""Distillation: what finished models say about the training images, as something to learn.

Conventions: teachers see each image and its mirror image once, and the network learns the mean for every variant
of the image; several teachers are averaged; labels are in the order of the recipe.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from enicfer.errors import InputError
from enicfer.models import load_model
from enicfer.records import UInt8Array
from enicfer.training.recipe import Recipe


def ask_teachers(recipe: Recipe, images: UInt8Array) -> Tensor:
    """Ask the models that `[distillation] teachers` names.

    Parameters
    ----------
    recipe
    images
        ``(n, h, w)`` or ``(n, h, w, 3)``.

    Returns
    -------
    Tensor, shape (n, k)
        Probabilities, softened by the recipe's temperature.

    Raises
    ------
    InputError
        A teacher does not know one of the labels.
    """
    answers = []
    for model in map(load_model, recipe.distillation.teachers):
        missing = [label for label in recipe.data.labels if label not in model.labels]
        if missing:
            raise InputError(
                f"The teacher {model.name} does not know {', '.join(missing)}",
                remedy="give a teacher that knows them, or take them out of [data] labels",
            )
        columns = [model.labels.index(label) for label in recipe.data.labels]
        answers.append(soften(model.predict(images, flip=True)[:, columns], recipe.distillation.temperature))
    return torch.from_numpy(np.mean(answers, axis=0, dtype=np.float32))


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n, k) at another temperature than 1; rows need not sum to 1."""
    powers = np.maximum(probabilities, np.finfo(np.float32).tiny) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def learn_from(taught: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Cross-entropy with the teachers at a common temperature (Hinton et al. 2015, arXiv:1503.02531).

    Parameters
    ----------
    taught
        ``(n, k)``: probabilities at `temperature`.
    logits
        ``(n, k)``.
    temperature
        The loss is multiplied by its square, so that gradients keep their size.
    """
    return temperature**2 * functional.cross_entropy(logits / temperature, taught)
