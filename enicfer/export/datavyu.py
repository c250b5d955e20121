"""Datavyu: a spreadsheet as a CSV file (version 4 of its format), which it opens; a column for each row of events.

The format has whole milliseconds. Names of columns and codes are letters, digits and underscores, and begin with a
letter. In a cell a comma, a backslash, a hyphen and a parenthesis stand behind a backslash.
"""

import re
from collections.abc import Sequence

from enicfer.export.tracks import Coded

_CODE = "code01"  # as Datavyu calls the first one


def datavyu_table(events: Sequence[Coded]) -> str:
    """A spreadsheet of events; of each there is its name, and the values of its modifiers."""
    lines = ["#4"]
    taken: set[str] = set()
    for track in dict.fromkeys(event.track for event in events):
        own = [event for event in events if event.track == track]
        modifiers = list(dict.fromkeys(name for event in own for name, _ in event.modifiers))
        used = {_CODE}
        names = [_CODE, *(_plain(name, used) for name in modifiers)]
        lines.append(f"{_plain(track, taken)} (MATRIX,true,)-{','.join(f'{name}|NOMINAL' for name in names)}")
        for event in sorted(own, key=lambda one: (one.onset, one.offset)):
            said = dict(event.modifiers)
            values = [event.name, *(said.get(name, "") for name in modifiers)]
            cells = ",".join(re.sub(r"([\\,\-()])", r"\\\1", value) for value in values)
            lines.append(f"{_clock(event.onset)},{_clock(event.offset)},({cells})")
    return "\n".join(lines) + "\n"


def _plain(name: str, taken: set[str]) -> str:
    """The name as the format allows it, unlike all that are taken."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    plain = plain if plain[:1].isalpha() else f"c_{plain}".rstrip("_")
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}_{number}", number + 1
    taken.add(found)
    return found


def _clock(time: float) -> str:
    """Hours, minutes, seconds and milliseconds, with colons between."""
    ms = round(1000 * time)
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}:{rest % 1000:03d}"
