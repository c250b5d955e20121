"""FSL: three columns (onset in s, duration in s, weight), a file for each condition of each run.

FEAT reads them as *Custom (3 column format)*. A condition without a trial in a run is a file with ``0 0 0``, so that
one design serves all runs. ``_pmod`` twins hold the measure minus its mean over the run's trials of the condition:
FEAT uses weights as they are. Trials without the measure are not in them, and a measure that does not vary is empty.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enicfer.export.event_table import ExportOptions, ExportRun, Notes, modulation
from enicfer.export.names import file_words
from enicfer.records import FloatArray

EMPTY = "0 0 0\n"


def write_fsl(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_<condition>.txt``, and ``<run>_<condition>_<measure>_pmod.txt`` with ``parametric``.

    Parameters
    ----------
    runs
        Of fMRI.
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
        If a condition cannot be a file's name.
    """
    notes, words = Notes(), file_words(options.conditions, "FSL")
    for item in runs:
        for condition, word in words.items():
            rows = item.events[item.events["name"] == condition]
            onset, duration = rows["onset"].to_numpy(np.float64), rows["duration"].to_numpy(np.float64)
            path = folder / f"{item.stem}_{word}.txt"
            if rows.empty:
                notes.add(
                    f"{path.name} is empty (0 0 0): the run has no {condition}; its shape in FEAT is Empty."
                )
            _write(path, onset, duration, np.ones(onset.size))
            for measure in item.measures if options.parametric else ():
                values = rows[measure].to_numpy(np.float64)
                path, weight = folder / f"{item.stem}_{word}_{measure}_pmod.txt", modulation(values)
                if weight is None:
                    why = (
                        f"the run has no {condition}"
                        if rows.empty
                        else f"{measure} does not vary in {condition}"
                    )
                    notes.add(f"{path.name} is empty (0 0 0): {why}.")
                known = np.isfinite(values) & (weight is not None)
                _write(
                    path, onset[known], duration[known], values[known] if weight is None else weight[known]
                )
    return notes.said


def _write(path: Path, onset: FloatArray, duration: FloatArray, weight: FloatArray) -> None:
    rows = zip(onset, duration, weight, strict=True)
    text = "".join(f"{start + 0.0:.6f}\t{length:.6f}\t{value + 0.0:.6f}\n" for start, length, value in rows)
    path.write_text(text or EMPTY, encoding="ascii", newline="\n")
