"""The whole of `enicfer train` and `enicfer evaluate`, as functions.

Conventions: a run's folder holds `checkpoint.pt`, `log.csv`, `<name>.safetensors`, its model card
`<name>.md`, and the folder `validation` with tables and figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.models import Classifier, load_model
from enicfer.training.datasets import FaceImages, Options, face_cropper, read_dataset
from enicfer.training.evaluation import Evaluation, evaluate_model
from enicfer.training.export import export_model
from enicfer.training.loop import train
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
    result = evaluate_model(model, faces.select(faces.split == VALIDATION), output / "validation")
    card = output / f"{plan.name}.md"
    card.write_text(write_card(model, result), encoding="utf-8", newline="\n")
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
    crop: bool = False,
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
    crop : bool
        Find the faces first.
    flip : bool
        Average with mirror images.
    """
    classifier = load_model(model)
    size = classifier.input_size
    options = Options(size, classifier.channels, face_cropper(size) if crop else None)
    faces = read_dataset(data, reader, options)
    if split:
        names = sorted(set(faces.split.tolist()))
        if split not in names:
            listed = ", ".join(map(repr, names))
            raise InputError(f"The data have no partition {split!r}; they have {listed}.")
        faces = faces.select(faces.split == split)
    return evaluate_model(classifier, faces, output, flip)


def cross_evaluate_files(
    models: Sequence[str | Path], sets: Sequence[Path], crop: bool = False, output: Path | None = None
) -> tuple[list[str], np.ndarray]:
    """Accuracy of every model on every data set, from their names and files.

    Returns
    -------
    names : list of str
        Of the models.
    accuracy : ndarray, shape (len(models), len(sets))
    """
    from enicfer.training.cross import cross_evaluate

    classifiers = {str(name): load_model(name) for name in models}
    side = max(model.input_size for model in classifiers.values())
    colour = max(model.channels for model in classifiers.values())
    options = Options(side, colour, face_cropper(side) if crop else None)
    faces = {path.stem: read_dataset(path, "", options) for path in sets}
    return list(classifiers), cross_evaluate(classifiers, faces, output)


def write_card(model: Classifier, result: Evaluation) -> str:
    """Describe a model on one page of Markdown, from what was measured."""
    about, summary = model.metadata, result.summary
    data = about["data"]
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
        f"| validated on | {data['validation_images']} images ({data['validation']}) |",
        f"| of these also in training | {about['metrics']['also_trained_on']} |",
        f"| accuracy | {summary['accuracy']:.3f} (95 % interval {summary['accuracy_low']:.3f} to "
        f"{summary['accuracy_high']:.3f}) |",
        f"| balanced accuracy | {summary['balanced_accuracy']:.3f} |",
        f"| macro-F1 | {summary['macro_f1']:.3f} |",
        f"| calibration error, cross-fitted | {about['metrics']['ece_calibrated']:.3f} |",
        "",
        "The temperature was fitted on the validation images, and the figures above come from the "
        "same images; a test on people who are in neither is `enicfer evaluate`.",
        "",
        "| label | images | precision | recall |",
        "| --- | --- | --- | --- |",
    ]
    counts = result.scores.confusion.sum(axis=1)
    lines += [
        f"| {label} | {count} | {precision:.3f} | {recall:.3f} |"
        for label, count, precision, recall in zip(
            result.labels, counts, result.scores.precision, result.scores.recall, strict=True
        )
    ]
    return "\n".join(lines) + "\n"
