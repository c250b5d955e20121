"""Logs of task programs -> a table of onsets and codes.

Read are PsychoPy (CSV and .log), Presentation (.log), E-Prime (text, UTF-16 or not), BIDS ``events.tsv``, and
plain tables or lines of a time and a code. What a file is follows from its content, not from its name, but for a
BIDS ``_physio.tsv.gz`` (`enicfer.io.physio_log`). What becomes the code:

===============  ==========================================================================================
BIDS events      ``trial_type`` and ``value``
Presentation     ``Code``; ``Event Type/Code`` where a code occurs with several event types
E-Prime          the object for its onset (``PicNeut1``), ``PicNeut1.RTTime`` for its response
PsychoPy CSV     the component that started (``face``), also with each condition of its row (``face/happy``),
                 and every key that was pressed (``5``)
PsychoPy .log    the key of a key press, else the message
other tables     the column called code, trigger, value, event, marker, trial_type, label or name
===============  ==========================================================================================

Onsets are s on the log's own clock.
"""

import ast
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from enicfer.config.codes import normalise_code
from enicfer.config.protocol import Log
from enicfer.errors import InputError
from enicfer.io.columns import Row, explain_columns
from enicfer.io.log_times import Cell, describe_left_out, read_times
from enicfer.io.physio_log import is_physio, read_physio_triggers
from enicfer.io.plain_tables import UNITS, Entry, has_header, list_rows, parse_table, take_columns
from enicfer.io.tables import read_text
from enicfer.records import Modality

_PRESENTATION_TICK = 1e-4  # s
_EPRIME_TICK = 1e-3  # s
_RESTART = 5.0  # s; a log whose times go back by more has begun anew
_PSYCHOPY_OWN = (
    "participant",
    "session",
    "date",
    "expName",
    "psychopyVersion",
    "frameRate",
    "expStart",
    "notes",
)
_MAX_CONDITIONS = 50  # a column with more values than this is no condition


@dataclass(frozen=True)
class TriggerLog:
    """What a log says.

    Attributes
    ----------
    table
        Columns ``onset`` (s on the log's clock, sorted) and ``code`` (str).
    notes
        What was left out, one sentence each.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_trigger_log(path: Path, columns: Log | None = None) -> TriggerLog:
    """Read the log of a task program.

    Parameters
    ----------
    path
        The log.
    columns
        Which columns hold times and codes, as the protocol says; None to tell by their names.

    Raises
    ------
    InputError
        If the file is missing, is no text, has no line with a time and a code, or a line whose time cannot be read.
    """
    notes: list[str] = []
    if is_physio(path):
        return TriggerLog(_as_table(read_physio_triggers(path, notes)), tuple(notes))
    text = read_text(path)
    if columns is not None and (columns.onset_column or columns.code_columns):
        found: Iterable[Entry] = _parse_named(text, path.name, notes, columns)
    else:
        parse = next(parse for recognise, parse in FORMATS if recognise(text))
        found = parse(text, path.name, notes)
    entries = [(t, normalise_code(c)) for t, c in found if math.isfinite(t) and normalise_code(c)]
    if not entries:
        raise InputError(
            f"{path.name} has no entry with a time and a code ({_describe_empty(text)})"
            f"{'.' if notes else ''}{''.join(f' {note}' for note in notes)}",
            place=path,
            remedy=(
                "give a log of PsychoPy, Presentation or E-Prime, a BIDS events file, or lines of a time in s and a "
                "code"
            ),
        )
    return TriggerLog(_as_table(entries), tuple(notes))


def _as_table(entries: Sequence[Entry]) -> pd.DataFrame:
    table = pd.DataFrame(entries, columns=["onset", "code"]).astype({"onset": "float64", "code": "str"})
    return table.sort_values("onset", kind="stable", ignore_index=True)


def _describe_empty(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "it is empty"
    return f"its first line is {lines[0][:60]!r}{', and it has no other' if len(lines) == 1 else ''}"


def read_events(path: Path, modality: Modality, columns: Log | None = None) -> TriggerLog:
    """Read a table of events on the clock of a recording of this modality; see `read_trigger_log`.

    Raises
    ------
    InputError
        Also if it is the log of a task program, whose clock is its own.
    """
    recognise = next(recognise for recognise, _ in FORMATS if recognise(read_text(path)))
    if recognise is not _is_anything:
        way = "leave events out, and trials are found by the codes that the task sent to the recording"
        if modality is Modality.FMRI:
            way = "give it as triggers in session.toml"
        raise InputError(
            f"{path.name} is the log of a task program, whose clock is not the recording's",
            place=path,
            remedy=(
                f"{way}, or give a table with the columns onset (s from the recording's start), "
                "duration and trial_type as events"
            ),
        )
    read = read_trigger_log(path, columns)
    again = read.table[read.table.duplicated()]
    if again.empty:
        return read
    onset, code = again.iloc[0]
    note = (
        f"{len(again)} of {len(read.table)} events of {path.name} are there twice, with the same onset and code (the "
        f"first at {onset:.3f} s, {code!r}); each counts."
    )
    return TriggerLog(read.table, (*read.notes, note))


def _parse_named(text: str, name: str, notes: list[str], columns: Log) -> list[Entry]:
    """Entries of the columns that the protocol's [log] names."""
    rows, _ = list_rows(text, name)
    header = [cell.strip() for cell in rows[0][1]] if rows and has_header(rows) else []
    wanted = [columns.onset_column or "onset", *columns.code_columns]
    missing = [column for column in wanted if column not in header]
    if missing:
        raise InputError(explain_columns(name, header, wanted), remedy="correct them in the protocol's [log]")
    at = [header.index(column) for column in wanted]
    scale = UNITS[columns.unit] if columns.unit else 1.0
    return take_columns(rows, name, notes, text.endswith("\n"), at[0], scale, at[1:])


def _is_eprime(text: str) -> bool:
    return "*** LogFrame Start ***" in text


def _parse_eprime(text: str, name: str, notes: list[str]) -> Iterable[Entry]:
    lines = text.split("\n")
    cells: list[Cell] = []
    codes = []
    for number, line in enumerate(lines, 1):
        key, _, value = line.strip().partition(": ")
        if not key.endswith((".OnsetTime", ".RTTime")) or not value.strip():
            continue
        if number == len(lines):  # no line end follows
            notes.append(f"The last line of {name} ({line.strip()[:60]!r}) is cut off, and was left out.")
            continue
        cells.append((number, value))
        codes.append(key.removesuffix(".OnsetTime"))
    times = read_times(cells, name, _EPRIME_TICK)
    rows = zip(cells, times, codes, strict=True)
    notes += describe_left_out(
        [(i, f"{code}: {text}") for (i, text), t, code in rows if t is None], name, "time"
    )
    # A time of 0 means that nothing was shown or nobody answered.
    return [(t, code) for t, code in zip(times, codes, strict=True) if t is not None and t > 0]


def _is_presentation(text: str) -> bool:
    return re.search(r"^(Subject\t)?Trial\tEvent Type\tCode\tTime\b", text, re.MULTILINE) is not None


def _parse_presentation(text: str, name: str, notes: list[str]) -> Iterable[Entry]:
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if "\tEvent Type\tCode\tTime" in line)
    columns = lines[start].split("\t")
    kind, code, time = (columns.index(column) for column in ("Event Type", "Code", "Time"))
    again = [
        i
        for i, line in enumerate(lines[start + 1 :], start + 2)
        if "\tEvent Type\tCode\tTime\t" in f"{line}\t"
    ]
    if again:
        raise InputError(
            f"{name} holds several logs of Presentation, one behind the other (the next begins at "
            f"line {again[0]})",
            remedy="give the one of this run as a file of its own",
        )
    rows: list[Row] = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        cells = line.split("\t")
        if line.strip() and number == len(lines) and len(cells) <= time + 1 < len(columns):
            notes.append(f"The last line of {name} ({line.strip()[:60]!r}) is cut off, and was left out.")
            break
        if rows and (not line.strip() or line.startswith("Event Type\tCode")):
            break  # the table of stimuli follows after an empty line
        if line.strip():
            rows.append((number, cells + [""] * (time + 1 - len(cells))))
    numbers = read_times([(i, cells[time]) for i, cells in rows], name, _PRESENTATION_TICK)
    _refuse_restart(numbers, rows, name)
    events = [(t, cells[kind], cells[code].strip()) for t, (_, cells) in zip(numbers, rows, strict=True)]
    said = [(i, " ".join(c).strip(), *event) for (i, c), event in zip(rows, events, strict=True)]
    notes += describe_left_out([(i, text) for i, text, t, _, _ in said if t is None], name, "time")
    # The end of the task has no code.
    codeless = [(i, text) for i, text, t, what, v in said if t is not None and not v and what != "Quit"]
    notes += describe_left_out(codeless, name, "code")
    kinds: dict[str, set[str]] = {}
    for _, event_type, value in events:
        kinds.setdefault(value, set()).add(event_type)
    return [
        (t, value if len(kinds[value]) == 1 else f"{event_type}/{value}")
        for t, event_type, value in events
        if t is not None and value
    ]


def _refuse_restart(times: Sequence[float | None], rows: Sequence[Row], name: str) -> None:
    """Refuse a log whose clock begins anew; a single entry that was written late is below only by itself."""
    known = [(t, line) for t, (line, _) in zip(times, rows, strict=True) if t is not None]
    for (before, _), (after, line), (then, _) in zip(known, known[1:], known[2:], strict=False):
        if before - max(after, then) > _RESTART:
            raise InputError(
                f"The times of {name} go back from {before:.1f} to {after:.1f} s at line {line}: its "
                "clock began anew, so it holds several runs",
                remedy="give the part of this run as a file of its own",
            )


def _is_psychopy_log(text: str) -> bool:
    return re.match(r"\s*\d+\.\d+\s*\t\s*[A-Z]+\s*\t", text) is not None


def _parse_psychopy_log(text: str, name: str, notes: list[str]) -> Iterable[Entry]:
    """Lines of a time, a level and a message; others are the rest of a message of several lines."""
    lines = text.split("\n")
    cells: list[Cell] = []
    messages = []
    for number, line in enumerate(lines, 1):
        parts = line.split("\t", 2)
        if len(parts) == 3 and re.fullmatch(r"\s*\S*\d\S*\s*", parts[0]) and parts[1].strip().isupper():
            cells.append((number, parts[0]))
            messages.append(parts[2].strip())
        elif number == len(lines) and re.match(r"\d", line):
            notes.append(f"The last line of {name} ({line[:60]!r}) is cut off, and was left out.")
    found = []
    for time, message in zip(read_times(cells, name), messages, strict=True):
        key = re.fullmatch(r"Key(?:press|down): (.+)", message)
        if time is not None:
            found.append((time, key.group(1) if key else message))
    return found


def _is_psychopy_table(text: str) -> bool:
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    return any(cell.strip(' "').endswith((".started", ".rt")) for cell in re.split("[\t,;]", first))


def _parse_psychopy_table(text: str, name: str, notes: list[str]) -> Iterable[Entry]:
    (first, *rows), _ = list_rows(text, name)
    header = [cell.strip() for cell in first[1]]
    if rows and not text.endswith("\n") and len(rows[-1][1]) < len(header):
        line, cells = rows.pop()
        notes.append(
            f"The last line of {name} (line {line}: {' '.join(cells)[:60]!r}) is cut off, and was left out."
        )
    table = [dict(zip(header, cells, strict=False)) for _, cells in rows]
    conditions = [
        column
        for column in header
        if column and "." not in column and column not in _PSYCHOPY_OWN
        and len({row.get(column, "") for row in table}) <= _MAX_CONDITIONS
    ]  # fmt: skip
    # Two conditions of a row may have the same value.
    found = (
        entry
        for (line, _), row in zip(rows, table, strict=True)
        for entry in _psychopy_row(row, conditions, line, name)
    )
    return dict.fromkeys(found)


def _psychopy_row(row: dict[str, str], conditions: Sequence[str], line: int, name: str) -> Iterable[Entry]:
    for column, cell in row.items():
        component, _, what = column.rpartition(".")
        if what == "started":
            for onset in _numbers(cell, line, name):
                yield onset, component
                for condition in conditions:
                    if row.get(condition, "").strip():
                        yield onset, f"{component}/{row[condition].strip()}"
        if what == "keys" and cell.strip() not in ("", "None"):
            starts = _numbers(row.get(f"{component}.started", ""), line, name)
            delays = _numbers(row.get(f"{component}.rt", ""), line, name)
            for key, delay in zip(_texts(cell), delays, strict=False):
                if starts:
                    yield starts[0] + delay, key


def _is_anything(text: str) -> bool:
    return True


def _numbers(cell: str, line: int, name: str) -> list[float]:
    return [t for t in read_times([(line, text) for text in _texts(cell)], name) if t is not None]


def _texts(cell: str) -> list[str]:
    """One value, or a Python list of values, as PsychoPy writes them."""
    cell = cell.strip()
    if cell.startswith("["):
        try:
            return [str(value) for value in ast.literal_eval(cell)]
        except (ValueError, SyntaxError):
            return []
    return [cell.strip("'\"")] if cell else []


FORMATS: tuple[tuple[Callable[[str], bool], Callable[[str, str, list[str]], Iterable[Entry]]], ...] = (
    (_is_eprime, _parse_eprime),
    (_is_presentation, _parse_presentation),
    (_is_psychopy_table, _parse_psychopy_table),
    (_is_psychopy_log, _parse_psychopy_log),
    (_is_anything, parse_table),
)
