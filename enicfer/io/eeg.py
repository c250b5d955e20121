"""EEG recordings: everything that `mne.io.read_raw` opens, and XDF, with their triggers.

Triggers are the annotations and the events of the stimulus channels, together; one that is in both counts once. Their
codes are text: an annotation's description (``"Stimulus/S  1"`` of BrainVision becomes ``"Stimulus/S 1"``), or the
number of a stimulus channel (``"11"``). Times are seconds from the first sample of the file.

A stimulus channel may hold each code until the next one, or for a moment: every change to a code is a trigger, but
for two. A value that lasts for one sample, between two different values of which one is a code that lasts longer,
is the port's lines settling. And where a higher value interrupts a code for less than `BRIEF`, as does a pulse on
another line of the port, the code's return is not a trigger.
"""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
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
BRIEF = 0.1  # s; a code that is held is held for longer
SAME = 1.5  # samples; triggers of one code that are nearer are one (annotations are not on samples)
RECORD_JITTER = 1e-3  # s; records of an EDF file that begin later than this do not follow each other
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
            raw = reader(path, preload=False, verbose="error")
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"{path.name} cannot be read as an EEG recording ({reason}): give a complete file of one of "
                f"the kinds {', '.join(EEG_SUFFIXES)}, .xdf."
            ) from None
    if path.suffix.lower() in (".edf", ".bdf"):
        _check_records(path)
    return raw


def _check_records(path: Path) -> None:
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
                f"{path.name} is discontinuous ({kind}) and does not say when its records begin: export it as a "
                "continuous file."
            ) from None
    late = np.diff(begins) - length
    pauses = np.flatnonzero(~(np.abs(late) <= RECORD_JITTER))  # also what is no number
    if len(pauses):
        at, lost = begins[pauses[0]] + length - begins[0], late[pauses[0]]
        raise InputError(
            f"{path.name} is discontinuous ({kind}): at {at:.1f} s it pauses for {lost:.1f} s, which cannot be read; "
            "export it as a continuous file, or as one file for each part."
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
    rate = float(raw.info["sfreq"])
    triggers = read_triggers(raw)
    doubled = triggers.groupby("code")["onset"].diff() <= SAME / rate
    note = f"Triggers that are in the recording twice, within a sample of each other, count once: {doubled.sum()}."
    return Recording(
        modality=Modality.EEG,
        file=path,
        duration=raw.n_times / rate,
        triggers=triggers[~doubled].reset_index(drop=True),
        sampling_rate=rate,
        gaps=_pauses(raw),
        notes=(note,) if doubled.any() else (),
        details={"first_time": float(raw.first_time)},  # to find a place in a cropped copy again
    )


def read_triggers(raw: "mne.io.BaseRaw") -> pd.DataFrame:
    """Columns ``onset``, in ``raw.times``, and ``code``: all annotations and steps that may be triggers, in order."""
    rows = [*_annotation_triggers(raw), *_channel_triggers(raw)]
    triggers = pd.DataFrame(rows, columns=["onset", "code"]).astype({"onset": np.float64, "code": "str"})
    return triggers.sort_values("onset", kind="stable", ignore_index=True)


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
                    raw,
                    raw.ch_names[pick],
                    output="step",
                    consecutive=True,
                    shortest_event=1,
                    mask=mask,
                    mask_type="and",
                    verbose="error",
                )
            except ValueError:  # not a channel of codes
                continue
        rate = float(raw.info["sfreq"])
        events = _select_triggers(events, rate)
        times = (events[:, 0] - raw.first_samp) / rate
        rows += [(float(time), str(code)) for time, code in zip(times, events[:, 2], strict=True)]
    return rows


def _select_triggers(steps: npt.NDArray[np.int64], rate: float) -> npt.NDArray[np.int64]:
    """Those of a stimulus channel's steps (sample, value before, value after) that are triggers."""
    if not len(steps):
        return steps
    lasts, after = np.diff(steps[:, 0], append=np.inf), np.append(steps[1:, 2], 0)
    stays = (steps[:, 2] > 0) & (lasts > 1)
    beside = np.append(stays[1:], False) | np.append(steps[0, 1] > 0, stays[:-1])
    steps = steps[(lasts > 1) | (steps[:, 1] == after) | ~beside]
    value = np.append(steps[0, 1], steps[:, 2])
    chosen = (value[1:] > 0) & (value[1:] != value[:-1])
    back = (value[2:] == value[:-2]) & (value[2:] < value[1:-1])
    chosen[1:] &= ~(back & (np.diff(steps[:, 0]) < BRIEF * rate))
    return steps[chosen]


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
