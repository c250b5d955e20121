"""What people saw: codings made in BORIS, ELAN and Datavyu, as spans of video time.

Conventions: times are s from the start of the video; a span holds from its onset up to, not including, its
offset. Codes are kept as the coder wrote them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.face_tables import Table, read_clock, read_rows, to_number
from enicfer.io.tables import read_text
from enicfer.records import FloatArray


@dataclass(frozen=True)
class Span:
    """One code: from ``onset`` to ``offset`` in s, what was coded, and of whom (subject, tier or column)."""

    onset: float
    offset: float
    code: str
    who: str


def read_coding(path: Path, program: str | None = None) -> tuple[str, list[Span]] | None:
    """Read the export of a coding program.

    Parameters
    ----------
    path
        CSV, TSV or text file.
    program
        One of `CODERS`; None to tell by the columns.

    Returns
    -------
    program, spans
        In the order of their onsets; or None, if it is none of these exports.

    Raises
    ------
    InputError
        If it is one, but a span has no end or ends before it begins, or there is no span at all.
    """
    for name, read in CODERS.items():
        if program in (None, name):
            spans = read(path)
            if spans is None:
                continue
            if not spans:
                raise InputError(
                    f"{path.name} is an export of {name}, but has no coded span: export it again."
                )
            wrong = next((span for span in spans if span.offset < span.onset), None)
            if wrong is not None:
                raise InputError(
                    f"{path.name} codes {wrong.code!r} from {wrong.onset:.3f} to {wrong.offset:.3f} s, which is "
                    "backwards: correct it."
                )
            return name, sorted(spans, key=lambda span: (span.onset, span.offset, span.who, span.code))
    return None


def _read_boris(path: Path) -> list[Span] | None:
    table = read_rows(
        path, lambda names: "Behavior" in names and ({"Start (s)", "Time"} & set(names)) != set()
    )
    if table is None:
        return None
    for name in ("Observation id", "Media file name"):
        values = sorted(set(table.text(name))) if name in table else []
        if len(values) > 1:
            raise InputError(
                f"{path.name} holds {len(values)} different entries in {name} ({', '.join(values[:5])}): export "
                "each by itself."
            )
    who = table.text("Subject") if "Subject" in table else [""] * len(table)
    modifiers = [name for name in table.names if name.startswith("Modifier")]
    codes = [
        _code(behaviour, extra)
        for behaviour, *extra in zip(
            table.text("Behavior"), *(table.text(name) for name in modifiers), strict=True
        )
    ]
    if "Start (s)" in table:
        onset, offset = table.numbers("Start (s)"), table.numbers("Stop (s)")
        _check_times(table, onset, offset)
        return [Span(*fields) for fields in zip(onset.tolist(), offset.tolist(), codes, who, strict=True)]
    kind = next((name for name in ("Behavior type", "Status") if name in table), None)
    if kind is None:
        raise InputError(
            f"{path.name} has no column Behavior type: export tabular or aggregated events of BORIS."
        )
    return _pair(path, table.numbers("Time"), table.text(kind), codes, who)


def _code(behaviour: str, modifiers: Sequence[str]) -> str:
    """Behaviour and what modifies it: ``expression:happy``."""
    return ":".join([behaviour, *(text for text in modifiers if text and text.lower() != "none")])


def _pair(
    path: Path, time: FloatArray, kind: Sequence[str], codes: Sequence[str], who: Sequence[str]
) -> list[Span]:
    """Spans from the starts and stops of BORIS.

    States of one behaviour with different modifiers may hold at once. A stop that names no modifier, or another one,
    ends the state of its behaviour if there is only one.
    """
    spans: list[Span] = []
    begun: dict[tuple[str, str], float] = {}
    for at, word, code, whose in zip(time.tolist(), kind, codes, who, strict=True):
        key = (code, whose)
        if word.upper() == "STOP" and key not in begun:
            state = code.partition(":")[0]
            candidates = [(c, w) for c, w in begun if c.partition(":")[0] == state and w == whose]
            key = candidates[0] if len(candidates) == 1 else key
        if word.upper() == "POINT":
            spans.append(Span(at, at, code, whose))
        elif word.upper() == "START" and key not in begun:
            begun[key] = at
        elif word.upper() == "START":
            raise InputError(
                f"{path.name} begins {code!r} at {begun[key]:.3f} s and again at {at:.3f} s without an end between: "
                "correct the observation in BORIS."
            )
        elif word.upper() == "STOP" and key in begun:
            spans.append(Span(begun.pop(key), at, *key))
        else:
            raise InputError(
                f"{path.name} has a {word or 'row without START, STOP or POINT'} of {code!r} at {at:.3f} s that "
                "nothing began: correct the observation in BORIS."
            )
    if begun:
        (code, _), onset = next(iter(begun.items()))
        raise InputError(
            f"{path.name} begins {code!r} at {onset:.3f} s and never ends it: correct the observation in BORIS."
        )
    return spans


_ELAN_TIME = re.compile(r"(Begin|End) Time - (hh:mm:ss\.ms|ss\.msec|msec)")


def _read_elan(path: Path) -> list[Span] | None:
    table = read_rows(path, lambda names: any(_ELAN_TIME.fullmatch(name) for name in names))
    if table is not None:
        return _elan_columns(table)
    rows = [line.split("\t") for line in read_text(path).split("\n") if line.strip()]
    width = max(map(len, rows), default=0)
    if width < 4 or any(len(row) < width - 1 for row in rows):
        return None
    rows = [row + [""] * (width - len(row)) for row in rows]
    return _elan_without_header(path, rows)


def _elan_columns(table: Table) -> list[Span]:
    times: dict[str, FloatArray] = {}
    for name in table.names:
        match = _ELAN_TIME.fullmatch(name)
        if match and match[1] not in times:
            cells = table.text(name)
            times[match[1]] = np.array(
                [to_number(c) / 1000 if match[2] == "msec" else read_clock(c) for c in cells]
            )
    if set(times) != {"Begin", "End"}:
        raise InputError(
            f"{table.path.name} has no {'End' if 'Begin' in times else 'Begin'} Time: export both."
        )
    _check_times(table, times["Begin"], times["End"])
    texts = [n for n in table.names if n and not re.match(r"(Begin Time|End Time|Duration)\b", n)]
    tiers = [n for n in texts if n.lower() in ("tier", "tier name", "participant")]
    spans = []
    for name in (n for n in texts if n not in tiers):
        for i, cell in enumerate(table.text(name)):
            if cell:
                who = table.text(tiers[0])[i] if tiers else name
                spans.append(Span(float(times["Begin"][i]), float(times["End"][i]), cell, who))
    return spans


def _elan_without_header(path: Path, rows: Sequence[Sequence[str]]) -> list[Span] | None:
    """Tier, perhaps participant, begin, end, perhaps duration, each in one or more notations, then the value."""
    columns = list(zip(*rows, strict=True))
    times: list[FloatArray] = []
    texts: list[int] = []
    for i, column in enumerate(columns):
        whole = all(cell.strip().isdigit() for cell in column)
        clock = np.array([to_number(c) / 1000 if whole else read_clock(c) for c in column])
        if i > 0 and np.isfinite(clock).all():
            if not any(np.allclose(clock, other, rtol=0, atol=0.0015) for other in times):
                times.append(clock)
        else:
            texts.append(i)
    if len(times) < 2 or not texts[1:]:
        return None
    onset, offset = times[0], times[1]
    if len(times) > 2 and not np.allclose(offset - onset, times[2], rtol=0, atol=0.0015):
        raise InputError(
            f"{path.name} looks like an export of ELAN, but its times are no begin, end and duration: export it "
            "with column names."
        )
    return [
        Span(float(onset[r]), float(offset[r]), row[i].strip(), row[0].strip())
        for r, row in enumerate(rows)
        for i in texts[1:]
        if row[i].strip() and not (i == texts[1] and len(texts) > 2)  # the participant is no value
    ]


def _read_datavyu(path: Path) -> list[Span] | None:
    def is_header(names: Sequence[str]) -> bool:
        return any(n.endswith(".onset") for n in names) or {"onset", "offset", "ordinal"} <= set(names)

    table = read_rows(path, is_header)
    if table is None:
        return None
    prefixes = [n.removesuffix("onset") for n in table.names if n == "onset" or n.endswith(".onset")]
    spans = []
    for prefix in prefixes:
        onset = table.numbers(f"{prefix}onset") / 1000
        offset = table.numbers(f"{prefix}offset") / 1000
        taken = {f"{prefix}{n}" for n in ("onset", "offset", "ordinal")} | {"file", "column"}
        names = [n for n in table.names if n.startswith(prefix) and n not in taken]
        who = table.text("column") if not prefix and "column" in table else [prefix.rstrip(".")] * len(table)
        for name in names:
            for i, cell in enumerate(table.text(name)):
                if cell and np.isfinite(onset[i]) and np.isfinite(offset[i]):
                    spans.append(Span(float(onset[i]), float(offset[i]), cell, who[i]))
    return spans


def _check_times(table: Table, onset: FloatArray, offset: FloatArray) -> None:
    wrong = np.flatnonzero(~(np.isfinite(onset) & np.isfinite(offset)))
    if wrong.size:
        raise InputError(f"Row {wrong[0] + 1} of {table.path.name} has no begin or no end: export it again.")


CODERS: Mapping[str, Callable[[Path], list[Span] | None]] = {
    "boris": _read_boris,
    "datavyu": _read_datavyu,
    "elan": _read_elan,
}
