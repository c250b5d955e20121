"""Cross-validation, and every model on every data set.

Conventions: a fold's test images share no known subject (and no data set, where sets are left out) with the
images that trained or validated its model; what a model that it began from, or a teacher, learnt is counted
and said.  A run's folder holds `fold-1`, `fold-2`, ... as `enicfer train` makes
them, each with the tables of its test in `test`, and `folds.csv`, written after each fold; a run that was
stopped continues, and folds that are done are not done again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.errors import InputError
from enicfer.io.files.places import check_folder, check_free
from enicfer.models import load_model
from enicfer.training.ancestors import describe_seen, trace_ancestors
from enicfer.training.commands import (
    ReadingOptions,
    choose_reading,
    evaluate_part,
    finish_run,
    read_like_training,
    read_recipe_data,
)
from enicfer.training.datasets.images import FaceImages
from enicfer.training.evaluation import evaluate_model, write_table
from enicfer.training.parts import take_parts
from enicfer.training.recipe import Recipe
from enicfer.training.refit import train_or_refit
from enicfer.training.splits import divide, folds

CROSS_COLUMNS = (
    "images",
    "images_without_a_face",
    "images_unreadable",
    "images_left_out",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "crop",
    "trained_on_these",
    "images_trained_on",
    "accuracy_unseen",
)
FOLD_COLUMNS = (
    "images",
    "subjects",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "images_trained_on",
    "accuracy_unseen",
)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What `cross_validate` measured.

    Attributes
    ----------
    rows
        Per fold: `fold`, `images`, `subjects`, `accuracy`, `balanced_accuracy`, `macro_f1`, and
        `images_trained_on` and `accuracy_unseen` as in `enicfer.training.evaluation` (None: unknown, or none).
    mean, deviation
        Of the folds' accuracies (deviation with n - 1).
    """

    rows: list[dict[str, Any]]
    mean: float
    deviation: float


def cross_validate(
    recipe: Recipe,
    output: Path,
    count: int = 5,
    by_set: bool = False,
    report: Callable[[str], None] = print,
) -> CrossValidation:
    """Train and test once per fold.

    Parameters
    ----------
    recipe
        Its `[data] split` divides what is left after the fold into training and validation.
    output
    count
        Number of folds.
    by_set
        Leave one data set out at a time, instead of a part of the subjects.
    report
        Receives lines of progress.

    Returns
    -------
    CrossValidation

    Raises
    ------
    InputError
        Unknown subjects, more folds than subjects, or a fold that cannot be trained: before the first is.
    """
    check_folder(output)
    data = read_recipe_data(recipe).only_labels(recipe.data.labels)
    rows: list[dict[str, Any]] = []
    masks = folds(data, count, recipe.schedule.seed, by_set)
    for number, (rest, _) in enumerate(masks, 1):
        try:
            take_parts(recipe, _divide(data, rest, recipe), lambda line: None)
        except InputError as error:
            raise error.said_of(f"Fold {number} of {len(masks)} cannot be trained") from error
    for known in describe_seen(data.digest, trace_ancestors(recipe)):
        warnings.warn(
            f"The images of the folds are {known}: the folds test on them, and the accuracy will be too good; "
            "accuracy_unseen, without them, is the number to report.",
            stacklevel=2,
        )
    for number, (rest, test) in enumerate(masks, 1):
        folder = output / f"fold-{number}"
        report(f"fold {number} of {len(masks)}")
        learnt = _divide(data, rest, recipe)
        model = finish_run(recipe, learnt, train_or_refit(recipe, learnt, folder, report), folder)
        summary = evaluate_model(model, data.select(test), folder / "test").summary
        rows.append({"fold": number, **{key: summary.get(key) for key in FOLD_COLUMNS}})
        write_table(output / "folds.csv", list(rows[0]), (row.values() for row in rows))
    accuracy = np.array([row["accuracy"] for row in rows])
    deviation = float(accuracy.std(ddof=1)) if len(accuracy) > 1 else float("nan")
    return CrossValidation(rows, float(accuracy.mean()), deviation)


def _divide(data: FaceImages, rest: np.ndarray, recipe: Recipe) -> FaceImages:
    return divide(data.select(rest), recipe.data, recipe.schedule.seed)


@dataclass(frozen=True)
class DataSource:
    """A data set to test on: its name, where it is, which partition ("" for all), its layout ("" guesses)."""

    name: str
    path: Path
    split: str = ""
    reader: str = ""


def parse_source(text: str) -> DataSource:
    """Read ``[NAME=]PATH[:PARTITION]``; without a name, that of the file, or of a manifest's folder."""
    name, equals, rest = text.partition("=")
    if not equals or Path(text).exists():
        name, rest = "", text
    split = ""
    if not Path(rest).exists():
        head, _, tail = rest.rpartition(":")
        # What follows the colon of a Windows drive is no partition.
        if head and not {"/", "\\"} & set(tail):
            rest, split = head, tail
    path = Path(rest)
    own = path.absolute().parent.name if path.name == "manifest.csv" else path.stem
    return DataSource(name or (f"{own}:{split}" if split else own), path, split)


def cross_evaluate_files(
    models: Sequence[str | Path],
    sets: Sequence[DataSource],
    output: Path | None = None,
    reading: ReadingOptions | None = None,
) -> list[dict[str, Any]]:
    """Accuracy of every model on every data set, each read as `enicfer.training.commands.evaluate_files` does.

    Parameters
    ----------
    models
        Shipped names or files.
    sets
    output
        CSV file to write, with the rows below.
    reading
        How pictures are read; by default as in each model's training.

    Returns
    -------
    list of dict
        Per model and set `model`, `data`, `images`, `images_without_a_face`, `images_unreadable`, `images_left_out`,
        `accuracy`, `accuracy_low`, `accuracy_high`, `crop`, `trained_on_these` (None: unknown),
        `images_trained_on` (None: unknown), `accuracy_unseen` (without them; None: none, or no others).

    Raises
    ------
    InputError
        Two sets or two models have one name.
    """
    if output is not None:
        check_free(output, overwrite=True)
    for what, names in (("data sets", [one.name for one in sets]), ("models", [str(m) for m in models])):
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise InputError(
                f"Two {what} are called {', '.join(double)}", remedy="name each once, as NAME=PATH"
            )
    loaded = {str(name): load_model(name) for name in models}
    rows = []
    for one in sets:
        read: dict[tuple[Any, ...], FaceImages] = {}
        for name, model in loaded.items():
            chosen = choose_reading(model, reading)
            key = (model.input_size, model.channels, chosen)
            if key not in read:
                read[key] = read_like_training(model, one.path, one.reader, chosen)
            summary = evaluate_part(model, read[key], one.split, reading=chosen).summary
            rows.append({"model": name, "data": one.name, **{key: summary.get(key) for key in CROSS_COLUMNS}})
    rows.sort(key=lambda row: list(loaded).index(str(row["model"])))
    if output is not None:
        write_table(output, list(rows[0]), (row.values() for row in rows))
    return rows
