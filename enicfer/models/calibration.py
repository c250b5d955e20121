"""Calibration: make a probability of 0.8 mean right in 80 % of cases.

Conventions: logits and probabilities are float (n, k), labels int (n,) indices in 0..k-1.
Pure NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15


def fit_temperature(logits: np.ndarray, label: np.ndarray) -> float:
    """Find the one number by which logits are divided so that likelihood is greatest.

    It never changes which label is the most probable.  Guo et al. 2017, arXiv:1706.04599.

    Parameters
    ----------
    logits
        ``(n, k)``.
    label
        ``(n,)``.

    Returns
    -------
    float
        Between 0.05 and 20; above 1 where the network was too sure.
    """
    rows = np.arange(len(label))
    wide = np.asarray(logits, np.float64)

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(wide / np.exp(log_temperature), axis=1)[rows, label].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram: what was promised and what was kept, per bin of confidence.

    Attributes
    ----------
    edge
        ``(bins + 1,)``.
    count
        ``(bins,)``.
    confidence, accuracy
        ``(bins,)``: means in the bin; NaN where it is empty.
    error
        Expected calibration error: the mean absolute gap, weighted by count.
    """

    edge: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def reliability(probability: np.ndarray, label: np.ndarray, bins: int = BINS) -> Reliability:
    """Compare confidence with accuracy in bins of equal width.

    Parameters
    ----------
    probability
        ``(n, k)``.
    label
        ``(n,)``.
    bins

    Returns
    -------
    Reliability
        Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602.
    """
    top = probability.max(axis=1)
    right = probability.argmax(axis=1) == label
    edge = np.linspace(0, 1, bins + 1)
    which = np.clip(np.digitize(top, edge[1:-1], right=True), 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(which, weights=top, minlength=bins) / count
        accuracy = np.bincount(which, weights=right, minlength=bins) / count
    gap = np.where(count > 0, np.abs(confidence - accuracy), 0)
    return Reliability(edge, count, confidence, accuracy, float((gap * count).sum() / count.sum()))
