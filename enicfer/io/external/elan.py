"""Tab-delimited exports of ELAN."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import InputError
from enicfer.io.external.facereader import read_clock
from enicfer.io.external.spans import Span, check_times
from enicfer.io.external.time_codes import FRAMES, find_notation
from enicfer.io.row_tables import RowTable, read_rows, to_number
from enicfer.io.tables import read_text
from enicfer.records import FloatArray

MOST_COLUMNS = 100  # of an export without header, whose tiers are rows
_MEDIA = re.compile(r"#(\S.*?) -- offset: (-?\d+)")  # lines above the header
_FILE = re.compile(r"file([ _]?(name|path))?", re.IGNORECASE)
_ELAN_TIME = re.compile(r"(Begin|End) Time - (.+)")


def read_elan(path: Path) -> list[Span] | None:
    """Spans of an export of ELAN, or None if it is none."""
    table = read_rows(path, lambda names: any(_ELAN_TIME.fullmatch(name) for name in names))
    _refuse_offset(path)
    if table is not None:
        return _elan_columns(table)
    rows = [line.split("\t") for line in read_text(path).split("\n") if line.strip()]
    width = max(map(len, rows), default=0)
    if not 4 <= width <= MOST_COLUMNS or any(len(row) < width - 1 for row in rows):
        return None
    rows = [row + [""] * (width - len(row)) for row in rows]
    return _elan_without_header(path, rows)


def _refuse_offset(path: Path) -> None:
    """Refuse an export that states an offset of a video: whether its times include it stands nowhere."""
    for line in read_text(path).split("\n")[:100]:
        found = _MEDIA.search(line)
        if found and int(found[2]) and found[1].lower().endswith(VIDEO_SUFFIXES):
            video = re.split(r"[/:]", found[1])[-1]
            raise InputError(
                f"{path.name} says that {video} has an offset of {int(found[2]) / 1000:g} s, and not "
                "whether its times include it",
                place=path,
                remedy=(
                    "export it again with 'Add master media time offset to annotation times', and without "
                    "the lines of media files"
                ),
            )


def _elan_columns(table: RowTable) -> list[Span]:
    times: dict[str, FloatArray] = {}
    unknown = []
    # Frames are the coarsest notation.
    for name in sorted(table.names, key=lambda name: re.search("ms$|msec$", name) is None):
        match = _ELAN_TIME.fullmatch(name)
        if match and match[1] not in times:
            read = find_notation(match[2])
            if read is None:
                unknown.append(name)
            else:
                times[match[1]] = np.array([read(cell) for cell in table.text(name)])
                _check_notation(table, name, times[match[1]])
    if unknown and set(times) != {"Begin", "End"}:
        raise InputError(
            f"{table.path.name} has times as {', '.join(unknown)}, which do not say how many "
            "frames a second has",
            remedy="export ss.msec or msec as well",
        )
    if set(times) != {"Begin", "End"}:
        raise InputError(
            f"{table.path.name} has no {('End' if 'Begin' in times else 'Begin')} Time", remedy="export both"
        )
    check_times(table, times["Begin"], times["End"])
    texts = [n for n in table.names if n and not re.match(r"(Begin Time|End Time|Duration)\b", n)]
    for name in (n for n in texts if _FILE.fullmatch(n)):
        files = sorted(set(filter(None, table.text(name))))
        if len(files) > 1:
            raise InputError(
                f"{table.path.name} holds the annotations of {len(files)} files ({', '.join(files[:3])})",
                place=table.path,
                remedy="export each by itself",
            )
    texts = [n for n in texts if not _FILE.fullmatch(n)]
    tiers = [n for n in texts if n.lower() in ("tier", "tier name", "participant")]
    spans = []
    for name in (n for n in texts if n not in tiers):
        for i, cell in enumerate(table.text(name)):
            if cell:
                who = table.text(tiers[0])[i] if tiers else name
                spans.append(Span(float(times["Begin"][i]), float(times["End"][i]), cell, who))
    return spans


def _check_notation(table: RowTable, name: str, times: FloatArray) -> None:
    """Refuse a cell that is not a time in the notation that its column states."""
    for row, (cell, time) in enumerate(zip(table.text(name), times, strict=True), 1):
        if cell and not np.isfinite(time):
            raise InputError(
                f"Row {row} of {table.path.name} has {cell[:40]!r} in the column {name}, which is "
                "no time in that notation",
                remedy="export it again, with ss.msec or msec",
            )


def _elan_without_header(path: Path, rows: Sequence[Sequence[str]]) -> list[Span] | None:
    """Tier, perhaps participant, begin, end, perhaps duration, each in one or more notations, then the value."""
    columns = list(zip(*rows, strict=True))
    # Beside another notation, time codes say nothing new; alone their rate is not known.
    frames = [i for i, column in enumerate(columns) if i and all(FRAMES.fullmatch(c.strip()) for c in column)]
    coded = [columns[i] for i in frames]
    columns = [column for i, column in enumerate(columns) if i not in frames]
    rows = list(zip(*columns, strict=True))
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
    if len(times) < 2 and coded:
        raise InputError(
            f"{path.name} holds time codes such as {coded[0][0]}, whose frames per second it does not say",
            place=path,
            remedy="export ss.msec or msec as well",
        )
    if len(times) < 2 or not texts[1:]:
        return None
    onset, offset = times[0], times[1]
    if len(times) > 2 and not np.allclose(offset - onset, times[2], rtol=0, atol=0.0015):
        raise InputError(
            f"{path.name} looks like an export of ELAN, but its times are no begin, end and duration",
            place=path,
            remedy="export it with column names",
        )
    return [
        Span(float(onset[r]), float(offset[r]), row[i].strip(), row[0].strip())
        for r, row in enumerate(rows)
        for i in texts[1:]
        if row[i].strip() and not (i == texts[1] and len(texts) > 2)  # the participant is no value
    ]
