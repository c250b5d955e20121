"""The streams of an XDF file of the Lab Streaming Layer, as they were sent.

Time stamps are synchronised between computers by pyxdf and else left as they are: s on the clock of the computer
that recorded. What a recording program did not finish is read as far as it goes, and said.
"""

import io
import logging
import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from enicfer.errors import InputError, counted
from enicfer.io.files.claims import MOST_CHANNELS, unpack
from enicfer.records import FloatArray

_GZIP = b"\x1f\x8b"
_WIDTHS = {1: "<B", 4: "<I", 8: "<Q"}
# What pyxdf says that changes no value here: nothing is dejittered by it.
_HARMLESS = ("Segments and clock-segments differ", "Found existing 'stream_id' key")
_LEAST_CHUNK, _HEADER, _FOOTER = 2, 2, 6
_LONGEST_HEADER = 1 << 24


@dataclass(frozen=True)
class Stream:
    """One stream of an XDF file.

    Attributes
    ----------
    name, kind
        As the sender called them (``kind`` is LSL's type).
    time
        ``(n,)`` s, in the order in which the samples came.
    values
        ``n`` samples: ``(n, channels)`` numbers, or a list of lists of text.
    channels, units, kinds
        What the sender said of each channel (label, unit, type); empty where it said nothing.
    rate
        The declared rate in Hz; 0 for a stream at irregular times.
    """

    name: str
    kind: str
    time: FloatArray
    values: Any
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    rate: float = 0.0

    @property
    def is_text(self) -> bool:
        """Whether the samples are text, as most markers are."""
        return isinstance(self.values, list)


def read_xdf(path: Path) -> tuple[list[Stream], tuple[str, ...]]:
    """Read all streams of an XDF file, their clocks synchronised, and what the user should know of the file.

    Raises
    ------
    InputError
        If the file is missing or is no XDF file.
    """
    import pyxdf

    if not path.is_file():
        raise InputError(f"There is no XDF file {path.name} in {path.parent.name}", remedy="check the name")
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"XDF:" and not start.startswith(_GZIP):
        raise InputError(
            f"{path.name} cannot be read as an XDF file (it begins with {start!r}, not b'XDF:')",
            place=path,
            remedy="check that it is the right file",
        )
    content = _open(path, start)
    whole, cut, ended = _measure(content, path.name)
    said: list[str] = []
    with content, _Part(content, whole) as part, _Listener(said):
        try:
            found, _ = pyxdf.load_xdf(io.BufferedReader(part), dejitter_timestamps=False)
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"{path.name} cannot be read as an XDF file ({reason})", place=path, remedy="copy it again"
            ) from None
    streams = [_make_stream(stream) for stream in found]
    return streams, _note_damage(path, found, cut, ended, said)


def _make_stream(stream: Any) -> Stream:
    info, values = stream["info"], stream["time_series"]
    text = info["channel_format"][0] == "string"
    try:
        rate = float(info["nominal_srate"][0])
    except (TypeError, ValueError, KeyError):
        rate = 0.0
    return Stream(
        str(info["name"][0]),
        str(info["type"][0] or ""),
        np.asarray(stream["time_stamps"], dtype=np.float64),
        list(values) if text else np.asarray(values),
        _said_of_channels(info, "label"),
        _said_of_channels(info, "unit"),
        _said_of_channels(info, "type"),
        rate if np.isfinite(rate) else 0.0,
    )


def _said_of_channels(info: Any, key: str) -> tuple[str, ...]:
    """One entry of each channel's description, or nothing if any channel has none."""
    try:
        channels = info["desc"][0]["channels"][0]["channel"]
        return tuple(str(channel[key][0]) for channel in channels)
    except (TypeError, KeyError, IndexError):
        return ()


def _open(path: Path, start: bytes) -> BinaryIO:
    """The file, unpacked as far as it can be."""
    if not start.startswith(_GZIP):
        return path.open("rb")
    content = io.BytesIO()
    for block in unpack(
        path
    ):  # where it ends early or is damaged, a chunk without its end shows what is missing
        content.write(block)
    content.seek(0)
    return content


def _measure(file: BinaryIO, name: str) -> tuple[int, int, int]:
    """Length in bytes of the whole chunks, bytes of the chunk that is cut off behind them, and number of footers.

    A file that is damaged elsewhere is measured up to its end: pyxdf looks for the next chunk that can be read.
    """
    size = file.seek(0, io.SEEK_END)
    place, ended = 4, 0
    while place < size:
        file.seek(place)
        width = file.read(1)[0]
        head = file.read(width) if width in _WIDTHS else b""
        if width not in _WIDTHS:
            return size, 0, ended
        if len(head) < width:
            break
        length = struct.unpack(_WIDTHS[width], head)[0]
        if length < _LEAST_CHUNK:
            return size, 0, ended
        following = place + 1 + width + length
        if following > size:
            break
        tag = struct.unpack("<H", file.read(2))[0]
        ended += tag == _FOOTER
        if tag == _HEADER:
            _check_channels(file.read(min(length, _LONGEST_HEADER)), name)
        place = following
    file.seek(0)
    return place, size - place, ended


def _check_channels(header: bytes, name: str) -> None:
    """Refuse a stream with more channels than there can be, before room is made for them."""
    found = re.search(rb"<channel_count>\s*([^<]{1,40})", header)
    try:
        count = float(found[1]) if found else 1.0
    except ValueError:
        return  # pyxdf says it
    if not 0 <= count <= MOST_CHANNELS:
        raise InputError(
            f"{name} says that a stream has {count:.15g} channels, and at most {MOST_CHANNELS} are "
            "read: the file is damaged",
            remedy="copy it again",
        )


class _Part(io.RawIOBase):
    """The first so many bytes of a file, which can be read and searched."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._length, self._place = file, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._place)
        block = self._file.read(max(0, min(len(buffer), self._length - self._place)))
        buffer[: len(block)] = block
        self._place += len(block)
        return len(block)


class _Listener(logging.Handler):
    """Collects what pyxdf says while it reads."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said, self._logger = said, logging.getLogger("pyxdf")

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(" ".join(record.getMessage().split()))

    def __enter__(self) -> "_Listener":
        self._before = self._logger.level, self._logger.propagate
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]


def _note_damage(path: Path, found: Any, cut: int, ended: int, said: list[str]) -> tuple[str, ...]:
    notes = []
    if cut or (found and not ended):
        end = f" (its last {cut} bytes are part of a block)" if cut else ""
        notes.append(
            f"{path.name} has no end{end}: the recording program did not finish it, or it was not copied whole; "
            "what came last is missing."
        )
    for stream in found:
        try:
            count = int(stream["footer"]["info"]["sample_count"][0])
        except (KeyError, TypeError, ValueError, IndexError):
            continue
        lost = count - len(stream["time_stamps"])
        if lost > 0:
            notes.append(
                f"{path.name} lacks {lost} of the {count} samples of the stream {stream['info']['name'][0]!r}: "
                "the file is damaged."
            )
    heard = Counter(text for text in said if not any(known in text for known in _HARMLESS))
    damaged = sum(n for text, n in heard.items() if _is_damage(text))
    if damaged and not cut:
        notes.append(f"{path.name} is damaged at {counted(damaged, 'place')}: samples are missing there.")
    notes += [f"pyxdf says of {path.name}: {text}" for text in heard if not _is_damage(text)]
    return tuple(notes)


def _is_damage(text: str) -> bool:
    return any(word in text for word in ("corrupt", "zero-length chunk", "Error reading chunk length"))
