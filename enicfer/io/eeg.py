"""EEG recordings: everything that `mne.io.read_raw` opens, and XDF, with their triggers.

Triggers are the annotations and the events of the stimulus channels, together. Their codes are text: an
annotation's description (``"Stimulus/S  1"`` of BrainVision becomes ``"Stimulus/S 1"``), or the number of a
stimulus channel (``"11"``). Times are seconds from the first sample of the file.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.io.xdf import open_xdf
from enicfer.protocol import normalise_code
from enicfer.records import Modality, Recording

if TYPE_CHECKING:
    import mne

EEG_SUFFIXES = (
    ".vhdr", ".edf", ".bdf", ".gdf", ".set", ".fif", ".mff", ".raw", ".cnt", ".nxe", ".lay", ".data",
)  # fmt: skip
_PAUSE = "BAD_ACQ_SKIP"  # its samples are there, so that the clock goes on
_BOUNDARIES = ("EDGE boundary", "BAD boundary", "New Segment", "boundary")  # samples are missing here
_NOT_TRIGGERS = (_PAUSE, *_BOUNDARIES)
_BIOSEMI_MASK = 0xFFFF  # the bits above are the amplifier's own (battery, CMS range, epoch)


def open_raw(path: Path) -> "mne.io.BaseRaw":
    """Open a recording without loading its signal.

    Raises
    ------
    InputError
        If the file is missing, of no known kind, or cannot be read.
    """
    import mne

    if not path.exists():
        raise InputError(f"There is no recording {path.name} in {path.parent.name}: check the name.")
    if path.suffix.lower() in (".xdf", ".xdfz"):
        return open_xdf(path)
    reader: Callable[..., Any] = mne.io.read_raw_egi if path.suffix.lower() == ".raw" else mne.io.read_raw
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readers warn of montages and filters that do not matter here
        try:
            return reader(path, preload=False, verbose="error")
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"{path.name} cannot be read as an EEG recording ({reason}): give a complete file of one of "
                f"the kinds {', '.join(EEG_SUFFIXES)}, .xdf."
            ) from None


def read_eeg(path: Path) -> Recording:
    """Read the triggers, length and pauses of a recording.

    Parameters
    ----------
    path
        The file (BrainVision: the ``.vhdr``).

    Raises
    ------
    InputError
        If the recording cannot be read.
    """
    raw = open_raw(path)
    rows = [*_annotation_triggers(raw), *_channel_triggers(raw)]
    triggers = pd.DataFrame(rows, columns=["onset", "code"]).astype({"onset": np.float64, "code": "str"})
    return Recording(
        modality=Modality.EEG,
        file=path,
        duration=raw.n_times / float(raw.info["sfreq"]),
        triggers=triggers.sort_values("onset", kind="stable", ignore_index=True),
        sampling_rate=float(raw.info["sfreq"]),
        gaps=_pauses(raw),
        details={"first_time": float(raw.first_time)},  # to find a place in a cropped copy again
    )


def _annotation_triggers(raw: "mne.io.BaseRaw") -> list[tuple[float, str]]:
    # The onsets of a raw's annotations count from the start of the acquisition, not from the first sample.
    return [
        (float(onset) - raw.first_time, normalise_code(description))
        for onset, description in zip(raw.annotations.onset, raw.annotations.description, strict=True)
        if not str(description).startswith(_NOT_TRIGGERS)
    ]


def _channel_triggers(raw: "mne.io.BaseRaw") -> list[tuple[float, str]]:
    import mne

    rows: list[tuple[float, str]] = []
    mask = _BIOSEMI_MASK if Path(raw.filenames[0] or "").suffix.lower() == ".bdf" else None
    for pick in mne.pick_types(raw.info, meg=False, stim=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a channel that starts high is reported below by its absence
            try:
                events = mne.find_events(
                    raw, raw.ch_names[pick], shortest_event=1, mask=mask, mask_type="and", verbose="error"
                )
            except ValueError:  # not a channel of codes
                continue
        times = (events[:, 0] - raw.first_samp) / float(raw.info["sfreq"])
        rows += [(float(time), str(code)) for time, code in zip(times, events[:, 2], strict=True)]
    return rows


def _pauses(raw: "mne.io.BaseRaw") -> tuple[tuple[float, float], ...]:
    """Start and stop in s of pauses; both are the same where samples were left out of the file."""
    pauses = set()
    step = 1 / float(raw.info["sfreq"])
    for onset, duration, description in zip(
        raw.annotations.onset, raw.annotations.duration, raw.annotations.description, strict=True
    ):
        start = float(onset) - raw.first_time
        if str(description).startswith(_PAUSE):
            pauses.add((start, start + float(duration)))
        elif str(description).startswith(_BOUNDARIES) and step < start < (raw.n_times - 1) * step:
            pauses.add((start, start))  # the first boundary of a file is its beginning
    return tuple(sorted(pauses))
