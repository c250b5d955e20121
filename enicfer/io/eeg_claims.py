"""What the headers of GDF, FIF, CNT and MFF claim against what is there, before MNE-Python makes room for it.

Each function refuses a file whose header says what cannot be, in one sentence, and says nothing otherwise: what is
no such file at all is for MNE-Python to say.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from enicfer.errors import InputError
from enicfer.io.files.claims import MOST_CHANNELS

_GDF_BYTES = {0: 1, 1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 8, 8: 8, 16: 4, 17: 8, 18: 16, 279: 3, 535: 3}
_CHANNELS, _DATA = 200, 300  # tags of FIF
_LONGEST_BUFFER = 1 << 28  # bytes of samples in one tag
_CNT_HEAD, _CNT_CHANNEL = 900, 75  # bytes


def check_claims(path: Path) -> None:
    """Refuse a recording whose header claims what the file does not have.

    Raises
    ------
    InputError
        With what it claims and what is there.
    """
    check = _CHECKS.get(path.suffix.lower())
    place = path / "signal1.bin" if path.suffix.lower() == ".mff" else path
    if check is None or not place.is_file():
        return
    try:
        with place.open("rb") as file:
            check(path, file, place.stat().st_size)
    except (struct.error, ValueError, OverflowError):  # shorter than any header
        return


def check_channels(name: str, count: int, needed: int = 0, size: int = 0) -> None:
    """Refuse a number of channels that cannot be, or whose descriptions (``needed`` bytes) are not there."""
    if not 1 <= count <= MOST_CHANNELS:
        raise InputError(
            f"{name} says that it has {count} channels: it must be from 1 to {MOST_CHANNELS}",
            remedy="export it again",
        )
    if needed > size:
        raise InputError(
            f"{name} says that it has {count} channels, whose descriptions need {needed} bytes; it "
            f"has {size}: it is damaged or cut short",
            remedy="copy it again",
        )


def _short(name: str, what: str, needed: int, size: int) -> InputError:
    return InputError(
        f"{name} is cut short or damaged: {what} would need {needed} bytes, and it has {size}.",
        remedy="copy it again from the recording computer",
    )


def _check_gdf(path: Path, file: BinaryIO, size: int) -> None:
    """As in https://arxiv.org/abs/cs/0608052; a number of records of -1 was never filled in."""
    head = file.read(256)
    if head[:4] != b"GDF ":
        return
    new = float(head[4:8].decode("latin-1")) >= 1.9
    (records,) = struct.unpack_from("<q", head, 236)
    (count,) = struct.unpack_from("<H" if new else "<I", head, 252)
    check_channels(path.name, count, 256 * (count + 1), size)
    begin = 256 * struct.unpack_from("<H", head, 184)[0] if new else struct.unpack_from("<q", head, 184)[0]
    each = file.read(256 * count)
    samples = struct.unpack_from(f"<{count}i", each, 216 * count)
    kinds = struct.unpack_from(f"<{count}i", each, 220 * count)
    if min(samples) < 0 or not set(kinds) <= _GDF_BYTES.keys():
        raise InputError(
            f"{path.name} says of its samples what cannot be: it is damaged",
            place=path,
            remedy="export it again",
        )
    if records < 0:
        raise InputError(
            f"{path.name} does not say how many records it has ({records}): the recording program "
            "did not finish it.",
            place=path,
            remedy="open it there, and save it again",
        )
    end = begin + records * _record_bytes(samples, kinds)
    if begin < 0 or end > size:
        raise _short(path.name, f"{records} records of {sum(samples)} samples", end, size)
    file.seek(end)
    table = file.read(8)
    if len(table) == 8:
        mode, events = table[0], int.from_bytes(table[1:4] if new else table[4:8], "little")
        needed = end + 8 + events * (12 if mode == 3 else 6)
        if needed > size:
            raise _short(path.name, f"{events} events", needed, size)


def _record_bytes(samples: Sequence[int], kinds: Sequence[int]) -> int:
    return sum(n * _GDF_BYTES[kind] for n, kind in zip(samples, kinds, strict=True))


def find_gdf_events(file: BinaryIO) -> int:
    """Where in a GDF file that was checked the table of events begins."""
    file.seek(0)
    head = file.read(256)
    new = float(head[4:8].decode("latin-1")) >= 1.9
    (records,) = struct.unpack_from("<q", head, 236)
    (count,) = struct.unpack_from("<H" if new else "<I", head, 252)
    begin = 256 * struct.unpack_from("<H", head, 184)[0] if new else struct.unpack_from("<q", head, 184)[0]
    each = file.read(256 * count)
    samples, kinds = (struct.unpack_from(f"<{count}i", each, at * count) for at in (216, 220))
    return int(begin + records * _record_bytes(samples, kinds))


def _check_fif(path: Path, file: BinaryIO, size: int) -> None:
    """Tags of 16 bytes (kind, type, size, place of the next) and what they hold; big-endian."""
    place = 0
    while place + 16 <= size:
        file.seek(place)
        kind, _, length, following = struct.unpack(">iiii", file.read(16))
        if length < 0 or place + 16 + length > size:
            if place == 0:
                return  # no FIF file
            if kind == _DATA and length <= _LONGEST_BUFFER:
                return  # cut within its samples: what is there is read, and said
            raise _short(path.name, "what it holds at this place", place + 16 + max(length, 0), size)
        if kind == _CHANNELS and length == 4:
            check_channels(path.name, struct.unpack(">i", file.read(4))[0])
        before = place
        place = following if following > 0 else place + 16 + length
        if following == -1 or place <= before:
            return


def _check_cnt(path: Path, file: BinaryIO, size: int) -> None:
    """As in https://paulbourke.net/dataformats/eeg: a head, 75 bytes a channel, samples, a table of events."""
    head = file.read(_CNT_HEAD)
    if head[:7] != b"Version":
        return
    (count,) = struct.unpack_from("<H", head, 370)
    (rate,) = struct.unpack_from("<H", head, 376)
    (table,) = struct.unpack_from("<i", head, 886)
    check_channels(path.name, count, _CNT_HEAD + _CNT_CHANNEL * count, size)
    if rate == 0:
        raise InputError(
            f"{path.name} says a sampling rate of 0 Hz, which cannot be", place=path, remedy="export it again"
        )
    if not 0 < table < size:
        return  # from 2 GB the field overflows, and MNE-Python looks for the table itself
    file.seek(table)
    entry = file.read(9)
    if len(entry) == 9:
        length = struct.unpack("<Bll", entry)[1]
        if length < 0 or table + 9 + length > size:
            raise _short(path.name, "its table of events", table + 9 + max(length, 0), size)


def _check_mff(path: Path, file: BinaryIO, size: int) -> None:
    """The first block: 1, its size with all of the header, the size of its samples, channels, and their offsets."""
    flag, head, length, count = struct.unpack("<4i", file.read(16))
    if flag != 1:
        return
    check_channels(path.name, count, 16 + 8 * count, size)
    if head < 16 + 8 * count or length < 0 or head + length > size:
        raise _short(path.name, f"the first block of {count} channels", max(head, 0) + max(length, 0), size)


_CHECKS: Mapping[str, Callable[[Path, BinaryIO, int], None]] = {
    ".gdf": _check_gdf,
    ".fif": _check_fif,
    ".cnt": _check_cnt,
    ".mff": _check_mff,
}
