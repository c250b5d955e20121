"""From a grey value between dark and lit to the light behind it.

The light of an LED adds to that of the scene before the camera encodes the sum. A frame of the grey value ``g``
between the dark one ``d`` and the lit one ``l`` was therefore lit for the share
``(D(g) - D(d)) / (D(l) - D(d))`` of the exposure, whatever the background is. ``D`` decodes: it is the power
``(g + toe) ** gamma``, and near black its tangent through 0. So do sRGB (gamma 2.4, toe 0.055), BT.709 (2.22,
0.099), a pure power (toe 0) and a linear camera (gamma 1). What it leaves, as a region may hold more than the LED,
two bends of the share ``s`` take up, ``s (1 - s)`` and ``s (1 - s) (1 - 2 s)``.

``dark`` and ``step``, ``d`` and ``l - d``, are grey values as shares of the largest one, and ``part`` is
``(g - d) / step``; all are ``(p,)``. ``shape`` is ``(4,)``: gamma, toe and the two bends.
"""

from collections.abc import Sequence

import numpy as np

from enicfer.records import FloatArray

Shape = FloatArray | Sequence[float | FloatArray]

# What is known before any pulse is seen: toe (sRGB has 0.055, BT.709 0.099), and the spread of toe and bends.
TOE = 0.08
SPREAD = (0.05, 0.25, 0.08)
GAMMA_LIMITS = (0.3, 10.0)
TOE_LIMITS = (0.002, 0.3)
LEAST_SLOPE = 0.05  # of the share by the part; noise is not taken as smaller than this allows
STEP = 1e-4  # of a parameter, for derivatives


def decode(grey: FloatArray, gamma: float | FloatArray, toe: float | FloatArray) -> FloatArray:
    """Light, in a unit of its own, of grey values 0..1; ``(g, 1)`` gammas give ``(g, p)``."""
    gamma, toe = np.clip(gamma, *GAMMA_LIMITS), float(np.clip(toe, *TOE_LIMITS))
    with_tangent = gamma > 1
    least = toe / np.where(with_tangent, gamma - 1, 1.0)  # where the tangent goes through 0
    low = np.where(with_tangent, least, 0.0)
    touching = (np.maximum(grey, low) + toe) ** gamma
    return np.asarray(np.where(with_tangent, touching * np.minimum(grey / least, 1), touching - toe**gamma))


def lit_share(part: FloatArray, dark: FloatArray, step: FloatArray, shape: Shape) -> FloatArray:
    """Share of the exposure in which the LED was lit, ``(p,)``."""
    none, all_ = decode(dark, shape[0], shape[1]), decode(dark + step, shape[0], shape[1])
    s = (decode(dark + part * step, shape[0], shape[1]) - none) / (all_ - none)
    return np.asarray(s + shape[2] * s * (1 - s) + shape[3] * s * (1 - s) * (1 - 2 * s))


def share_slope(part: FloatArray, dark: FloatArray, step: FloatArray, shape: Shape) -> FloatArray:
    """Derivative ``(p,)`` of `lit_share` by the part."""
    a, b = np.maximum(part - STEP, 0), part + STEP
    slope = (lit_share(b, dark, step, shape) - lit_share(a, dark, step, shape)) / (b - a)
    return np.asarray(np.maximum(slope, LEAST_SLOPE))


def share_by_shape(part: FloatArray, dark: FloatArray, step: FloatArray, shape: FloatArray) -> FloatArray:
    """Derivatives ``(p, 4)`` of `lit_share` by the shape."""
    shifts = STEP * np.eye(len(shape))
    both = [lit_share(part, dark, step, shape + x) - lit_share(part, dark, step, shape - x) for x in shifts]
    return np.column_stack(both) / (2 * STEP)
