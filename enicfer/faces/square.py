"""A known face is found anew in a small square around the box in which it is expected.

The square is turned as the head is, and the face lies in it always at the same place, to fractions of a pixel, and at
the same size: a detector's error depends on where a face lies in its picture, and so is the same in every frame.

The middle of the square is searched first: a face that moves by less than 0.3 of its size is whole in there,
which costs half. Where that leaves a doubt, the whole square is searched.

Conventions: boxes and landmarks in px of the frame, sides of squares in px of the small picture; roll as in
`enicfer.faces.window`.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from enicfer.faces.appearance import describe_face
from enicfer.faces.detectors.base import NO_DETECTIONS, Detections, Detector, intersection_over_union
from enicfer.faces.window import Window, measure_roll, open_window
from enicfer.records import FloatArray, UInt8Array

# The square's side in sides of the box, and the part of it that is searched first.
REGION, CORE = 2.2, 0.8
# Px by which the box's middle lies beside that of the square, where four cells of the detector's grid (4 px) meet:
# now one of them would answer and now another. In the middle of a cell the answer is the same, and surest.
ASIDE = 2.0
# Px of the square between a face found there and the part's edge for which nothing can be missing.
RIM = 3.0
# What a face found in a square must share with the box expected there (intersection over union).
MIN_OVERLAP = 0.15
# A new face is searched again where it was found, until the answer no longer depends on where it was looked for.
ROUNDS = 5


class Warped(Protocol):
    """A picture of which parts can be had moved, turned and scaled."""

    def bgr_warped(self, matrix: FloatArray, size: int) -> UInt8Array: ...  # noqa: D102


@dataclass(frozen=True)
class Square:
    """A square cut out of a frame, turned and scaled.

    Attributes
    ----------
    picture
        (side, side, 3) uint8, grey (128) where it lies outside the frame.
    window
        Where it lies.
    """

    picture: UInt8Array
    window: Window

    def describe(self, face: Detections) -> UInt8Array:
        """Signature of the one face in ``face``, whose box and landmarks are px of the frame."""
        box, landmarks = self.window.box_inwards(face.box[0]), self.window.points_inwards(face.landmarks[0])
        return describe_face(self.picture, box, landmarks)

    def outwards(self, found: Detections) -> Detections:
        """Faces of the picture in px of the frame."""
        box = self.window.boxes_outwards(found.box).astype(np.float32)
        return Detections(box, self.window.points_outwards(found.landmarks).astype(np.float32), found.score)


def cut_square(frame: Warped, box: npt.ArrayLike, side: int, roll: float = 0.0) -> Square:
    """Cut the square around a box (4,) px out of a frame, turned by ``roll`` and scaled to ``side`` px."""
    window = open_window(box, side, REGION, roll, ASIDE)
    return Square(frame.bgr_warped(window.matrix, side), window)


def find_face(detector: Detector, square: Square, box: npt.ArrayLike, min_score: float) -> Detections:
    """Find the face that is expected in a box.

    Parameters
    ----------
    detector
        The detector.
    square
        What `cut_square` cut out around the box.
    box
        (4,) px of the frame.
    min_score
        Below this score the middle of the square is not enough.

    Returns
    -------
    Detections
        One face, or none.
    """
    side, expected = len(square.picture), square.window.box_inwards(box)
    rim = round((1 - CORE) * side / 2)
    found = _search(detector, square.picture, expected, rim)
    if len(found) and found.score[0] >= min_score:
        inside = rim + RIM
        if (found.box[0, :2] >= inside).all() and (found.box[0, 2:] <= side - inside).all():
            return square.outwards(found)
    return square.outwards(_search(detector, square.picture, expected, 0))


def settle_face(
    frame: Warped, detector: Detector, box: npt.ArrayLike, min_score: float
) -> tuple[Detections, Square] | None:
    """Find a face that a search of the whole picture showed in a box (4,); where it lies, and the last square."""
    square = cut_square(frame, box, detector.region_side)
    face = find_face(detector, square, box, min_score)
    for _ in range(ROUNDS if len(face) else 0):
        around = cut_square(frame, face.box[0], detector.region_side, measure_roll(face.landmarks[0]))
        again = find_face(detector, around, face.box[0], min_score)
        if not len(again):
            break
        square = around
        half = np.float32(0.5)
        face = Detections(
            half * (face.box + again.box), half * (face.landmarks + again.landmarks), again.score
        )
    return (face, square) if len(face) else None


def _search(detector: Detector, picture: UInt8Array, box: FloatArray, rim: int) -> Detections:
    """The face that fits the box best, px of the square, in a square less ``rim`` px on each side."""
    inner = slice(rim, len(picture) - rim)
    found = detector.detect(np.ascontiguousarray(picture[inner, inner])).place(1.0, rim, rim)
    overlap = intersection_over_union(found.box, box)[:, 0]
    if not len(found) or not overlap.max() > MIN_OVERLAP:
        return NO_DETECTIONS
    return found.select([int(np.argmax(overlap * found.score))])
