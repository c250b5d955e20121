"""The brightness of a video over time, from which an LED or a screen flash can be read.

Where the region is known, its mean luma is kept; where it is to be found, the picture's luma on a coarse grid.
Grids go to a temporary file, because an hour of them would fill the memory of a laptop.
"""

import tempfile
from array import array
from types import TracebackType
from typing import Self

import numpy as np

from enicfer.config.protocol import Pulses
from enicfer.errors import InputError
from enicfer.io.video.frame import Frame
from enicfer.records import FloatArray, UInt8Array

GRID = (48, 64)  # rows, columns: an LED of 12 px radius in a 640 x 480 picture covers about four cells
BRIGHTNESS_SOURCES = ("led",)


class BrightnessRecorder:
    """Collects what the pulse source needs of each frame; a context manager, because it may hold a file.

    Parameters
    ----------
    pulses
        The protocol's pulses, or None if none are looked for.
    """

    def __init__(self, pulses: Pulses | None) -> None:
        wanted = pulses is not None and pulses.source in BRIGHTNESS_SOURCES
        self._region = pulses.region if pulses is not None and wanted else None
        self._values = array("d")
        # Closed by __exit__, since it must outlive this method.
        self._grid = tempfile.TemporaryFile() if self._region == "auto" else None  # noqa: SIM115
        self._last = bytes(GRID[0] * GRID[1])
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._grid is not None:
            self._grid.close()

    def add(self, frame: Frame) -> None:
        """Take the next frame; one that did not decode counts as NaN, or in a grid as the frame before it."""
        self.keep(self.measure(frame))

    def measure(self, frame: Frame) -> bytes | float | None:
        """What `keep` needs of a frame; nothing is kept, so frames may come in any order."""
        if self._region is None or not frame.decodable:
            return None
        return frame.brightness_grid(*GRID).tobytes() if self._grid is not None else self._mean(frame)

    def keep(self, measured: bytes | float | None) -> None:
        """Keep what was measured of the next frame."""
        if self._region is None:
            return
        self._count += 1
        if self._grid is not None:
            self._last = measured if isinstance(measured, bytes) else self._last
            self._grid.write(self._last)
        else:
            self._values.append(measured if isinstance(measured, float) else np.nan)

    def finish(self) -> FloatArray | UInt8Array | None:
        """``(n,)`` float64 mean luma, or ``(n, rows, columns)`` uint8, or None."""
        if self._region is None:
            return None
        if self._grid is None:
            return np.array(self._values, np.float64)
        self._grid.flush()
        return np.memmap(self._grid, np.uint8, "r", shape=(self._count, *GRID))

    def _mean(self, frame: Frame) -> float:
        assert isinstance(self._region, tuple)
        left, top, right, bottom = self._region
        box = (
            int(left * frame.width),
            int(top * frame.height),
            max(int(right * frame.width), int(left * frame.width) + 1),
            max(int(bottom * frame.height), int(top * frame.height) + 1),
        )
        value = frame.brightness(*box)
        if np.isnan(value):
            raise InputError(
                f"The region {self._region} of the protocol's [pulses] lies outside of the "
                f"{frame.width} x {frame.height} picture",
                remedy="correct region there",
            )
        return value
