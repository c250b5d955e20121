"""`FaceImages`: what every data set reader returns.

Conventions: images are uint8, (n, h, w) grey or (n, h, w, 3) RGB.  `label` holds indices into
`labels`, which lists expressions in the one order of `enicfer.expressions`; -1 means that the
image has no label.  Ages are years (NaN: unknown); an empty subject, sex or set is unknown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace

import numpy as np

from enicfer.errors import InputError


@dataclass(frozen=True, eq=False)
class FaceImages:
    """Labelled face images of one or more data sets.

    Attributes
    ----------
    image : ndarray of uint8, shape (n, h, w) or (n, h, w, 3)
    label : ndarray of int64, shape (n,)
        Index into `labels`, or -1.
    labels : tuple of str
    votes : ndarray of float32, shape (n, len(labels))
        Distribution of human raters' votes; rows of NaN where there are none.
    subject, sex, set, split : ndarray of str, shape (n,)
        "" where unknown.  `set` is the data set's name; `split` its own partition, if any.
    age : ndarray of float32, shape (n,)
        Years; NaN where unknown.
    """

    image: np.ndarray
    label: np.ndarray
    labels: tuple[str, ...]
    votes: np.ndarray
    subject: np.ndarray
    sex: np.ndarray
    set: np.ndarray
    split: np.ndarray
    age: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def select(self, rows: np.ndarray) -> FaceImages:
        """Keep some rows (indices or a boolean mask)."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "labels"}
        return replace(self, **arrays)

    def only_labels(self, labels: tuple[str, ...]) -> FaceImages:
        """Reduce to a subset of the labels; images with another label are left out."""
        unknown = [label for label in labels if label not in self.labels]
        if unknown:
            raise InputError(f"Unknown labels {', '.join(unknown)}; allowed are {', '.join(self.labels)}.")
        columns = [self.labels.index(label) for label in labels]
        lookup = np.full(len(self.labels) + 1, -1, np.int64)
        lookup[columns] = np.arange(len(columns))
        label = lookup[self.label]
        votes = self.votes[:, columns]
        total = votes.sum(1, keepdims=True)
        # An image whose raters chose only dropped labels has no usable distribution.
        votes = np.where(total > 0, votes / np.where(total > 0, total, 1), np.nan)
        reduced = replace(self, label=label, labels=labels, votes=votes.astype(np.float32))
        return reduced.select(label >= 0)

    def fingerprint(self) -> str:
        """SHA-256 of images and labels, so that a model can say what it was trained on."""
        digest = hashlib.sha256(",".join(self.labels).encode())
        digest.update(np.ascontiguousarray(self.image).tobytes())
        digest.update(self.label.astype("<i8").tobytes())
        return digest.hexdigest()


def duplicate_of(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mark the images that occur, pixel for pixel, among the others.

    Parameters
    ----------
    images, others : ndarray of uint8, shapes (n, ...) and (m, ...)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    known = {image.tobytes() for image in others}
    return np.fromiter((image.tobytes() in known for image in images), bool, len(images))
