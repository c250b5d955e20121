"""What changes in the picture as a whole: cuts, and news outside the known faces.

Conventions: brightness is mean luma, 0..255, of the cells of a coarse grid over the picture; boxes in px.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray, UInt8Array

# Rows and columns, and lines of a cell that are looked at.
GRID, SAMPLES = (12, 16), 8
# Changes below which nothing has moved, above which a cell shows something new, and, as the mean over the picture
# from one frame to the next, a cut.
STILL, NEW_SOMETHING, NEW_SCENE = 3.0, 12.0, 40.0
# A cell that changes without bringing a face (an LED, a hand, a door) must change more the next time: its limit
# grows by the factor, up to the highest, and comes back by the fraction in each frame.
VAIN, HIGHEST, RECOVERY = 2.0, 96.0, 0.002
# Cells around those that changed that are searched with them, because a face reaches further than what it changes;
# and the share of the picture beyond which all of it may as well be searched.
MARGIN, LARGEST = 1, 0.7

# Rows and columns of the grid.
Cells = tuple[slice, slice]
EVERYWHERE: Cells = (slice(0, GRID[0]), slice(0, GRID[1]))


class Picture(Protocol):
    """What is needed of a frame; `enicfer.io.video.frame.Frame` has it."""

    @property
    def video_time(self) -> float: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def decodable(self) -> bool: ...  # noqa: D102
    def gray_region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array: ...  # noqa: D102
    def bgr(self, long_side: int | None = None) -> UInt8Array: ...  # noqa: D102
    def bgr_region(  # noqa: D102
        self, left: int, top: int, right: int, bottom: int, size: tuple[int, int] | None = None
    ) -> UInt8Array: ...
    def bgr_warped(self, matrix: FloatArray, size: int) -> UInt8Array: ...  # noqa: D102
    def gray_warped(self, matrix: FloatArray, size: int) -> UInt8Array: ...  # noqa: D102
    def brightness_grid(  # noqa: D102
        self, rows: int, columns: int, samples: int | None = None
    ) -> UInt8Array: ...


class Scene:
    """Compares each frame with the one before, and each cell with what it showed when it was last searched."""

    def __init__(self) -> None:
        self._first: FloatArray | None = None
        self._grid: FloatArray | None = None
        self._searched: FloatArray | None = None
        self._limit = np.full(GRID, NEW_SOMETHING)
        self._size = self._cell = np.ones(2)

    @property
    def searched(self) -> bool:
        """Whether a whole picture has been searched."""
        return self._searched is not None

    def see(self, frame: Picture) -> bool:
        """Take the next frame; whether it begins another scene."""
        grid = frame.brightness_grid(*GRID, SAMPLES).astype(np.float64)
        cut = _is_cut(self._grid, grid)
        self._grid = grid
        if self._first is None:
            self._first = grid
        self._limit += RECOVERY * (NEW_SOMETHING - self._limit)
        self._size = np.array([frame.width, frame.height])
        self._cell = self._size / GRID[::-1]
        return cut

    def leads_to(self, following: "Scene") -> bool:
        """Whether the first frame of another goes on with this scene."""
        return not _is_cut(self._grid, following._first)

    def mark_searched(self, cells: Cells) -> None:
        """The frame seen last is searched there."""
        assert self._grid is not None
        if self._searched is None:
            self._searched = self._grid.copy()
        self._searched[cells] = self._grid[cells]

    def moved(self, known: FloatArray) -> Cells | None:
        """Where, but around the known boxes (m, 4) px, something has moved since it was last searched."""
        return _enclose(self._change(known) > STILL)

    def changes(self, known: FloatArray) -> Cells | None:
        """Where, but around the known boxes (m, 4) px, a cell changed beyond its limit, which then grows."""
        changes = self._change(known) > self._limit
        self._limit[changes] = np.minimum(self._limit[changes] * VAIN, HIGHEST)
        return _enclose(changes)

    def region(self, cells: Cells) -> tuple[int, int, int, int]:
        """Cells and those around them: (left, top, right, bottom), even px, because two pixels share a colour."""
        rows, columns = cells
        low = np.array([columns.start - MARGIN, rows.start - MARGIN])
        high = np.array([columns.stop + MARGIN, rows.stop + MARGIN])
        left, top = (np.maximum(low * self._cell, 0) // 2 * 2).astype(int)
        right, bottom = np.minimum(np.ceil(high * self._cell / 2) * 2, self._size).astype(int)
        return int(left), int(top), int(right), int(bottom)

    def _change(self, known: FloatArray) -> FloatArray:
        """How much each cell has changed since it was last searched; 0 around the known boxes (m, 4) px."""
        assert self._grid is not None and self._searched is not None
        change = np.abs(self._grid - self._searched)
        for box in known:
            # A known face's own movement changes the picture around it and below, where the body is.
            reach = np.array([0.5, 0.5, 0.5, 1.0]) * np.tile(box[2:] - box[:2], 2)
            low = np.maximum((box[:2] - reach[:2]) // self._cell, 0).astype(int)
            high = np.maximum((box[2:] + reach[2:]) // self._cell + 1, 0).astype(int)
            change[low[1] : high[1], low[0] : high[0]] = 0
        return change


def _enclose(cells: npt.NDArray[np.bool_]) -> Cells | None:
    """The rows and columns that hold all these cells; all there are, if it is most of them."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not len(rows):
        return None
    part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    height, width = (s.stop - s.start + 2 * MARGIN for s in part)
    return part if height * width < LARGEST * cells.size else EVERYWHERE


def _is_cut(before: FloatArray | None, now: FloatArray | None) -> bool:
    return before is not None and now is not None and float(np.abs(now - before).mean()) > NEW_SCENE
