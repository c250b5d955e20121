"""XDF files of the Lab Streaming Layer: frame streams, and the EEG itself.

Times are s on the clock of the computer that recorded, which is neither ``video_time`` nor the recording's ``time``.
Only samples that were taken at equal distances are put there, and only within stretches without loss
(`enicfer.io.xdf.regular`); frames and markers keep the stamps that they were sent with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError
from enicfer.io.video.frame_times import find_nearest
from enicfer.io.xdf.file import Stream, read_xdf
from enicfer.io.xdf.markers import Marker, find_markers
from enicfer.io.xdf.regular import Regular, is_regular, order_samples
from enicfer.records import FloatArray

if TYPE_CHECKING:
    import mne

_UNITS = {"microvolts": 1e-6, "microvolt": 1e-6, "uv": 1e-6, "µv": 1e-6, "millivolts": 1e-3, "mv": 1e-3}
_CODES = ("TRIGGER", "TRIG", "TRG", "STIM")  # types of channels of trigger codes
MAX_SAMPLES = 2**31
BACK = 0.1  # s; stamps whose level falls by more are those of a clock that was set back
PACKETS = 0.3  # part of the samples with the stamp of the one before, from which packets are said
LONGEST_PAUSE = 3600.0  # s; a longer one is a clock that was set, or two recordings


def open_xdf(path: Path) -> tuple["mne.io.BaseRaw", tuple[str, ...]]:
    """The stream of type EEG as a recording of MNE-Python, with all markers as annotations, and notes.

    Samples lie on a regular grid at the stream's own rate, from its first sample; each point has the sample nearest
    in time. Where none is within 1.5 samples, the signal is 0 under ``BAD_ACQ_SKIP``. A channel of type Trigger
    (TRIG, TRG, STIM) is a stimulus channel, and its codes have no unit.

    Raises
    ------
    InputError
        If there is not exactly one such stream with samples (those that are there are named), or its clock jumps.
    """
    import mne

    streams, notes = read_xdf(path)
    found = [s for s in streams if s.kind.strip().upper() == "EEG" and not s.is_text and len(s.time) > 1]
    if len(found) != 1:
        raise InputError(
            f"{path.name} has {len(found) or 'no'} streams of type EEG with samples: it has {_list(streams)}",
            place=path,
            remedy="give a file with one",
        )
    stream = found[0]
    ordered = _order(stream, path.name)
    since = ordered.time - ordered.time[0]
    step = ordered.step
    if not (step > 0 and since[-1] / step < MAX_SAMPLES):
        raise InputError(
            f"The stream {stream.name!r} of {path.name} has time stamps that do not count up",
            place=path,
            remedy="record it again, or choose another stream",
        )
    grid = np.arange(round(since[-1] / step) + 1) * step
    nearest = find_nearest(since, grid)
    there = np.abs(since[nearest] - grid) <= 1.5 * step
    raw = mne.io.RawArray(*_signal(stream, nearest, there, step), verbose="error")
    edges = np.flatnonzero(np.diff(np.concatenate([[True], there, [True]]).astype(np.int8)))
    pauses = [(a * step, (b - a) * step, "BAD_ACQ_SKIP") for a, b in edges.reshape(-1, 2).tolist()]
    markers, said = find_markers(streams)
    marks, outside = _place_markers(markers, ordered.time[0], float(grid[-1]))
    raw.set_annotations(
        mne.Annotations(*map(list, zip(*pauses, *marks, strict=True)), orig_time=None)
        if pauses or marks
        else None
    )
    return raw, (*notes, *_note_order(stream, ordered, path.name), *said, *_note_outside(outside))


def _order(stream: Stream, file: str) -> Regular:
    """The samples of a stream in time; a clock that jumps is refused."""
    time, name = stream.time, f"The stream {stream.name!r} of {file}"
    if not np.isfinite(time).all():
        at = int(np.argmin(np.isfinite(time)))
        raise InputError(
            f"{name} has no time stamp at sample {at} of {len(time)}",
            remedy="record it again, or repair the file",
        )
    # An amplifier samples at equal distances, also where its sender declares no rate.
    rate = stream.rate or (len(time) - 1) / max(float(np.ptp(time)), 1e-9)
    if is_regular(time, rate):
        ordered = order_samples(time, rate)
    else:
        first = np.flatnonzero(np.diff(time) < 0)
        back = (int(first[0]) + 1, float(np.diff(time)[first[0]])) if len(first) else (0, 0.0)
        ordered = Regular(np.maximum.accumulate(time), float(np.median(np.diff(time))), (0,), back)
    place, fall = ordered.back
    why, advice = (
        "a computer was restarted or its clock was set",
        "give the parts before and after as files of their own",
    )
    if fall < -BACK:
        raise InputError(
            f"{name}: its time stamps go back by {-fall:.1f} s after {_since(time, place)}: {why}",
            remedy=advice,
        )
    gap = np.diff(ordered.time)
    if gap.size and gap.max() > LONGEST_PAUSE:
        place = int(np.argmax(gap)) + 1
        raise InputError(
            f"{name}: its time stamps jump forward by {gap.max():.0f} s after {_since(time, place)}, which is more "
            f"than {LONGEST_PAUSE / 60:.0f} min: {why}",
            remedy=advice,
        )
    return ordered


def _since(time: FloatArray, place: int) -> str:
    return f"{time[place - 1] - time[0]:.1f} s (sample {place} of {len(time)})"


def _signal(
    stream: Stream, nearest: npt.NDArray[np.int64], there: npt.NDArray[np.bool_], step: float
) -> tuple[FloatArray, "mne.Info"]:
    """``(channels, n)`` V on the grid, and what MNE-Python wants to know of the channels."""
    import mne

    signal = np.where(there, np.asarray(stream.values, np.float64)[nearest].T, 0.0)
    count = signal.shape[0]
    kinds = stream.kinds if len(stream.kinds) == count else ("EEG",) * count
    types = [_channel_type(kind) for kind in kinds]
    for row, unit in enumerate(stream.units[:count]):
        signal[row] *= 1.0 if types[row] == "stim" else _UNITS.get(unit.lower(), 1.0)
    unique = len(stream.channels) == count == len(set(stream.channels))
    names = list(stream.channels) if unique else [f"EEG{i + 1:03d}" for i in range(count)]
    return signal, mne.create_info(names, 1 / step, types)


def _place_markers(
    markers: Sequence[Marker], start: float, length: float
) -> tuple[list[tuple[float, float, str]], int]:
    """Onset, duration and code of the markers within the EEG, and how many are not."""
    marks = [(at - start, 0.0, code) for at, code in markers]
    inside = [mark for mark in marks if 0 <= mark[0] <= length]
    return inside, len(marks) - len(inside)


def _note_order(stream: Stream, ordered: Regular, file: str) -> tuple[str, ...]:
    notes = []
    places = np.array(ordered.first[1:], np.int64)
    if len(places):
        lost = ordered.time[places] - ordered.time[places - 1] - ordered.step
        notes.append(
            f"The stream {stream.name!r} of {file} lost samples at {len(places)} "
            f"{'place' if len(places) == 1 else 'places'}, {lost.sum():.2f} s in all (the longest "
            f"{lost.max():.2f} s, after {ordered.time[places[lost.argmax()] - 1] - ordered.time[0]:.1f} s): what "
            "came later is at its own time."
        )
    gap = np.diff(stream.time)
    if np.mean(gap == 0) > PACKETS:
        half = 500 * float(np.median(gap[gap > 0])) if (gap > 0).any() else 0.0
        notes.append(
            f"The stream {stream.name!r} of {file} came in packets whose samples share a time stamp: its samples are "
            f"known in time to about {half:.0f} ms."
        )
    if ordered.wanders:
        notes.append(
            f"The time stamps of the stream {stream.name!r} stray from a steady rate by up to "
            f"{1000 * ordered.wanders:.0f} ms: its samples are known in time to about that."
        )
    return tuple(notes)


def _note_outside(outside: int) -> tuple[str, ...]:
    if not outside:
        return ()
    return (f"{outside} markers lie before or after the EEG and are left out.",)


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
    streams, _ = read_xdf(path)
    named = [s for s in streams if s.name == name]
    if len(named) != 1:
        what = "no stream" if not named else f"{len(named)} streams"
        raise InputError(
            f"{path.name} has {what} {name!r}: it has {_list(streams)}",
            place=path,
            remedy="correct stream in [pulses]",
        )
    stream = named[0]
    if len(stream.time) < 2:
        raise InputError(
            f"The stream {name!r} of {path.name} has {len(stream.time)} samples, so it was not running",
            place=path,
            remedy="correct stream in [pulses]",
        )
    if not np.isfinite(stream.time).all() or float(np.diff(stream.time).min()) < -BACK:
        raise InputError(
            f"The stream {name!r} of {path.name} has time stamps that go back: a computer was "
            "restarted or its clock was set",
            place=path,
            remedy="give the parts before and after as runs of their own",
        )
    number = _first_numbers(stream)
    counts = (
        number is not None and bool(np.all(np.diff(number) >= 1)) and bool(np.all(number == np.round(number)))
    )
    if number is None or not counts:
        return None, stream.time
    # Counters of cameras start at 0 or 1; a later start means that the first frames were not streamed.
    return (number - (1 if number[0] == 1 else 0)).astype(np.int64), stream.time


def note_xdf(path: Path) -> tuple[str, ...]:
    """What the user should know of an XDF file and its markers, one sentence each."""
    streams, notes = read_xdf(path)
    return (*notes, *find_markers(streams)[1])


def read_markers(path: Path) -> pd.DataFrame:
    """Markers of all streams: columns ``onset`` (s of LSL's clock, sorted) and ``code``."""
    table = pd.DataFrame(find_markers(read_xdf(path)[0])[0], columns=["onset", "code"])
    table = table.astype({"onset": "float64", "code": "str"})
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
