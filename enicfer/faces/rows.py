"""What is kept of every face seen: a row of numbers in memory, and what it looks like in a temporary file.

Two hours of one person are 17 MB of rows and 41 MB of signatures; the file keeps the latter out of the memory.

Conventions: px of the upright full-size picture, s of video time; rows are counted from 0 over all faces of all
frames.
"""

import tempfile
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.faces.appearance import SIGNATURE
from enicfer.records import UInt8Array

ROW = np.dtype(
    [
        ("frame", np.int32),
        ("tracklet", np.int32),
        ("box", np.float32, (4,)),
        ("landmarks", np.float32, (5, 2)),
        ("score", np.float32),
        ("sharpness", np.float32),
        ("brightness", np.float32),
        ("truncated", np.float32),
    ]
)
FRAME = np.dtype(
    [("video_time", np.float64), ("decodable", np.bool_), ("n_faces", np.uint8), ("size", np.uint16, (2,))]
)
_BLOCK = 4096


class Table:
    """Rows of numbers that arrive one by one, kept in blocks of one array each."""

    def __init__(self, kind: np.dtype[Any], block: int = _BLOCK) -> None:
        self._kind, self._block = kind, block
        self._blocks: list[npt.NDArray[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, values: tuple[Any, ...]) -> int:
        """Add a row and give its number."""
        block, at = divmod(self._count, self._block)
        if block == len(self._blocks):
            self._blocks.append(np.zeros(self._block, self._kind))
        self._blocks[block][at] = values
        self._count += 1
        return self._count - 1

    def extend(self, rows: npt.NDArray[Any]) -> None:
        """Add rows (n,) of the table's kind."""
        for row in rows:
            self.append(row)

    def join(self) -> npt.NDArray[Any]:
        """All rows in one array."""
        if not self._blocks:
            return np.zeros(0, self._kind)
        return np.concatenate(self._blocks)[: self._count]


class Signatures:
    """Signatures (n, SIGNATURE) uint8 of all rows, in a temporary file; indexing reads them.

    Parameters
    ----------
    of, rows
        A part of others: ``Signatures(of=all, rows=index)``. Both None for new, empty ones.
    """

    def __init__(
        self, of: "Signatures | None" = None, rows: npt.NDArray[np.integer[Any]] | None = None
    ) -> None:
        self._rows = rows
        if of is None:
            # It lives as long as this object.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        else:
            self._file = of._file
            self._keep = of  # the file is closed with the object that opened it
        self._count = 0 if rows is None else len(rows)

    def __len__(self) -> int:
        return self._count

    @property
    def shape(self) -> tuple[int, int]:
        """As of an array."""
        return self._count, SIGNATURE

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """As of an array."""
        return np.dtype(np.uint8)

    def append(self, signature: UInt8Array) -> None:
        """Add one (SIGNATURE,)."""
        self._file.write(np.ascontiguousarray(signature, np.uint8).tobytes())
        self._count += 1

    def extend(self, others: "Signatures") -> None:
        """Add all of others."""
        for start in range(0, len(others), _BLOCK):
            self.extend_block(others[start : start + _BLOCK])

    def extend_block(self, signatures: UInt8Array) -> None:
        """Add some (k, SIGNATURE)."""
        self._file.write(np.ascontiguousarray(signatures, np.uint8).tobytes())
        self._count += len(signatures)

    def __getitem__(self, which: slice | npt.NDArray[Any]) -> UInt8Array:
        wanted = np.arange(self._count)[which] if self._rows is None else self._rows[which]
        out = np.empty((len(wanted), SIGNATURE), np.uint8)
        block = wanted // _BLOCK
        for number in np.unique(block):
            self._file.seek(int(number) * _BLOCK * SIGNATURE)
            content = np.frombuffer(self._file.read(_BLOCK * SIGNATURE), np.uint8).reshape(-1, SIGNATURE)
            here = block == number
            out[here] = content[wanted[here] - number * _BLOCK]
        self._file.seek(0, 2)
        return out

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> "Signatures":
        """Those of some rows."""
        return Signatures(self, rows if self._rows is None else self._rows[rows])

    def mean_of(self, group: npt.NDArray[np.integer[Any]], count: int) -> npt.NDArray[np.float64]:
        """Mean signature (count, SIGNATURE) of each group 0..count-1, given the group (n,) of each row."""
        total = np.zeros((count, SIGNATURE))
        for start in range(0, self._count, _BLOCK):
            part = slice(start, start + _BLOCK)
            np.add.at(total, group[part], self[part].astype(np.float64))
        return np.asarray(total / np.maximum(np.bincount(group, minlength=count), 1)[:, None])
