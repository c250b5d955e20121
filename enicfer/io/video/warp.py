"""Parts of a picture moved, turned and scaled into a small one, exact to fractions of a pixel.

Conventions: pictures are uint8 (h, w) or (h, w, c); pixel centres are at whole numbers plus a half, so that a
picture's extent is 0..w; a matrix (2, 3) leads from the picture's pixels to those of the small one.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np

from enicfer.records import FloatArray, UInt8Array


def warp_part(
    shape: tuple[int, int],
    cut: Callable[[int, int, int, int], UInt8Array],
    matrix: FloatArray,
    size: int,
    outside: int | None = None,
    sparse: bool = False,
) -> UInt8Array:
    """Make a square picture of ``size`` px of what ``matrix`` leads into it.

    Parameters
    ----------
    shape
        (h, w) of the picture.
    cut
        Gives the pixels of a region ``(left, top, right, bottom)`` within the picture; only that is asked for.
    matrix
        (2, 3), shift, rotation and scale.
    size
        Side in px.
    outside
        Value of what lies outside the picture; None repeats its edge.
    sparse
        Two lines of the picture for each line of the result are enough; all of them cost twice as much or more.
    """
    (a, b, x), (c, d, y) = matrix.tolist()
    # The corners in the picture, to cut out only what is seen; averaging that down to about the scale prevents
    # aliasing. Plain numbers, because this runs several times for every face.
    area = a * d - b * c
    corners = [
        ((d * (u - x) - b * (v - y)) / area, (a * (v - y) - c * (u - x)) / area)
        for u, v in ((0, 0), (size, 0), (0, size), (size, size))
    ]
    height, width = shape
    factor = max(1, int(math.hypot(d, c) / abs(area) + 0.25))
    reach = 2 * factor
    left = min(max(math.floor(min(u for u, _ in corners)) - reach, 0), width - 1)
    top = min(max(math.floor(min(v for _, v in corners)) - reach, 0), height - 1)
    right = min(max(math.ceil(max(u for u, _ in corners)) + reach, left + 1), width)
    bottom = min(max(math.ceil(max(v for _, v in corners)) + reach, top + 1), height)
    part = cut(left, top, right, bottom)
    step_x, step_y, shift = min(factor, right - left), min(factor, bottom - top), 0.0
    if sparse and factor > 3 and bottom - top > 2 * factor:
        every = factor // 2
        part, step_y = average_blocks(part[every // 2 :: every], step_x, 2), 2 * every
        # Of an even number of lines the one taken lies half a line below their middle.
        shift = 0.0 if every % 2 else 0.5
    elif factor > 1:
        part = average_blocks(part, step_x, step_y)
    x, y = x + b * shift, y + d * shift
    p, q, r, s = a * step_x, b * step_y, c * step_x, d * step_y
    # warpAffine counts pixel centres as whole numbers, hence the halves.
    moved = np.array(
        [
            [p, q, a * left + b * top + x + 0.5 * (p + q - 1)],
            [r, s, c * left + d * top + y + 0.5 * (r + s - 1)],
        ]
    )
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    value = (outside or 0,) * 4
    return np.asarray(
        cv2.warpAffine(
            part, moved, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=value
        ),
        np.uint8,
    )


def average_blocks(picture: UInt8Array, columns: int, rows: int) -> UInt8Array:
    """Means of blocks of so many whole pixels; what is left over on the right and below is dropped."""
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    whole = picture[: height * rows, : width * columns]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
