"""GDF: the events that MNE-Python puts at the signal's rate, though their table may have a rate of its own.

Conventions: as in https://arxiv.org/abs/cs/0608052; positions count from 1. Event 0x7FFE begins a new segment after a
break, so that samples are missing before it.
"""

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enicfer.io.eeg_claims import find_gdf_events

if TYPE_CHECKING:
    import mne

NEW_SEGMENT = str(0x7FFE)


def place_events(path: Path, raw: "mne.io.BaseRaw", notes: list[str]) -> None:
    """Put the events of a GDF file where they are, if their table states another rate than the signals have."""
    import mne

    with path.open("rb") as file:
        place = find_gdf_events(file)
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        file.seek(0)
        if float(file.read(8)[4:].decode("latin-1")) < 1.94:
            rate, count = int.from_bytes(head[1:4], "little"), struct.unpack("<I", head[4:8])[0]
        else:
            count, rate = int.from_bytes(head[1:4], "little"), struct.unpack("<f", head[4:8])[0]
        if not 0 < rate < np.inf or rate == raw.info["sfreq"]:
            return
        file.seek(place + 8)
        position = np.frombuffer(file.read(4 * count), "<u4").astype(np.float64)
        kind = np.frombuffer(file.read(2 * count), "<u2")
    notes[:] = [note for note in notes if "lie outside of its data" not in note]
    onset = (position - 1) / rate
    raw.set_annotations(
        mne.Annotations(onset, np.zeros(count), [str(code) for code in kind], orig_time=raw.info["meas_date"])
    )
