"""SPM and CONN: a file of multiple conditions (``.mat``) and one of multiple regressors for each run.

SPM takes no condition without a trial: it is left out of that run's file. Parametric modulators are the measure minus
its mean over the run's trials of the condition, 0 where it is missing. Names may have up to `LONGEST` letters, as
MATLAB's own names, which contrasts and CONN make of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.errors import InputError, option
from enicfer.export.event_table import ExportOptions, ExportRun, Notes, modulation
from enicfer.export.fmri import timeseries_table
from enicfer.export.matlab import cells, row, struct_array, write_mat

LONGEST = 63  # letters
UNITS = ("secs", "scans")


def write_spm(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_conditions.mat``, ``<run>_multi_reg.txt`` and ``<run>_multi_reg_names.txt``.

    Parameters
    ----------
    runs
        Of fMRI.
    folder
        For the files.
    options
        ``units`` are those of the design: ``secs``, or ``scans`` from the first stored volume.

    Returns
    -------
    list of str
        What the user should know, a sentence each.

    Raises
    ------
    InputError
        If SPM cannot take a name, or a run has no trial at all.
    """
    if options.units not in UNITS:
        raise InputError(f"The units of SPM's design are {options.units!r}", remedy="give secs or scans")
    notes = Notes()
    check_names(options.conditions)
    for item in runs:
        write_mat(folder / f"{item.stem}_conditions.mat", _conditions(item, options, notes))
        table, about = timeseries_table(item.run, convolve=options.convolve)
        names = [n for n in about["ConfoundColumns"] if not options.convolve or n.endswith("_hrf")]
        lines = ("\t".join(f"{value + 0.0:.6f}" for value in line) for line in table[names].to_numpy())
        path = folder / f"{item.stem}_multi_reg.txt"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\n")
        text = "".join(f"{name}\n" for name in names)
        (folder / f"{item.stem}_multi_reg_names.txt").write_text(text, encoding="utf-8", newline="\n")
    return notes.said


def check_names(names: Sequence[str]) -> None:
    """Refuse names of conditions that SPM does not take.

    Raises
    ------
    InputError
        If one is empty or too long, or two are the same but for blanks.
    """
    for name in names:
        if not name.strip():
            raise InputError(
                "A condition has an empty name, which SPM does not take",
                remedy=(
                    f"name it in the protocol, or leave it out with {option('conditions', '--conditions')}"
                ),
            )
        if len(name) > LONGEST:
            raise InputError(
                f"The condition {name!r} has {len(name)} letters, and a name in SPM has at most {LONGEST}",
                remedy="shorten it in the protocol",
            )
    bare = [name.strip() for name in names]
    if twice := [name for name in bare if bare.count(name) > 1]:
        raise InputError(
            f"Two conditions are named {twice[0]!r}, and SPM tells them by their names",
            remedy="rename one in the protocol",
        )


def _conditions(item: ExportRun, options: ExportOptions, notes: Notes) -> dict[str, Any]:
    """The variables of a file of multiple conditions."""
    tr = item.run.recording.repetition_time
    unit = 1.0 if options.units == "secs" or not tr else tr
    shown = [name for name in options.conditions if (item.events["name"] == name).any()]
    if not shown:
        raise InputError(
            f"{item.stem} has no trial of {', '.join(options.conditions) or 'any condition'}, and "
            "SPM takes no run without one",
            remedy=f"leave the run out with {option('runs', '--runs')}",
        )
    for name in options.conditions:
        if name not in shown:
            notes.add(f"{item.stem} has no {name}: it is left out, for SPM takes none without a trial.")
    onsets, durations, modulators = [], [], []
    for name in shown:
        rows = item.events[item.events["name"] == name]
        onsets.append(row(rows["onset"].to_numpy(np.float64) / unit))
        durations.append(row(rows["duration"].to_numpy(np.float64) / unit))
        found = {}
        for measure in item.measures if options.parametric else ():
            values = modulation(rows[measure].to_numpy(np.float64))
            if values is None:
                notes.add(f"{item.stem}: {measure} does not vary in {name}, and modulates nothing there.")
            else:
                found[measure] = row(values)
        if found:
            poly = cells([1.0] * len(found))
            modulators.append(
                {"name": cells(list(found)), "param": cells(list(found.values())), "poly": poly}
            )
        else:
            modulators.append({})
    content: dict[str, Any] = {"names": cells(shown), "onsets": cells(onsets), "durations": cells(durations)}
    if any(modulators):
        content["pmod"] = struct_array(modulators, ("name", "param", "poly"))
    return {**content, "orth": cells([np.bool_(True)] * len(shown))}
