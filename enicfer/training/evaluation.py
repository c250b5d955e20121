"""`evaluate_model`: everything a reviewer asks about a classifier, on a labelled data set.

Conventions: rates are 0-1, probabilities calibrated.  A model answers with any of its labels, also
where the data have none of it: such an answer is an error.  `accuracy_labels_present` is the choice
among the labels that occur, which is easier.  Images with a label that the model does not know are
left out and counted.  Balanced accuracy and macro-F1 are means over the labels that occur.

`accuracy_all_frames` is over all valid frames of the subjects, of which a part was drawn at random, by the weights of
a manifest; its interval is for these subjects, `accuracy_all_children_low` and `_high` are for subjects in general.

Images that the model, the one that it began from or a teacher learnt from are counted by their pixels
(`enicfer.models.pictures`): `trained_on_these` is None where that is not on record, and `accuracy_unseen`
leaves them out.  Images that chose the model's temperature are counted, too.

Files: `metrics.json`, `confusion.csv` (rows true, columns predicted), `labels.csv` (precision and
recall), `groups.csv` (set, sex, age band), `coverage.csv`, and figures with the same names.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from enicfer.errors import MAKE_ROOM, InputError, OutputError
from enicfer.expressions import FIVE
from enicfer.io.files.atomic import replacing, staged
from enicfer.io.tables import defuse_text
from enicfer.models.calibration import Reliability, reliability
from enicfer.records.kappa import cohen_kappa
from enicfer.training.datasets.files import UNLABELLED
from enicfer.training.datasets.images import NO_FACE, NO_LABEL, UNREADABLE, FaceImages
from enicfer.training.metrics import (
    Coverage,
    Scores,
    abstain,
    accuracy_interval,
    score,
    weighted_accuracy,
)

if TYPE_CHECKING:
    from enicfer.models import Classifier

AGE_BANDS = ((0, 6), (6, 9), (9, 13), (13, 18), (18, 150))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate_model` measured.

    Attributes
    ----------
    labels
    scores
    interval
        95 % confidence interval of the accuracy, with subjects as the units; NaN with too few of them.
    subjects
        Number of known subjects; 0: unknown, each image then counts as one.
    before, after
        Without and with the model's temperature.
    coverage
    groups
        `kind`, `group`, `count`, `accuracy`, `low`, `high`.
    summary
        The single numbers, as in `metrics.json`.
    """

    labels: tuple[str, ...]
    scores: Scores
    interval: tuple[float, float]
    subjects: int
    before: Reliability
    after: Reliability
    coverage: Coverage
    groups: list[dict[str, Any]]
    summary: dict[str, Any]


def evaluate_model(
    model: Classifier,
    data: FaceImages,
    output: Path | None = None,
    flip: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Measure a classifier on labelled faces.

    Parameters
    ----------
    model
    data
    output
        Folder for tables and figures; made if missing.
    flip
        Average with mirror images.
    about
        What else the summary should say.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        Model and data share no label.
    """
    kept, labels = _comparable(model, data), model.labels
    label, logits = kept.label, model.logits(kept.image, flip).astype(np.float64)
    probability = softmax(logits / model.temperature, axis=1)
    said = probability.argmax(axis=1)
    scores = score(said, label, len(labels))
    right = said == label
    result = Evaluation(
        labels=labels,
        scores=scores,
        interval=accuracy_interval(right, kept.subject),
        subjects=len(set(kept.subject.tolist()) - {""}),
        before=reliability(softmax(logits, axis=1), label),
        after=reliability(probability, label),
        coverage=abstain(probability, label),
        groups=_groups(right, kept),
        summary={},
    )
    result.summary.update(_summary(result, model, data, kept, logits, said))
    result.summary.update(_known(model, kept, right), **(about or {}))
    if output is not None:
        write_evaluation(result, output)
    return result


def _comparable(model: Classifier, data: FaceImages) -> FaceImages:
    """The images whose label the model knows, with the model's labels."""
    kept = data.only_labels(model.labels)
    if len(kept) == 0:
        present = sorted({data.labels[code] for code in data.label[data.label >= 0]})
        raise InputError(
            f"The model {model.name} knows {', '.join(model.labels)} and the data have "
            f"{', '.join(present) or 'no labels'}",
            remedy="at least one must be the same",
        )
    return kept


def _summary(
    result: Evaluation,
    model: Classifier,
    data: FaceImages,
    kept: FaceImages,
    logits: np.ndarray,
    said: np.ndarray,
) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "model": model.name,
        "labels": list(result.labels),
        "images": len(kept),
        # Of the data set as it was read; the first four of the whole, not of one partition.
        "images_without_a_face": len(data.left_out.get(NO_FACE, ())),
        "images_with_unused_label": len(data.left_out.get(NO_LABEL, ())),
        "images_without_a_label": len(data.left_out.get(UNLABELLED, ())),
        "images_unreadable": len(data.left_out.get(UNREADABLE, ())),
        "images_left_out": len(data) - len(kept),
        "subjects": result.subjects,
        "accuracy": result.scores.accuracy,
        "accuracy_low": result.interval[0],
        "accuracy_high": result.interval[1],
        "balanced_accuracy": result.scores.balanced_accuracy,
        "macro_f1": result.scores.macro_f1,
        "kappa": float(cohen_kappa(result.scores.confusion)),
        "ece_before": result.before.error,
        "ece_after": result.after.error,
    }
    drawn = np.isfinite(kept.weight)
    if drawn.any():
        right = (said == kept.label)[drawn]
        found, general = weighted_accuracy(right, kept.weight[drawn], kept.subject[drawn])
        summary["images_drawn_at_random"] = int(drawn.sum())
        summary["accuracy_all_frames"] = found.value
        summary["accuracy_all_frames_low"], summary["accuracy_all_frames_high"] = found.low, found.high
        summary["accuracy_all_children_low"] = general.low
        summary["accuracy_all_children_high"] = general.high
    present = np.unique(kept.label)
    if 1 < len(present) < len(result.labels):
        summary["labels_present"] = [result.labels[code] for code in present]
        summary["accuracy_labels_present"] = _among(present, logits, kept.label).accuracy
    five = np.flatnonzero([label in FIVE for label in result.labels])
    if 1 < len(five) < len(result.labels) and np.isin(five, present).any():
        scores = _among(five, logits, kept.label)
        summary["accuracy_five_labels"] = scores.accuracy
        summary["balanced_accuracy_five_labels"] = scores.balanced_accuracy
    voted = kept.majority >= 0
    if voted.any():
        summary["images_with_majority"] = int(voted.sum())
        summary["accuracy_votes"] = float((said[voted] == kept.majority[voted]).mean())
    return summary


def _known(model: Classifier, kept: FaceImages, right: np.ndarray) -> dict[str, Any]:
    """What the model knew of the images before: from its training, or from the choice of its temperature."""
    pictures = model.pictures
    learnt, fitted = (np.isin(kept.digest, known) for known in (pictures.learnt, pictures.validated))
    found: dict[str, Any] = {"trained_on_these": bool(learnt.any())}
    if pictures.unrecorded:
        found = {
            "trained_on_these": True if learnt.any() else None,
            "not_on_record": list(pictures.unrecorded),
        }
    if found["trained_on_these"] is not None:
        found["images_trained_on"] = int(learnt.sum())
    if learnt.any() and not learnt.all():
        found["accuracy_unseen"] = float(right[~learnt].mean())
    if fitted.any():
        recipe = model.metadata.get("recipe", {})
        found["temperature_fitted_on_these"] = True
        found["images_temperature_fitted_on"] = int(fitted.sum())
        found["epoch_chosen_on_these"] = bool(recipe.get("schedule", {}).get("patience"))
    return found


def _among(codes: np.ndarray, logits: np.ndarray, label: np.ndarray) -> Scores:
    """Score the choice among these labels, on the images that have one of them."""
    rows = np.isin(label, codes)
    return score(codes[logits[rows][:, codes].argmax(axis=1)], label[rows], logits.shape[1])


def _groups(right: np.ndarray, data: FaceImages) -> list[dict[str, Any]]:
    """Accuracy by set, sex and age band, where known and where there is more than one."""
    band = np.full(len(data), "", dtype=object)
    for low, high in AGE_BANDS:
        band[(data.age >= low) & (data.age < high)] = f"{low}-{high}"
    rows = []
    for kind, values in (("set", data.set), ("sex", data.sex), ("age", band)):
        for group in sorted(set(values.tolist()) - {""}):
            inside = values == group
            low_bound, high_bound = accuracy_interval(right[inside], data.subject[inside])
            rows.append(
                {
                    "kind": kind,
                    "group": group,
                    "count": int(inside.sum()),
                    "accuracy": float(right[inside].mean()),
                    "low": low_bound,
                    "high": high_bound,
                }
            )
    return rows


def write_evaluation(result: Evaluation, output: Path) -> None:
    """Write the tables and figures of an evaluation into a folder, all or none.

    Raises
    ------
    OutputError
        If they cannot be written there.
    """
    try:
        with staged(output, make=True) as stage:
            _write_files(result, stage.tree)
            stage.publish()
    except OSError as error:
        raise OutputError(
            f"The tables cannot be written to {output}: {error.strerror or error}",
            place=output,
            remedy=MAKE_ROOM,
        ) from None


def _write_files(result: Evaluation, output: Path) -> None:
    from enicfer.training import figures

    text = json.dumps(_rounded(result.summary), indent=2) + "\n"
    (output / "metrics.json").write_text(text, encoding="utf-8", newline="\n")
    confusion = result.scores.confusion
    rows = [[label, *line] for label, line in zip(result.labels, confusion.tolist(), strict=True)]
    write_table(output / "confusion.csv", ["true", *result.labels], rows)
    counts = confusion.sum(axis=1)
    columns = zip(result.labels, counts, result.scores.precision, result.scores.recall, strict=True)
    write_table(output / "labels.csv", ["label", "count", "precision", "recall"], columns)
    keys = ["kind", "group", "count", "accuracy", "low", "high"]
    write_table(output / "groups.csv", keys, ([row[key] for key in keys] for row in result.groups))
    curve = result.coverage
    points = zip(curve.threshold, curve.coverage, curve.accuracy, strict=True)
    write_table(output / "coverage.csv", ["threshold", "coverage", "accuracy"], points)
    figures.draw_confusion(result.labels, confusion, output / "confusion.png")
    fitted = bool(result.summary.get("temperature_fitted_on_these"))
    figures.draw_reliability(result.before, result.after, output / "reliability.png", fitted)
    figures.draw_coverage(curve, output / "coverage.png")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 5)
    return value


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file atomically; NaN becomes n/a."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            cells = [_rounded(cell) for cell in row]
            writer.writerow(["n/a" if cell is None else defuse_text(cell) for cell in cells])
