"""The one way to cut a face out of a picture, for training and for inference.

The crop is framed as FER2013 frames its faces: a similarity transform (shift, rotation, scale) brings the five
landmarks as near as it can to where they are, in the median, in FER2013's pictures. `REFERENCE` was measured
with CenterFace on 1,500 of them (``benchmarks/crop_framing.py``) and made symmetric.

Conventions: pictures are uint8 (h, w) or (h, w, 3); pixel centres are at whole numbers plus a half, so that a
picture's extent is 0..w, as in boxes; landmarks and boxes are as in `enicfer.records`.
"""

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray, UInt8Array

# Fractions of the crop's side: right eye, left eye, nose, right and left mouth corner.
REFERENCE = np.array(
    [[0.310, 0.398], [0.690, 0.398], [0.500, 0.608], [0.349, 0.767], [0.651, 0.767]], dtype=np.float64
)
# The detector's box in the same fractions, for faces without landmarks.
REFERENCE_BOX = (0.088, 0.017, 0.912, 0.998)


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
    s = np.asarray(source, dtype=np.float64) @ np.array([1, 1j])
    t = np.asarray(target, dtype=np.float64) @ np.array([1, 1j])
    centred = s - s.mean()
    spread = np.vdot(centred, centred).real
    factor = np.vdot(centred, t - t.mean()) / max(spread, 1e-12)
    shift = t.mean() - factor * s.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def frame_face(
    box: npt.ArrayLike, landmarks: npt.ArrayLike | None, size: int, margin: float = 0.0
) -> FloatArray:
    """Matrix (2, 3) from the picture's pixels to those of a crop; the parameters are those of `crop_face`."""
    reference = (REFERENCE + margin) / (1 + 2 * margin)
    reference_box = (np.array(REFERENCE_BOX) + margin) / (1 + 2 * margin)
    points = None if landmarks is None else np.asarray(landmarks, dtype=np.float64)
    if points is not None and np.isfinite(points).all():
        return fit_similarity(points, reference * size)
    left, top, right, bottom = np.asarray(box, dtype=np.float64)
    a, b, c, d = reference_box * size
    scale = np.sqrt((c - a) * (d - b) / max((right - left) * (bottom - top), 1e-12))
    shift = np.array([a + c - scale * (left + right), b + d - scale * (top + bottom)]) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def crop_face(
    picture: UInt8Array,
    box: npt.ArrayLike,
    landmarks: npt.ArrayLike | None = None,
    size: int = 48,
    margin: float = 0.0,
) -> UInt8Array:
    """Cut out a face, upright and framed as in the training data.

    Parameters
    ----------
    picture
        (h, w) or (h, w, 3), uint8.
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
    matrix = frame_face(box, landmarks, size, margin)
    picture, matrix = _shrink(picture, matrix, size)
    # warpAffine counts pixel centres as whole numbers.
    centre = np.array([0.5, 0.5])
    matrix[:, 2] += matrix[:, :2] @ centre - centre
    crop = cv2.warpAffine(
        picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, dtype=np.uint8)


def _shrink(picture: UInt8Array, matrix: FloatArray, size: int) -> tuple[UInt8Array, FloatArray]:
    """Cut out what the crop sees and average it down to about the crop's scale, against aliasing."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ inverse[:, :2].T + inverse[:, 2]
    height, width = picture.shape[:2]
    factor = max(1, int(np.hypot(*inverse[:, 0]) + 0.25))
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2 * factor, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2 * factor, low + 1, [width, height])
    part = picture[low[1] : high[1], low[0] : high[0]]
    step = np.array([1.0, 1.0])
    if factor > 1:
        shape = np.maximum((high - low) // factor, 1)
        step = (high - low) / shape
        small = cv2.resize(part, (int(shape[0]), int(shape[1])), interpolation=cv2.INTER_AREA)
        part = np.asarray(small, dtype=np.uint8)
    moved = np.empty((2, 3))
    moved[:, :2] = matrix[:, :2] * step
    moved[:, 2] = matrix[:, :2] @ low + matrix[:, 2]
    return part, moved
