"""What a face looks like, in a few bytes: to tell people apart and to notice a covered face.

This is no embedding by a network (none with a free licence ships with a Python package). A face is described by
the grey values of the aligned face on a coarse grid, its colour on a coarser one, and the colour of hair and
clothing around it. That tells the two or three people of one session apart, in one light; it does not
recognise people across sessions, which is no loss for their privacy.

Conventions: a signature is ``(SIGNATURE,)`` uint8: ``LUMA * LUMA`` grey values, then Cr and Cb on
``CHROMA * CHROMA`` cells, then Y, Cr, Cb of one cell of hair and three of clothing. Means of signatures are
signatures too. Measured as distances between means over 20 frames or more: of one man in one room 0.02 to 0.3, and
to 0.5 where the light wanders over the face; of different men in one room 0.3 to 0.7; of people in different places
above 0.8. Single frames of one face differ by 0.1 to 0.4 from the mean of those before.
"""

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.faces.crop import crop_face
from enicfer.records import Float32Array, FloatArray, UInt8Array

LUMA, CHROMA, SURROUND = 12, 4, 4
_LUMA_END = LUMA * LUMA
_CHROMA_END = _LUMA_END + 2 * CHROMA * CHROMA
SIGNATURE = _CHROMA_END + 3 * SURROUND
# Where Cr and Cb are, of face and surround.
_COLOURS = np.r_[_LUMA_END:_CHROMA_END, np.arange(_CHROMA_END, SIGNATURE).reshape(SURROUND, 3)[:, 1:].ravel()]
# The crop of the surround shows this much more on each side, in sides of the face crop.
SURROUND_MARGIN = 0.6
WIDE = 55
FACE_IN_WIDE = (15, 40)
# Hair, then clothing from left to right: rows and columns of that crop.
SURROUND_CELLS = (
    (slice(0, 14), slice(17, 38)),
    (slice(45, 55), slice(7, 21)),
    (slice(45, 55), slice(21, 34)),
    (slice(45, 55), slice(34, 48)),
)
# Differences that count as 1: 1 - correlation of the grey values, colour of the skin, colour of the surround.
UNIT_LUMA, UNIT_CHROMA, UNIT_SURROUND = 0.5, 8.0, 30.0
# Where Cr and Cb differ by less (standard deviation) over face, hair and clothing, the picture is grey: also by
# infrared light, which some cameras show in one tint. Colours tell nothing of two grey pictures.
GREY = 1.5


def describe_face(bgr: UInt8Array, box: npt.ArrayLike, landmarks: npt.ArrayLike) -> UInt8Array:
    """Signature (SIGNATURE,) of a face in a picture (h, w, 3); box and landmarks in its pixels."""
    wide = crop_face(bgr, box, landmarks, WIDE, SURROUND_MARGIN)
    wide = np.asarray(cv2.cvtColor(wide, cv2.COLOR_BGR2YCrCb), np.uint8)
    low, high = FACE_IN_WIDE
    face = np.ascontiguousarray(wide[low:high, low:high])
    luma = cv2.resize(face[..., 0], (LUMA, LUMA), interpolation=cv2.INTER_AREA)
    chroma = cv2.resize(face[..., 1:], (CHROMA, CHROMA), interpolation=cv2.INTER_AREA)
    cells = [wide[rows, columns] for rows, columns in SURROUND_CELLS]
    surround = np.array([cv2.mean(cell)[:3] for cell in cells])
    return np.concatenate([luma.ravel(), chroma.ravel(), np.rint(surround).astype(np.uint8).ravel()])


def split_signature(signature: npt.ArrayLike) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Grey values, colours of the face, colours of the surround of signatures (n, SIGNATURE)."""
    values = np.atleast_2d(np.asarray(signature, dtype=np.float32))
    return values[:, :_LUMA_END], values[:, _LUMA_END:_CHROMA_END], values[:, _CHROMA_END:]


def normalise_luma(signature: npt.ArrayLike) -> Float32Array:
    """Grey values (n, LUMA * LUMA) of signatures, each face with mean 0 and standard deviation 1."""
    luma = split_signature(signature)[0]
    # `numpy.mean` takes twice as long, and this runs for every face.
    mean = np.add.reduce(luma, axis=1, keepdims=True, dtype=np.float32) / np.float32(_LUMA_END)
    luma = np.subtract(luma, mean, dtype=np.float32)
    deviation = np.sqrt(np.einsum("ij,ij->i", luma, luma) / _LUMA_END)
    return np.asarray(luma / np.maximum(deviation, 1.0)[:, None], dtype=np.float32)


def appearance_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Distance (m, n) of every signature of ``a`` to every one of ``b``; means of signatures do too."""
    luma, chroma, surround, coloured = _compare(a, b)
    return np.asarray((luma + chroma + surround) / (2 + coloured))


def face_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Distance (m, n) as `appearance_distance`, of the faces alone: without hair and clothing."""
    luma, chroma, _, coloured = _compare(a, b)
    return np.asarray((luma + chroma) / (1 + coloured))


def _compare(
    a: npt.ArrayLike, b: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Differences (m, n) of grey values, colours and surround, and whether colours tell anything."""
    first, second = (np.atleast_2d(np.asarray(x, dtype=np.float32)) for x in (a, b))
    # Together, because this runs for every face and numpy's calls cost more than its sums.
    both, m = np.concatenate([first, second]), len(first)
    luma, coloured = normalise_luma(both).astype(np.float64), _is_coloured(both)
    _, chroma, surround = (part.astype(np.float64) for part in split_signature(both))
    return (
        (1 - luma[:m] @ luma[m:].T / _LUMA_END) / UNIT_LUMA,
        _rms(chroma, m) / UNIT_CHROMA,
        _rms(surround, m) / UNIT_SURROUND,
        coloured[:m, None] | coloured[m:],
    )


def _is_coloured(signature: Float32Array) -> npt.NDArray[np.bool_]:
    """Whether Cr and Cb differ over face and surround, for each signature (n, SIGNATURE)."""
    colours = signature[:, _COLOURS].reshape(len(signature), -1, 2)
    mean = np.add.reduce(colours, axis=1, keepdims=True) / np.float32(colours.shape[1])
    away = colours - mean
    return np.asarray(np.einsum("ijk,ijk->i", away, away) > GREY**2 * len(_COLOURS))


def _rms(values: FloatArray, m: int) -> FloatArray:
    """Root mean square of the differences of the first ``m`` rows and the others."""
    square = np.einsum("ij,ij->i", values, values)
    square = square[:m, None] + square[m:] - 2 * values[:m] @ values[m:].T
    return np.asarray(np.sqrt(np.maximum(square, 0) / values.shape[1]))
