"""Evidence that the participant's face is covered: cells of the face that are not as they usually are.

Detectors find faces behind hands, and place landmarks on the hand. So each face is compared with the participant's
own: the grey values of the aligned face on a coarse grid are fitted to the session's median face (brightness and
contrast, with weights that let a covered part not spoil the rest), and cells count that differ by more than they
usually do. Colours are compared likewise, after taking off what changed in the whole face, such as the light.

Conventions: signatures as in `enicfer.faces.appearance`; evidence in 0..1, about the fraction of the face that is
covered. Measured with hands put over faces of real clips (``benchmarks/occlusion.py``).
"""

import numpy as np

from enicfer.faces.appearance import CHROMA, LUMA, normalise_luma, split_signature
from enicfer.faces.rows import Signatures
from enicfer.records import Float32Array, UInt8Array

# A cell differs if it is further from the median than so many robust standard deviations, plus a floor (in
# standard deviations of the face's grey values; in units of 8-bit Cr and Cb).
LIMIT = 4.0
LUMA_FLOOR, CHROMA_FLOOR = 0.35, 5.0
CHROMA_WEIGHT, SOFT = 0.25, 0.15
# The median face comes from this many faces at most, evenly spread over the video.
SAMPLE = 2000
BLOCK = 8192


def measure_occlusion(signatures: Signatures | UInt8Array) -> Float32Array:
    """Evidence (n,) in 0..1 that each of one person's faces is covered.

    Parameters
    ----------
    signatures
        (n, SIGNATURE) of one person's faces; most of them must be uncovered.
    """
    n = len(signatures)
    if not n:
        return np.zeros(0, dtype=np.float32)
    sample = signatures[:: -(-n // SAMPLE)]
    luma = _face_cells(sample)
    face = np.median(luma, axis=0)
    chroma = _relative_chroma(sample)
    colour = np.median(chroma, axis=0)
    luma_spread = _spread(np.abs(_fit_residual(luma, face)))
    chroma_spread = _spread(np.linalg.norm(chroma - colour, axis=-1))
    out = np.empty(n, dtype=np.float32)
    for start in range(0, n, BLOCK):
        part = signatures[start : start + BLOCK]
        residual = np.abs(_fit_residual(_face_cells(part), face))
        differs = _count_beyond(residual, LIMIT * luma_spread + LUMA_FLOOR)
        shift = np.linalg.norm(_relative_chroma(part) - colour, axis=-1)
        coloured = _count_beyond(shift, LIMIT * chroma_spread + CHROMA_FLOOR)
        out[start : start + BLOCK] = differs.mean(axis=1) + CHROMA_WEIGHT * coloured.mean(axis=1)
    return np.minimum(out, 1.0)


def _count_beyond(size: Float32Array, limit: Float32Array) -> Float32Array:
    """How much each deviation counts: a half at its limit, nothing and wholly within `SOFT` of it on either side.

    With a step there, the rounding of single pixels would show in the evidence.
    """
    return np.asarray(np.clip((size / limit - 1) / (2 * SOFT) + 0.5, 0, 1), np.float32)


def _spread(size: Float32Array) -> Float32Array:
    """Robust standard deviation per cell, of sizes of deviations (n, cells)."""
    return np.asarray(1.4826 * np.median(size, axis=0), dtype=np.float32)


def _face_cells(signatures: UInt8Array) -> Float32Array:
    """Normalised grey values of the cells within the face's ellipse."""
    y, x = np.mgrid[:LUMA, :LUMA] - (LUMA - 1) / 2
    inside = (x / (0.47 * LUMA)) ** 2 + (y / (0.53 * LUMA)) ** 2 <= 1
    return np.asarray(normalise_luma(signatures)[:, inside.ravel()])


def _relative_chroma(signatures: UInt8Array) -> Float32Array:
    """Cr and Cb (n, cells, 2) less their median over the face."""
    chroma = split_signature(signatures)[1].reshape(-1, CHROMA * CHROMA, 2)
    return np.asarray(chroma - np.median(chroma, axis=1, keepdims=True), dtype=np.float32)


def _fit_residual(luma: Float32Array, face: Float32Array, rounds: int = 5) -> Float32Array:
    """What is left of each row of ``luma`` (n, cells) after fitting gain and offset of ``face`` (cells,).

    Iteratively reweighted least squares with Cauchy weights, in units of ``face``.
    """
    weight = np.ones_like(luma)
    residual, gain = luma, np.ones(len(luma), dtype=np.float32)
    for _ in range(rounds):
        total = weight.sum(axis=1)
        mean_face = (weight * face).sum(axis=1) / total
        mean_luma = (weight * luma).sum(axis=1) / total
        x, y = face - mean_face[:, None], luma - mean_luma[:, None]
        gain = (weight * x * y).sum(axis=1) / np.maximum((weight * x**2).sum(axis=1), 1e-6)
        gain = np.clip(gain, 0.3, 2.0)
        residual = y - gain[:, None] * x
        scale = 2 * 1.4826 * np.median(np.abs(residual), axis=1, keepdims=True) + 1e-6
        weight = 1 / (1 + (residual / scale) ** 2)
    return np.asarray(residual / gain[:, None], dtype=np.float32)
