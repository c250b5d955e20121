"""The training loop: reads top to bottom, and continues exactly where it was killed.

Conventions: step is the number of batches done.  The order of the images follows from
(seed, epoch), and augmentation and dropout from (seed, step), so a checkpoint needs no state of
a random generator, and a run that was killed and resumed gives the bits of an uninterrupted one
(same machine, same number of threads).

Only the number of epochs may change between runs: the schedule goes on as if it had always been
so, and the checkpoint lists each [step, epochs] in `plans`.  Where the data and the models that the
recipe names lie may change too: what was in them is in the checkpoint (`fingerprint`, `taught`, `ancestors`).

Files in the output folder: `checkpoint.pt` (replaced atomically), `log.csv` (one row per
checkpoint and per epoch).
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from enicfer.errors import ModelError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.places import check_folder
from enicfer.models.device import choose_device
from enicfer.models.pictures import Pictures, unpack_pictures
from enicfer.models.preprocessing import as_tensor, resize_crops
from enicfer.training.ancestors import trace_ancestors
from enicfer.training.datasets.images import FaceImages
from enicfer.training.gradient import GradientWorkers, seeded_generator
from enicfer.training.networks import build_network, last_layer, restore_weights
from enicfer.training.normalisation import sample_images
from enicfer.training.optimisers import make_optimisers
from enicfer.training.parts import make_parts, measure_accuracies
from enicfer.training.recipe import Recipe, Schedule
from enicfer.training.teachers import ask_teachers

COLUMNS = (
    "step",
    "epoch",
    "learning_rate",
    "loss",
    "accuracy",
    "accuracy_unseen",
    "accuracy_votes",
    "images_per_second",
)

# What must be the same for a run to go on: keys of the checkpoint, and what they are called.
IDENTITY = {
    "recipe": "recipe",
    "fingerprint": "data",
    "division": "division into training and validation (or set of subjects or votes)",
}


def train(
    recipe: Recipe,
    data: FaceImages,
    output: Path,
    report: Callable[[str], None] = print,
) -> Path:
    """Train a network, or continue the run that `output` holds.

    Parameters
    ----------
    recipe
    data
        Its `split` says "train" or "validation" (`enicfer.training.splits`).
    output
        Folder for the checkpoint and the log; made if missing.
    report
        Receives a line of progress after each checkpoint.

    Returns
    -------
    Path
        The last checkpoint.

    Raises
    ------
    InputError
        A part has too few images or classes.
    ModelError
        The folder holds the checkpoint of another recipe, of other data, of another division into parts or of
        a network that was built otherwise; the loss is not finite.
    """
    check_folder(output)
    output.mkdir(parents=True, exist_ok=True)
    plan = recipe.schedule
    checkpoint = output / "checkpoint.pt"
    content = read_checkpoint(checkpoint) if checkpoint.exists() else {}
    ancestors = find_ancestors(content, recipe)
    learn, check = make_parts(recipe, data, ancestors, report)
    images = as_tensor(resize_crops(learn.image, recipe.network.input_size, recipe.network.channels))
    label, votes = torch.from_numpy(learn.label), torch.from_numpy(learn.votes)

    torch.manual_seed(plan.seed)
    model = build_network(recipe, not content, sample_images(recipe, images)).to(choose_device())
    average = copy.deepcopy(model).eval()
    optimisers = make_optimisers(model, last_layer(model), plan)
    per_epoch = len(learn) // plan.batch_size
    last = plan.epochs * per_epoch
    identity = identify_run(recipe, data, learn, ancestors)
    step = 0
    if content:
        step = _resume(checkpoint, content, identity, model, average, optimisers)
        report(f"continuing at step {step} of {last}")
    del content  # it holds the weights once more
    log = _Log(output / "log.csv", step)
    _take_teachers(identity, recipe, learn, report)
    workers = GradientWorkers(model, recipe, images, label, votes, identity["taught"])

    started, losses = time.perf_counter(), []
    while step < last and not _exhausted(identity["best"], step, per_epoch, plan):
        rate = learning_rate(step, last, plan)
        losses.append(workers.differentiate(_choose_batch(len(learn), step, plan), step))
        _step(optimisers, rate)
        step += 1
        _average(average, model, min(plan.ema, step / (step + 10)))
        _check_loss(losses[-1], step)
        if step % plan.checkpoint_steps == 0 or step % per_epoch == 0 or step == last:
            speed = len(losses) * plan.batch_size / (time.perf_counter() - started)
            row = _describe_step(step, step / per_epoch, rate, losses, speed)
            if step % per_epoch == 0 or step == last:
                accuracies = measure_accuracies(average, check, len(learn.labels))
                row |= {k: f"{v:.5f}" for k, v in accuracies.items()}
                if plan.patience:
                    _keep_best(identity["best"], step, accuracies["accuracy"], average)
            # Not after each epoch: of a few hundred pictures it takes less time than writing a checkpoint.
            ends = step == last or _exhausted(identity["best"], step, per_epoch, plan)
            log.write(row)  # before the checkpoint: rows behind it are dropped by a run that continues
            if ends or step % plan.checkpoint_steps == 0:
                _save(checkpoint, identity, step, model, average, optimisers)
            left = (last - step) * plan.batch_size / speed
            report(_line(row) + f"  {left / 60:.0f} min left")
            started, losses = time.perf_counter(), []
    if plan.patience:
        report(f"kept step {identity['best']['step']}, the best of {step}")
    return checkpoint


def _take_teachers(
    identity: dict[str, Any], recipe: Recipe, learn: FaceImages, report: Callable[[str], None]
) -> None:
    if recipe.distillation.teachers and identity["taught"] is None:
        report("asking the teachers")
        identity["taught"] = ask_teachers(recipe, learn.image)


def _choose_batch(n: int, step: int, plan: Schedule) -> torch.Tensor:
    """Numbers of the images of a step: each epoch goes through all ``n`` in an order of its own."""
    epoch, position = divmod(step, n // plan.batch_size)
    order = torch.randperm(n, generator=seeded_generator(plan.seed, epoch, stream=1))
    return order[position * plan.batch_size : (position + 1) * plan.batch_size]


def _check_loss(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"The loss became {loss} at step {step}, and the last checkpoint is kept",
            remedy="lower [schedule] learning_rate in the recipe and start in a new folder",
        )


def _step(optimisers: list[torch.optim.Optimizer], rate: float) -> None:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()


def _describe_step(step: int, epoch: float, rate: float, losses: list[float], speed: float) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": f"{epoch:.3f}",
        "learning_rate": f"{rate:.3e}",
        "loss": f"{np.mean(losses):.4f}",
        "images_per_second": f"{speed:.0f}",
    }


def identify_run(
    recipe: Recipe, data: FaceImages, learn: FaceImages, ancestors: Mapping[str, Pictures]
) -> dict[str, Any]:
    """What a checkpoint holds besides weights: by which recipe and from which pictures a run learns."""
    return {
        "recipe": recipe.as_dict(),
        "fingerprint": data.fingerprint(),
        "division": data.division(),
        "plans": [[0, recipe.schedule.epochs]],
        "best": {},
        "taught": None,
        # So that a run which never became a model file can be asked what it learnt from.
        "pictures": Pictures(learn.digest).pack(),
        "ancestors": {role: pictures.pack() for role, pictures in ancestors.items()},
    }


def _exhausted(best: dict[str, Any], step: int, per_epoch: int, plan: Schedule) -> bool:
    return bool(best and plan.patience) and step - best["step"] >= plan.patience * per_epoch


def _keep_best(best: dict[str, Any], step: int, accuracy: float, average: nn.Module) -> None:
    if not best or accuracy > best["accuracy"]:
        best |= {"step": step, "accuracy": float(accuracy), "weights": copy.deepcopy(average.state_dict())}


def learning_rate(step: int, last: int, plan: Schedule) -> float:
    """Linear warm-up, then half a cosine to zero."""
    progress = step / last
    if progress < plan.warm_up:
        return plan.learning_rate * (step + 1) / (plan.warm_up * last + 1)
    angle = math.pi * (progress - plan.warm_up) / (1 - plan.warm_up)
    return plan.learning_rate * 0.5 * (1 + math.cos(angle))


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    pairs = zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    for old, new in pairs:
        # What is no fraction (a count of batches) is not averaged.
        old.lerp_(new, 1 - decay) if old.is_floating_point() else old.copy_(new)


def _save(
    path: Path,
    identity: dict[str, Any],
    step: int,
    model: nn.Module,
    average: nn.Module,
    optimisers: list[torch.optim.Optimizer],
) -> None:
    content = identity | {
        "step": step,
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
    }
    with replacing(path) as partial, partial.open("wb") as file:
        torch.save(content, file)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Everything that `train` wrote."""
    content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return content


def find_ancestors(content: Mapping[str, Any], recipe: Recipe) -> dict[str, Pictures]:
    """What the ancestors of a run learnt from, as it was when the run began, if its checkpoint says so."""
    if "ancestors" not in content:  # a new run, or one of an earlier version
        return trace_ancestors(recipe)
    return {role: unpack_pictures(packed) for role, packed in content["ancestors"].items()}


def _place_free(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe without the places of its data and models, which may move."""
    moved = copy.deepcopy(recipe)
    moved["data"]["path"] = ""
    moved["transfer"]["start"] = Path(recipe["transfer"]["start"]).name
    moved["distillation"]["teachers"] = [Path(name).name for name in recipe["distillation"]["teachers"]]
    return moved


def _add_later_settings(recipe: dict[str, Any]) -> None:
    """Give the recipe of an earlier version's checkpoint the settings that came after it, at their defaults."""
    for name, table in Recipe().as_dict().items():
        if isinstance(table, dict):
            recipe[name] = table | recipe.get(name, {})


def _resume(
    path: Path,
    content: dict[str, Any],
    identity: dict[str, Any],
    model: nn.Module,
    average: nn.Module,
    optimisers: list[torch.optim.Optimizer],
) -> int:
    epochs = identity["recipe"]["schedule"]["epochs"]
    plans = content.get("plans") or [[0, content["recipe"]["schedule"]["epochs"]]]
    if epochs != plans[-1][1]:
        plans = [*plans, [content["step"], epochs]]
    content["recipe"]["schedule"]["epochs"] = epochs
    check_identity(path, content, identity)
    restore_weights(model, content["model"], path)
    restore_weights(average, content["average"], path)
    for optimiser, state in zip(optimisers, content["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    identity |= {"plans": plans, "best": content["best"], "taught": content.get("taught")}
    return int(content["step"])


def check_identity(path: Path, content: dict[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse to go on with a checkpoint of another recipe, of other data or of another division of them."""
    _add_later_settings(content["recipe"])
    same = {key: content.get(key, identity[key]) == identity[key] for key in IDENTITY}
    same["recipe"] = _place_free(content["recipe"]) == _place_free(identity["recipe"])
    for key, name in IDENTITY.items():
        # The division is not in the checkpoints of earlier versions.
        if not same[key]:
            raise ModelError(
                f"{path} was made with another {name}",
                place=path,
                remedy=f"choose another output folder, or the {name} that it was made with",
            )


class _Log:
    """The CSV log, whole at any moment; rows after the checkpoint that a run continues from are dropped."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if path.exists() and step:
            with path.open(encoding="utf-8", newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        self._write()

    def write(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self._write()

    def _write(self) -> None:
        with replacing(self.path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def _line(row: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in row.items())
