"""Event logs of The Observer XT, exported as text or CSV."""

from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.columns import explain_columns
from enicfer.io.external.spans import Span, check_one, join_modifiers, pair_states
from enicfer.io.row_tables import read_rows

_TIME = "Time_Relative_sf"
_KINDS = {
    **{"state start": "START", "state stop": "STOP"},
    **{"point": "POINT", "state point": "POINT", "point event": "POINT"},
}


def read_observer(path: Path) -> list[Span] | None:
    """Spans of an event log of The Observer XT, or None if it is none.

    Its times are s from the start of the observation, which is the start of the video unless it was shifted there.
    """
    table = read_rows(path, lambda names: {"Behavior", "Event_Type"} <= set(names))
    if table is None:
        return None
    if _TIME not in table:
        raise InputError(
            explain_columns(path.name, table.names, (_TIME,)),
            place=path,
            remedy="export the relative time in s and fractions",
        )
    check_one(table, "Observation")
    kinds = [_KINDS.get(text.lower(), "") for text in table.text("Event_Type")]
    kept = [i for i, kind in enumerate(kinds) if kind or table.text("Behavior")[i]]
    time = table.numbers(_TIME)
    wrong = next((i for i in kept if not np.isfinite(time[i])), None)
    if wrong is not None:
        raise InputError(
            f"Row {wrong + 1} of {path.name} has the time {table.text(_TIME)[wrong]!r}, which is no number of s",
            remedy="export it again",
        )
    modifiers = [name for name in table.names if name.startswith("Modifier")]
    codes = join_modifiers(table.text("Behavior"), *(table.text(name) for name in modifiers))
    who = table.text("Subject") if "Subject" in table else [""] * len(table)
    return pair_states(
        path, "The Observer", time[kept], *([values[i] for i in kept] for values in (kinds, codes, who))
    )
