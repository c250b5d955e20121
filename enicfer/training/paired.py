"""Two classifiers on the same images: which is better, and how sure that is.

Conventions: images are the same where their files are, or, where files have no names of their own, in order; each
model sees them at its own size. Images with a label that one of the models does not know are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from enicfer.errors import InputError, option
from enicfer.models import Classifier, load_model
from enicfer.training.commands import ReadingOptions, choose_reading, read_like_training
from enicfer.training.datasets.images import FaceImages
from enicfer.training.metrics import Paired, compare_paired


def compare_classifiers(
    first: str | Path,
    second: str | Path,
    data: Path,
    *,
    reader: str = "",
    split: str = "",
    flip: bool = False,
    reading: ReadingOptions | None = None,
) -> Paired:
    """Measure two classifiers on the same labelled images.

    Parameters
    ----------
    first, second
        Shipped names or model files.
    data
    reader, split, flip
        As in `enicfer.training.commands.evaluate_files`.
    reading
        How pictures are read; what is not given, as in the first model's training, for both models.

    Returns
    -------
    Paired

    Raises
    ------
    InputError
        If no image has a label that both know, or the models got different images.
    """
    models = [load_model(first), load_model(second)]
    chosen = choose_reading(models[0], reading)
    sets = [read_like_training(model, data, reader, chosen) for model in models]
    if split:
        sets = [one.select(one.split == split) for one in sets]
    a, b = _same_images(*sets)
    names = [np.array([*one.labels, ""])[one.label] for one in (a, b)]
    known = np.isin(names[0], models[0].labels) & np.isin(names[0], models[1].labels)
    a, b, truth = a.select(known), b.select(known), names[0][known]
    if not len(a):
        raise InputError(
            f"No image of {data} has a label that both models know: {models[0].name} knows "
            f"{', '.join(models[0].labels)}, {models[1].name} {', '.join(models[1].labels)}",
            remedy="compare models that share a label with the data",
        )
    right = [np.equal(_answers(model, one, flip), truth) for model, one in zip(models, (a, b), strict=True)]
    return compare_paired(right[0], right[1], a.subject)


def describe_paired(found: Paired, first: str, second: str) -> list[str]:
    """What was found, one sentence each."""
    who = "subjects" if found.subjects < found.images else "images, each taken as a subject"
    interval = (
        "too few subjects for an interval"
        if np.isnan(found.low)
        else f"95 % [{found.low:+.4f}, {found.high:+.4f}], {found.subjects} {who}"
    )
    return [
        f"accuracy of {first} minus that of {second} on the same {found.images} images: {found.difference:+.4f} "
        f"({interval})",
        f"only {first} right: {found.only_first}; only {second} right: {found.only_second}; McNemar's exact test, "
        f"which takes images as independent: p = {found.p_mcnemar:.4g}",
    ]


def _answers(model: Classifier, faces: FaceImages, flip: bool) -> np.ndarray:
    return np.array(model.labels)[model.logits(faces.image, flip).argmax(axis=1)]


def _same_images(a: FaceImages, b: FaceImages) -> tuple[FaceImages, FaceImages]:
    """The images that both have, in one order."""
    names = [one.file.astype(str) for one in (a, b)]
    if all("" not in one and len(set(one.tolist())) == len(one) for one in names):
        _, rows, others = np.intersect1d(names[0], names[1], return_indices=True)
        return a.select(rows), b.select(others)
    if len(a) != len(b) or (a.subject != b.subject).any() or (a.label != b.label).any():
        without = option("crop=False", "--no-crop")
        raise InputError(
            f"The models got {len(a)} and {len(b)} images, and which are the same is not known",
            remedy=f"give images in files of their own, or {without}, so that none is left out",
        )
    return a, b
