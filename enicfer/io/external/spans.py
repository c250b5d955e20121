"""A coded span, and what the readers of codings have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.row_tables import RowTable
from enicfer.records import FloatArray


@dataclass(frozen=True)
class Span:
    """One code: from ``onset`` to ``offset`` in s, what was coded, and of whom (subject, tier or column)."""

    onset: float
    offset: float
    code: str
    who: str


def check_times(table: RowTable, onset: FloatArray, offset: FloatArray) -> None:
    """Refuse a row without a begin or an end."""
    wrong = np.flatnonzero(~(np.isfinite(onset) & np.isfinite(offset)))
    if wrong.size:
        raise InputError(
            f"Row {wrong[0] + 1} of {table.path.name} has no begin or no end", remedy="export it again"
        )


def check_one(table: RowTable, name: str, none: Sequence[str] = ("",)) -> None:
    """Refuse a table with several entries in a column of which only one may be exported; ``none`` stand for none."""
    values = sorted(set(table.text(name)) - set(none)) if name in table else []
    if len(values) > 1:
        raise InputError(
            f"{table.path.name} holds {len(values)} different entries in {name} ({', '.join(values[:5])})",
            place=table.path,
            remedy="export each by itself",
        )


def join_modifiers(behaviours: Sequence[str], *modifiers: Sequence[str]) -> list[str]:
    """Behaviours and what modifies each: ``expression:happy``."""
    return [
        ":".join([behaviour, *(text for text in extra if text and text.lower() != "none")])
        for behaviour, *extra in zip(behaviours, *modifiers, strict=True)
    ]


def pair_states(
    path: Path, program: str, time: FloatArray, kind: Sequence[str], codes: Sequence[str], who: Sequence[str]
) -> list[Span]:
    """Spans from rows that are ``START``, ``STOP`` or ``POINT``, as ``program`` wrote them.

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
                f"{path.name} begins {code!r} at {begun[key]:.3f} s and again at {at:.3f} s "
                "without an end between",
                place=path,
                remedy=f"correct the observation in {program}",
            )
        elif word.upper() == "STOP" and key in begun:
            spans.append(Span(begun.pop(key), at, *key))
        else:
            raise InputError(
                f"{path.name} has a {word or 'row without START, STOP or POINT'} of {code!r} at "
                f"{at:.3f} s that nothing began",
                place=path,
                remedy=f"correct the observation in {program}",
            )
    if begun:
        (code, _), onset = next(iter(begun.items()))
        raise InputError(
            f"{path.name} begins {code!r} at {onset:.3f} s and never ends it",
            place=path,
            remedy=f"correct the observation in {program}",
        )
    return spans
