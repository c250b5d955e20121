"""Trigger lines in a BIDS physio file: the scanner's volumes, and whatever else a recorder of physiology saw.

Read is every column of whole numbers with few different values: where it leaves 0, or changes from one value to
another, a trigger begins. Its code is the column's name (``trigger``), or the value where the column has several.
A column that is named as a line of pulses (``trigger``, ``ttl``, ``led``, ...) and holds a waveform is thresholded
half-way between its two levels (`enicfer.io.analog_line`). Signals such as ``cardiac`` are passed over.

Times are s on the clock of the first volume, as ``StartTime`` and ``SamplingFrequency`` of the sidecar say.
"""

import gzip
import io
import math
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError, shown
from enicfer.io.analog_line import AnalogPulses, find_analog_pulses
from enicfer.io.files.claims import unpack
from enicfer.io.plain_tables import Entry
from enicfer.io.sidecars import read_sidecars

ENDING = "_physio.tsv.gz"
MOST_CODES = 64  # different values of a line that is no signal
NEWLINE = b"\n"
# Names of columns that may be waveforms of pulses.
_LINE = re.compile(r"trig|ttl|diode|(?<![a-z])(sync|marker|led|scanner)(?![a-z])", re.IGNORECASE)
MOST_BYTES = 2 << 30  # unpacked; ten hours of four columns at 1000 Hz


def is_physio(path: Path) -> bool:
    """Whether a file is named as a BIDS physio file."""
    return path.name.lower().endswith(ENDING)


def read_physio_triggers(path: Path, notes: list[str]) -> list[Entry]:
    """Onset in s and code of each trigger, column by column.

    Raises
    ------
    InputError
        If the sidecar lacks what the times follow from, or the table is not what it says.
    """
    rate, start, columns = _read_settings(path)
    table = _read_table(path, columns, notes)
    found: list[Entry] = []
    passed_over, flat = [], []
    for name in columns:
        values = table[name].to_numpy(np.float64)
        known = values[np.isfinite(values)]
        levels = np.unique(known)
        coded = known.size and levels.size <= MOST_CODES and not np.any(levels != np.round(levels))
        if not coded and not (known.size and _LINE.search(name)):
            passed_over.append(name)
            continue
        if missing := values.size - known.size:
            notes.append(
                f"{path.name}: {missing} samples of the column {name} are n/a, and hold the value before."
            )
        held = pd.Series(values).ffill().fillna(0.0 if coded else known[0]).to_numpy()
        if coded:
            begins = np.flatnonzero((held != 0) & (held != np.append(0.0, held[:-1])))
            several = np.count_nonzero(levels) > 1
            found += [(start + i / rate, str(int(held[i])) if several else name) for i in begins.tolist()]
        elif (pulses := find_analog_pulses(held)) is None:
            flat.append(name)
        else:
            found += [(start + i / rate, name) for i in pulses.position.tolist()]
            notes.append(_describe(path, name, pulses))
    waves = f"the column {flat[0]} is a waveform without two levels" if flat else ""
    if not found:
        also = f", and {waves}" if waves else ""
        raise InputError(
            f"{path.name} has no triggers: no column of whole numbers ever leaves 0{also} "
            f"(columns: {', '.join(columns)}).",
            place=path,
            remedy="give the log of the task program with the volume pulses",
        )
    if flat:
        notes.append(f"{path.name}: {waves}, and is passed over.")
    if passed_over:
        notes.append(f"{path.name}: columns that are signals are passed over: {', '.join(passed_over)}.")
    return found


def _describe(path: Path, name: str, pulses: AnalogPulses) -> str:
    spikes = f"; {pulses.spikes} spikes of twice their height are none" if pulses.spikes else ""
    return (
        f"{path.name}: the column {name} is a waveform; its {len(pulses.position)} pulses begin half-way between "
        f"its two levels{spikes}."
    )


def _read_settings(path: Path) -> tuple[float, float, list[str]]:
    said, source = read_sidecars(path)
    missing = [key for key in ("SamplingFrequency", "StartTime", "Columns") if key not in said]
    if missing:
        raise InputError(
            f"The sidecar of {path.name} lacks {', '.join(missing)}",
            place=path,
            remedy=(
                f"write them in {path.name.removesuffix('.tsv.gz')}.json or in one of a folder above, "
                "as BIDS wants"
            ),
        )
    rate, start, columns = said["SamplingFrequency"], said["StartTime"], said["Columns"]
    if not _is_number(rate) or not 0 < rate <= 1e6:
        raise InputError(
            f"{source['SamplingFrequency'].name} says SamplingFrequency {shown(rate)}",
            remedy="it must be a number of Hz",
        )
    if not _is_number(start):
        raise InputError(
            f"{source['StartTime'].name} says StartTime {shown(start)}", remedy="it must be a number of s"
        )
    names = isinstance(columns, list) and all(isinstance(name, str) and name for name in columns)
    if not names or len(set(columns)) != len(columns):
        raise InputError(
            f"{source['Columns'].name} says Columns {shown(columns)}", remedy="it must be a list of names"
        )
    return float(rate), float(start), columns


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _read_table(path: Path, columns: list[str], notes: list[str]) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(
            f"There is no {path.name} in {path.parent.name}", place=path, remedy="check the name"
        )
    text = b"".join(_blocks(path))
    if _is_cut(path, len(text)):
        notes.append(f"{path.name} is cut short: triggers after its {text.count(NEWLINE)} samples are lost.")
        text = text[: text.rfind(NEWLINE) + 1]
    try:
        table = pd.read_csv(io.BytesIO(text), sep="\t", header=None, na_values="n/a", dtype=np.float64)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(
            f"{path.name} cannot be read as a physio file ({' '.join(str(error).split())[:120]})",
            place=path,
            remedy="BIDS wants numbers in columns parted by tabs, without a header",
        ) from None
    if table.shape[1] != len(columns):
        raise InputError(
            f"{path.name} has {table.shape[1]} columns, and its sidecar names {len(columns)} "
            f"({', '.join(columns)})",
            place=path,
            remedy="correct Columns",
        )
    return table.set_axis(columns, axis=1)


def _is_cut(path: Path, size: int) -> bool:
    """Whether a gzip file ends before its end; ``size`` is what it unpacks to."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4))
        if file.read(4) == struct.pack("<I", size & 0xFFFFFFFF):
            return False
    try:
        with gzip.open(path) as packed:
            while packed.read(1 << 22):
                pass
    except (EOFError, OSError, zlib.error):
        return True
    return False


def _blocks(path: Path) -> Iterator[bytes]:
    size = 0
    for block in unpack(path):
        size += len(block)
        if size > MOST_BYTES or b"\0" in block:
            raise InputError(
                f"{path.name} cannot be read as a physio file: it is too large, or holds no text",
                place=path,
                remedy="check that it is the right file",
            )
        yield block
