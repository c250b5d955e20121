"""A run that fits the last layer of a finished model anew, and what such a run is worth.

Conventions: as in `enicfer.training.loop`, the run's folder holds `checkpoint.pt`, from which the model file is made.
Nothing is chosen on the validation part: the temperature, too, comes from cross-validation in the training part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, softmax

from enicfer.errors import InputError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.places import check_folder
from enicfer.models import Classifier, load_model
from enicfer.models.calibration import fit_temperature, reliability
from enicfer.models.preprocessing import as_tensor, resize_crops, standardise
from enicfer.models.ronnet import RonNet
from enicfer.training.adaptation import LayerFit, fit_last_layer, is_surely_positive
from enicfer.training.datasets.images import FaceImages
from enicfer.training.loop import check_identity, find_ancestors, identify_run, read_checkpoint, train
from enicfer.training.metrics import compare_paired
from enicfer.training.networks import build_network
from enicfer.training.parts import make_parts
from enicfer.training.recipe import Recipe


def train_or_refit(
    recipe: Recipe, data: FaceImages, output: Path, report: Callable[[str], None] = print
) -> Path:
    """Train as a recipe says: by steps (`enicfer.training.loop.train`), or the last layer alone (`refit`)."""
    return (refit if recipe.transfer.refit else train)(recipe, data, output, report)


def refit(recipe: Recipe, data: FaceImages, output: Path, report: Callable[[str], None] = print) -> Path:
    """Fit the last layer of the model that a recipe begins from, held to it as cross-validation says.

    Parameters
    ----------
    recipe
    data
        Its `split` says "train" or "validation" (`enicfer.training.splits`).
    output
        Folder for the checkpoint; a finished one is kept.
    report
        Receives what was found.

    Returns
    -------
    Path
        The checkpoint.

    Raises
    ------
    InputError
        The recipe begins from nothing, or from another kind of network; a part has too few images.
    ModelError
        The folder holds the checkpoint of another recipe or of other data.
    """
    check_folder(output)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "checkpoint.pt"
    content = read_checkpoint(path) if path.exists() else {}
    ancestors = find_ancestors(content, recipe)
    learn, _ = make_parts(recipe, data, ancestors, report)
    identity = identify_run(recipe, data, learn, ancestors)
    if content:
        check_identity(path, content, identity)
        report("the last layer was fitted before")
        return path
    network = build_network(recipe).eval()
    if not isinstance(network, RonNet):
        raise InputError(
            f"[transfer] refit needs a ronnet, and the recipe has a {recipe.network.architecture}",
            remedy='set refit = false, or [network] architecture = "ronnet"',
        )
    images = resize_crops(learn.image, recipe.network.input_size, recipe.network.channels)
    features = _features(network, images)
    logits = features @ network.fc2.weight.detach().double().numpy().T + network.fc2.bias.detach().numpy()
    fit = fit_last_layer(features, logits, learn.label, learn.subject, recipe.schedule.seed)
    temperature = _temperature(fit, learn.label)
    report(_describe(fit, temperature))
    state = network.state_dict()
    state["fc2.weight"] += torch.from_numpy(fit.change[:-1].T).float()
    state["fc2.bias"] += torch.from_numpy(fit.change[-1]).float()
    made = identity | {"step": 0, "model": state, "average": state, "optimisers": []}
    with replacing(path) as partial, partial.open("wb") as file:
        torch.save(made | {"temperature": temperature}, file)
    return path


@torch.no_grad()
def _features(network: RonNet, images: np.ndarray) -> np.ndarray:
    """What the last layer reads, float64 (n, m)."""
    chunks = np.array_split(images, -(-len(images) // 32))
    return np.concatenate([network.features(standardise(as_tensor(c))).double().numpy() for c in chunks])


def _temperature(fit: LayerFit, label: np.ndarray) -> float:
    """Of pictures that were not fitted to; 1, the start's own, unless another is surely better."""
    temperature, rows = fit_temperature(fit.logits, label), np.arange(len(label))
    both = [log_softmax(fit.logits / divisor, axis=1)[rows, label] for divisor in (temperature, 1.0)]
    return temperature if is_surely_positive(both[0] - both[1], fit.fold) else 1.0


def _describe(fit: LayerFit, temperature: float) -> str:
    if not np.isfinite(fit.ridge):
        return (
            "the last layer stays as it was: no change of it is surely better for training pictures that it was not "
            f"fitted to (temperature {temperature:.3g})"
        )
    return (
        f"last layer fitted (ridge {fit.ridge:g}): log-likelihood of training pictures that it was not fitted to "
        f"{fit.gain:+.4f} ± {fit.error:.4f} (standard error), temperature {temperature:.3g}"
    )


@dataclass(frozen=True)
class Judgement:
    """A model and the one that it began from, on the same validation pictures.

    Attributes
    ----------
    start
    images, subjects
    accuracy_before, accuracy_after, ece_before, ece_after
        Of the start among the model's labels, and of the model.
    difference, low, high
        Accuracy after minus before, with its 95 % interval; NaN with fewer than three subjects.
    recommended
        Whether the whole interval is above 0.
    """

    start: str
    images: int
    subjects: int
    accuracy_before: float
    accuracy_after: float
    ece_before: float
    ece_after: float
    difference: float
    low: float
    high: float
    recommended: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a summary."""
        return asdict(self)


def judge(recipe: Recipe, model: Classifier, check: FaceImages) -> Judgement | None:
    """Compare a model with the one that it began from; None where that is none, or lacks a label.

    Parameters
    ----------
    recipe
    model
    check
        Validation pictures with the recipe's labels.
    """
    if not recipe.transfer.start:
        return None
    start = load_model(recipe.transfer.start)
    if not set(model.labels) <= set(start.labels):
        return None
    columns = [start.labels.index(label) for label in model.labels]
    before = softmax(start.logits(check.image)[:, columns].astype(np.float64) / start.temperature, axis=1)
    after = model.predict(check.image)
    right = [one.argmax(axis=1) == check.label for one in (before, after)]
    found = compare_paired(right[1], right[0], check.subject)
    return Judgement(
        start.name,
        found.images,
        found.subjects,
        float(right[0].mean()),
        float(right[1].mean()),
        reliability(before, check.label).error,
        reliability(after, check.label).error,
        found.difference,
        found.low,
        found.high,
        bool(found.low > 0),
    )


def describe_judgement(found: Judgement) -> list[str]:
    """What was found, one sentence each."""
    interval = (
        "too few subjects for an interval"
        if np.isnan(found.low)
        else f"95 % interval {found.low:+.3f} to {found.high:+.3f}"
    )
    lines = [
        f"on {found.images} validation pictures: accuracy {found.accuracy_before:.3f} of {found.start}, "
        f"{found.accuracy_after:.3f} after ({found.difference:+.3f}, {interval}); calibration error "
        f"{found.ece_before:.3f}, {found.ece_after:.3f} after"
    ]
    if found.recommended:
        return [*lines, "the adapted model is better on people who did not train it: use it"]
    return [
        *lines,
        f"not recommended: nothing shows that it is better; keep {found.start}, or label more pictures",
    ]
