"""Find small faces too: a picture is searched in tiles, at its own size and at halves of it.

A detector that is given a large picture scaled down to a few hundred px sees no face below a tenth of its
height. Here it is given overlapping tiles of the whole size; a face larger than the overlap is found at a
coarser size.

Conventions: px of the picture that is given; boxes are ``(left, top, right, bottom)``.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from enicfer.faces.detectors.base import Detections, Detector, join_detections, suppress_overlaps
from enicfer.records import UInt8Array

TILE, OVERLAP = 640, 128  # px
# Longest side that is searched; a larger picture is scaled down to it.
FINEST = 2048
# Height in px, in the picture as it is searched, of a face that is found for certain where it is seen from the
# front; tests/privacy/test_deidentify.py tries it.
SMALLEST = 18


def smallest_face(width: int, height: int) -> int:
    """Height in px of the smallest face that `find_in_tiles` can be relied on to find in a picture of this size."""
    return int(np.ceil(SMALLEST * max(1.0, max(width, height) / FINEST)))


def find_in_tiles(detector: Detector, picture: UInt8Array, fine_score: float = 0.0) -> Detections:
    """All faces of a picture (h, w, 3), large and small.

    Parameters
    ----------
    detector
        The detector.
    picture
        Blue-green-red, at full size.
    fine_score
        Smallest score of a face that is found in a tile; the detector has its own.
    """
    parts: list[Detections] = []
    for scale, level in _levels(picture, detector.long_side):
        for left, top, tile in _tiles(level):
            found = detector.detect(tile)
            if scale * detector.long_side < max(picture.shape[:2]):
                found = found.select(found.score >= fine_score)
            parts.append(found.place(scale, left * scale, top * scale))
    return suppress_overlaps(join_detections(parts))


def _levels(picture: UInt8Array, coarsest: int) -> Iterator[tuple[float, UInt8Array]]:
    """Px of the picture per px, and the picture at that size, from the finest to one of the coarsest long side."""
    long = max(picture.shape[:2])
    side = min(long, FINEST)
    while True:
        scale = long / side
        size = max(1, round(picture.shape[1] / scale)), max(1, round(picture.shape[0] / scale))
        yield (
            scale,
            picture if side == long else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)),
        )
        if side <= coarsest:
            return
        side = max(coarsest, side // 2)


def _tiles(picture: UInt8Array) -> Iterator[tuple[int, int, UInt8Array]]:
    """Left, top and pixels of tiles that cover a picture, and overlap each other."""
    height, width = picture.shape[:2]
    for top in _starts(height):
        for left in _starts(width):
            yield left, top, np.ascontiguousarray(picture[top : top + TILE, left : left + TILE])


def _starts(length: int) -> list[int]:
    count = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    return [round(i * max(0, length - TILE) / max(1, count - 1)) for i in range(count)]
