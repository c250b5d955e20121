"""Exports of BORIS: aggregated or tabular events."""

import re
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.columns import explain_columns
from enicfer.io.external.facereader import read_clock
from enicfer.io.external.spans import Span, check_one, check_times, join_modifiers, pair_states
from enicfer.io.row_tables import RowTable, read_rows
from enicfer.io.tables import read_text
from enicfer.records import FloatArray

_NO_FILE = ("", "NA", "Not found")  # BORIS did not find the file, or the event belongs to none


def read_boris(path: Path) -> list[Span] | None:
    """Spans of an export of BORIS, or None if it is none."""
    table = read_rows(
        path, lambda names: "Behavior" in names and ({"Start (s)", "Time"} & set(names)) != set()
    )
    if table is None:
        return None
    for name in ("Observation id", "Media file name"):
        check_one(table, name, _NO_FILE)
    who = table.text("Subject") if "Subject" in table else [""] * len(table)
    modifiers = [name for name in table.names if name.startswith("Modifier")]
    codes = join_modifiers(table.text("Behavior"), *(table.text(name) for name in modifiers))
    if "Start (s)" in table:
        shift = _boris_offset(table, "Start (s)")
        onset = _seconds(table, "Start (s)") - shift
        offset = _seconds(table, "Stop (s)") - shift
        check_times(table, onset, offset)
        return [Span(*fields) for fields in zip(onset.tolist(), offset.tolist(), codes, who, strict=True)]
    kind = next((name for name in ("Behavior type", "Status") if name in table), None)
    if kind is None:
        raise InputError(
            explain_columns(path.name, table.names, ("Behavior type",)),
            place=path,
            remedy="export tabular or aggregated events of BORIS",
        )
    time = _seconds(table, "Time") - _boris_offset(table, "Time")
    wrong = np.flatnonzero(~np.isfinite(time))
    if wrong.size:
        raise InputError(
            f"Row {wrong[0] + 1} of {path.name} has the time {table.text('Time')[wrong[0]]!r}, "
            "which is no number of s",
            remedy="export it again",
        )
    return pair_states(path, "BORIS", time, table.text(kind), codes, who)


def _seconds(table: RowTable, name: str) -> FloatArray:
    """Numbers of a column; also seconds since 1970, for BORIS may be told to count from then."""
    cells = (cell.replace(",", ".") for cell in table.text(name))
    return np.array(
        [float(c) if re.fullmatch(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?", c) else np.nan for c in cells]
    )


def _boris_offset(table: RowTable, name: str) -> FloatArray:
    """What BORIS added to the times of each row, in s.

    It is in a column, or in a line above the header. Where the number of the picture contradicts that it was added,
    it was not.
    """
    zero = np.zeros(len(table))
    if "Time offset (s)" in table:
        offset = _seconds(table, "Time offset (s)")
        offset = np.where([cell == "" for cell in table.text("Time offset (s)")], 0.0, offset)
    else:
        lines = read_text(table.path).split("\n")[:100]
        found = [re.split("[\t;,]", line, maxsplit=1) for line in lines if line.startswith("Time offset")]
        cell = found[0][-1].strip(' "\t;,') if found else ""
        offset = zero + (read_clock(cell) if cell else 0.0)
    if not np.isfinite(offset).all():
        raise InputError(
            f"{table.path.name} has a time offset that is no number of s", remedy="export it again"
        )
    time = _seconds(table, name)
    if not offset.any():
        return zero
    for place, rate in (("Image index", "FPS"), ("Image index start", "FPS (frame/s)")):
        if place in table and rate in table:
            shown = _seconds(table, place) / _seconds(table, rate)
            known = np.isfinite(shown) & np.isfinite(time)
            added = np.abs(time - offset - shown)[known].max(initial=0.0)
            if added > max(1.0, np.abs(time - shown)[known].max(initial=0.0)):
                return zero
    if (time - offset < -1e-3).any():
        raise InputError(
            f"{table.path.name} states a time offset of {offset[0]:.3f} s, but has times before it "
            f"(from {np.nanmin(time):.3f} s): whether the offset was added to the times cannot be "
            "told.",
            place=table.path,
            remedy="set the observation's offset to 0 in BORIS and export it again",
        )
    return offset
