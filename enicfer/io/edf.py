"""EDF, EDF+, BDF and BDF+: what their headers say, and what MNE-Python does not read as the formats have it.

Conventions: a file is a header of 256 bytes, 256 more for each signal, and records of equal length in s; numbers are
2 bytes (EDF) or 3 (BDF). A signal's value is its number times a gain plus an offset, which the header states
(https://www.edfplus.info/specs/edfplus.html).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError

LATIN = "the annotations are not UTF-8"  # a warning of ours
RECORD_JITTER = 1e-3  # s; records that begin later than this do not follow each other
_TRIGGERS = ("status", "trigger")  # signals that MNE-Python takes as channels of codes


def is_edf(path: Path) -> bool:
    """Whether a name is that of an EDF or BDF file."""
    return path.suffix.lower() in (".edf", ".bdf")


def check_edf(path: Path) -> None:
    """Refuse a number of signals whose descriptions are not there, and a file without a record or a signal."""
    with path.open("rb") as file:
        head = file.read(256)
    try:
        count = int(head[252:256])
    except ValueError:
        return  # MNE-Python says it
    size = path.stat().st_size
    if count < 1 or 256 * (count + 1) > size:
        raise InputError(
            f"{path.name} says that it has {count} signals, whose descriptions need "
            f"{256 * (count + 1)} bytes; it has {size}: it is damaged or cut short",
            place=path,
            remedy="copy it again",
        )
    header = read_sizes(path)
    if header is not None and header[1] == 0:
        raise InputError(
            f"{path.name} has no whole data record: it is cut short", place=path, remedy="copy it again"
        )
    if header is not None and header[2] <= 0:
        raise InputError(
            f"{path.name} says that its records last {header[2]:g} s: it holds annotations alone, "
            "or is damaged",
            place=path,
            remedy="give the file with the signal",
        )


def _width(path: Path) -> int:
    """Bytes of a number."""
    with path.open("rb") as file:
        return 3 if file.read(1) == b"\xff" else 2


def read_sizes(path: Path) -> tuple[int, int, float] | None:
    """Records that the header says (-1: not finished) and that are there, and their length in s; None: unreadable."""
    with path.open("rb") as file:
        head = file.read(256)
        try:
            records, length, count = int(head[236:244]), float(head[244:252]), int(head[252:256])
            signals = file.read(256 * count)
            samples = [int(signals[i : i + 8]) for i in range(216 * count, 224 * count, 8)]
        except ValueError:
            return None
    size = (3 if head[:1] == b"\xff" else 2) * sum(samples)
    if size <= 0 or not np.isfinite(length):
        return None
    return records, max(0, path.stat().st_size - 256 * (count + 1)) // size, length


def note_edf(path: Path, notes: list[str]) -> float:
    """Add a note where the file is not as long as its header says; the s that are missing at its end."""
    header = read_sizes(path)
    if header is None:
        return 0.0
    stated, there, length = header
    if stated < 0:
        notes.append(
            f"{path.name} does not say how long it is: the recording program did not finish it, and what came last "
            f"may be missing; {there * length:.1f} s are there."
        )
    elif there > stated:
        notes.append(
            f"{path.name} has {there * length:.1f} s, but its header says {stated * length:.1f} s: all that is there "
            "is read."
        )
    return max(0.0, (stated - there) * length) if stated >= 0 else 0.0


def check_records(path: Path) -> None:
    """Refuse a discontinuous EDF+ or BDF+ file that has a pause: MNE-Python reads its records end to end."""
    with path.open("rb") as file:
        head = file.read(256)
        kind = head[192:197].decode("latin-1")
        if kind not in ("EDF+D", "BDF+D"):
            return
        try:
            length = float(head[244:252])
            begins = _read_record_times(file, head)
        except (ValueError, ZeroDivisionError):
            raise InputError(
                f"{path.name} is discontinuous ({kind}) and does not say when its records begin",
                place=path,
                remedy="export it as a continuous file",
            ) from None
    late = np.diff(begins) - length
    pauses = np.flatnonzero(~(np.abs(late) <= RECORD_JITTER))  # also what is no number
    if len(pauses):
        at, lost = begins[pauses[0]] + length - begins[0], late[pauses[0]]
        raise InputError(
            f"{path.name} is discontinuous ({kind}): at {at:.1f} s it pauses for {lost:.1f} s, "
            "which cannot be read",
            place=path,
            remedy="export it as a continuous file, or as one file for each part",
        )


def _read_record_times(file: BinaryIO, head: bytes) -> list[float]:
    """When each record begins, in s, as its first annotation says (https://www.edfplus.info/specs/edfplus.html)."""
    count = int(head[252:256])
    signals = file.read(256 * count)
    samples = [int(signals[i : i + 8]) for i in range(216 * count, 224 * count, 8)]
    place = signals.index(head[192:195] + b" Annotations") // 16
    width = 3 if head[0] == 0xFF else 2
    size, offset = width * sum(samples), width * sum(samples[:place])
    records = (os.fstat(file.fileno()).st_size - 256 * (count + 1)) // size
    times = []
    for record in range(records):
        file.seek(256 * (count + 1) + record * size + offset)
        times.append(float(file.read(24).partition(b"\x14")[0]))
    return times


@dataclass(frozen=True)
class _Signal:
    """Where one signal is in each record (bytes), its numbers there, and what they mean."""

    name: str
    start: int
    count: int
    gain: float
    offset: float


def _read_signals(path: Path) -> list[_Signal]:
    """The signals that the header describes, as far as it can be read."""
    with path.open("rb") as file:
        head = file.read(256)
        try:
            count = int(head[252:256])
            text = file.read(256 * count).decode("latin-1")

            def column(first: int, width: int) -> list[str]:
                return [text[first * count + width * i :][:width].strip() for i in range(count)]

            low, high = ([float(cell.replace(",", ".")) for cell in column(i, 8)] for i in (104, 112))
            least, most = ([int(cell) for cell in column(i, 8)] for i in (120, 128))
            samples = [int(cell) for cell in column(216, 8)]
            gains = [(b - a) / (d - c) for a, b, c, d in zip(low, high, least, most, strict=True)]
        except (ValueError, ZeroDivisionError):
            return []
    width = _width(path)
    starts = width * np.concatenate([[0], np.cumsum(samples)])
    return [
        _Signal(name, int(starts[i]), samples[i], gains[i], low[i] - least[i] * gains[i])
        for i, name in enumerate(column(0, 16))
    ]


def read_scaled_codes(path: Path, last: float) -> dict[str, tuple[npt.NDArray[np.int64], float]]:
    """Codes of an EDF file's trigger channels whose values are scaled, and their rate in Hz, by the channel's name.

    Codes are rounded values. MNE-Python cuts the values off: what a scaled channel stores as 12.99 would be 12, and
    not 13. Of BDF it takes the numbers as they are stored, which are the codes.

    Parameters
    ----------
    path
        The file.
    last
        Time in s of the recording's last sample; of a part of the file nothing is read.
    """
    sizes = read_sizes(path)
    found: dict[str, tuple[npt.NDArray[np.int64], float]] = {}
    if sizes is None or sizes[2] <= 0 or _width(path) != 2:
        return found
    _, records, length = sizes
    signals = _read_signals(path)
    names = [signal.name for signal in signals]
    size = 2 * sum(signal.count for signal in signals)
    for signal in signals:
        exact = signal.gain == 1 and signal.offset == round(signal.offset)
        told_apart = 0 < signal.gain <= 1
        rate = signal.count / length
        whole = abs(records * length - last) <= 1 / rate + 1e-6 if rate else False
        one = signal.name.lower() in _TRIGGERS and names.count(signal.name) == 1
        if not one or exact or not told_apart or not whole:
            continue
        block = np.memmap(path, np.uint8, "r", 256 * (len(signals) + 1), (records, size))
        part = np.ascontiguousarray(block[:, signal.start : signal.start + 2 * signal.count])
        numbers = part.reshape(-1).view("<i2")
        found[signal.name] = np.rint(numbers * signal.gain + signal.offset).astype(np.int64), rate
    return found
