"""`FaceImages`: what every data set reader returns.

Conventions: images are uint8, (n, h, w) grey or (n, h, w, 3) RGB.  `label` holds indices into
`labels`, which lists expressions in the one order of `enicfer.expressions`; -1 means that the
image has no label.  Ages are years (NaN: unknown); an empty subject, sex, set or file is unknown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import Expression
from enicfer.models.pictures import Digests, digest_pictures

NO_FACE, NO_LABEL, UNREADABLE = "no face found", "label not used", "unreadable"
FOREIGN_ENDING, LEFTOVER = "kind of picture that is not read", "file of the system or of a cloud"


@dataclass(frozen=True, eq=False)
class FaceImages:
    """Labelled face images of one or more data sets.

    Attributes
    ----------
    image
        ``(n, h, w)`` or ``(n, h, w, 3)``.
    label
        ``(n,)``: index into `labels`, or -1.
    labels
    votes
        ``(n, len(labels))``: distribution of human raters' votes among the labels; rows of NaN where there are none.
    majority
        ``(n,)``: what more raters chose than anything else, as an index into `labels`; -1 where two were chosen
        equally often, where it is none of the labels, and where there are no votes.
    subject, sex, set, split, file
        ``(n,)``: "" where unknown.  `set` is the data set's name; `split` its own partition, if any.
    age
        ``(n,)``: years; NaN where unknown.
    left_out
        Files of the whole data set that gave no image, by reason (`NO_FACE`, `NO_LABEL`, `UNREADABLE`,
        ...); a selection of the images keeps them all.
    digest
        ``(n,)``: by which the pictures are known again (`enicfer.models.pictures`); made from `image` unless given.
    weight
        ``(n,)``: how many frames of videos each image stands for that was drawn at random from them; NaN for others.
    """

    image: np.ndarray
    label: np.ndarray
    labels: tuple[str, ...]
    votes: np.ndarray
    majority: np.ndarray
    subject: np.ndarray
    sex: np.ndarray
    set: np.ndarray
    split: np.ndarray
    file: np.ndarray
    age: np.ndarray
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    digest: Digests = field(default_factory=lambda: np.empty(0, np.int64))
    weight: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.digest) != len(self.image):
            object.__setattr__(self, "digest", digest_pictures(self.image))
        if len(self.weight) != len(self.image):
            object.__setattr__(self, "weight", np.full(len(self.image), np.nan))

    def __len__(self) -> int:
        return len(self.image)

    def select(self, rows: np.ndarray) -> FaceImages:
        """Keep some rows (indices or a boolean mask)."""
        names = {f.name for f in fields(self)} - {"labels", "left_out"}
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def only_labels(self, labels: tuple[str, ...]) -> FaceImages:
        """Change to other labels; images with another one are left out, and a label may have no image."""
        unknown = [label for label in labels if label not in list(Expression)]
        if unknown:
            raise InputError(
                f"Unknown labels {', '.join(unknown)}", remedy=f"give some of {', '.join(Expression)}"
            )
        # The last place is for -1.
        lookup = np.array([labels.index(label) if label in labels else -1 for label in (*self.labels, "")])
        label = lookup[self.label]
        votes = np.zeros((len(self), len(labels)), np.float32)
        for column, name in enumerate(labels):
            if name in self.labels:
                votes[:, column] = self.votes[:, self.labels.index(name)]
        total = votes.sum(1, keepdims=True)
        # An image whose raters chose only dropped labels has no usable distribution.
        votes = np.where(total > 0, votes / np.where(total > 0, total, 1), np.nan)
        majority = lookup[self.majority]
        reduced = replace(self, label=label, labels=labels, votes=votes, majority=majority)
        return reduced.select(label >= 0)

    def count_left_out(self, labels: tuple[str, ...]) -> dict[str, int]:
        """How many files or images give none with one of ``labels``, by reason.

        The three reasons that any data set may have are always there, further ones where they occur.
        """
        counts = dict.fromkeys((NO_FACE, NO_LABEL, UNREADABLE), 0)
        counts.update((reason, len(files)) for reason, files in self.left_out.items())
        wanted = [i for i, label in enumerate(self.labels) if label in labels]
        counts[NO_LABEL] += int((~np.isin(self.label, wanted)).sum())
        return counts

    def fingerprint(self) -> str:
        """SHA-256 of images and labels, so that a model can say what it was trained on."""
        digest = hashlib.sha256(",".join(self.labels).encode())
        digest.update(np.ascontiguousarray(self.image).tobytes())
        digest.update(self.label.astype("<i8").tobytes())
        return digest.hexdigest()

    def division(self) -> str:
        """SHA-256 of what decides who learns from which image: parts, subjects and votes."""
        digest = hashlib.sha256(self.votes.astype("<f4").tobytes())
        digest.update("\0".join([*self.split.tolist(), *self.subject.tolist()]).encode())
        return digest.hexdigest()
