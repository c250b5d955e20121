"""Copies of recordings that carry events: which file it is, that it is the one of the result, and its large parts.

Conventions: samples count from 0 here; each program's module adds what its own files begin with.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError, option
from enicfer.export.event_table import TRIAL, ExportRun, Notes
from enicfer.export.mne.clock import shift_of
from enicfer.io.eeg import open_raw


def need_recording(item: ExportRun, program: str, suffixes: tuple[str, ...]) -> Path:
    """The recording's file, after it was found to be that of the result.

    Raises
    ------
    InputError
        If it was not given, is of another kind, or is another recording.
    """
    file = item.run.recording.file
    name = file.name
    if file.suffix.lower() in suffixes and item.recording is None:
        raise InputError(
            f"{program} needs the recording of {item.stem}, because its file is a copy with the events",
            remedy=f"give {option('recordings', '--recording')} FOLDER/{name}",
        )
    if item.recording is None or item.recording.suffix.lower() not in suffixes:
        raise InputError(
            f"{name} is no {' or '.join(suffixes)} file, and {program} gets a copy of such a file",
            remedy=f"choose another program with {option('programs', '--to')}",
        )
    check_recording(item)
    return item.recording


def check_recording(item: ExportRun) -> None:
    """Refuse a recording that is cropped, resampled or another one than that of the result.

    Raises
    ------
    InputError
        With what differs.
    """
    if item.recording is None:
        return
    raw, recording = open_raw(item.recording), item.run.recording
    rate, shift = float(raw.info["sfreq"]), shift_of(raw, item.run, 0.0, None)
    expected = round(recording.duration * (recording.sampling_rate or rate))
    if recording.sampling_rate != rate or abs(shift) * rate > 0.5 or raw.n_times != expected:
        raise InputError(
            f"{item.recording.name} has {raw.n_times} samples at {rate:g} Hz, and the result was "
            f"made from {expected} at {recording.sampling_rate or rate:g} Hz",
            remedy="give the recording as it was, not cropped or resampled",
        )


def sampling_rate(item: ExportRun) -> float:
    """In Hz.

    Raises
    ------
    InputError
        If the recording has none.
    """
    rate = item.run.recording.sampling_rate
    if not rate:
        raise InputError(
            f"{item.run.recording.file.name} has no sampling rate", remedy="process the session again"
        )
    return rate


def events_inside(item: ExportRun, notes: Notes) -> pd.DataFrame:
    """The events that begin in the recording, cut at its end.

    Further columns are ``sample`` (the nearest), ``label``, and the ``whole`` duration.

    A trial's label is ``trial/<condition>``, so that it is not counted with the task's own events of that name.
    """
    rate, end = sampling_rate(item), item.run.recording.duration
    table = item.events
    sample = np.rint(table["onset"].to_numpy(np.float64) * rate).astype(np.int64)
    inside = (sample >= 0) & (sample < round(end * rate))
    if (~inside).any():
        notes.add(
            f"{(~inside).sum()} events of {item.stem} begin outside of the recording and were left out."
        )
    label = np.where(
        table["kind"] == TRIAL, "trial/" + table["name"].astype("str"), table["name"].astype("str")
    )
    table = table.assign(sample=sample, label=label, whole=table["duration"])[inside].reset_index(drop=True)
    left = (end - table["onset"]).clip(lower=0.0)
    table["duration"] = table["duration"].where(table["duration"] < left, left)
    return table


def sizes(table: pd.DataFrame, rate: float) -> npt.NDArray[np.int64]:
    """Lengths in samples, at least one: from the nearest sample of the start to that of the end."""
    stop = np.rint((table["onset"] + table["duration"]).to_numpy(np.float64) * rate).astype(np.int64)
    return np.maximum(stop - table["sample"].to_numpy(np.int64), 1)


def copy_binary(source: Path, target: Path, link: bool, notes: Notes) -> None:
    """Copy a large file, or share it where ``link`` is set and the disk can."""
    if link:
        try:
            os.link(source.resolve(), target)
            return
        except OSError:
            notes.add(f"{source.name} was copied: the folders share no disk on which files can be linked.")
    shutil.copyfile(source, target)
