"""From a checkpoint to a model file: fold, combine the outputs, calibrate, measure, write.

Conventions: everything that is chosen here (temperature) is chosen on the validation part, and
said so in the file; a test set is never touched.  Rates are 0-1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from enicfer.models.calibration import fit_temperature, reliability
from enicfer.models.preprocessing import resize_crops
from enicfer.models.weights import save_model
from enicfer.training.datasets.images import FaceImages, duplicate_of
from enicfer.training.metrics import group_of
from enicfer.training.networks import build_network, finish_network
from enicfer.training.parts import predict_logits
from enicfer.training.recipe import Recipe
from enicfer.training.splits import TRAIN, VALIDATION


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
    checkpoint : Path
        Of `enicfer.training.loop.train`, with the same recipe.
    recipe : Recipe
    data : FaceImages
        The data of the training.
    path : Path
        The ``.safetensors`` file to write.
    vote_share : float
        0: the output that learnt the labels; 1: the one that learnt the raters' votes; between:
        the weighted sum of both logits, which is again one linear layer.
    remarks : str
        What else a user should know about the training; stored in the file.

    Returns
    -------
    dict
        What was measured on the validation part, as stored in the file.
    """
    content = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = build_network(recipe, begin=False)
    # With patience, the weights of the best epoch; the average is where a longer run goes on.
    network.load_state_dict(content.get("best", {}).get("weights") or content["average"])
    plain = finish_network(network, len(recipe.data.labels), vote_share)
    # Measure what is shipped: half-precision weights.
    plain.half().float()

    kept = data.only_labels(recipe.data.labels)
    learn = kept.select(kept.split == TRAIN)
    check = kept.select(kept.split == VALIDATION)
    metrics, temperature = measure(plain, check, duplicate_of(check.image, learn.image))
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
            "validation": recipe.data.validation or recipe.data.split,
            "validation_images": len(check),
            "fingerprint": content["fingerprint"],
        },
        "metrics": metrics,
        "recipe": described
        | {
            "vote_share": vote_share,
            "steps": content["step"],
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
    )
    return metrics


def measure(network: nn.Module, check: FaceImages, seen: np.ndarray) -> tuple[dict[str, Any], float]:
    """Measure a network on its validation part, and calibrate it there.

    Parameters
    ----------
    network : nn.Module
    check : FaceImages
    seen : ndarray of bool, shape (n,)
        Images that also occur in the training part.

    Returns
    -------
    metrics : dict
        `accuracy`: of the plain network; `_flip`: averaged with the mirror image; `_unseen`:
        without images of the training part; `_votes`: against the majority of raters, where
        that is one of the labels (`majority_images`).  `ece` before calibration, and
        `ece_calibrated` with the temperature fitted on the other half of the subjects (or
        images, where they are unknown), so that it is not self-praise.
    temperature : float
        Fitted on all.
    """
    arguments: dict[str, Any] = network.arguments  # type: ignore[assignment]
    images = resize_crops(check.image, arguments["input_size"], arguments["channels"])
    logits = predict_logits(network, images, flip=False).numpy()
    flipped = predict_logits(network, images, flip=True).numpy()
    voted = check.majority >= 0
    metrics: dict[str, Any] = {"validation_images": len(check), "also_trained_on": int(seen.sum())}
    for suffix, outputs in (("", logits), ("_flip", flipped)):
        said = outputs.argmax(1)
        right = said == check.label
        metrics[f"accuracy{suffix}"] = _rate(right)
        metrics[f"accuracy_unseen{suffix}"] = _rate(right[~seen])
        if voted.any():
            metrics["majority_images"] = int(voted.sum())
            metrics[f"accuracy_votes{suffix}"] = _rate(said[voted] == check.majority[voted])
    metrics["ece"] = round(reliability(softmax(logits, axis=1), check.label).error, 5)
    metrics["ece_calibrated"] = round(cross_fitted_error(logits, check.label, check.subject), 5)
    return metrics, fit_temperature(logits, check.label)


def cross_fitted_error(logits: np.ndarray, label: np.ndarray, subject: np.ndarray, seed: int = 0) -> float:
    """Calibration error of images whose temperature was fitted on the other half of the subjects.

    NaN with a single subject.
    """
    _, first, member = np.unique(group_of(subject), return_index=True, return_inverse=True)
    if len(first) < 2:
        return float("nan")
    rank = np.random.default_rng(seed).permutation(len(label))[first].argsort().argsort()
    half = (rank % 2 == 0)[member]
    scaled = np.asarray(logits, np.float64).copy()
    for part in (half, ~half):
        scaled[part] /= fit_temperature(logits[~part], label[~part])
    return reliability(softmax(scaled, axis=1), label).error


def _rate(right: np.ndarray) -> float:
    return round(float(right.mean()), 5)
