"""A known face is found anew in a small square around the box in which it is expected.

The middle of the square is searched first: a face that moves by less than 0.3 of its size is whole in there,
which costs half. Where that leaves a doubt, the whole square is searched.

Conventions: boxes and landmarks in px of the frame, sides of squares in px of the scaled picture.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.faces.appearance import describe_face
from enicfer.faces.detectors.base import NO_DETECTIONS, Detections, Detector, intersection_over_union
from enicfer.faces.scene import Picture
from enicfer.records import FloatArray, UInt8Array

# The square's side in sides of the box, and the part of it that is searched first.
REGION, CORE = 2.2, 0.8
# Px of the square between a face found there and the part's edge for which nothing can be missing.
RIM = 3.0
# What a face found in a square must share with the box expected there (intersection over union).
MIN_OVERLAP = 0.15


@dataclass(frozen=True)
class Square:
    """A square cut out of a frame and scaled.

    Attributes
    ----------
    picture
        (side, side, 3) uint8, grey (128) where it lies outside the frame.
    scale
        Pixels of the frame per pixel of ``picture``.
    left, top
        The square's corner in the frame, px.
    """

    picture: UInt8Array
    scale: float
    left: float
    top: float

    def describe(self, found: Detections) -> UInt8Array:
        """Signature of the one face in ``found``, whose box and landmarks are px of the frame."""
        local = found.place(1.0, -self.left, -self.top).place(1 / self.scale)
        return describe_face(self.picture, local.box[0], local.landmarks[0])


def cut_square(frame: Picture, box: npt.ArrayLike, side: int) -> Square:
    """Cut the square around a box (4,) px out of a frame, scaled to ``side`` px."""
    x0, y0, x1, y1 = np.asarray(box, dtype=np.float64).tolist()
    # Even numbers, because two pixels share their colour.
    half = max(2, round(REGION * max(x1 - x0, y1 - y0) / 4) * 2)
    left, top = round((x0 + x1) / 4) * 2 - half, round((y0 + y1) / 4) * 2 - half
    scale = 2 * half / side
    right, bottom = min(left + 2 * half, frame.width), min(top + 2 * half, frame.height)
    picture = np.full((side, side, 3), 128, np.uint8)
    if max(left, 0) < right and max(top, 0) < bottom:
        (x, x_end), (y, y_end) = (
            _span(max(low, 0) - low, high - low, scale, side) for low, high in ((left, right), (top, bottom))
        )
        picture[y:y_end, x:x_end] = frame.bgr_region(
            max(left, 0), max(top, 0), right, bottom, (x_end - x, y_end - y)
        )
    return Square(picture, scale, float(left), float(top))


def _span(low: int, high: int, scale: float, side: int) -> tuple[int, int]:
    """From and to which pixel of the square its part from ``low`` to ``high`` (px of the frame) reaches."""
    start = round(low / scale)
    stop = min(max(round(high / scale), start + 1), side)
    return min(start, stop - 1), stop


def find_face(detector: Detector, square: Square, box: FloatArray, min_score: float) -> Detections:
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
    side = len(square.picture)
    rim = round((1 - CORE) * side / 2)
    found = _search(detector, square, box, rim)
    if len(found) and found.score[0] >= min_score:
        x, y = (corner + (rim + RIM) * square.scale for corner in (square.left, square.top))
        reach = (side - 2 * (rim + RIM)) * square.scale
        left, top, right, bottom = found.box[0].tolist()
        if left >= x and top >= y and right <= x + reach and bottom <= y + reach:
            return found
    return _search(detector, square, box, 0)


def _search(detector: Detector, square: Square, box: FloatArray, rim: int) -> Detections:
    """The face that fits the box best, in a square less ``rim`` px on each side."""
    inner = slice(rim, len(square.picture) - rim)
    corner = square.left + rim * square.scale, square.top + rim * square.scale
    picture = np.ascontiguousarray(square.picture[inner, inner])
    found = detector.detect(picture).place(square.scale, *corner)
    overlap = intersection_over_union(found.box, box)[:, 0]
    if not len(found) or not overlap.max() > MIN_OVERLAP:
        return NO_DETECTIONS
    return found.select([int(np.argmax(overlap * found.score))])
