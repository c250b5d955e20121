"""What every face detector takes and gives.

Conventions
-----------
Pictures are ``(height, width, 3)`` uint8, blue-green-red, and are searched at the size they are given in:
whoever calls scales them down first (`FaceObserver` does). Boxes are ``(left, top, right, bottom)`` px and may
reach beyond the picture; landmarks are ``(x, y)`` px in the order of `enicfer.records`. Detections come
sorted by falling score.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enicfer.records import Float32Array, UInt8Array

FARTHEST = 1e6  # px beyond which no box can be; further out, scaling and rounding would overflow
MAX_OVERLAP = 0.3  # intersection over union of two boxes beyond which they show one face


@dataclass(frozen=True)
class Detections:
    """The faces of one picture: ``box`` (m, 4) px, ``landmarks`` (m, 5, 2) px, ``score`` (m,) in 0..1."""

    box: Float32Array
    landmarks: Float32Array
    score: Float32Array

    def __len__(self) -> int:
        return len(self.score)

    def select(self, index: npt.ArrayLike) -> "Detections":
        """The detections at ``index`` (integers or booleans)."""
        i = np.asarray(index)
        return Detections(self.box[i], self.landmarks[i], self.score[i])

    def place(self, scale: float, left: float = 0.0, top: float = 0.0) -> "Detections":
        """The same faces in the pixels of a picture ``scale`` times as large, shifted by ``left, top``."""
        shift, size = np.array([left, top, left, top], dtype=np.float32), np.float32(scale)
        return Detections(self.box * size + shift, self.landmarks * size + shift[:2], self.score)


NO_DETECTIONS = Detections(
    np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32)
)


_FIELDS = ("box", "landmarks", "score")


def only_numbers(found: Detections) -> Detections:
    """The detections all of whose values are numbers that can be px: a network's overflow is no face."""
    values = np.concatenate([found.box, found.landmarks.reshape(-1, 10), found.score[:, None]], axis=1)
    sane = np.abs(values) < FARTHEST  # NaN is not
    return found if sane.all() else found.select(sane.all(axis=1))


class Detector(Protocol):
    """A face detector.

    Attributes
    ----------
    name
        Its name in `enicfer.faces.detectors.DETECTORS`.
    long_side
        Recommended size in px of the longer side of a whole picture.
    region_side
        Recommended side in px of a square region around a known face.
    """

    name: str
    long_side: int
    region_side: int

    def detect(self, bgr: UInt8Array) -> Detections:
        """Find the faces of a picture (h, w, 3); several threads may ask at once."""
        ...


def join_detections(parts: list[Detections]) -> Detections:
    """All detections of several lists in one, sorted by falling score."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else NO_DETECTIONS
    score = np.concatenate([p.score for p in parts])
    joined = Detections(
        np.concatenate([p.box for p in parts]), np.concatenate([p.landmarks for p in parts]), score
    )
    return joined.select(np.argsort(-score, kind="stable"))


def intersection_over_union(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Overlap of every box of ``a`` (m, 4) with every box of ``b`` (n, 4): (m, n) in 0..1."""
    p = np.asarray(a, dtype=np.float64).reshape(-1, 1, 4)
    q = np.asarray(b, dtype=np.float64).reshape(1, -1, 4)
    side = np.minimum(p[..., 2:], q[..., 2:]) - np.maximum(p[..., :2], q[..., :2])
    # Written out, because this runs several times for every face.
    common = np.maximum(side[..., 0], 0) * np.maximum(side[..., 1], 0)
    area = sum((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]) for box in (p, q))
    return np.asarray(common / np.maximum(area - common, 1e-9))


def find_distinct(faces: list[Detections]) -> list[int]:
    """Numbers of the faces, one in each of ``faces``, that are left of those that overlap: the surest first."""
    joined = Detections(*(np.concatenate([getattr(f, n) for f in faces or [NO_DETECTIONS]]) for n in _FIELDS))
    return _rank_distinct(joined).tolist()


def suppress_overlaps(detections: Detections) -> Detections:
    """Keep of each group of overlapping boxes the one with the highest score (greedy suppression)."""
    return detections if len(detections) < 2 else detections.select(_rank_distinct(detections))


def _rank_distinct(detections: Detections) -> npt.NDArray[np.intp]:
    order = np.argsort(-detections.score, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        kept.append(best)
        overlap = intersection_over_union(detections.box[best], detections.box[order])[0]
        order = order[~(overlap > MAX_OVERLAP)]
    return np.array(kept, dtype=np.intp)
