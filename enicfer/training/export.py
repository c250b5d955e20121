"""From a checkpoint to a model file: fold, combine the outputs, calibrate, measure, write.

Conventions: everything that is chosen here (temperature) is chosen on the validation part, and
said so in the file; a test set is never touched.  Rates are 0-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from torch import nn

from enicfer.models.calibration import fit_temperature, reliability
from enicfer.models.pictures import Pictures
from enicfer.models.preprocessing import resize_crops
from enicfer.models.weights import save_model
from enicfer.training.ancestors import find_seen, merge_pictures
from enicfer.training.datasets.images import FaceImages
from enicfer.training.loop import find_ancestors, read_checkpoint
from enicfer.training.metrics import group_of
from enicfer.training.networks import build_network, finish_network, restore_weights
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
    content = read_checkpoint(checkpoint)
    network = build_network(recipe, begin=False)
    # With patience, the weights of the best epoch; the average is where a longer run goes on.
    best = content.get("best") or {"weights": content["average"], "step": content["step"]}
    restore_weights(network, best["weights"], checkpoint)
    plain = finish_network(network, len(recipe.data.labels), vote_share)
    # Measure what is shipped: half-precision weights.
    plain.half().float()

    kept = data.only_labels(recipe.data.labels)
    learn = kept.select(kept.split == TRAIN)
    check = kept.select(kept.split == VALIDATION)
    ancestors = find_ancestors(content, recipe)
    seen = {"": np.isin(check.digest, learn.digest)} | find_seen(check.digest, ancestors)
    metrics, temperature = measure(plain, check, seen)
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
    network: nn.Module, check: FaceImages, seen: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], float]:
    """Measure a network on its validation part, and calibrate it there.

    Parameters
    ----------
    network : nn.Module
    check : FaceImages
    seen : dict of ndarray of bool, shape (n,)
        Images that also occur in the training part (""), and in the training of ancestors, by role.

    Returns
    -------
    metrics : dict
        `also_trained_on`: how many images occur in any training, `also_start` and `also_teachers` in that of
        ancestors; `accuracy`: of the plain network; `_flip`: averaged with the mirror image; `_unseen`:
        without the images of any training (None without others); `_votes`: against the majority of raters, where
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
    voted, known = check.majority >= 0, np.any(list(seen.values()), axis=0)
    metrics: dict[str, Any] = {"validation_images": len(check), "also_trained_on": int(known.sum())}
    metrics |= {f"also_{role}": int(found.sum()) for role, found in seen.items() if role}
    for suffix, outputs in (("", logits), ("_flip", flipped)):
        said = outputs.argmax(1)
        right = said == check.label
        metrics[f"accuracy{suffix}"] = _rate(right)
        metrics[f"accuracy_unseen{suffix}"] = None if known.all() else _rate(right[~known])
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
