"""Markers in the streams of an XDF file, whatever the type of their samples.

A stream is one of markers if its samples are text, or its type says so (Markers, Events, Trigger, Stim). Its first
channel is the code. Samples at irregular times are markers each, and keep the stamp that they were sent with,
whatever rate was declared. A stream that holds its code, sample after sample, has a marker where a code begins.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from enicfer.config.codes import normalise_code
from enicfer.io.xdf.file import Stream
from enicfer.io.xdf.regular import is_regular

Marker = tuple[float, str]
_KINDS = ("MARKER", "EVENT", "TRIG", "TRG", "STIM")
_DEVICE = ("<?xml", "<info")  # what an amplifier says of itself
_HELD = 100  # samples; a regular stream of so many holds its codes


def find_markers(streams: Sequence[Stream]) -> tuple[list[Marker], tuple[str, ...]]:
    """Time in s of LSL's clock and code of all markers, and sentences on what was read how."""
    markers: list[Marker] = []
    notes: list[str] = []
    for stream in streams:
        name = f"the stream {stream.name!r}"
        if not _is_marker(stream):
            if _may_be_marker(stream):
                notes.append(
                    f"The numbers of {name} (type {stream.kind or 'none'}) are not read as markers: markers have the "
                    "type Markers."
                )
            continue
        codes = [_code(sample) for sample in stream.values]
        times = stream.time.tolist()
        if not stream.is_text and len(times) >= _HELD and is_regular(stream.time, stream.rate):
            kept = [
                i for i, code in enumerate(codes) if code not in ("", "0") and (not i or code != codes[i - 1])
            ]
            notes.append(
                f"{name[0].upper()}{name[1:]} holds its codes at {stream.rate:g} Hz: markers are where one begins."
            )
        else:
            kept = [i for i, code in enumerate(codes) if code and not code.startswith(_DEVICE)]
        stamped = [i for i in kept if np.isfinite(times[i])]
        markers += [(times[i], codes[i]) for i in stamped]
        if len(kept) > len(stamped):
            notes.append(f"{len(kept) - len(stamped)} markers of {name} have no time stamp and are left out.")
        count = len(stream.values[0]) if len(stream.values) else 0
        if count > 1 and stamped:
            label = f" ({stream.channels[0]})" if stream.channels else ""
            notes.append(f"Of the {count} channels of {name}, the first{label} is read as its markers.")
    return markers, tuple(notes)


def _is_marker(stream: Stream) -> bool:
    return stream.is_text or any(word in stream.kind.upper() for word in _KINDS)


def _may_be_marker(stream: Stream) -> bool:
    """Whether a stream of numbers looks like one of markers whose sender gave it another type."""
    values = stream.values
    if stream.rate or not len(values) or np.ndim(values) != 2 or np.shape(values)[1] != 1:
        return False
    counts = len(values) > 1 and bool(np.all(np.diff(values[:, 0]) >= 1))  # frame numbers
    return bool(np.issubdtype(values.dtype, np.integer)) and not counts


def _code(sample: Any) -> str:
    """The first channel of a sample as a code; empty where it has none."""
    if not len(sample):
        return ""
    value = sample[0]
    if isinstance(value, str):
        return normalise_code(value)
    number = float(value)
    if not np.isfinite(number):
        return ""
    return str(int(value)) if number.is_integer() else f"{number:g}"
