"""XDF files of the Lab Streaming Layer: frame streams, markers, and the EEG itself.

Time stamps are synchronised between computers by pyxdf, and dejittered but for those of frames; they are s on the
clock of the computer that recorded, which is neither ``video_time`` nor the recording's ``time``.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError
from enicfer.io.frame_times import find_nearest
from enicfer.protocol import normalise_code
from enicfer.records import FloatArray

if TYPE_CHECKING:
    import mne

_GZIP = b"\x1f\x8b"
_UNITS = {"microvolts": 1e-6, "microvolt": 1e-6, "uv": 1e-6, "µv": 1e-6, "millivolts": 1e-3, "mv": 1e-3}
_CODES = ("TRIGGER", "TRIG", "TRG", "STIM")  # types of channels of trigger codes
MAX_SAMPLES = 2**31


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
    channels, units, kinds
        What the sender said of each channel (label, unit, type); empty where it said nothing.
    """

    name: str
    kind: str
    time: FloatArray
    values: Any
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the samples are text, as markers are."""
        return isinstance(self.values, list)


def read_xdf(path: Path, dejitter: bool = True) -> list[Stream]:
    """Read all streams of an XDF file, their clocks synchronised.

    Parameters
    ----------
    path
        The file.
    dejitter
        Put the samples of regular streams at equal distances. Where samples were lost, this shifts the others.

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
        found, _ = pyxdf.load_xdf(str(path), synchronize_clocks=True, dejitter_timestamps=dejitter)
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
                str(info["name"][0]),
                str(info["type"][0]),
                time,
                list(values) if text else np.asarray(values),
                *(_said_of_channels(info, key) for key in ("label", "unit", "type")),
            )
        )
    return streams


def _said_of_channels(info: Any, key: str) -> tuple[str, ...]:
    """One entry of each channel's description, or nothing if any channel has none."""
    try:
        channels = info["desc"][0]["channels"][0]["channel"]
        return tuple(str(channel[key][0]) for channel in channels)
    except (TypeError, KeyError, IndexError):
        return ()


def open_xdf(path: Path) -> "mne.io.BaseRaw":
    """The stream of type EEG as a recording of MNE-Python, with the markers of all text streams as annotations.

    Samples lie on a regular grid at the stream's own (dejittered) rate, from its first sample; each point has the
    sample nearest in time. Where none is within 1.5 samples, the signal is 0 under ``BAD_ACQ_SKIP``. A channel of
    type Trigger (TRIG, TRG, STIM) is a stimulus channel, and its codes have no unit.

    Raises
    ------
    InputError
        If there is not exactly one such stream with samples; those that are there are named.
    """
    import mne

    streams = read_xdf(path)
    found = [s for s in streams if s.kind.upper() == "EEG" and not s.is_text and len(s.time) > 1]
    if len(found) != 1:
        raise InputError(
            f"{path.name} has {len(found) or 'no'} streams of type EEG with samples: it has {_list(streams)}; give a "
            "file with one."
        )
    stream = found[0]
    since = stream.time - stream.time[0]
    step = float(np.median(np.diff(since)))
    if not (step > 0 and since[-1] / step < MAX_SAMPLES):
        raise InputError(f"The stream {stream.name!r} of {path.name} has time stamps that do not count up.")
    grid = np.arange(round(since[-1] / step) + 1) * step
    nearest = find_nearest(since, grid)
    there = np.abs(since[nearest] - grid) <= 1.5 * step
    signal = np.where(there, np.asarray(stream.values, np.float64)[nearest].T, 0.0)
    count = signal.shape[0]
    kinds = stream.kinds if len(stream.kinds) == count else ("EEG",) * count
    types = [_channel_type(kind) for kind in kinds]
    for row, unit in enumerate(stream.units):
        signal[row] *= 1.0 if types[row] == "stim" else _UNITS.get(unit.lower(), 1.0)
    names = (
        list(stream.channels)
        if len(set(stream.channels)) == count
        else [f"EEG{i + 1:03d}" for i in range(count)]
    )
    raw = mne.io.RawArray(signal, mne.create_info(names, 1 / step, types), verbose="error")
    edges = np.flatnonzero(np.diff(np.concatenate([[True], there, [True]]).astype(np.int8)))
    pauses = [(a * step, (b - a) * step, "BAD_ACQ_SKIP") for a, b in edges.reshape(-1, 2).tolist()]
    marks = [
        (at - stream.time[0], 0.0, code)
        for at, code in _markers(streams)
        if 0 <= at - stream.time[0] <= grid[-1] and code
    ]
    raw.set_annotations(
        mne.Annotations(*map(list, zip(*pauses, *marks, strict=True)), orig_time=None)
        if pauses or marks
        else None
    )
    return raw


def _channel_type(kind: str) -> str:
    """MNE-Python's word for a channel's type in LSL."""
    if kind.upper() in _CODES:
        return "stim"
    return "eeg" if kind.upper() == "EEG" else "misc"


def read_frame_stream(path: Path, name: str) -> tuple[npt.NDArray[np.int64] | None, FloatArray]:
    """Frame numbers from 0 and their LSL times as they were sent, not dejittered.

    A stream of numbers is taken as frame numbers (first channel; the first number may be 0 or 1); a stream whose
    numbers do not count up, as one time stamp per frame.

    Returns
    -------
    numpy.ndarray or None, numpy.ndarray
        ``(n,)`` int64 frame numbers, None where the stream has none, and ``(n,)`` s.

    Raises
    ------
    InputError
        If there is no stream of that name or it is empty; the streams that exist are named.
    """
    streams = read_xdf(path, dejitter=False)
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
        return None, stream.time
    # Counters of cameras start at 0 or 1; a later start means that the first frames were not streamed.
    return (number - (1 if number[0] == 1 else 0)).astype(np.int64), stream.time


def read_markers(path: Path) -> pd.DataFrame:
    """Text markers of all streams: columns ``onset`` (s of LSL's clock, sorted) and ``code``."""
    table = pd.DataFrame(_markers(read_xdf(path)), columns=["onset", "code"]).astype(
        {"onset": "float64", "code": "str"}
    )
    return table.sort_values("onset", kind="stable", ignore_index=True)


def _markers(streams: Sequence[Stream]) -> list[tuple[float, str]]:
    return [
        (float(t), normalise_code(sample[0]))
        for stream in streams
        if stream.is_text
        for t, sample in zip(stream.time, stream.values, strict=True)
        if len(sample) and not str(sample[0]).lstrip().startswith(("<?xml", "<info"))
    ]


def _first_numbers(stream: Stream) -> FloatArray | None:
    try:
        if stream.is_text:
            return np.array([float(sample[0]) for sample in stream.values])
        return np.asarray(stream.values, dtype=np.float64)[:, 0]
    except (ValueError, IndexError):
        return None


def _list(streams: list[Stream]) -> str:
    return ", ".join(f"{s.name!r} ({s.kind}, {len(s.time)} samples)" for s in streams) or "no streams"
