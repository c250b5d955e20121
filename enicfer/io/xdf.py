"""XDF files of the Lab Streaming Layer: frame streams and markers.

Time stamps are synchronised between computers and dejittered by pyxdf; they are s on the clock of the computer
that recorded, which is neither ``video_time`` nor the recording's ``time``.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.protocol import normalise_code
from enicfer.records import FloatArray

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Stream:
    """One stream of an XDF file.

    Attributes
    ----------
    name, kind
        As the sender called them (``kind`` is LSL's type).
    time
        ``(n,)`` s.
    values
        ``n`` samples: ``(n, channels)`` numbers, or a list of lists of text.
    """

    name: str
    kind: str
    time: FloatArray
    values: Any

    @property
    def is_text(self) -> bool:
        """Whether the samples are text, as markers are."""
        return isinstance(self.values, list)


def read_xdf(path: Path) -> list[Stream]:
    """Read all streams of an XDF file, their clocks synchronised and dejittered.

    Raises
    ------
    InputError
        If the file is missing or is no XDF file.
    """
    import pyxdf

    if not path.is_file():
        raise InputError(f"There is no XDF file {path.name} in {path.parent.name}: check the name.")
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"XDF:" and not start.startswith(_GZIP):
        raise InputError(
            f"{path.name} cannot be read as an XDF file (it begins with {start!r}, not b'XDF:')."
        )
    logger = logging.getLogger("pyxdf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        found, _ = pyxdf.load_xdf(str(path), synchronize_clocks=True, dejitter_timestamps=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path.name} cannot be read as an XDF file ({reason}).") from None
    finally:
        logger.setLevel(level)
    streams = []
    for stream in found:
        info = stream["info"]
        values = stream["time_series"]
        time = np.asarray(stream["time_stamps"], dtype=np.float64)
        text = info["channel_format"][0] == "string"
        streams.append(
            Stream(
                str(info["name"][0]), str(info["type"][0]), time, list(values) if text else np.asarray(values)
            )
        )
    return streams


def read_frame_stream(path: Path, name: str) -> tuple[np.ndarray, FloatArray]:
    """Frame numbers from 0 and their LSL times.

    A stream of numbers is taken as frame numbers (first channel; the first number may be 0 or 1); a stream whose
    numbers do not count up, as one time stamp per frame.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        ``(n,)`` int64 frame numbers and ``(n,)`` s.

    Raises
    ------
    InputError
        If there is no stream of that name or it is empty; the streams that exist are named.
    """
    streams = read_xdf(path)
    named = [s for s in streams if s.name == name]
    if len(named) != 1:
        what = "no stream" if not named else f"{len(named)} streams"
        raise InputError(
            f"{path.name} has {what} {name!r}: it has {_list(streams)}; correct stream in [pulses]."
        )
    stream = named[0]
    if len(stream.time) < 2:
        raise InputError(
            f"The stream {name!r} of {path.name} has {len(stream.time)} samples: it was not running."
        )
    number = _first_numbers(stream)
    counts = (
        number is not None and bool(np.all(np.diff(number) >= 1)) and bool(np.all(number == np.round(number)))
    )
    if number is None or not counts:
        return np.arange(len(stream.time)), stream.time
    # Counters of cameras start at 0 or 1; a later start means that the first frames were not streamed.
    return (number - (1 if number[0] == 1 else 0)).astype(np.int64), stream.time


def read_markers(path: Path) -> pd.DataFrame:
    """Text markers of all streams: columns ``onset`` (s of LSL's clock, sorted) and ``code``."""
    rows = [
        (float(t), normalise_code(sample[0]))
        for stream in read_xdf(path)
        if stream.is_text
        for t, sample in zip(stream.time, stream.values, strict=True)
        if len(sample) and not str(sample[0]).lstrip().startswith(("<?xml", "<info"))
    ]
    table = pd.DataFrame(rows, columns=["onset", "code"]).astype({"onset": "float64", "code": "str"})
    return table.sort_values("onset", kind="stable", ignore_index=True)


def _first_numbers(stream: Stream) -> FloatArray | None:
    try:
        if stream.is_text:
            return np.array([float(sample[0]) for sample in stream.values])
        return np.asarray(stream.values, dtype=np.float64)[:, 0]
    except (ValueError, IndexError):
        return None


def _list(streams: list[Stream]) -> str:
    return ", ".join(f"{s.name!r} ({s.kind}, {len(s.time)} samples)" for s in streams) or "no streams"
