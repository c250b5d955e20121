"""Adapting a finished model to a few labelled pictures of one's own, never to its harm.

The last layer alone is fitted anew, from what the layers below say about the pictures, and held to the layer that it
begins from (a ridge around the start).  How firmly is chosen by cross-validation inside the training part: the start
itself is a candidate, and stays unless another is surely better there; of those that are about equally good, the
one nearest to the start is taken.  So some tens of pictures change little, some thousands much, and it takes seconds.

Conventions: features are (n, m), the input of the last layer; logits (n, k) of the start are divided by its
temperature.  A group stays together in cross-validation: a subject, or, with fewer than `FEWEST_SUBJECTS` subjects, a
run of pictures in the order of the data set, because neighbouring frames of a video are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

FOLDS = 5
FEWEST_SUBJECTS = 5  # for folds of subjects
# How firmly the layer is held to the start, the firmest first; infinite: it is the start.
RIDGES = (np.inf, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


@dataclass(frozen=True, eq=False)
class LayerFit:
    """A last layer that was fitted.

    Attributes
    ----------
    change
        ``(m + 1, k)``:
        What is added to the weights of the start, which are divided by its temperature; the last row is added to
        the bias.
    ridge
        How firmly it was held to the start; infinite: nothing is changed.
    gain
        Mean gain in log-likelihood of pictures that it was not fitted to, nats.
    error
        Standard error of the gain, folds being drawn whole.
    logits
        ``(n, k)``: of each picture, from a fit to the others.
    fold
        ``(n,)``: which pictures were left out together.
    """

    change: np.ndarray
    ridge: float
    gain: float
    error: float
    logits: np.ndarray
    fold: np.ndarray


def make_folds(subject: np.ndarray, count: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Number of each picture's fold, int (n,).

    Parameters
    ----------
    subject
        ``(n,)``: "" where unknown.
    count
    seed
    """
    names, member = np.unique(subject, return_inverse=True)
    if "" not in names and len(names) >= FEWEST_SUBJECTS:
        place = np.random.default_rng(seed).permutation(len(names)) % count
        return np.asarray(place[member])
    return np.arange(len(subject)) * count // len(subject)


def fit_last_layer(
    features: np.ndarray, logits: np.ndarray, label: np.ndarray, subject: np.ndarray, seed: int = 0
) -> LayerFit:
    """Fit a last layer to pictures, held to the start as firmly as cross-validation says.

    Parameters
    ----------
    features
        ``(n, m)``.
    logits
        ``(n, k)``: of the start, divided by its temperature.
    label
        ``(n,)``.
    subject
        ``(n,)``.
    seed

    Returns
    -------
    LayerFit
    """
    size = float(np.sqrt(np.square(features).sum(axis=1).mean())) or 1.0
    inputs = np.column_stack([features / size, np.ones(len(features))])
    fold = make_folds(subject, min(FOLDS, len(label)), seed)
    rows, start = np.arange(len(label)), np.asarray(logits, np.float64)
    held = {np.inf: start}
    for ridge in RIDGES[1:]:
        held[ridge] = np.empty_like(start)
        for number in np.unique(fold):
            test = fold == number
            change = _fit(inputs[~test], start[~test], label[~test], ridge)
            held[ridge][test] = start[test] + inputs[test] @ change
    gains = {
        ridge: log_softmax(one, axis=1)[rows, label] - log_softmax(start, axis=1)[rows, label]
        for ridge, one in held.items()
    }
    best = _choose(gains, fold)
    change = np.zeros((inputs.shape[1], start.shape[1]))
    if np.isfinite(best):
        change = _fit(inputs, start, label, best)
        change[:-1] /= size
    error = _standard_error(gains[best], fold)
    return LayerFit(change, float(best), float(gains[best].mean()), error, held[best], fold)


def _choose(gains: Mapping[float, np.ndarray], fold: np.ndarray) -> float:
    """The ridge nearest to the start that is about as good as the best, if that is surely better than the start."""
    best = max(gains, key=lambda ridge: float(gains[ridge].mean()))
    if not is_surely_positive(gains[best], fold):
        return np.inf
    for ridge in sorted(gains, reverse=True):
        behind = gains[best] - gains[ridge]
        if ridge < np.inf and behind.mean() <= _standard_error(behind, fold):
            return ridge
    return best


def is_surely_positive(gain: np.ndarray, fold: np.ndarray) -> bool:
    """Whether the lower bound of the mean's one-sided 95 % interval is above 0, folds being drawn whole."""
    sure = float(stats.t.ppf(0.95, max(1, len(np.unique(fold)) - 1)))
    return bool(gain.mean() > sure * _standard_error(gain, fold))


def _standard_error(gain: np.ndarray, fold: np.ndarray) -> float:
    """Of the mean over pictures, folds being drawn whole; not less than if each picture were drawn alone."""
    size = np.bincount(fold)
    size, total = size[size > 0], np.bincount(fold, weights=gain)[size > 0]
    if len(size) < 2:
        return float("inf")
    spread = total - size * total.sum() / size.sum()
    of_folds = np.sqrt(len(size) / (len(size) - 1) * np.square(spread).sum()) / size.sum()
    return float(max(of_folds, gain.std(ddof=1) / np.sqrt(len(gain))))


def _fit(inputs: np.ndarray, start: np.ndarray, label: np.ndarray, ridge: float) -> np.ndarray:
    """The change (m + 1, k) of least mean cross-entropy plus half the ridge times its squares."""
    n, shape = len(label), (inputs.shape[1], start.shape[1])
    target = np.zeros_like(start)
    target[np.arange(n), label] = 1

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = flat.reshape(shape)
        logits = start + inputs @ change
        wrong = softmax(logits, axis=1) - target
        value = -float((log_softmax(logits, axis=1) * target).sum()) / n
        slope = inputs.T @ wrong / n + ridge * change
        return value + ridge / 2 * float(np.square(change).sum()), slope.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return np.asarray(found.x).reshape(shape)
