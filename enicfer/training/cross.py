"""Cross-validation, and every model on every data set.

Conventions: a fold's test images share no subject (or no data set) with the images that trained
or validated its model.  A run's folder holds `fold-1`, `fold-2`, ... as `enicfer train` makes
them, each with the tables of its test in `test`, and `folds.csv`; a run that was stopped
continues, and folds that are done are not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enicfer.training.commands import finish_run, read_recipe_data
from enicfer.training.datasets.images import FaceImages
from enicfer.training.evaluation import evaluate_model, write_table
from enicfer.training.loop import train
from enicfer.training.recipe import Recipe
from enicfer.training.splits import divide, folds

if TYPE_CHECKING:
    from enicfer.models import Classifier


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What `cross_validate` measured.

    Attributes
    ----------
    rows : list of dict
        Per fold: `fold`, `images`, `subjects`, `accuracy`, `balanced_accuracy`, `macro_f1`.
    mean, deviation : float
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
    recipe : Recipe
        Its `[data] split` divides what is left after the fold into training and validation.
    output : Path
    count : int
        Number of folds.
    by_set : bool
        Leave one data set out at a time, instead of a part of the subjects.
    report : callable
        Receives lines of progress.

    Returns
    -------
    CrossValidation

    Raises
    ------
    InputError
        Unknown subjects, or more folds than subjects.
    """
    data = read_recipe_data(recipe).only_labels(recipe.data.labels)
    rows = []
    masks = folds(data, count, recipe.schedule.seed, by_set)
    for number, test in enumerate(masks, 1):
        folder = output / f"fold-{number}"
        report(f"fold {number} of {len(masks)}")
        rest = divide(data.select(~test), recipe.data, recipe.schedule.seed)
        model = finish_run(recipe, rest, train(recipe, rest, folder, report), folder)
        held_out = data.select(test)
        summary = evaluate_model(model, held_out, folder / "test").summary
        keys = ("images", "subjects", "accuracy", "balanced_accuracy", "macro_f1")
        rows.append({"fold": number, **{key: summary[key] for key in keys}})
    write_table(output / "folds.csv", list(rows[0]), (row.values() for row in rows))
    accuracy = np.array([row["accuracy"] for row in rows])
    deviation = float(accuracy.std(ddof=1)) if len(accuracy) > 1 else float("nan")
    return CrossValidation(rows, float(accuracy.mean()), deviation)


def cross_evaluate(
    models: Mapping[str, Classifier], sets: Mapping[str, FaceImages], path: Path | None = None
) -> np.ndarray:
    """Accuracy of every model on every data set.

    Parameters
    ----------
    models : mapping
        Name to classifier.
    sets : mapping
        Name to labelled faces.
    path : Path, optional
        CSV file to write: one row per model, one column per data set.

    Returns
    -------
    ndarray, shape (len(models), len(sets))
        Each on the labels that model and data share.
    """
    accuracy = np.array(
        [[evaluate_model(model, data).scores.accuracy for data in sets.values()] for model in models.values()]
    )
    if path is not None:
        rows = [[name, *line] for name, line in zip(models, accuracy.tolist(), strict=True)]
        write_table(path, ["model", *sets], rows)
    return accuracy
