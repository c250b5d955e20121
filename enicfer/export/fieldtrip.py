"""FieldTrip: events as ``ft_read_event`` reads them, and a ``trl`` matrix for ``ft_redefinetrial``.

Samples count from 1. ``ft_read_event`` takes the column ``sample`` as it stands, and finds the rate in ``_eeg.json``
beside the table. A missing number is NaN, for MATLAB would take ``n/a`` for text.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.export.copies import check_recording, events_inside, sampling_rate
from enicfer.export.event_table import TRIAL, ExportOptions, ExportRun, Notes
from enicfer.export.matlab import cells, write_mat
from enicfer.io.tables import write_json


def write_fieldtrip(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_events.tsv``, ``<run>_eeg.json`` and ``<run>_trl.mat``.

    The ``trl`` has begin, end (both within), offset, the number of the condition in ``conditions``, and the measures;
    ``columns`` names them.

    Parameters
    ----------
    runs
        Of EEG.
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
        If the recording has no sampling rate, or the one that was given is another one.
    """
    notes = Notes()
    for item in runs:
        check_recording(item)
        rate, table = sampling_rate(item), events_inside(item, notes)
        listed = pd.DataFrame(
            {
                "onset": _text(table["onset"]),
                "duration": _text(table["duration"]),
                "sample": table["sample"] + 1,
                "type": "fer_" + table["kind"],  # FieldTrip itself has events of the type trial
                "value": table["label"].str.replace(r"\s+", " ", regex=True),
                **{name: _text(table[name]) for name in item.measures},
            }
        )
        listed.to_csv(
            folder / f"{item.stem}_events.tsv", sep="\t", index=False, lineterminator="\n", na_rep="NaN"
        )
        facts = {"SamplingFrequency": rate, "RecordingDuration": item.run.recording.duration}
        write_json(folder / f"{item.stem}_eeg.json", facts)
        write_mat(folder / f"{item.stem}_trl.mat", _trl(item, table, rate, options, notes))
    return notes.said


def _text(column: "pd.Series[float]") -> "pd.Series[str]":
    if not pd.api.types.is_numeric_dtype(column):
        return column.astype("str")
    return column.map(lambda value: "NaN" if np.isnan(value) else f"{value + 0.0:.6f}").astype("str")


def _trl(
    item: ExportRun, table: pd.DataFrame, rate: float, options: ExportOptions, notes: Notes
) -> dict[str, object]:
    """The variables of the file: what trials of the protocol's window are, in samples."""
    trials = table[table["kind"] == TRIAL]
    conditions = list(dict.fromkeys([*options.conditions, *trials["name"]]))
    numbers = [name for name in item.measures if pd.api.types.is_numeric_dtype(table[name])]
    offset = round(item.run.provenance.protocol.window_start * rate)
    begin = trials["sample"].to_numpy(np.int64) + offset
    stop = trials["sample"].to_numpy(np.int64) + np.rint(trials["whole"].to_numpy(np.float64) * rate).astype(
        np.int64
    )
    whole = (begin >= 0) & (stop <= round(item.run.recording.duration * rate)) & (stop > begin)
    if not whole.all():
        notes.add(
            f"{(~whole).sum()} trials of {item.stem} reach over the recording's ends and are not in trl, which "
            "FieldTrip would refuse."
        )
    code = np.array([conditions.index(name) + 1 for name in trials["name"]], np.float64)
    rows = np.column_stack(
        [
            begin + 1,
            stop,
            np.full(len(begin), offset),
            code,
            *(trials[name].to_numpy(np.float64) for name in numbers),
        ]
    )[whole]
    columns = ["begsample", "endsample", "offset", "condition", *numbers]
    return {"trl": rows.astype(np.float64), "columns": cells(columns), "conditions": cells(conditions)}
