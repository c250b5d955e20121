"""A small square picture that is cut out of a frame, turned as a head is, and the way in and out of its pixels.

Conventions: px of the frame or of the small picture, pixel centres at whole numbers plus a half; roll in radians,
positive where the head tilts clockwise in the picture.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.faces.crop import REFERENCE, fit_similarity
from enicfer.records import FloatArray

# Radians by which a window is turned at most: no detector's answer may turn the picture upside down.
MOST_ROLL = float(np.radians(60))


@dataclass(frozen=True)
class Window:
    """Where a small picture lies in a frame.

    Attributes
    ----------
    middle
        (2,) px of the frame.
    scale
        Pixels of the frame per pixel of the small picture.
    roll
        How far it is turned.
    centre
        Where ``middle`` lies in the small picture, along both sides, px.
    """

    middle: FloatArray
    scale: float
    roll: float
    centre: float

    @property
    def rotation(self) -> FloatArray:
        """From directions of the small picture to those of the frame."""
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        return np.array([[cosine, -sine], [sine, cosine]])

    @property
    def matrix(self) -> FloatArray:
        """(2, 3), from the frame to the small picture."""
        inwards = self.rotation.T / self.scale
        return np.hstack([inwards, (self.centre - inwards @ self.middle)[:, None]])

    def points_inwards(self, points: npt.ArrayLike) -> FloatArray:
        """Points (..., 2) of the frame in the small picture."""
        away = np.asarray(points, np.float64) - self.middle
        return np.asarray(away @ self.rotation / self.scale + self.centre)

    def points_outwards(self, points: npt.ArrayLike) -> FloatArray:
        """Points (..., 2) of the small picture in the frame."""
        away = (np.asarray(points, np.float64) - self.centre) * self.scale
        return np.asarray(self.middle + away @ self.rotation.T)

    def box_inwards(self, box: npt.ArrayLike) -> FloatArray:
        """A box (4,) of the frame in the small picture: its middle is turned, its sides are not."""
        low, high = np.asarray(box, np.float64).reshape(2, 2)
        middle, half = self.points_inwards((low + high) / 2), (high - low) / 2 / self.scale
        return np.concatenate([middle - half, middle + half])

    def boxes_outwards(self, boxes: npt.ArrayLike) -> FloatArray:
        """Boxes (m, 4) of the small picture in the frame."""
        low, high = np.hsplit(np.asarray(boxes, np.float64), 2)
        middle, half = self.points_outwards((low + high) / 2), (high - low) / 2 * self.scale
        return np.hstack([middle - half, middle + half])


def open_window(box: npt.ArrayLike, side: int, reach: float, roll: float = 0.0, aside: float = 0.0) -> Window:
    """The window of ``side`` px around a box (4,), ``reach`` times as large; it lies ``aside`` px off the middle."""
    low, high = np.asarray(box, dtype=np.float64).reshape(2, 2)
    scale = max(4.0, reach * float((high - low).max())) / side
    return Window((low + high) / 2, scale, float(np.clip(roll, -MOST_ROLL, MOST_ROLL)), side / 2 + aside)


def measure_roll(landmarks: npt.ArrayLike) -> float:
    """How far a head is tilted, from landmarks (5, 2)."""
    matrix = fit_similarity(REFERENCE, landmarks)
    return float(np.arctan2(matrix[1, 0], matrix[0, 0]))
