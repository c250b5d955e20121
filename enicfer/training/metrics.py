"""How good a classifier is: pure functions of probabilities and labels.

Conventions: `probability` is (n, k), `label` int (n,) in 0..k-1.  Rates are 0-1; a rate without
any case is NaN.  A group is anything that must stay together when resampling: a subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from enicfer.errors import InputError
from enicfer.records.agreement import Estimate
from enicfer.records.intervals import share_of_these, weighted_mean

FEWEST_GROUPS = 3  # subjects, for an interval


@dataclass(frozen=True, eq=False)
class Scores:
    """The usual numbers of a classifier.

    Attributes
    ----------
    count
    confusion
        ``(k, k)``: rows are true labels, columns predictions.
    accuracy, balanced_accuracy, macro_f1
        Balanced accuracy and macro-F1 are means over the labels that occur.
    precision, recall
        ``(k,)``.
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
    prediction, label
        ``(n,)``.
    classes

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        There is no image at all.
    """
    if len(label) == 0:
        raise InputError(
            "There are no labelled images to score", remedy="give images with labels that the model knows"
        )
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
    threshold, coverage, accuracy
        ``(m,)``: answering only at a confidence of at least `threshold` leaves the part `coverage` of the
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


def weighted_accuracy(right: np.ndarray, weight: np.ndarray, group: np.ndarray) -> tuple[Estimate, Estimate]:
    """Accuracy over all frames of which a part was drawn at random.

    Parameters
    ----------
    right
        ``(n,)``: of the drawn images.
    weight
        ``(n,)``: how many frames each stands for.
    group
        ``(n,)``: subject of each image, as for `accuracy_interval`.

    Returns
    -------
    Estimate, Estimate
        With its interval for all frames of these subjects, and for subjects in general.
    """
    names = group_of(group)
    return share_of_these(right, weight, names), weighted_mean(right, weight, names)


def accuracy_interval(right: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """95 % confidence interval of the accuracy, with whole groups as the units.

    The exact binomial interval for as many images as carry the same information when images of a group are alike
    (Korn and Graubard 1998, Survey Methodology 24, 193-201). It covers with few groups and near 0 and 1, where
    percentiles of a bootstrap are too narrow.

    Parameters
    ----------
    right
        ``(n,)``.
    group
        ``(n,)``: subject of each image; images of one subject are not independent.  An empty name means
        an unknown subject: each such image is then its own group.

    Returns
    -------
    tuple of float
        Lower and upper bound; both NaN with fewer than `FEWEST_GROUPS` groups, too few for an interval.
    """
    _, member = np.unique(group_of(group), return_inverse=True)
    size = np.bincount(member)
    if len(size) < FEWEST_GROUPS:
        return float("nan"), float("nan")
    hits = np.bincount(member, weights=right)
    n, rate = len(member), float(hits.sum() / len(member))
    spread = _spread_of_mean(hits, size)
    effective = float(len(size))  # where all are right or wrong, nothing says how alike images of a group are
    if 0 < rate < 1:
        effective = n if spread <= 0 else min(n, rate * (1 - rate) / spread)
        effective *= (stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, len(size) - 1)) ** 2
    found = rate * effective
    low = stats.beta.ppf(0.025, found, effective - found + 1) if rate > 0 else 0.0
    high = stats.beta.ppf(0.975, found + 1, effective - found) if rate < 1 else 1.0
    return float(low), float(high)


def _spread_of_mean(total: np.ndarray, size: np.ndarray) -> float:
    """Variance of the mean over all images, from the sums and sizes (g,) of groups that are drawn whole."""
    left = total - size * total.sum() / size.sum()
    return float(len(size) / (len(size) - 1) * (left**2).sum() / size.sum() ** 2)


@dataclass(frozen=True)
class Paired:
    """Two classifiers on the same images.

    Attributes
    ----------
    images, subjects
        Numbers of images, and of subjects (or of images, where those are unknown).
    only_first, only_second
        Images on which only one is right.
    p_mcnemar
        Two-sided p of McNemar's exact test; it takes images as independent.
    difference, low, high
        Accuracy of the first minus that of the second, and its 95 % interval with whole subjects as the units;
        NaN with fewer than `FEWEST_GROUPS` subjects.
    """

    images: int
    subjects: int
    only_first: int
    only_second: int
    p_mcnemar: float
    difference: float
    low: float
    high: float


def compare_paired(first: np.ndarray, second: np.ndarray, group: np.ndarray) -> Paired:
    """Compare two classifiers that saw the same images.

    Parameters
    ----------
    first, second
        ``(n,)``: whether each is right.
    group
        ``(n,)``: subject of each image, "" for unknown.

    Raises
    ------
    InputError
        Without images.
    """
    if not len(first):
        raise InputError(
            "There are no labelled images that both models can be measured on",
            remedy="give images with labels that both know",
        )
    only = int((first & ~second).sum()), int((second & ~first).sum())
    p = float(stats.binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0
    _, member = np.unique(group_of(group), return_inverse=True)
    size, count = np.bincount(member), len(first)
    difference, half = (only[0] - only[1]) / count, float("nan")
    if len(size) >= FEWEST_GROUPS:
        total = np.bincount(member, weights=first.astype(np.float64) - second)
        half = float(stats.t.ppf(0.975, len(size) - 1) * np.sqrt(_spread_of_mean(total, size)))
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Paired(
        count, len(size), *only, p, difference, *((low, high) if half == half else (float("nan"),) * 2)
    )
