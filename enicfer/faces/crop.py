"""The one way to cut a face out of a picture, for training and for inference.

The crop is framed as FER2013 frames its faces: a similarity transform (shift, rotation, scale) brings the five
landmarks as near as it can to where they are, in the median, in FER2013's pictures. `REFERENCE` was measured
with CenterFace on 1,500 of them (``benchmarks/crop_framing.py``) and made symmetric.

Conventions: pictures are uint8 (h, w) or (h, w, 3); pixel centres are at whole numbers plus a half, so that a
picture's extent is 0..w, as in boxes; landmarks and boxes are as in `enicfer.records`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from enicfer.io.video.warp import warp_part
from enicfer.records import FloatArray, UInt8Array

# Fractions of the crop's side: right eye, left eye, nose, right and left mouth corner.
REFERENCE = np.array(
    [[0.310, 0.398], [0.690, 0.398], [0.500, 0.608], [0.349, 0.767], [0.651, 0.767]], dtype=np.float64
)
# The detector's box in the same fractions, for faces without landmarks.
REFERENCE_BOX = (0.088, 0.017, 0.912, 0.998)


@dataclass(frozen=True)
class Source:
    """A picture of which only what is cut out is made.

    Attributes
    ----------
    shape
        (h, w) of the picture.
    cut
        Gives the pixels of a region ``(left, top, right, bottom)`` within the picture.
    """

    shape: tuple[int, int]
    cut: Callable[[int, int, int, int], UInt8Array]


def fit_similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> FloatArray:
    """Fit the shift, rotation and scale that bring points onto others in the least-squares sense.

    Parameters
    ----------
    source, target
        (p, 2) points.

    Returns
    -------
    FloatArray
        (2, 3) matrix ``m`` with ``target = m[:, :2] @ source + m[:, 2]``, without reflection.

    Notes
    -----
    In the plane the closed form of Umeyama (1991, doi:10.1109/34.88573) is a complex regression.
    """
    s, t = (np.asarray(p, dtype=np.float64).reshape(-1, 2) for p in (source, target))
    return _fit(s, *_centre(t))


def _centre(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (2,) of points (p, 2), and the points less that; `numpy.mean` takes twice as long."""
    mean = np.add.reduce(points, axis=0) / len(points)
    return mean, points - mean


@lru_cache(maxsize=64)
def _reference(size: int, margin: float) -> tuple[FloatArray, FloatArray]:
    """Mean and centred landmarks of a crop; do not write into them."""
    return _centre((REFERENCE + margin) / (1 + 2 * margin) * size)


def _fit(s: FloatArray, t_mean: FloatArray, v: FloatArray) -> FloatArray:
    """`fit_similarity` to points that are centred already."""
    s_mean, u = _centre(s)
    spread = max(float(np.vdot(u, u)), 1e-12)
    cosine = float(np.vdot(u, v)) / spread
    sine = float(u[:, 0] @ v[:, 1] - u[:, 1] @ v[:, 0]) / spread
    matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    matrix[:, 2] = t_mean - np.ascontiguousarray(matrix[:, :2]) @ s_mean
    return matrix


def frame_face(
    box: npt.ArrayLike, landmarks: npt.ArrayLike | None, size: int, margin: float = 0.0
) -> FloatArray:
    """Matrix (2, 3) from the picture's pixels to those of a crop; the parameters are those of `crop_face`."""
    points = None if landmarks is None else np.asarray(landmarks, dtype=np.float64)
    if points is not None and np.isfinite(points).all():
        return _fit(points, *_reference(size, margin))
    reference_box = (np.array(REFERENCE_BOX) + margin) / (1 + 2 * margin)
    left, top, right, bottom = np.asarray(box, dtype=np.float64)
    a, b, c, d = reference_box * size
    scale = np.sqrt((c - a) * (d - b) / max((right - left) * (bottom - top), 1e-12))
    shift = np.array([a + c - scale * (left + right), b + d - scale * (top + bottom)]) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def crop_face(
    picture: UInt8Array | Source,
    box: npt.ArrayLike,
    landmarks: npt.ArrayLike | None = None,
    size: int = 48,
    margin: float = 0.0,
) -> UInt8Array:
    """Cut out a face, upright and framed as in the training data.

    Parameters
    ----------
    picture
        (h, w) or (h, w, 3), uint8, or where to get its parts.
    box
        (4,) px; used where there are no landmarks.
    landmarks
        (5, 2) px, or None.
    size
        Side of the crop in px.
    margin
        What the crop shows beyond FER2013's framing on each side, as a fraction of that framing's side.

    Returns
    -------
    UInt8Array
        (size, size) or (size, size, 3). What lies outside the picture repeats its edge.
    """
    return warp_crop(picture, frame_face(box, landmarks, size, margin), size)


def warp_crop(picture: UInt8Array | Source, matrix: FloatArray, size: int) -> UInt8Array:
    """Cut out what ``matrix`` (2, 3), from `frame_face`, brings into a crop of ``size`` px."""
    if isinstance(picture, Source):
        return warp_part(picture.shape, picture.cut, matrix, size)
    height, width = picture.shape[:2]
    return warp_part((height, width), lambda x0, y0, x1, y1: picture[y0:y1, x0:x1], matrix, size)
