"""AFNI: stimulus times with a row for each run, and regressors of the volumes.

A run without a trial is ``*``. Where no row has two times, the first ends with another ``*``, or 3dDeconvolve would
take the times for those of the whole experiment. ``t*a,b`` carries amplitudes, which ``-stim_times_AM2`` demeans over
all runs; where one is missing it is the mean of the others, so that the trial is in the main effect alone. ``t:d``
carries durations for ``dmBLOCK``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError, option
from enicfer.export.event_table import ExportOptions, ExportRun, Notes, modulation
from enicfer.export.fmri import timeseries_table
from enicfer.export.names import file_words
from enicfer.io.files.names import session_stem
from enicfer.records import FloatArray


def write_afni(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write the times of each condition over all runs, and the regressors of each run and of all.

    ``<session>_<condition>_times.1D``, ``..._durations.1D`` (``t:d``); with ``parametric`` also
    ``..._amplitudes.1D`` (``t*a,b``) and ``..._amplitudes_durations.1D`` (``t*a,b:d``).

    Parameters
    ----------
    runs
        Of fMRI, in the order in which 3dDeconvolve gets them.
    folder
        For the files.
    options
        ``conditions`` are those of all runs.

    Returns
    -------
    list of str
        What the user should know, a sentence each.

    Raises
    ------
    InputError
        If a condition has no trial in any run, or cannot be a file's name.
    """
    notes, words = Notes(), file_words(options.conditions, "AFNI")
    session = session_stem(runs[0].run.entities)
    for condition, word in words.items():
        rows = [item.events[item.events["name"] == condition] for item in runs]
        if not any(map(len, rows)):
            raise InputError(
                f"No run has a trial of {condition!r}, and AFNI has no file without a time",
                remedy=f"leave it out with {option('conditions', '--conditions')}",
            )
        times = [[f"{t + 0.0:.6f}" for t in part["onset"]] for part in rows]
        lengths = [[f":{d:.6f}" for d in part["duration"]] for part in rows]
        amplitudes = _amplitudes(runs, rows, condition, notes) if options.parametric else []
        start = folder / f"{session}_{word}"
        _write(start, "times", times)
        _write(start, "durations", times, lengths)
        if amplitudes:
            _write(start, "amplitudes", times, amplitudes)
            _write(start, "amplitudes_durations", times, amplitudes, lengths)
    if len(runs) > 1:
        notes.add(f"The rows are the runs in this order: {', '.join(item.run.name for item in runs)}.")
    _write_regressors(runs, folder, session, options.convolve)
    return notes.said


def _write(start: Path, kind: str, *parts: list[list[str]]) -> None:
    """Write married times: the pieces of each trial together, a row for each run."""
    rows = [["".join(pieces) for pieces in zip(*run, strict=True)] for run in zip(*parts, strict=True)]
    lines = [" ".join(row) or "*" for row in rows]
    if all(len(row) < 2 for row in rows):
        lines[0] += " *"
    path = start.with_name(f"{start.name}_{kind}.1D")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\n")


def _amplitudes(
    runs: Sequence[ExportRun], rows: Sequence[pd.DataFrame], condition: str, notes: Notes
) -> list[list[str]]:
    """``*a,b`` for each trial of each run; empty if no measure varies."""
    columns = []
    for measure in runs[0].measures:
        values = np.concatenate([part[measure].to_numpy(np.float64) for part in rows])
        if modulation(values) is None:
            notes.add(f"{measure} does not vary in {condition} over the runs, and is no amplitude there.")
            continue
        columns.append(np.where(np.isfinite(values), values, np.nanmean(values)))
    if not columns:
        return []
    words = ["*" + ",".join(f"{value + 0.0:.6f}" for value in trial) for trial in np.stack(columns, axis=1)]
    ends = np.cumsum([len(part) for part in rows])
    return [words[stop - len(part) : stop] for part, stop in zip(rows, ends.tolist(), strict=True)]


def _write_regressors(runs: Sequence[ExportRun], folder: Path, session: str, convolve: bool) -> None:
    """Write a column for each regressor; those that vary in any run are in all files, so that they can be joined."""
    tables = [timeseries_table(item.run, convolve=convolve) for item in runs]
    wanted = {name for _, about in tables for name in about["ConfoundColumns"]}
    names = list(dict.fromkeys(name for table, _ in tables for name in table.columns if name in wanted))
    names = [name for name in names if not convolve or name.endswith("_hrf")]
    values = [table.reindex(columns=names, fill_value=0.0).to_numpy(np.float64) for table, _ in tables]
    for item, part in zip(runs, values, strict=True):
        _write_columns(folder / f"{item.stem}_regressors.1D", names, part)
    if len(runs) > 1:
        _write_columns(folder / f"{session}_regressors.1D", names, np.concatenate(values))


def _write_columns(path: Path, names: Sequence[str], values: FloatArray | npt.NDArray[np.float64]) -> None:
    lines = [f"# {' '.join(names)}", *(" ".join(f"{v + 0.0:.6f}" for v in line) for line in values)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
