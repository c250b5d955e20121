"""Neuroscan CNT files: the times of their events.

Conventions: a header of 900 bytes, 75 more for each channel, the samples, and a table of events at the end. An event
has its place in the file in bytes (tables of type 1 and 2) or its sample from 0 (type 3). MNE-Python takes both as
bytes behind the header, and puts events one sample early; types and fields are those of
http://paulbourke.net/dataformats/eeg/.
"""

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError

if TYPE_CHECKING:
    import mne

_HEADER, _CHANNEL = 900, 75  # bytes
_CHANNELS, _SAMPLES, _TABLE = 370, 864, 886  # places in the header
_EVENT_BYTES = {1: 8, 2: 19, 3: 19}
_LARGEST = 2**31  # bytes; beyond, the place of the table does not fit into its field


def check_cnt(path: Path) -> None:
    """Refuse a Neuroscan file whose table of events, which is at its end, is not there."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    size = path.stat().st_size
    if not head.startswith(b"Version 3") or len(head) < _HEADER or size >= _LARGEST:
        return  # of another program, or MNE-Python says it
    (place,) = struct.unpack_from("<i", head, _TABLE)
    if not 0 < place <= size - 9:
        raise InputError(
            f"{path.name} cannot be read as a recording: its table of events, which is at the end, "
            "is missing; it is cut short, or the recording program did not finish it.",
            place=path,
            remedy="copy it again, or save it anew in Scan",
        )


def place_events(path: Path, raw: "mne.io.BaseRaw") -> None:
    """Put the events of a Neuroscan file, as MNE-Python read it, on their samples."""
    import mne

    found = _read_table(path)
    if found is None or not len(raw.annotations):
        return
    samples, shift = found
    rate = float(raw.info["sfreq"])
    annotations = raw.annotations
    taken = np.rint(annotations.onset * rate - (0 if annotations.orig_time else raw.first_samp)).astype(
        np.int64
    )
    placed = taken + shift
    first = np.sort(samples[samples - shift <= 0])[: int((taken == 0).sum())]  # which MNE-Python put to 0
    placed[np.flatnonzero(taken == 0)[: len(first)]] = first
    onset = annotations.onset + (placed - taken) / rate
    raw.set_annotations(
        mne.Annotations(onset, annotations.duration, annotations.description, annotations.orig_time),
        verbose="error",
    )


def _read_table(path: Path) -> tuple[npt.NDArray[np.int64], int] | None:
    """The sample of each event, and by how many samples MNE-Python puts events early; None without such a table."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
        (channels,) = struct.unpack_from("<H", head, _CHANNELS)
        (samples,) = struct.unpack_from("<i", head, _SAMPLES)
        (place,) = struct.unpack_from("<i", head, _TABLE)
        start = _HEADER + _CHANNEL * channels
        if place <= start or channels < 1:
            return None
        size = path.stat().st_size
        file.seek(place)
        table = file.read(min(size - place, 1 << 26))
    kind, length, _ = struct.unpack_from("<Bii", table)
    if kind not in _EVENT_BYTES or samples < 1:
        return None
    width = 4 * channels if place - start >= 4 * channels * samples else 2 * channels
    step = _EVENT_BYTES[kind]
    count = min(length, len(table) - 9) // step
    offsets = np.array([struct.unpack_from("<i", table, 9 + step * i + 4)[0] for i in range(count)], np.int64)
    if kind == 3:
        return offsets, 1 - (-start // width)
    return (offsets - start) // width, 1
