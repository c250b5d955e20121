"""The whole of `enicfer train` and `enicfer evaluate`, as functions.

Conventions: a run's folder holds `checkpoint.pt`, `log.csv`, `<name>.safetensors`, its model card
`<name>.md`, and the folder `validation` with tables and figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.errors import MAKE_ROOM, InputError, OutputError
from enicfer.io.files.atomic import staged
from enicfer.io.files.places import check_folder
from enicfer.models import Classifier, load_model
from enicfer.training.ancestors import ROLES
from enicfer.training.datasets import FaceImages, Options, face_cropper, read_dataset
from enicfer.training.datasets.images import NO_FACE, NO_LABEL, UNREADABLE
from enicfer.training.evaluation import Evaluation, evaluate_model
from enicfer.training.export import export_model
from enicfer.training.metrics import format_rate
from enicfer.training.recipe import Recipe, find_recipe, read_recipe
from enicfer.training.refit import describe_judgement, judge, train_or_refit
from enicfer.training.splits import VALIDATION, divide


def train_recipe(
    recipe: Path,
    output: Path,
    data: Path | None = None,
    report: Callable[[str], None] = print,
    precision: str | None = None,
    settings: Sequence[str] = (),
) -> Path:
    """Train, calibrate, measure and describe a model.

    Parameters
    ----------
    recipe
        TOML file, or the name of a shipped recipe.
    output
        Folder of the run; a run that it holds is continued.
    data
        Data set, instead of the one that the recipe names.
    report
        Receives a line of progress from time to time.
    precision
        Instead of the recipe's.
    settings
        Instead of the recipe's: ``table.key=value``, such as ``schedule.epochs=3``.

    Returns
    -------
    Path
        The model file.
    """
    chosen = [] if precision is None else [f'schedule.precision="{precision}"']
    plan = prepare_recipe(recipe, data, [*settings, *chosen])
    check_folder(output)
    found = read_recipe_data(plan)
    left_out = found.count_left_out(plan.data.labels)
    read = len(found) + sum(map(len, found.left_out.values()))
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    report(f"{read - sum(left_out.values())} of {read} pictures are used; left out: {reasons}")
    faces = divide(found, plan.data, plan.schedule.seed)
    finish_run(plan, faces, train_or_refit(plan, faces, output, report), output, report)
    return output / f"{plan.name}.safetensors"


def prepare_recipe(recipe: Path, data: Path | None = None, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe by file or shipped name, with another data set and settings if they are given."""
    plan = read_recipe(find_recipe(recipe), settings)
    return plan if data is None else replace(plan, data=replace(plan.data, path=str(data)))


def finish_run(
    plan: Recipe,
    faces: FaceImages,
    checkpoint: Path,
    output: Path,
    report: Callable[[str], None] = lambda _: None,
) -> Classifier:
    """Make a run's model file, its card, and the tables of its validation.

    Parameters
    ----------
    plan
    faces
        As they were divided for training.
    checkpoint
    output
        Folder of the run.
    report
        Receives how the model compares with the one that it began from.
    """
    try:
        with staged(output) as stage:
            path = stage.tree / f"{plan.name}.safetensors"
            export_model(checkpoint, plan, faces, path, plan.schedule.vote_share)
            model = load_model(path)
            calibration = model.metadata["metrics"]["ece_calibrated"]
            about = {"crop": plan.data.crop, "ece_cross_fitted": calibration}
            check = faces.select(faces.split == VALIDATION)
            judgement = judge(plan, model, check.only_labels(plan.data.labels))
            about |= {"start": judgement.as_dict()} if judgement else {}
            result = evaluate_model(model, check, stage.tree / "validation", about=about)
            card = stage.tree / f"{plan.name}.md"
            said = describe_judgement(judgement) if judgement else []
            text = write_card(model, result, faces, said)
            card.write_text(text, encoding="utf-8", newline="\n")
            stage.publish()
    except OSError as error:
        raise OutputError(
            f"The model cannot be written to {output}: {error.strerror or error}",
            place=output,
            remedy=MAKE_ROOM,
        ) from None
    for line in said:
        report(line)
    return model


def read_recipe_data(plan: Recipe) -> FaceImages:
    """Read the data set that a recipe names."""
    size, channels = plan.network.input_size, plan.network.channels
    crop = face_cropper(size) if plan.data.crop else None
    options = Options(size, channels, crop, plan.data.content, plan.data.pattern)
    return read_dataset(Path(plan.data.path), plan.data.reader, options)


@dataclass(frozen=True)
class Reading:
    """How the pictures of a data set are read for a model; see `enicfer.training.recipe.Data`.

    Attributes
    ----------
    crop
        Find the faces first.
    content
        What pictures labelled "content" count as; "" leaves them out.
    pattern
        Regular expression of the file names.
    """

    crop: bool = False
    content: str = ""
    pattern: str = ""


@dataclass(frozen=True)
class ReadingOptions:
    """What of a `Reading` was given; None: as in the model's training."""

    crop: bool | None = None
    content: str | None = None
    pattern: str | None = None


def evaluate_files(
    model: str | Path,
    data: Path,
    output: Path | None = None,
    *,
    reader: str = "",
    split: str = "",
    reading: ReadingOptions | None = None,
    flip: bool = False,
) -> Evaluation:
    """Load a model and a data set and compare them.

    Parameters
    ----------
    model
        Shipped name or model file.
    data
    output
        Folder for tables and figures.
    reader
        Layout of the data; "" guesses.
    split
        Only this partition of the data; "" for all.
    reading
        How pictures are read; by default as in the model's training.
    flip
        Average with mirror images.

    Returns
    -------
    Evaluation
        Its summary also says whether faces were found first (`crop`).
    """
    if output is not None:
        check_folder(output)
    classifier = load_model(model)
    chosen = choose_reading(classifier, reading)
    faces = read_like_training(classifier, data, reader, chosen)
    return evaluate_part(classifier, faces, split, output, flip, chosen)


def choose_reading(model: Classifier, given: ReadingOptions | None = None) -> Reading:
    """How to read pictures for a model: as given, and where that is None, as in its training."""
    trained = model.metadata.get("recipe", {}).get("data", {})
    said = asdict(given or ReadingOptions())
    chosen = {name: trained[name] for name in said if name in trained}
    return Reading(**{**chosen, **{name: value for name, value in said.items() if value is not None}})


def read_like_training(model: Classifier, data: Path, reader: str, reading: Reading) -> FaceImages:
    """Read a data set at a model's size, with `choose_reading`."""
    crop = face_cropper(model.input_size) if reading.crop else None
    options = Options(model.input_size, model.channels, crop, reading.content, reading.pattern)
    return read_dataset(data, reader, options)


def evaluate_part(
    model: Classifier,
    faces: FaceImages,
    split: str = "",
    output: Path | None = None,
    flip: bool = False,
    reading: Reading | None = None,
) -> Evaluation:
    """Measure a model on a partition of a data set."""
    part = np.ones(len(faces), bool) if not split else faces.split == split
    if not part.any():
        listed = ", ".join(map(repr, sorted(set(faces.split.tolist()))))
        raise InputError(f"The data have no partition {split!r}", remedy=f"name one of {listed}")
    about = {"crop": (reading or Reading()).crop}
    return evaluate_model(model, faces.select(part), output, flip, about)


def _interval(summary: Mapping[str, Any]) -> str:
    low, high = summary["accuracy_low"], summary["accuracy_high"]
    if np.isnan(low):
        return "too few subjects for an interval"
    return f"95 % interval {low:.3f} to {high:.3f}"


def write_card(model: Classifier, result: Evaluation, faces: FaceImages, compared: Sequence[str] = ()) -> str:
    """Describe a model on one page of Markdown, from what was measured; `compared`: with what it began from."""
    about, summary = model.metadata, result.summary
    data, metrics = about["data"], about["metrics"]
    left_out = faces.count_left_out(model.labels)
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
        f"| pictures without a face, with a label not used, unreadable | {left_out[NO_FACE]}, "
        f"{left_out[NO_LABEL]}, {left_out[UNREADABLE]} |",
        f"| accuracy | {summary['accuracy']:.3f} ({_interval(summary)}) |",
        *unseen,
        f"| balanced accuracy | {summary['balanced_accuracy']:.3f} |",
        f"| macro-F1 | {summary['macro_f1']:.3f} |",
        f"| calibration error, cross-fitted | {format_rate(metrics['ece_calibrated'])} |",
        "",
        _how_fitted(about["recipe"]),
        *chosen,
        *(["", *(f"- {line}" for line in compared)] if compared else []),
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


def _how_fitted(recipe: Mapping[str, Any]) -> str:
    if recipe["transfer"].get("refit"):
        return "Layer and temperature were chosen in the training part alone; no validation image chose anything."
    lab = recipe.get("calibration", {}).get("lab", 0.0)
    mixed = f", {lab:.0%} of them under imitated laboratory conditions" if lab else ""
    return (
        f"The temperature was fitted on the validation images{mixed}, and the figures above come from the same "
        "images; a test on people who are in neither is `enicfer evaluate`."
    )


def _unknown(model: Classifier) -> list[str]:
    """Lines of the card on what is not on record."""
    names = model.pictures.unrecorded
    return [f"| not on record is what these learnt from | {', '.join(names)} |"] if names else []
