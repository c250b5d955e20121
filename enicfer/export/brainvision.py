"""BrainVision Analyzer: a copy of header, markers and data, with the events as markers of the type Comment.

Positions count from 1. The markers of the recording stay, and all are sorted by position and numbered again.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from enicfer.errors import InputError
from enicfer.export.copies import copy_binary, events_inside, need_recording, sampling_rate, sizes
from enicfer.export.event_table import ExportOptions, ExportRun, Notes
from enicfer.io.brainvision import read_entry, read_header

_MARKER = re.compile(r"\s*Mk\s*\d+\s*=\s*(.*)", re.IGNORECASE)
NO_MARKERS = """\
Brain Vision Data Exchange Marker File, Version 1.0

[Common Infos]
Codepage=UTF-8
DataFile=

[Marker Infos]
Mk1=New Segment,,1,1,0
"""


def write_brainvision(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_eeg.vhdr``, ``.vmrk`` and ``.eeg``.

    Parameters
    ----------
    runs
        Of EEG, with their ``.vhdr``.
    folder
        For the files.
    options
        With ``link`` the data are shared with the recording.

    Returns
    -------
    list of str
        What the user should know, a sentence each.

    Raises
    ------
    InputError
        If the recording was not given or is no BrainVision file, or its data are missing.
    """
    notes = Notes()
    for item in runs:
        source = need_recording(item, "BrainVision", (".vhdr",))
        header = read_header(source)
        stem = f"{item.stem}_eeg"
        data = _named(source, header, "DataFile")
        if data is None:
            raise InputError(
                f"{source.name} names the data {read_entry(header, 'DataFile')}, which are not beside it",
                place=source,
                remedy="copy them there",
            )
        names = {"DataFile": f"{stem}{data.suffix}", "MarkerFile": f"{stem}.vmrk"}
        for key, name in names.items():
            header = set_entry(header, key, name)
        (folder / f"{stem}.vhdr").write_bytes(header.encode("latin-1"))
        markers = _named(source, read_header(source), "MarkerFile")
        text = _decode(markers.read_bytes()) if markers is not None else NO_MARKERS
        text = _with_markers(set_entry(text, "DataFile", names["DataFile"]), _markers(item, notes))
        (folder / names["MarkerFile"]).write_text(text, encoding="utf-8", newline="\n")
        copy_binary(data, folder / names["DataFile"], options.link, notes)
    return notes.said


def _named(source: Path, header: str, key: str) -> Path | None:
    name = read_entry(header, key).encode("latin-1").decode("utf-8", "replace").replace("$b", source.stem)
    path = source.parent / name
    return path if name and path.is_file() else None


def set_entry(text: str, key: str, value: str) -> str:
    """Set a key of ``[Common Infos]``, or add it there."""
    pattern = re.compile(rf"^({key}[ \t]*=)[^\r\n]*", re.MULTILINE | re.IGNORECASE)
    if pattern.search(text):
        return pattern.sub(lambda found: found[1] + value, text, count=1)
    return re.sub(
        r"(?im)^(\[Common Infos\][^\n]*\n)", lambda found: f"{found[1]}{key}={value}\n", text, count=1
    )


def _decode(content: bytes) -> str:
    """Text of a marker file, which states UTF-8 from now on; the line ends are line feeds."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    return set_entry(text.replace("\r\n", "\n"), "Codepage", "UTF-8")


def _markers(item: ExportRun, notes: Notes) -> list[str]:
    """``Comment,description,position,size,0`` of each event."""
    table, rate = events_inside(item, notes), sampling_rate(item)
    names = (re.sub(r"\s+", " ", name).replace(",", r"\1") for name in table["label"])
    rows = zip(names, table["sample"] + 1, sizes(table, rate), strict=True)
    return [f"Comment,{name},{position},{size},0" for name, position, size in rows]


def _with_markers(text: str, more: Sequence[str]) -> str:
    """The text with further markers: sorted by position, those that were there first."""
    lines = text.split("\n")
    found = [(i, match[1]) for i, line in enumerate(lines) if (match := _MARKER.fullmatch(line))]
    last = next(
        (i for i, line in enumerate(lines) if line.lower().startswith("[marker infos]")), len(lines) - 1
    )
    place = found[0][0] if found else last + 1
    taken = {i for i, _ in found}
    kept = [line for i, line in enumerate(lines) if i not in taken]
    entries = sorted([*(entry for _, entry in found), *more], key=_position)
    numbered = [f"Mk{number}={entry}" for number, entry in enumerate(entries, 1)]
    return "\n".join([*kept[:place], *numbered, *kept[place:]])


def _position(entry: str) -> int:
    field = entry.split(",")[2].strip() if entry.count(",") >= 2 else ""
    return int(field) if re.fullmatch(r"[+-]?\d+", field) else 0
