"""Logs of task programs -> a table of onsets and codes.

Read are PsychoPy (CSV and .log), Presentation (.log), E-Prime (text, UTF-16 or not), BIDS ``events.tsv``, and
plain tables or lines of a time and a code. What a file is follows from its content, never from its name. What
becomes the code:

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
import csv
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from enicfer.errors import InputError
from enicfer.io.tables import read_text
from enicfer.protocol import normalise_code
from enicfer.records import Modality

Entry = tuple[float, str]
_TIME_NAMES = ("onset", "time", "timestamp", "t", "seconds", "latency", "onset_time", "start")
_CODE_NAMES = (
    "code",
    "trigger",
    "value",
    "event",
    "marker",
    "trial_type",
    "label",
    "name",
    "description",
    "type",
)
_UNITS = {"ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "us": 1e-6, "s": 1.0, "sec": 1.0, "seconds": 1.0}
_PRESENTATION_TICK = 1e-4  # s
_EPRIME_TICK = 1e-3  # s
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
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_MAX_CONDITIONS = 50  # a column with more values than this is no condition


def read_trigger_log(path: Path) -> pd.DataFrame:
    """Read the log of a task program.

    Parameters
    ----------
    path
        The log.

    Returns
    -------
    pandas.DataFrame
        Columns ``onset`` (s on the log's clock, sorted) and ``code`` (str).

    Raises
    ------
    InputError
        If the file is missing, is no text, or has no line with a time and a code.
    """
    text = read_text(path)
    for recognise, parse in FORMATS:
        if recognise(text):
            entries = [
                (t, normalise_code(c)) for t, c in parse(text) if math.isfinite(t) and normalise_code(c)
            ]
            break
    if not entries:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        raise InputError(
            f"{path.name} has no entry with a time and a code (its first line is {first[:60]!r}): give a log of "
            "PsychoPy, Presentation or E-Prime, a BIDS events file, or lines of a time in s and a code."
        )
    table = pd.DataFrame(entries, columns=["onset", "code"]).astype({"onset": "float64", "code": "str"})
    return table.sort_values("onset", kind="stable", ignore_index=True)


def read_events(path: Path, modality: Modality) -> pd.DataFrame:
    """Read a table of events on the clock of a recording of this modality; see `read_trigger_log`.

    Raises
    ------
    InputError
        Also if it is the log of a task program, whose clock is its own.
    """
    recognise = next(recognise for recognise, _ in FORMATS if recognise(read_text(path)))
    if recognise is not _is_anything:
        way = "leave events out, and trials are found by the codes that the task sent to the EEG"
        if modality is Modality.FMRI:
            way = "give it as triggers in session.toml"
        raise InputError(
            f"{path.name} is the log of a task program, whose clock is not the recording's: {way}, or give a table "
            "with the columns onset (s from the recording's start), duration and trial_type as events."
        )
    return read_trigger_log(path)


def _is_eprime(text: str) -> bool:
    return "*** LogFrame Start ***" in text


def _parse_eprime(text: str) -> Iterable[Entry]:
    for line in text.split("\n"):
        key, _, value = line.strip().partition(": ")
        if key.endswith((".OnsetTime", ".RTTime")) and value.strip().isdigit() and int(value) > 0:
            yield int(value) * _EPRIME_TICK, key.removesuffix(".OnsetTime")


def _is_presentation(text: str) -> bool:
    return re.search(r"^(Subject\t)?Trial\tEvent Type\tCode\tTime\b", text, re.MULTILINE) is not None


def _parse_presentation(text: str) -> Iterable[Entry]:
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if "\tEvent Type\tCode\tTime" in line)
    columns = lines[start].split("\t")
    kind, code, time = (columns.index(name) for name in ("Event Type", "Code", "Time"))
    rows: list[tuple[float, str, str]] = []
    for line in lines[start + 1 :]:
        cells = line.split("\t")
        if len(cells) <= time:
            if rows:  # the table of stimuli follows after an empty line
                break
            continue
        number = _number(cells[time])
        if number is not None and cells[code].strip():
            rows.append((number * _PRESENTATION_TICK, cells[kind], cells[code].strip()))
    kinds: dict[str, set[str]] = {}
    for _, event_type, value in rows:
        kinds.setdefault(value, set()).add(event_type)
    return [
        (t, value if len(kinds[value]) == 1 else f"{event_type}/{value}") for t, event_type, value in rows
    ]


def _is_psychopy_log(text: str) -> bool:
    return re.match(r"\s*\d+\.\d+\s*\t\s*[A-Z]+\s*\t", text) is not None


def _parse_psychopy_log(text: str) -> Iterable[Entry]:
    for line in text.split("\n"):
        cells = line.split("\t", 2)
        number = _number(cells[0])
        if number is not None and len(cells) == 3:
            message = cells[2].strip()
            key = re.fullmatch(r"Key(?:press|down): (.+)", message)
            yield number, key.group(1) if key else message


def _is_psychopy_table(text: str) -> bool:
    header = _rows(text)[:1]
    return bool(header) and any(cell.endswith((".started", ".rt")) for cell in header[0])


def _parse_psychopy_table(text: str) -> Iterable[Entry]:
    header, *rows = _rows(text)
    table = [dict(zip(header, row, strict=False)) for row in rows]
    conditions = [
        name
        for name in header
        if name and "." not in name and name not in _PSYCHOPY_OWN
        and len({row.get(name, "") for row in table}) <= _MAX_CONDITIONS
    ]  # fmt: skip
    # Two conditions of a row may have the same value.
    return dict.fromkeys(entry for row in table for entry in _psychopy_row(row, conditions))


def _psychopy_row(row: dict[str, str], conditions: Sequence[str]) -> Iterable[Entry]:
    for name, cell in row.items():
        component, _, what = name.rpartition(".")
        if what == "started":
            for onset in _numbers(cell):
                yield onset, component
                for condition in conditions:
                    if row.get(condition, "").strip():
                        yield onset, f"{component}/{row[condition].strip()}"
        if what == "keys" and cell.strip() not in ("", "None"):
            starts = _numbers(row.get(f"{component}.started", ""))
            delays = _numbers(row.get(f"{component}.rt", ""))
            for key, delay in zip(_texts(cell), delays, strict=False):
                if starts:
                    yield starts[0] + delay, key


def _is_anything(text: str) -> bool:
    return True


def _parse_table(text: str) -> Iterable[Entry]:
    """Lines of a time and a code, with or without a header."""
    rows = _rows(text)
    if not rows:
        return []
    names = [cell.strip().lower() for cell in rows[0]]
    if _times([rows[0][0]])[0] is not None and not any(n in _TIME_NAMES for n in names):
        return _parse_lines(rows)
    found = [(i, *_split_unit(name)) for i, name in enumerate(names)]
    times = [(i, unit) for wanted in _TIME_NAMES for i, name, unit in found if name == wanted]
    if times and names[times[0][0]] == "latency":
        raise InputError(
            "The column latency does not say whether it is in samples, ms or s: call it latency_ms or latency_s."
        )
    if not times:
        return []
    codes = [i for wanted in _CODE_NAMES for i, name, _ in found if name == wanted]
    if "onset" in names and "duration" in names:  # BIDS
        codes = [names.index(name) for name in ("trial_type", "value") if name in names] or codes
    else:
        codes = codes[:1]
    column, scale = times[0]
    entries = []
    for row, number in zip(
        rows[1:], _times(row[column] if column < len(row) else "" for row in rows[1:]), strict=True
    ):
        if number is None:
            continue
        values = [row[i].strip() for i in codes if i < len(row)] if codes else ["1"]
        entries += [(number * scale, v) for v in dict.fromkeys(values) if v and v.lower() != "n/a"]
    return entries


def _parse_lines(rows: Sequence[Sequence[str]]) -> Iterable[Entry]:
    for row, number in zip(rows, _times(row[0] for row in rows), strict=True):
        if number is not None:
            yield number, " ".join(row[1:]) if len(row) > 1 else "1"


def _times(cells: Iterable[str]) -> list[float | None]:
    """The numbers in a column of times, None where a cell holds none; with a decimal point, or with a comma."""
    texts = [cell.strip() for cell in cells]
    if any(_DECIMAL_COMMA.fullmatch(text) for text in texts):
        if mixed := next((text for text in texts if re.fullmatch(r"-?\d*\.\d+", text)), None):
            raise InputError(
                f"The column of times has numbers with a decimal comma, and {mixed} with a point: write all with "
                "a point."
            )
        texts = [text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text for text in texts]
    return [_number(text) for text in texts]


def _split_unit(name: str) -> tuple[str, float]:
    """``"time (ms)"`` or ``"onset_ms"`` -> the name and what one unit is in s."""
    match = re.fullmatch(
        r"(.+?)[\s_]*[\[(]?\b(ms|msec|milliseconds|us|s|sec|seconds)[\])]?", name.replace("_", " ")
    )
    if match and match.group(1).strip():
        return match.group(1).strip().replace(" ", "_"), _UNITS[match.group(2)]
    return name.replace(" ", "_"), 1.0


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if not lines:
        return []
    for separator in ("\t", ",", ";"):
        if separator in lines[0]:
            return [row for row in csv.reader(lines, delimiter=separator) if row]
    return [line.split() for line in lines]


def _number(cell: str) -> float | None:
    try:
        return float(cell.strip())
    except ValueError:
        return None


def _numbers(cell: str) -> list[float]:
    return [number for text in _texts(cell) if (number := _number(text)) is not None]


def _texts(cell: str) -> list[str]:
    """One value, or a Python list of values, as PsychoPy writes them."""
    cell = cell.strip()
    if cell.startswith("["):
        try:
            return [str(value) for value in ast.literal_eval(cell)]
        except (ValueError, SyntaxError):
            return []
    return [cell.strip("'\"")] if cell else []


FORMATS: tuple[tuple[Callable[[str], bool], Callable[[str], Iterable[Entry]]], ...] = (
    (_is_eprime, _parse_eprime),
    (_is_presentation, _parse_presentation),
    (_is_psychopy_table, _parse_psychopy_table),
    (_is_psychopy_log, _parse_psychopy_log),
    (_is_anything, _parse_table),
)
