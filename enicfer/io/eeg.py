"""Recordings with samples (EEG, MEG, iEEG, NIRS): everything that `mne.io.read_raw` opens, and XDF; their triggers.

Triggers are the annotations and the events of the stimulus channels, together; one that is in both counts once. Their
codes are text: an annotation's description (``"Stimulus/S  1"`` of BrainVision becomes ``"Stimulus/S 1"``), or the
number of a stimulus channel (``"11"``). Times are seconds from the first sample of the file.

A stimulus channel may hold each code until the next one, or for a moment: every change to a code is a trigger, but
for two. A value that lasts for one sample, between two different values of which one is a code that lasts longer,
is the port's lines settling. And where a higher value interrupts a code for less than `BRIEF`, as does a pulse on
another line of the port, the code's return is not a trigger.
"""

import os
import re
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.config.codes import normalise_code
from enicfer.config.suffixes import XDF_SUFFIXES
from enicfer.errors import InputError
from enicfer.io import gdf
from enicfer.io.brainvision import readable_header
from enicfer.io.cnt import place_events
from enicfer.io.edf import LATIN, check_records, is_edf, read_scaled_codes
from enicfer.io.eeg_kinds import KINDS, check_kind
from enicfer.io.eeg_notes import UNREAD_CHANNEL, check_start, heed_warnings, note_length
from enicfer.io.files.hdf5 import refuse_links
from enicfer.io.xdf.streams import open_xdf
from enicfer.records import Modality, Recording, RecordingDetails

if TYPE_CHECKING:
    import mne

SKIP = "BAD_ACQ_SKIP"  # its samples are there, so that the clock goes on
# Samples are missing here: programs write a word, EEGLAB also -99 or nothing where its other events are numbers.
_BOUNDARY = re.compile(
    r"(?:.*/)?\s*(?:(?:bad|edge)[ _])?(?:boundary|new[ _]?segment|discontinuity)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_NO_CODES = ("", "-99", "-99.0", "[]", "nan")
BRIEF = 0.1  # s; a code that is held is held for longer
SAME = 1.5  # samples; triggers of one code that are nearer are one (annotations are not on samples)
MOST_RATE = 1e7  # Hz
_FOLDERS = {kind.value: kind for kind in Modality if kind.sampled}
# Sensors as MNE-Python names them, in the order in which BIDS names a recording of several kinds.
_SENSORS = (
    (Modality.MEG, {"mag", "grad", "ref_meg"}),
    (Modality.IEEG, {"seeg", "ecog", "dbs"}),
    (
        Modality.NIRS,
        {"fnirs_cw_amplitude", "fnirs_fd_ac_amplitude", "fnirs_fd_phase", "fnirs_od", "hbo", "hbr"},
    ),
)
_BIOSEMI_MASK = 0xFFFF  # the bits above are the amplifier's own (battery, CMS range, epoch)


def open_raw(path: Path) -> "mne.io.BaseRaw":
    """Open a recording without loading its signal; see `open_recording`."""
    return open_recording(path)[0]


def open_recording(path: Path) -> tuple["mne.io.BaseRaw", tuple[str, ...]]:
    """Open a recording without loading its signal, and say what the user should know of the file.

    Raises
    ------
    InputError
        If the file is missing, of no known kind, or cannot be read.
    """
    import mne

    if not path.exists():
        raise InputError(f"There is no recording {path.name} in {path.parent.name}", remedy="check the name")
    if path.suffix.lower() in XDF_SUFFIXES:
        return open_xdf(path)
    check_kind(path)
    refuse_links(path)
    reader: Callable[..., Any] = mne.io.read_raw
    if path.suffix.lower() == ".raw":
        reader = mne.io.read_raw_egi
    elif path.suffix.lower() == ".data":
        reader = partial(mne.io.read_raw_nicolet, ch_type="eeg")
    notes: list[str] = []
    check_start(path, notes)
    try:
        with mne.use_log_level("warning"), _readable(path, notes) as place, heed_warnings(path, notes):
            raw = _read(reader, place)
            raw.get_channel_types()  # of a damaged header, a kind may be none
            if type(raw).__name__ == "RawCNT":
                place_events(path, raw)
        if type(raw).__name__ == "RawGDF":
            with heed_warnings(path, notes):
                gdf.place_events(path, raw, notes)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path.name} cannot be read as a recording ({_reason(error, path)})",
            place=path,
            remedy=f"give a complete file of one of the kinds {KINDS}",
        ) from None
    if is_edf(path):
        check_records(path)
    if not 0 < raw.info["sfreq"] <= MOST_RATE:
        raise InputError(
            f"{path.name} says a sampling rate of {raw.info['sfreq']:g} Hz, which cannot be",
            place=path,
            remedy="export it again",
        )
    if raw.n_times < 1:
        raise InputError(
            f"{path.name} has no data: it is cut short, or its data file is empty",
            place=path,
            remedy="copy it again",
        )
    return note_length(path, raw, notes), tuple(notes)


def _read(reader: Callable[..., Any], path: Path) -> "mne.io.BaseRaw":
    try:
        return reader(path, preload=False, verbose="warning")
    except Exception as error:
        if not is_edf(path) or "encoding" not in str(error):
            raise
        warnings.warn(LATIN, RuntimeWarning, stacklevel=2)
        return reader(path, preload=False, encoding="latin1", verbose="warning")


def _readable(path: Path, notes: list[str]) -> AbstractContextManager[Path]:
    """The file that MNE-Python is to read: itself, or a corrected copy of a header."""
    return readable_header(path, notes) if path.suffix.lower() == ".vhdr" else nullcontext(path)


def _reason(error: Exception, path: Path) -> str:
    """Why a file cannot be read, without the folders of this computer."""
    if isinstance(error, FileNotFoundError):
        text = str(error.filename or error)
        name = re.search(r"([^/\\\s]+\.(?:eeg|dat|avg|seg|fdt|vmrk|bin|xml))\b", text, re.IGNORECASE)
        if name:
            return f"its file {name.group(1)} is missing"
    if trials := re.match(r"The number of trials is (\d+)", str(error)):
        return f"it holds {trials[1]} epochs, and no continuous recording"
    if str(error).startswith("No raw data in"):
        return "it holds epochs, averages or something else, and no continuous recording"
    if isinstance(error, KeyError):
        return f"its header says {error}, which is not known there: it is damaged"
    if "EGI epoch first/last samps could not be parsed" in str(error):
        return "its signal lacks samples that epochs.xml names: it is cut short"
    if str(error).startswith("Unsupported file type"):
        return (
            f"no reader is known for files ending in {path.suffix}"
            if path.suffix
            else "its name has no ending"
        )
    text = str(error).replace(f"{path.parent}{os.sep}", "").replace(f"{path.parent.absolute()}{os.sep}", "")
    return " ".join(text.split())[:200] or type(error).__name__


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
    raw, notes = open_recording(path)
    rate = float(raw.info["sfreq"])
    said: list[str] = []
    triggers = read_triggers(raw, said)
    doubled = triggers.groupby("code")["onset"].diff() <= SAME / rate
    note = f"Triggers that are in the recording twice, within a sample of each other, count once: {doubled.sum()}."
    return Recording(
        modality=_modality_of(path, raw),
        file=path,
        duration=raw.n_times / rate,
        triggers=triggers[~doubled].reset_index(drop=True),
        sampling_rate=rate,
        gaps=_pauses(raw),
        notes=(*notes, *(note for note in said if note not in notes), *((note,) if doubled.any() else ())),
        details=RecordingDetails(first_time=float(raw.first_time)),  # to find a place in a cropped copy again
    )


def _modality_of(path: Path, raw: "mne.io.BaseRaw") -> Modality:
    """What BIDS calls the recording: by its folder in a data set, else by its sensors."""
    if path.name.startswith("sub-") and path.parent.name in _FOLDERS:
        return _FOLDERS[path.parent.name]
    kinds = set(raw.get_channel_types())
    return next((modality for modality, sensors in _SENSORS if kinds & sensors), Modality.EEG)


def read_triggers(raw: "mne.io.BaseRaw", notes: list[str] | None = None) -> pd.DataFrame:
    """Columns ``onset``, in ``raw.times``, and ``code``: all annotations and steps that may be triggers, in order.

    What MNE-Python warns of is added to ``notes``.
    """
    with heed_warnings(Path(raw.filenames[0] or "the recording"), [] if notes is None else notes):
        rows = [*_annotation_triggers(raw), *_channel_triggers(raw)]
    triggers = pd.DataFrame(rows, columns=["onset", "code"]).astype({"onset": np.float64, "code": "str"})
    return triggers.sort_values("onset", kind="stable", ignore_index=True)


def is_boundary(description: str) -> bool:
    """Whether an annotation says that the recording does not go on here: samples are missing, however written."""
    return description.strip().strip("/").lower() in _NO_CODES or _BOUNDARY.fullmatch(description) is not None


def _is_break(raw: "mne.io.BaseRaw", description: str) -> bool:
    return is_boundary(description) or (description == gdf.NEW_SEGMENT and type(raw).__name__ == "RawGDF")


def _annotation_triggers(raw: "mne.io.BaseRaw") -> list[tuple[float, str]]:
    # The onsets of a raw's annotations count from the start of the acquisition, not from the first sample.
    channels = _egi_channels(raw)
    return [
        (float(onset) - raw.first_time, normalise_code(description))
        for onset, description in zip(raw.annotations.onset, raw.annotations.description, strict=True)
        if not str(description).startswith(SKIP) and not _is_break(raw, str(description))
        # A step tells no event on the first sample.
        if description not in channels or (onset - raw.first_time) * raw.info["sfreq"] < 0.5
    ]


def _egi_channels(raw: "mne.io.BaseRaw") -> frozenset[str]:
    """Names of EGI's event channels, which are the codes: each is 1 where its event is."""
    if type(raw).__name__ not in ("RawEGI", "RawMff"):
        return frozenset()
    kinds = raw.get_channel_types()
    return frozenset(
        name
        for name, kind in zip(raw.ch_names, kinds, strict=True)
        if kind == "stim" and not name.startswith("STI ")
    )


def _channel_triggers(raw: "mne.io.BaseRaw") -> list[tuple[float, str]]:
    import mne

    rows: list[tuple[float, str]] = []
    path = Path(raw.filenames[0] or "")
    mask = _BIOSEMI_MASK if path.suffix.lower() == ".bdf" else None
    picks = mne.pick_types(raw.info, meg=False, stim=True)
    exact = read_scaled_codes(path, raw.times[-1]) if len(picks) and is_edf(path) else {}
    named = _egi_channels(raw)
    for name in (raw.ch_names[pick] for pick in picks):
        if named and name not in named:  # the sum of the others
            continue
        source = raw
        if name in exact:
            codes, per_second = exact[name]
            info = mne.create_info([name], per_second, "stim")
            source = mne.io.RawArray(codes[None].astype(np.float64), info, verbose="error")
        try:
            events = mne.find_events(
                source,
                name,
                output="step",
                consecutive=True,
                shortest_event=1,
                mask=mask,
                mask_type="and",
                verbose="warning",
            )
        except ValueError as error:
            warnings.warn(f"{UNREAD_CHANNEL} {name} ({error})", RuntimeWarning, stacklevel=2)
            continue
        rate = float(source.info["sfreq"])
        events = _select_triggers(events, rate)
        times = (events[:, 0] - source.first_samp) / rate
        codes_of = [name if name in named else str(code) for code in events[:, 2]]
        rows += [(float(time), normalise_code(code)) for time, code in zip(times, codes_of, strict=True)]
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
        if str(description).startswith(SKIP):
            pauses.add((start, start + float(duration)))
        elif _is_break(raw, str(description)) and step < start < (raw.n_times - 1) * step:
            pauses.add((start, start))  # the first boundary of a file is its beginning
    return tuple(sorted(pauses))
