"""From a checkpoint to a model file: fold, combine the outputs, calibrate, measure, write.

Conventions: everything that is chosen here (temperature) is chosen on the validation part, some of it under imitated
laboratory conditions if the recipe says so, and said so in the file; a test set is never touched.  Rates are 0-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from enicfer.models.calibration import fit_temperature, reliability
from enicfer.models.pictures import Pictures
from enicfer.models.preprocessing import as_tensor, resize_crops
from enicfer.models.weights import save_model
from enicfer.training.ancestors import find_seen, merge_pictures
from enicfer.training.datasets.images import FaceImages
from enicfer.training.lab_conditions import imitate_lab
from enicfer.training.loop import find_ancestors, read_checkpoint
from enicfer.training.metrics import group_of
from enicfer.training.networks import build_network, finish_network, keep_start, restore_weights
from enicfer.training.parts import predict_logits
from enicfer.training.recipe import Recipe
from enicfer.training.splits import TRAIN, VALIDATION, name_validation


def export_model(
    checkpoint: Path,
    recipe: Recipe,
    data: FaceImages,
    path: Path,
    vote_share: float = 0.0,
    remarks: str = "",
) -> dict[str, Any]:
    """Write the averaged weights of a checkpoint, with patience the best, as a calibrated model file.

    Parameters
    ----------
    checkpoint
        Of `enicfer.training.loop.train`, with the same recipe.
    recipe
    data
        The data of the training.
    path
        The ``.safetensors`` file to write.
    vote_share
        0: the output that learnt the labels; 1: the one that learnt the raters' votes; between:
        the weighted sum of both logits, which is again one linear layer.
    remarks
        What else a user should know about the training; stored in the file.

    Returns
    -------
    dict
        What was measured on the validation part, as stored in the file.
    """
    content = read_checkpoint(checkpoint)
    network = build_network(recipe, begin=False)
    # With patience, the weights of the best epoch; the average is where a longer run goes on.
    best = content.get("best") or {"weights": content["average"], "step": content["step"]}
    restore_weights(network, best["weights"], checkpoint)
    plain = finish_network(network, len(recipe.data.labels), vote_share)
    if recipe.transfer.keep:
        keep_start(plain, recipe, vote_share)
    # Measure what is shipped: half-precision weights.
    plain.half().float()

    kept = data.only_labels(recipe.data.labels)
    learn = kept.select(kept.split == TRAIN)
    check = kept.select(kept.split == VALIDATION)
    ancestors = find_ancestors(content, recipe)
    seen = {"": np.isin(check.digest, learn.digest)} | find_seen(check.digest, ancestors)
    metrics, temperature = measure(plain, check, seen, recipe.calibration.lab, content.get("temperature"))
    described = recipe.as_dict()
    # A model file tells nothing about the machine that made it.
    described["data"]["path"] = Path(recipe.data.path).name
    described["transfer"]["start"] = Path(recipe.transfer.start).name
    described["distillation"]["teachers"] = [Path(name).name for name in recipe.distillation.teachers]
    description: dict[str, Any] = {
        "data": {
            "sets": sorted(set(learn.set.tolist())),
            "split": recipe.data.split,
            "train_images": len(learn),
            "validation": name_validation(recipe.data),
            "validation_images": len(check),
            "fingerprint": content["fingerprint"],
        },
        "metrics": metrics,
        "recipe": described
        | {
            "vote_share": vote_share,
            "steps": best["step"],
            "plans": content.get("plans", []),
        },
    }
    if remarks:
        description["remarks"] = remarks
    save_model(
        path,
        plain,
        name=recipe.name,
        architecture=recipe.network.architecture,
        labels=recipe.data.labels,
        temperature=temperature,
        description=description,
        pictures=replace(merge_pictures(Pictures(learn.digest), *ancestors.values()), validated=check.digest),
    )
    return metrics


def measure(
    network: nn.Module,
    check: FaceImages,
    seen: Mapping[str, np.ndarray],
    lab: float = 0.0,
    known: float | None = None,
) -> tuple[dict[str, Any], float]:
    """Measure a network on its validation part, and calibrate it there.

    Parameters
    ----------
    network
    check
    seen
        ``(n,)``: images that also occur in the training part (""), and in the training of ancestors, by role.
    lab
        Part of the images that choose the temperature under an imitated laboratory condition.
    known
        The temperature, where it was chosen on other images.

    Returns
    -------
    metrics : dict
        `also_trained_on`: how many images occur in any training, `also_start` and `also_teachers` in that of
        ancestors; `accuracy`: of the plain network; `_flip`: averaged with the mirror image; `_unseen`:
        without the images of any training (None without others); `_votes`: against the majority of raters, where
        that is one of the labels (`majority_images`).  `ece` before calibration, and
        `ece_calibrated` with the temperature fitted on the other half of the subjects (or
        images, where they are unknown), so that it is not self-praise.  With `lab`, `accuracy_lab` and `ece_lab` of
        all images under imitated conditions, with the same temperatures.
    temperature : float
        Fitted on all.
    """
    arguments: dict[str, Any] = network.arguments  # type: ignore[assignment]
    images = resize_crops(check.image, arguments["input_size"], arguments["channels"])
    logits = predict_logits(network, images, flip=False).numpy()
    flipped = predict_logits(network, images, flip=True).numpy()
    voted, learnt = check.majority >= 0, np.any(list(seen.values()), axis=0)
    metrics: dict[str, Any] = {"validation_images": len(check), "also_trained_on": int(learnt.sum())}
    metrics |= {f"also_{role}": int(found.sum()) for role, found in seen.items() if role}
    for suffix, outputs in (("", logits), ("_flip", flipped)):
        said = outputs.argmax(1)
        right = said == check.label
        metrics[f"accuracy{suffix}"] = _rate(right)
        metrics[f"accuracy_unseen{suffix}"] = None if learnt.all() else _rate(right[~learnt])
        if voted.any():
            metrics["majority_images"] = int(voted.sum())
            metrics[f"accuracy_votes{suffix}"] = _rate(said[voted] == check.majority[voted])
    metrics["ece"] = round(reliability(softmax(logits, axis=1), check.label).error, 5)
    mixed = logits
    if lab:
        there = predict_logits(network, visit_lab(images), flip=False).numpy()
        mixed = np.where(np.random.default_rng(0).random(len(check))[:, None] < lab, there, logits)
        metrics["accuracy_lab"] = _rate(there.argmax(1) == check.label)
        metrics["ece_lab"] = round(cross_fitted_error(there, check.label, check.subject, mixed), 5)
    if known is not None:
        error = reliability(softmax(logits / known, axis=1), check.label).error
        return metrics | {"ece_calibrated": round(error, 5)}, known
    metrics["ece_calibrated"] = round(cross_fitted_error(logits, check.label, check.subject, mixed), 5)
    return metrics, fit_temperature(mixed, check.label)


def visit_lab(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Images (n, size, size[, 3]), uint8, each under one imitated laboratory condition, in whole grey levels."""
    generator = torch.Generator().manual_seed(seed)
    there = imitate_lab(as_tensor(images), 1.0, generator)
    whole: np.ndarray = (there * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return whole if images.ndim == 4 else whole[..., 0]


def cross_fitted_error(
    logits: np.ndarray,
    label: np.ndarray,
    subject: np.ndarray,
    fitted: np.ndarray | None = None,
    seed: int = 0,
) -> float:
    """Calibration error of images whose temperature was fitted on the other half of the subjects.

    NaN with a single subject.

    Parameters
    ----------
    logits
        ``(n, k)``.
    label, subject
        ``(n,)``.
    fitted
        ``(n, k)``: logits of the same images on which the temperature is fitted, where those are others.
    seed
    """
    fitted = logits if fitted is None else fitted
    _, first, member = np.unique(group_of(subject), return_index=True, return_inverse=True)
    if len(first) < 2:
        return float("nan")
    rank = np.random.default_rng(seed).permutation(len(label))[first].argsort().argsort()
    half = (rank % 2 == 0)[member]
    scaled = np.asarray(logits, np.float64).copy()
    for part in (half, ~half):
        scaled[part] /= fit_temperature(fitted[~part], label[~part])
    return reliability(softmax(scaled, axis=1), label).error


def _rate(right: np.ndarray) -> float:
    return round(float(right.mean()), 5)
