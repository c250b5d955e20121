"""How good a classifier is: pure functions of probabilities and labels.

Conventions: `probability` is (n, k), `label` int (n,) in 0..k-1.  Rates are 0-1; a rate without
any case is NaN.  A group is anything that must stay together when resampling: a subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enicfer.errors import InputError


@dataclass(frozen=True, eq=False)
class Scores:
    """The usual numbers of a classifier.

    Attributes
    ----------
    count : int
    confusion : ndarray of int, shape (k, k)
        Rows are true labels, columns predictions.
    accuracy, balanced_accuracy, macro_f1 : float
        Balanced accuracy and macro-F1 are means over the labels that occur.
    precision, recall : ndarray, shape (k,)
    """

    count: int
    confusion: np.ndarray
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    precision: np.ndarray
    recall: np.ndarray


def score(prediction: np.ndarray, label: np.ndarray, classes: int) -> Scores:
    """Count hits and confusions.

    Parameters
    ----------
    prediction, label : ndarray of int, shape (n,)
    classes : int

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        There is no image at all.
    """
    if len(label) == 0:
        raise InputError("There are no labelled images to score.")
    confusion = np.bincount(label * classes + prediction, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    hits, truth, said = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    with np.errstate(invalid="ignore"):
        precision, recall = hits / said, hits / truth
    occurs = truth > 0
    f1 = 2 * hits / np.where(truth + said > 0, truth + said, 1)
    return Scores(
        count=len(label),
        confusion=confusion,
        accuracy=float(hits.sum() / len(label)),
        balanced_accuracy=float(recall[occurs].mean()),
        macro_f1=float(f1[occurs].mean()),
        precision=precision,
        recall=recall,
    )


@dataclass(frozen=True, eq=False)
class Coverage:
    """What abstaining buys.

    Attributes
    ----------
    threshold, coverage, accuracy : ndarray, shape (m,)
        Answering only at a confidence of at least `threshold` leaves the part `coverage` of the
        images, with `accuracy` among them.
    """

    threshold: np.ndarray
    coverage: np.ndarray
    accuracy: np.ndarray


def abstain(probability: np.ndarray, label: np.ndarray, points: int = 101) -> Coverage:
    """Accuracy of the most confident part of the images, for each part."""
    top = probability.max(axis=1)
    order = np.argsort(-top, kind="stable")
    right = (probability.argmax(axis=1) == label)[order]
    kept = np.unique(np.ceil(np.linspace(1 / points, 1, points) * len(label)).astype(int))
    accuracy = np.cumsum(right)[kept - 1] / kept
    return Coverage(top[order][kept - 1], kept / len(label), accuracy)


def format_rate(value: float, digits: int = 3) -> str:
    """A rate as text; n/a where there was no case."""
    return "n/a" if np.isnan(value) else f"{value:.{digits}f}"


def group_of(subject: np.ndarray) -> np.ndarray:
    """Name of each image's group: its subject, or one of its own where that is unknown ("")."""
    names = np.asarray(subject).astype(str).astype(object)
    alone = names == ""
    names[alone] = [f"\0{i}" for i in np.flatnonzero(alone)]
    return names.astype(str)


def bootstrap_accuracy(
    right: np.ndarray, group: np.ndarray, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of the accuracy, resampling whole groups.

    Parameters
    ----------
    right : ndarray of bool, shape (n,)
    group : ndarray, shape (n,)
        Subject of each image; images of one subject are not independent.  An empty name means
        an unknown subject: each such image is then its own group.
    draws, seed : int

    Returns
    -------
    tuple of float
        Lower and upper bound (2.5 and 97.5 percentile); both NaN with a single group.
    """
    _, member = np.unique(group_of(group), return_inverse=True)
    hits = np.bincount(member, weights=right)
    size = np.bincount(member)
    if len(size) < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    rates = np.empty(draws)
    for i in range(draws):
        drawn = generator.integers(len(size), size=len(size))
        rates[i] = hits[drawn].sum() / size[drawn].sum()
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)
