"""The whole of `enicfer train` and `enicfer evaluate`, as functions.

Conventions: a run's folder holds `checkpoint.pt`, `log.csv`, `<name>.safetensors`, its model card
`<name>.md`, and the folder `validation` with tables and figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.errors import InputError
from enicfer.models import Classifier, load_model
from enicfer.training.ancestors import ROLES
from enicfer.training.datasets import FaceImages, Options, face_cropper, read_dataset
from enicfer.training.datasets.images import NO_FACE, NO_LABEL
from enicfer.training.evaluation import Evaluation, evaluate_model
from enicfer.training.export import export_model
from enicfer.training.loop import train
from enicfer.training.metrics import format_rate
from enicfer.training.recipe import Recipe, find_recipe, read_recipe
from enicfer.training.splits import VALIDATION, divide


def train_recipe(
    recipe: Path,
    output: Path,
    data: Path | None = None,
    report: Callable[[str], None] = print,
    precision: str | None = None,
) -> Path:
    """Train, calibrate, measure and describe a model.

    Parameters
    ----------
    recipe : Path
        TOML file, or the name of a shipped recipe.
    output : Path
        Folder of the run; a run that it holds is continued.
    data : Path, optional
        Data set, instead of the one that the recipe names.
    report : callable
        Receives a line of progress from time to time.
    precision : str, optional
        Instead of the recipe's.

    Returns
    -------
    Path
        The model file.
    """
    plan = prepare_recipe(recipe, data)
    if precision is not None:
        plan = replace(plan, schedule=replace(plan.schedule, precision=precision))
    faces = divide(read_recipe_data(plan), plan.data, plan.schedule.seed)
    finish_run(plan, faces, train(plan, faces, output, report), output)
    return output / f"{plan.name}.safetensors"


def prepare_recipe(recipe: Path, data: Path | None = None) -> Recipe:
    """Read a recipe by file or shipped name, with another data set if one is given."""
    plan = read_recipe(find_recipe(recipe))
    return plan if data is None else replace(plan, data=replace(plan.data, path=str(data)))


def finish_run(plan: Recipe, faces: FaceImages, checkpoint: Path, output: Path) -> Classifier:
    """Make a run's model file, its card, and the tables of its validation.

    Parameters
    ----------
    plan : Recipe
    faces : FaceImages
        As they were divided for training.
    checkpoint : Path
    output : Path
        Folder of the run.
    """
    path = output / f"{plan.name}.safetensors"
    export_model(checkpoint, plan, faces, path, plan.schedule.vote_share)
    model = load_model(path)
    error = model.metadata["metrics"]["ece_calibrated"]
    about = {"crop": plan.data.crop, "ece_cross_fitted": error}
    check = faces.select(faces.split == VALIDATION)
    result = evaluate_model(model, check, output / "validation", about=about)
    card = output / f"{plan.name}.md"
    card.write_text(write_card(model, result, faces), encoding="utf-8", newline="\n")
    return model


def read_recipe_data(plan: Recipe) -> FaceImages:
    """Read the data set that a recipe names."""
    size, channels = plan.network.input_size, plan.network.channels
    crop = face_cropper(size) if plan.data.crop else None
    options = Options(size, channels, crop, plan.data.content, plan.data.pattern)
    return read_dataset(Path(plan.data.path), plan.data.reader, options)


def evaluate_files(
    model: str | Path,
    data: Path,
    output: Path | None = None,
    *,
    reader: str = "",
    split: str = "",
    crop: bool | None = None,
    content: str | None = None,
    pattern: str | None = None,
    flip: bool = False,
) -> Evaluation:
    """Load a model and a data set and compare them.

    Parameters
    ----------
    model : str or Path
        Shipped name or model file.
    data : Path
    output : Path, optional
        Folder for tables and figures.
    reader : str
        Layout of the data; "" guesses.
    split : str
        Only this partition of the data; "" for all.
    crop : bool, optional
        Find the faces first; None: as in the model's training, like `content` and `pattern`
        (`enicfer.training.recipe.Data`).
    content, pattern : str, optional
    flip : bool
        Average with mirror images.

    Returns
    -------
    Evaluation
        Its summary also says whether faces were found first (`crop`).
    """
    classifier = load_model(model)
    given = {"crop": crop, "content": content, "pattern": pattern}
    settings = choose_settings(classifier, given)
    faces = read_like_training(classifier, data, reader, settings)
    return evaluate_part(classifier, faces, split, output, flip, settings)


def choose_settings(model: Classifier, given: Mapping[str, Any]) -> dict[str, Any]:
    """How to read pictures for a model: as given, and where that is None, as in its training."""
    trained = model.metadata.get("recipe", {}).get("data", {})
    default = {"crop": False, "content": "", "pattern": ""}
    return {key: trained.get(key, default[key]) if given.get(key) is None else given[key] for key in default}


def read_like_training(model: Classifier, data: Path, reader: str, settings: Mapping[str, Any]) -> FaceImages:
    """Read a data set at a model's size, with `choose_settings`."""
    crop = face_cropper(model.input_size) if settings["crop"] else None
    options = Options(model.input_size, model.channels, crop, settings["content"], settings["pattern"])
    return read_dataset(data, reader, options)


def evaluate_part(
    model: Classifier,
    faces: FaceImages,
    split: str = "",
    output: Path | None = None,
    flip: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Measure a model on a partition of a data set."""
    part = np.ones(len(faces), bool) if not split else faces.split == split
    if not part.any():
        listed = ", ".join(map(repr, sorted(set(faces.split.tolist()))))
        raise InputError(f"The data have no partition {split!r}; they have {listed}.")
    about = {"crop": bool((settings or {}).get("crop"))}
    return evaluate_model(model, faces.select(part), output, flip, about)


def write_card(model: Classifier, result: Evaluation, faces: FaceImages) -> str:
    """Describe a model on one page of Markdown, from what was measured."""
    about, summary = model.metadata, result.summary
    data, metrics = about["data"], about["metrics"]
    chosen = []
    if about["recipe"]["schedule"]["patience"]:
        chosen = ["They also chose the epoch that was kept, so the figures are a little too good."]
    unseen = []
    if "accuracy_unseen" in summary:
        unseen = [f"| accuracy without these | {summary['accuracy_unseen']:.3f} |"]
    lines = [
        f"# {model.name}",
        "",
        f"A {about['architecture']} that reads face crops of {model.input_size} x "
        f"{model.input_size} pixels and says which of {len(model.labels)} expressions they show: "
        f"{', '.join(model.labels)}. It reports what the face shows, not what the person feels.",
        "",
        "| | |",
        "| --- | --- |",
        f"| trained on | {data['train_images']} images of {', '.join(data['sets'])} |",
        f"| began from | {about['recipe']['transfer']['start'] or 'nothing'} |",
        f"| teachers | {', '.join(about['recipe']['distillation']['teachers']) or 'none'} |",
        *_unknown(model),
        f"| validated on | {data['validation_images']} images ({data['validation']}) |",
        f"| of these also in training | {metrics['also_trained_on']} |",
        *(
            f"| of these in the training of {who} | {metrics[f'also_{role}']} |"
            for role, who in ROLES.items()
            if metrics[f"also_{role}"]
        ),
        f"| pictures without a face, with a label not used | {len(faces.left_out.get(NO_FACE, ()))}, "
        f"{len(faces.left_out.get(NO_LABEL, ()))} |",
        f"| accuracy | {summary['accuracy']:.3f} (95 % interval {summary['accuracy_low']:.3f} to "
        f"{summary['accuracy_high']:.3f}) |",
        *unseen,
        f"| balanced accuracy | {summary['balanced_accuracy']:.3f} |",
        f"| macro-F1 | {summary['macro_f1']:.3f} |",
        f"| calibration error, cross-fitted | {format_rate(metrics['ece_calibrated'])} |",
        "",
        "The temperature was fitted on the validation images, and the figures above come from the "
        "same images; a test on people who are in neither is `enicfer evaluate`.",
        *chosen,
        "",
        "| label | images | precision | recall |",
        "| --- | --- | --- | --- |",
    ]
    counts = result.scores.confusion.sum(axis=1)
    lines += [
        f"| {label} | {count} | {format_rate(precision)} | {format_rate(recall)} |"
        for label, count, precision, recall in zip(
            result.labels, counts, result.scores.precision, result.scores.recall, strict=True
        )
    ]
    return "\n".join(lines) + "\n"


def _unknown(model: Classifier) -> list[str]:
    """Lines of the card on what is not on record."""
    names = model.pictures.unrecorded
    return [f"| not on record is what these learnt from | {', '.join(names)} |"] if names else []
