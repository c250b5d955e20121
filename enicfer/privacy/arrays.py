"""Arrays that may be pictures, and the texts in them: HDF5, NumPy and MATLAB files."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.privacy.pictures import SMALLEST, is_picture, to_picture
from enicfer.records import UInt8Array

Array = npt.NDArray[Any]
MOST_ROWS = 24  # of a stack of pictures are looked at, evenly
MOST_BYTES = 1 << 30


@dataclass
class Content:
    """What a file of arrays holds: texts, packed files, arrays that are pictures, and such as may be."""

    texts: list[str] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)
    pictures: list[tuple[int, ...]] = field(default_factory=list)
    maybe: list[UInt8Array] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def add(self, values: Any) -> None:
        """Sort an array, or anything that stands in one."""
        if isinstance(values, bytes | np.void):
            self._add_bytes(bytes(values) if isinstance(values, bytes) else values.tobytes())
        elif isinstance(values, str):
            self.texts.append(values)
        elif isinstance(values, dict):
            for key, value in values.items():
                self.texts.append(str(key))
                self.add(value)
        elif isinstance(values, list | tuple | set):
            for value in values:
                self.add(value)
        elif isinstance(values, np.ndarray):
            self._add_array(values)
        elif not isinstance(values, int | float | complex | np.generic | None):
            self.texts.append(str(values))

    def _add_bytes(self, data: bytes) -> None:
        if is_picture(data) or len(data) > 512:
            self.packed.append(data)
        else:
            self.texts.append(data.decode("utf-8", errors="replace"))

    def _add_array(self, values: Array) -> None:
        if values.dtype.names:
            self.texts += list(values.dtype.names)
            for name in values.dtype.names:
                self.add(values[name])
        elif values.dtype.kind in "OSUV":
            for item in values.ravel():
                self.add(item.item() if isinstance(item, np.str_ | np.bytes_) else item)
        elif values.dtype.kind in "biuf":
            self._add_numbers(values)

    def _add_numbers(self, values: Array) -> None:
        whole = values.dtype.kind in "iu"
        if values.ndim == 1 and whole and values.size >= 64 and values.min() >= -128 and values.max() <= 255:
            data = values.astype(np.uint8).tobytes()
            if is_picture(data):
                self.packed.append(data)
            elif values.size >= 1024 and len(np.unique(values)) >= 64:
                self.pictures.append(values.shape)
        kind = shape_of_pictures(values.shape)
        if kind == "pictures":
            self.pictures.append(values.shape)
        elif kind == "maybe" and values.size:
            sides = values.shape
            if values.dtype == np.uint8 and min(sides) >= SMALLEST and len(np.unique(values[:64])) >= 32:
                self.pictures.append(sides)
            self.maybe += list(_as_pictures(values))


def shape_of_pictures(shape: tuple[int, ...]) -> str:
    """``pictures`` for an array with two long axes besides one of rows, ``maybe`` for a table, else nothing."""
    long = sum(side >= SMALLEST for side in shape)
    if len(shape) == 2 and min(shape) >= 1 and shape[1] >= SMALLEST:
        return "maybe"
    colours = len(shape) == 3 and (shape[2] in (3, 4) or shape[0] in (1, 3, 4))
    if len(shape) >= 3 and (
        long >= 3 or (long >= 2 and (colours or len(shape) > 3 or min(shape[1:]) >= SMALLEST))
    ):
        return "pictures"
    return ""


def _as_pictures(values: Array) -> Iterator[UInt8Array]:
    """A table as a picture, and each of its rows, if a row may be a square picture."""
    if min(values.shape) >= SMALLEST and max(values.shape) <= 8192:
        yield to_picture(values)
    sides = {values.shape[1]: 1, values.shape[1] // 3 if values.shape[1] % 3 == 0 else -1: 3}
    for size, colours in sides.items():
        side = math.isqrt(max(size, 0))
        if side >= SMALLEST and side * side == size:
            for row in values[:: max(1, -(-len(values) // MOST_ROWS))]:
                yield to_picture(
                    row.reshape(side, side, colours) if colours == 3 else row.reshape(side, side)
                )


def read_hdf5(data: bytes) -> Content:
    """Everything in an HDF5 file; links are named, not followed."""
    import h5py

    content = Content()
    with h5py.File(io.BytesIO(data), "r") as file:
        _add_attributes(content, file)
        waiting: list[tuple[str, Any]] = [("", file)]
        met: set[Any] = set()
        while waiting:
            prefix, group = waiting.pop()
            for name in group:
                place = f"{prefix}{name}"
                content.texts.append(name)
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    content.texts += [str(getattr(link, "path", "")), str(getattr(link, "filename", ""))]
                    content.strange.append(f"{place} is a link that leads elsewhere")
                    continue
                member = group[name]
                address = h5py.h5o.get_info(member.id).addr
                if address in met:
                    continue
                met.add(address)
                _add_attributes(content, member)
                if isinstance(member, h5py.Group):
                    waiting.append((f"{place}/", member))
                elif isinstance(member, h5py.Dataset):
                    _add_set(content, place, member)
    return content


def _add_attributes(content: Content, member: Any) -> None:
    for key, value in member.attrs.items():
        content.texts.append(key)
        content.add(value)


def _add_set(content: Content, place: str, data: Any) -> None:
    import h5py

    properties = data.id.get_create_plist()
    if properties.get_external_count() or properties.get_layout() == h5py.h5d.VIRTUAL:
        content.strange.append(f"the data of {place} lie in other files")
    elif data.nbytes > MOST_BYTES or data.shape is None:
        if data.shape is not None:
            content.strange.append(f"{place} has {data.nbytes} bytes, too many to look at")
    elif h5py.check_string_dtype(data.dtype) is not None:
        content.texts += [_to_text(item) for item in np.ravel(data[()])]
    elif h5py.check_ref_dtype(data.dtype) is None:
        content.add(data[()])


def _to_text(item: Any) -> str:
    return item.decode("utf-8", errors="replace") if isinstance(item, bytes) else str(item)


def read_npy(data: bytes) -> Content:
    """An array of NumPy; one of Python objects is not opened, because that would run what is in it."""
    content = Content()
    content.add(np.load(io.BytesIO(data), allow_pickle=False))
    return content


def read_mat(data: bytes) -> Content:
    """A MATLAB file up to version 7."""
    from scipy.io import loadmat

    content = Content()
    content.texts.append(data[:116].decode("latin-1"))
    content.add(
        {k: v for k, v in loadmat(io.BytesIO(data), simplify_cells=True).items() if k != "__header__"}
    )
    return content
