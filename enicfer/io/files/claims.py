"""What a file claims against what is there: asked before a library makes room for what it claims.

Sizes are bytes. Packed files (gzip) are unpacked in blocks and only as far as is needed.
"""

import io
import math
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enicfer.errors import InputError

MOST_CHANNELS = 10_000  # of a recording; the largest arrays have some thousands
MOST_COLUMNS = 5_000  # of a table of our own
MOST_PIXELS = 200_000_000  # of a picture
LARGE = 64 << 20  # what unpacks to less is never refused
RATIO = 80  # by which images, signals and tables are never packed
_BLOCK = 1 << 22
_GZIP_BITS = 31  # of zlib, for the largest window with gzip's header


def unpack(path: Path) -> Iterator[bytes]:
    """Blocks of what a gzip file holds, as far as it can be unpacked.

    Raises
    ------
    InputError
        If it unpacks to far more than a recording, an image or a table does.
    """
    packed, unpacked = path.stat().st_size, 0
    with path.open("rb") as file:
        machine, rest = zlib.decompressobj(wbits=_GZIP_BITS), file.read(_BLOCK)
        while rest:
            try:
                block = machine.decompress(rest, _BLOCK)
            except zlib.error:  # it ends early or is damaged
                return
            unpacked += len(block)
            if unpacked > max(LARGE, RATIO * packed):
                raise InputError(
                    f"{path.name} unpacks to more than {RATIO} times its {packed} bytes, as no recording "
                    "does: it is no such file, or it was damaged",
                    place=path,
                    remedy="copy it again",
                )
            if block:
                yield block
            rest = machine.unused_data if machine.eof else machine.unconsumed_tail
            if machine.eof:
                machine = zlib.decompressobj(wbits=_GZIP_BITS)  # the next member
            rest = rest or file.read(_BLOCK)


def check_room(path: Path, needed: int, what: str) -> None:
    """Refuse a file, packed where its name ends in ``.gz``, that holds fewer bytes than its header needs.

    Parameters
    ----------
    path
        The file.
    needed
        Bytes from its beginning, unpacked.
    what
        What the header claims, for the sentence.

    Raises
    ------
    InputError
        If they are not there.
    """
    there = path.stat().st_size
    if path.suffix.lower() == ".gz":
        with path.open("rb") as file:
            file.seek(max(0, there - 4))
            stated = int.from_bytes(file.read(4), "little")  # modulo 4 GiB, of the last member
        if stated == needed % (1 << 32) and needed <= 1100 * there:  # gzip packs by 1032 at most
            return
        there = _count(path, needed)
    if there < needed:
        raise InputError(
            f"{path.name} is shorter than its header says: {what} need {needed} bytes, and it has {there}.",
            place=path,
            remedy="copy it again, or export it again",
        )


def _count(path: Path, needed: int) -> int:
    there = 0
    for block in unpack(path):
        there += len(block)
        if there >= needed:
            break
    return there


def check_image(path: Path, shape: tuple[int, ...], itemsize: int, offset: Any) -> None:
    """Refuse an image whose axes, or their product, are not what the file holds.

    Raises
    ------
    InputError
        If an axis is below 1, or voxels are missing.
    """
    if any(n < 1 for n in shape):
        raise InputError(
            f"{path.name} has the shape {shape}: every axis needs at least 1.",
            place=path,
            remedy="export it again",
        )
    if path.name.lower().endswith((".nii", ".nii.gz")):
        needed = int(offset) + math.prod(int(n) for n in shape) * itemsize
        check_room(path, needed, f"{' x '.join(map(str, shape))} voxels of {itemsize} bytes")


def check_table(path: Path) -> None:
    """Refuse a table of our own with more columns than we write, or that unpacks to far too much.

    Raises
    ------
    InputError
        If it is no such table.
    """
    if path.suffix == ".gz":
        first = b""
        for number, block in enumerate(unpack(path)):
            first = first if number else block
            if b"\0" in block:
                raise InputError(
                    f"{path.name} cannot be read as a table: it holds bytes that are no text",
                    place=path,
                    remedy="give a text file",
                )
    else:
        with path.open("rb") as file:
            first = file.read(_BLOCK)
    columns = first.partition(b"\n")[0].count(b"\t") + 1
    if columns > MOST_COLUMNS:
        raise InputError(
            f"{path.name} cannot be read as a table: it has {columns} columns; ours have "
            f"{MOST_COLUMNS} at most",
            place=path,
            remedy="check that it is the right file",
        )


def check_pixels(data: bytes, name: str) -> None:
    """Refuse a picture whose header claims more than `MOST_PIXELS`."""
    width, height = _size(data)
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{name} says that it has {width} x {height} pixels, and at most {MOST_PIXELS} are read",
            remedy="make it smaller, or copy it again if it is damaged",
        )


def _size(data: bytes) -> tuple[int, int]:
    """Width and height that a picture's header claims, or 0."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                with Image.open(io.BytesIO(data)) as picture:
                    return picture.size
            finally:
                Image.MAX_IMAGE_PIXELS = most
    except Exception:  # its readers raise every kind for damaged files
        return 0, 0
