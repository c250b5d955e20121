"""Videos whose pictures hold their own number as white and black blocks, so that a picture tells which one it is."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS, BLOCK = 14, 16
SIZE = (BITS * BLOCK, 4 * BLOCK)  # px: the code is in the second row of blocks


def draw(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """An RGB picture with a number from 0 to 16,383."""
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    for bit in range(BITS):
        left = bit * BLOCK
        picture[BLOCK : 2 * BLOCK, left : left + BLOCK] = 235 if number >> bit & 1 else 20
    return picture


def read(picture: np.ndarray) -> int:
    """The number in a picture of any size, upright."""
    gray = picture if picture.ndim == 2 else picture.mean(axis=2)
    height, width = gray.shape
    rows = slice(int(height * 0.32), int(height * 0.43))
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    half = max(1, width // BITS // 5)
    return sum((gray[rows, c - half : c + half].mean() > 127) << i for i, c in enumerate(centres))


def write(
    path: Path,
    n: int,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    stamps: Any = None,
    interlaced: bool = False,
    bframes: int = 0,
) -> Path:
    """A video of ``n`` pictures at 25 Hz, or at these stamps in ms."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        stream.codec_context.options = options or {}
        stream.codec_context.max_b_frames = bframes
        if stamps is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if interlaced:
            stream.codec_context.flags |= 1 << 18 | 1 << 29
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(draw(i), format="rgb24").reformat(format=pixel_format)
            frame.pts = i if stamps is None else int(stamps[i])
            if stamps is not None:
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
