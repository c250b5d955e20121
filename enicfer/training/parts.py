"""The two parts of a training: what it learns from, and what it is measured on while it learns.

Conventions: images are brought to the network's size and labels to the recipe's; rates are 0-1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from enicfer.errors import InputError
from enicfer.models.pictures import Pictures
from enicfer.models.preprocessing import as_tensor, resize_crops, standardise
from enicfer.training.ancestors import ROLES, find_seen, name_unrecorded
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Recipe
from enicfer.training.splits import TRAIN, VALIDATION


@dataclass(frozen=True, eq=False)
class ValidationPart:
    """The validation part: images, labels, majority of raters, and which of it is in any training."""

    image: np.ndarray
    label: np.ndarray
    majority: np.ndarray
    seen: np.ndarray


def take_parts(
    recipe: Recipe, data: FaceImages, report: Callable[[str], None] = print
) -> tuple[FaceImages, FaceImages]:
    """Take the parts that `enicfer.training.splits.divide` named, and say what is doubtful about them.

    Raises
    ------
    InputError
        A part has fewer than two classes, a label has no training image, or they fill no batch; of these only the
        first where the last layer alone is fitted (`Transfer.refit`).
    """
    data = data.only_labels(tuple(recipe.data.labels))
    parts = []
    for name in (TRAIN, VALIDATION):
        part = data.select(data.split == name)
        if len(np.unique(part.label)) < 2:
            raise InputError(
                f"The {name} part has {len(part)} images of {len(np.unique(part.label))} classes",
                remedy="give pictures of at least two classes",
            )
        parts.append(part)
    learn, check = parts
    missing = _absent(learn)
    if missing and not recipe.transfer.refit:
        raise InputError(
            f"No training image shows {', '.join(missing)}",
            remedy="take that out of [data] labels, or add pictures",
        )
    if _absent(check):
        report(
            f"no validation image shows {', '.join(_absent(check))}: what is measured says nothing about it"
        )
    unknown = int((learn.subject == "").sum() + (check.subject == "").sum())
    if recipe.data.split == "given" and unknown:
        report(f"the subject of {unknown} images is unknown: both parts may show the same person")
    if len(learn) < recipe.schedule.batch_size and not recipe.transfer.refit:
        raise InputError(
            f"{len(learn)} training images do not fill one batch of {recipe.schedule.batch_size}",
            remedy="lower [schedule] batch_size",
        )
    return learn, check


def make_parts(
    recipe: Recipe,
    data: FaceImages,
    ancestors: Mapping[str, Pictures],
    report: Callable[[str], None] = print,
) -> tuple[FaceImages, ValidationPart]:
    """Take the parts, and say what of the validation part the ancestors know (`enicfer.training.ancestors`)."""
    learn, check = take_parts(recipe, data, report)
    own = np.isin(check.digest, learn.digest)
    seen = own.copy()
    for role, known in find_seen(check.digest, ancestors).items():
        # Those in this training as well are no news.
        count = int((known & ~own).sum())
        if count:
            warnings.warn(
                f"{count} of {len(check)} validation images were in the training of {ROLES[role]}: the accuracy will "
                "be too good, and accuracy_unseen, without them, is the number to report.",
                stacklevel=3,
            )
        seen |= known
    unrecorded = name_unrecorded(ancestors)
    if unrecorded:
        report(
            f"whether validation images were in the training of {unrecorded} is unknown: it is not on record"
        )
    image = resize_crops(check.image, recipe.network.input_size, recipe.network.channels)
    return learn, ValidationPart(image, check.label, check.majority, seen)


def _absent(part: FaceImages) -> list[str]:
    return [label for code, label in enumerate(part.labels) if code not in part.label]


@torch.no_grad()
def predict_logits(model: nn.Module, images: np.ndarray, flip: bool = True) -> Tensor:
    """Logits (n, outputs) of uint8 images of the network's size, averaged with the mirror image."""
    chunks = []
    device = next(model.parameters()).device
    for start in range(0, len(images), 32):
        batch = standardise(as_tensor(images[start : start + 32])).to(device)
        logits = model(batch)
        if flip:
            logits = (logits + model(batch.flip(3))) / 2
        chunks.append(logits.cpu())
    return torch.cat(chunks)


def measure_accuracies(model: nn.Module, check: ValidationPart, labels: int) -> dict[str, float]:
    """On the validation part: all, without images of any training, and against the raters' majority."""
    logits = predict_logits(model, check.image, flip=False).numpy()
    right = logits[:, :labels].argmax(1) == check.label
    voted = check.majority >= 0
    result = {"accuracy": right.mean()}
    if not check.seen.all():
        result["accuracy_unseen"] = right[~check.seen].mean()
    if voted.any() and logits.shape[1] > labels:
        result["accuracy_votes"] = (logits[voted, labels:].argmax(1) == check.majority[voted]).mean()
    return result
