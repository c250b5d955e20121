"""Frames on which models disagree: results of the same videos by other models beside those of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.results import read_run
from enicfer.records import FloatArray, RunResult
from enicfer.review.study import ReviewRun, Study

_SAME = 1e-3  # s


def find_runs_of_models(folders: Sequence[str | Path]) -> list[Mapping[str, ReviewRun]]:
    """The runs in each folder of results, by name."""
    return [{run.name: run for run in Study([Path(folder)]).runs.values()} for folder in folders]


def uncertainty_of(
    result: RunResult, places: np.ndarray, name: str, others: Sequence[Mapping[str, ReviewRun]]
) -> FloatArray:
    """How little the models say together of frames ``places`` (n,), 0 to 1.

    The entropy of their mean distribution, as a part of the greatest that there is, and the Jensen-Shannon divergence
    (bits; Lin 1991, doi:10.1109/18.61115): models that are sure of different expressions count as well. Where a model
    has no valid face, the others speak. Expressions that a model does not know are left out of all.

    Raises
    ------
    InputError
        If another model's results of the run are of another video.
    """
    labels, parts = result.expression.labels, [result.expression.probability]
    for runs in others:
        if name not in runs:
            continue
        other = read_run(runs[name].frames)
        mine, its = result.faces.video_time, other.faces.video_time
        if mine.size != its.size or (mine.size and np.abs(mine - its).max() > _SAME):
            raise InputError(
                f"The results of {name} in {runs[name].output} are of another video than those to be coded",
                place=runs[name].output,
                remedy="process the same sessions with the other model",
            )
        known = [label for label in labels if label in other.expression.labels]
        if len(known) < 2:
            raise InputError(f"The models of {name} have fewer than two expressions in common")
        parts = [part[:, [labels.index(label) for label in known]] for part in parts]
        parts.append(
            other.expression.probability[:, [other.expression.labels.index(label) for label in known]]
        )
        labels = tuple(known)
    each = np.stack([part[places].astype(np.float64) for part in parts])
    each /= each.sum(axis=2, keepdims=True)
    mean = np.nanmean(each, axis=0)
    entropy = _entropy(mean)
    divergence = entropy - np.nanmean(_entropy(each), axis=0)
    return np.asarray(np.clip(entropy / np.log2(max(len(labels), 2)) + divergence, 0.0, 1.0))


def _entropy(probability: FloatArray) -> FloatArray:
    """Bits ``(..., n)`` of distributions ``(..., n, k)``; NaN where one is unknown."""
    found: FloatArray = -(probability * np.log2(np.clip(probability, 1e-12, 1.0))).sum(axis=-1)
    return found
