"""BrainVision headers and marker files: what MNE-Python does not read as the format has it.

Conventions: a header names its data and markers in ``[Common Infos]``, where ``$b`` stands for its own name. Text is
in the code page that it states, else in UTF-8 or Windows-1252. What the format allows and MNE-Python does not read is
read from a corrected copy, which is removed at once; the user's files stay as they are.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.io.files.claims import MOST_CHANNELS

_NEEDED = {
    "DataFile": "NAME.eeg",
    "DataFormat": "BINARY",
    "DataOrientation": "MULTIPLEXED",
    "NumberOfChannels": "32",
    "SamplingInterval": "1000",
}  # with an example each
_MARKER = re.compile(r"Mk\d+=[^,]*,[^,]*,\s*[+-]?\d+\s*,.*", re.ASCII)
_COMMAS = re.compile(
    r"(Mk\d+=[^,]*),(.*)((?:,\s*\d+){3}(?:,\d{20})?)", re.ASCII
)  # pybv writes them as they are
# A number behind a comma of the description, four numbers in all; with a date of 0 the last but one is channel 0.
_NUMBERS = re.compile(
    r"(Mk\d+=(?!New Segment)[^,]*),(.*,\s*\d+)(,\s*\d{1,19}\s*,\s*0*[1-9]\d{0,18}\s*,\s*\d{1,19})", re.ASCII
)
_COMMA = r"\1"  # as the format writes it within a text
_TEXT = 16 << 20  # bytes; no header and no marker file is larger


def read_entry(header: str, key: str) -> str:
    """What a header says of a key; empty where it says nothing."""
    found = re.search(rf"^{key}[ \t]*=[ \t]*([^\r\n]*)", header, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def read_header(path: Path) -> str:
    """The header's text; its keys are ASCII."""
    return path.read_bytes().decode("latin-1").removeprefix("\xef\xbb\xbf")


def check_header(path: Path) -> None:
    """Refuse a header without what it must say, what cannot be, and data that are no recording over time."""
    header = read_header(path)
    if not header.lower().startswith(("brain vision data exchange", "brainvision data exchange")):
        return  # MNE-Python says it
    for key, example in _NEEDED.items():
        if not read_entry(header, key):
            raise InputError(
                f"{path.name} does not say {key}, which every BrainVision header must",
                place=path,
                remedy=f"export it again, or write a line such as {key}={example} below [Common Infos]",
            )
    channels, interval = read_entry(header, "NumberOfChannels"), read_entry(header, "SamplingInterval")
    if not re.fullmatch(r"\+?\d{1,9}", channels) or not 1 <= int(channels) <= MOST_CHANNELS:
        raise InputError(
            f"{path.name} says NumberOfChannels={channels[:40]}: it must be from 1 to {MOST_CHANNELS}",
            place=path,
            remedy="export it again",
        )
    try:
        step = float(interval)
    except ValueError:
        step = 0.0
    if not 0 < step < np.inf:
        raise InputError(
            f"{path.name} says SamplingInterval={interval[:40]}: it must be the microseconds from "
            "one sample to the next, such as 1000 for 1000 Hz",
            place=path,
            remedy="export it again",
        )
    kind = read_entry(header, "DataType")
    if kind and kind.upper() != "TIMEDOMAIN":
        raise InputError(
            f"{path.name} holds {kind[:40]} data",
            place=path,
            remedy="export the recording over time (TIMEDOMAIN)",
        )
    if read_entry(header, "Averaged").upper() == "YES":
        raise InputError(
            f"{path.name} holds an average of segments", place=path, remedy="export the recording itself"
        )
    _check_data_file(path, read_entry(header, "DataFile").replace("$b", path.stem))


def _check_data_file(path: Path, name: str) -> None:
    """Say which data file is missing, and which one is there that may be it."""
    try:
        if (path.parent / name).is_file():
            return
    except (ValueError, OSError):  # no name that a file can have
        return
    alone = re.split(r"[/\\]", name)[-1]
    near = sorted(
        p.name
        for p in path.parent.iterdir()
        if p.suffix.lower() in (".eeg", ".dat")
        and p.stem.lower() in (Path(alone).stem.lower(), path.stem.lower())
    )
    remedy = f"if {near[0]} is it, write DataFile={near[0]} there" if near else "copy it beside the header"
    raise InputError(
        f"{path.name} cannot be read as a recording (its file {alone[:80]} is missing): the "
        f"header says DataFile={name[:80]}",
        place=path,
        remedy=f"{remedy}",
    )


def note_header(path: Path) -> list[str]:
    """Sentences on what the header says of markers, segments and numbers."""
    header = read_header(path)
    notes = []
    if not read_entry(header, "MarkerFile"):
        notes.append(f"{path.name} names no marker file: the recording has no markers.")
    if read_entry(header, "SegmentationType").upper() not in ("", "NOTSEGMENTED"):
        notes.append(
            f"{path.name} holds segments, not a continuous recording: time is missing between them, and it goes on "
            "where a marker New Segment says so."
        )
    if read_entry(header, "UseBigEndianOrder").upper() == "YES":
        notes.append(
            f"{path.name} stores its numbers in big-endian order, which MNE-Python does not read: its times and "
            "markers are right, its signal is not."
        )
    return notes


@contextmanager
def readable_header(path: Path, notes: list[str]) -> Iterator[Path]:
    """The header to give to MNE-Python: the file itself, or a corrected copy for as long as the context lasts.

    Raises
    ------
    InputError
        If the marker file has a line that is no marker, but for the last one, which is left out with a note if it is
        cut off.
    """
    header = read_header(path)
    data, named = (read_entry(header, key).replace("$b", path.stem) for key in ("DataFile", "MarkerFile"))
    marks = _find_markers(path, named)
    corrected = _correct_markers(marks, notes) if marks is not None else None
    if corrected is None and "$b" not in header and path.suffix == ".vhdr":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="enicfer-") as folder:
        copy, content = Path(folder) / f"{path.stem}.vhdr", header  # a name in capitals is not read
        content = _replace_entry(content, "DataFile", str((path.parent / data).absolute()))
        if marks is not None:
            place = marks.absolute()
            if corrected is not None:
                place = Path(folder) / marks.name
                place.write_text(corrected, encoding="utf-8")
            content = _replace_entry(content, "MarkerFile", str(place))
        copy.write_bytes(content.encode("latin-1", "replace"))
        yield copy


def _replace_entry(header: str, key: str, value: str) -> str:
    value = value.encode("utf-8").decode("latin-1")  # as the header's other text was read
    return re.sub(
        rf"^({key}[ \t]*=)[^\r\n]*",
        lambda found: found[1] + value,
        header,
        flags=re.MULTILINE | re.IGNORECASE,
    )


def _find_markers(path: Path, name: str) -> Path | None:
    """The marker file of a header; as MNE-Python has it, one of the header's own name if the named one is missing."""
    try:
        places = [p for p in (path.parent / name, path.with_suffix(".vmrk")) if name and p.is_file()]
    except (ValueError, OSError):  # no name that a file can have
        return None
    return places[0] if places and places[0].stat().st_size <= _TEXT else None


def _decode(content: bytes) -> tuple[str, bool]:
    """The text of a marker file, and whether it is UTF-8."""
    try:
        return content.decode("utf-8"), True
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), False


def _correct_markers(path: Path, notes: list[str]) -> str | None:
    """A marker file's text as MNE-Python can read it, or None where it can already."""
    text, is_utf8 = _decode(path.read_bytes())
    begin = re.search(r"\[Marker Infos\]", text, re.IGNORECASE)
    lines = text.splitlines()
    first = text[: begin.end()].count("\n") if begin else len(lines)
    changed = not is_utf8
    for i, line in enumerate(lines[first:], first):
        loose = re.sub(r"^\s*Mk\s*(\d+)\s*=\s*", r"Mk\1=", line)
        commas = _NUMBERS.fullmatch(loose) or (None if _MARKER.fullmatch(loose) else _COMMAS.fullmatch(loose))
        if commas:
            loose = f"{commas[1]},{commas[2].replace(',', _COMMA)}{commas[3]}"
        cut = i == len(lines) - 1 and not text.endswith(("\n", "\r"))
        other = not line.strip() or line.startswith((";", "[")) if cut else not loose.startswith("Mk")
        if other or _MARKER.fullmatch(loose):
            changed |= loose != line
            lines[i] = loose
        elif cut:
            notes.append(f"The last line of {path.name} ({line[:60]!r}) is cut off, and was left out.")
            lines[i], changed = "", True
        else:
            raise InputError(
                f"Line {i + 1} of {path.name} is {line[:60]!r}, which is no marker "
                "(Mk1=type,description,position,length,channel)",
                remedy="correct it, or export the markers again",
            )
    if not changed:
        return None
    if not is_utf8:
        lines = [re.sub(r"(?i)^(Codepage\s*=).*", r"\1UTF-8", line) for line in lines]
    return "\n".join(lines) + "\n"
