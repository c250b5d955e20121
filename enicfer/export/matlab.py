"""MATLAB files (level 5, compressed: what ``save -v7`` writes) whose bytes depend on their content alone."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = b"MATLAB 5.0 MAT-file, written by enicfer".ljust(116)  # where other programs put the date


def write_mat(path: Path, content: Mapping[str, Any], *, compress: bool = True) -> None:
    """Write variables; the header holds no date."""
    from scipy.io import savemat

    buffer = io.BytesIO()
    savemat(buffer, dict(content), do_compression=compress, long_field_names=True, oned_as="row")
    data = buffer.getbuffer()
    data[: len(_HEADER)] = _HEADER
    path.write_bytes(data)


def cells(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    """A cell array ``(1, n)``."""
    out = np.empty((1, len(values)), dtype=object)
    for i, value in enumerate(values):
        out[0, i] = value
    return out


def row(values: Any) -> npt.NDArray[np.float64]:
    """A row ``(1, n)`` of numbers."""
    return np.asarray(values, np.float64).reshape(1, -1)


def struct_array(records: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> npt.NDArray[np.void]:
    """A structure array ``(1, n)`` with these fields, ``[]`` where a record lacks one."""
    out = np.empty((1, len(records)), dtype=[(name, object) for name in fields])
    empty = np.zeros((0, 0))
    for i, record in enumerate(records):
        for name in fields:
            out[name][0, i] = record.get(name, empty)
    return out
