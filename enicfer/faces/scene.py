"""What changes in the picture as a whole: cuts, and news outside the known faces.

Conventions: brightness is mean luma, 0..255, of the cells of a coarse grid over the picture; boxes in px.
"""

from typing import Protocol

import numpy as np

from enicfer.records import FloatArray, UInt8Array

# Rows and columns, and lines of a cell that are looked at.
GRID, SAMPLES = (12, 16), 8
# Changes below which nothing has moved, above which a cell shows something new, and, as the mean over the picture
# from one frame to the next, a cut.
STILL, NEW_SOMETHING, NEW_SCENE = 3.0, 12.0, 40.0
# A cell that changes without bringing a face (an LED, a hand, a door) must change more the next time: its limit
# grows by the factor, up to the highest, and comes back by the fraction in each frame.
VAIN, HIGHEST, RECOVERY = 2.0, 96.0, 0.002


class Picture(Protocol):
    """What is needed of a frame; `enicfer.io.frame.Frame` has it."""

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
    def brightness_grid(  # noqa: D102
        self, rows: int, columns: int, samples: int | None = None
    ) -> UInt8Array: ...


class Scene:
    """Compares each frame with the one before, and with the one that was last searched as a whole."""

    def __init__(self) -> None:
        self._first: FloatArray | None = None
        self._grid: FloatArray | None = None
        self._searched: FloatArray | None = None
        self._limit = np.full(GRID, NEW_SOMETHING)
        self._cell = np.ones(2)

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
        self._cell = np.array([frame.width / GRID[1], frame.height / GRID[0]])
        return cut

    def leads_to(self, following: "Scene") -> bool:
        """Whether the first frame of another goes on with this scene."""
        return not _is_cut(self._grid, following._first)

    def is_still(self, change: FloatArray) -> bool:
        """Whether no cell has moved."""
        return bool(change.max() <= STILL)

    def mark_searched(self) -> None:
        """The frame seen last is searched as a whole."""
        self._searched = self._grid

    def change(self, known: FloatArray) -> FloatArray:
        """How much each cell has changed since the last search; 0 at the known boxes (m, 4) and around them."""
        assert self._grid is not None and self._searched is not None
        change = np.abs(self._grid - self._searched)
        for box in known:
            # A known face's own movement changes the picture around it and below, where the body is.
            reach = np.array([0.5, 0.5, 0.5, 1.0]) * np.tile(box[2:] - box[:2], 2)
            low = np.maximum((box[:2] - reach[:2]) // self._cell, 0).astype(int)
            high = np.maximum((box[2:] + reach[2:]) // self._cell + 1, 0).astype(int)
            change[low[1] : high[1], low[0] : high[0]] = 0
        return change

    def is_news(self, change: FloatArray) -> bool:
        """Whether a cell has changed beyond its limit; its limit then grows."""
        news = change > self._limit
        self._limit[news] = np.minimum(self._limit[news] * VAIN, HIGHEST)
        return bool(news.any())


def _is_cut(before: FloatArray | None, now: FloatArray | None) -> bool:
    return before is not None and now is not None and float(np.abs(now - before).mean()) > NEW_SCENE
