"""From a trace to segments: stretches of one dominant expression, and stretches without a valid frame.

Frames come at irregular times, so each frame stands for its *support*: half of the way to each neighbour. Two
frames *follow each other*, and their supports touch, unless the video has a *hole* between them, which
belongs to no frame: more than `LONGEST_STEP` usual intervals without a frame, and more than `SHORTEST_HOLE`.
The usual interval is the median of those around it, because cameras change their rate: they slow down in dim
light, drop frames, and time stamps jitter. What needs to know how long a frame holds, or which one comes
next, asks `frame_support`. Of several frames at one instant those between the first and the last stand for no time:
they count nowhere.

Times are s on any one clock.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.records import ExpressionTrace, FloatArray, Status, select_frames

SEGMENT_COLUMNS = ("onset", "duration", "label", "probability", "valid_fraction", "reason")
LOST = "lost"
UNCERTAIN = "uncertain"
LONGEST_STEP = 3.5  # usual intervals: up to two frames in a row may be missing, whatever the rate
SHORTEST_HOLE = 0.15  # s: less than the shortest segment of an expression
_AROUND = 11  # intervals that tell the usual one, centred
_UNSURE = -2


def frame_support(time: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Start and stop ``(n,)`` in s of the stretch that each frame stands for.

    Where two frames follow each other, the stop of one is exactly the start of the next. Before and after a
    hole a frame reaches half of a usual interval into it, the first and the last as far out as in.

    Parameters
    ----------
    time
        ``(n,)`` s, increasing, on any clock.
    """
    if time.size < 2:
        return time.copy(), time.copy()
    gap = np.diff(time)
    usual = pd.Series(gap).rolling(_AROUND, center=True, min_periods=1).median().to_numpy(np.float64)
    hole = gap > np.maximum(LONGEST_STEP * usual, SHORTEST_HOLE)
    middle = time[:-1] + gap / 2
    stop = np.where(hole, time[:-1] + usual / 2, middle)
    start = np.where(hole, time[1:] - usual / 2, middle)
    return np.r_[2 * time[0] - stop[0], start], np.r_[stop, 2 * time[-1] - start[-1]]


def find_segments(
    time: FloatArray,
    trace: ExpressionTrace,
    *,
    margin: float = 0.1,
    min_duration: float = 0.2,
    min_probability: float = 0.0,
) -> pd.DataFrame:
    """Find the segments of one dominant expression, and those in which the face was lost.

    The label in force changes only when another one leads by ``margin`` (hysteresis), and a segment shorter than
    ``min_duration`` joins the segment before it, unless a hole is between; so single frames do not flicker.
    Short segments in a row that last longer are a segment of what holds in most of it. The probabilities themselves
    are not smoothed.

    Parameters
    ----------
    time
        ``(n,)`` s, each frame on the recording's clock.
    trace
        The probabilities.
    margin
        Lead in probability that a new label needs.
    min_duration
        In s.
    min_probability
        Frames whose highest probability is lower are ``uncertain``.

    Returns
    -------
    pandas.DataFrame
        Columns ``onset`` and ``duration`` (s, recording's clock), ``label`` (an expression, ``uncertain`` or
        ``lost``), ``probability`` (mean probability of the label over the segment, NaN for the last two),
        ``valid_fraction`` and ``reason`` (the most frequent `Status` of a lost segment, else empty). Frames outside
        of the recording are in no segment.
    """
    start, stop = frame_support(time)
    if (lasting := stop > start).any():
        start, stop, trace = start[lasting], stop[lasting], select_frames(trace, lasting)
    hole = start[1:] > stop[:-1]
    state = _states(trace, hole, margin, min_probability)
    inside = np.asarray(trace.status != Status.OUTSIDE_RECORDING)
    segments = _merge_short(_runs(state, inside, hole), state, start, stop, min_duration)
    rows = [_row(first, last, kind, trace, start, stop) for first, last, kind in segments]
    return pd.DataFrame(rows, columns=list(SEGMENT_COLUMNS))


def _states(
    trace: ExpressionTrace, hole: npt.NDArray[np.bool_], margin: float, min_probability: float
) -> npt.NDArray[np.int64]:
    """Index of the label in force in each frame, -1 where it is not valid, -2 where it is uncertain.

    No label stays in force over invalid frames or a ``hole`` (n - 1,) after a frame.
    """
    state = np.full(trace.status.size, -1, dtype=np.int64)
    current = -1
    for i in np.flatnonzero(trace.ok):
        row = trace.probability[i]
        best = int(np.argmax(row))
        if current < 0 or state[i - 1] == -1 or hole[i - 1] or row[best] - row[current] >= margin:
            current = best
        state[i] = current if row[best] >= min_probability else _UNSURE
    return state


def _runs(
    state: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_], hole: npt.NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """First and last frame of each run of equal state without a hole in the video."""
    if state.size == 0:
        return []
    cut = np.flatnonzero((np.diff(state) != 0) | hole | (inside[1:] != inside[:-1])) + 1
    firsts, lasts = np.r_[0, cut], np.r_[cut, state.size] - 1
    return [(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True) if inside[a]]


def _merge_short(
    segments: list[tuple[int, int]],
    state: npt.NDArray[np.int64],
    start: FloatArray,
    stop: FloatArray,
    min_duration: float,
) -> list[tuple[int, int, int]]:
    """First frame, last frame and state of segments: short ones join the one before while they are short together.

    Short segments in a row that last longer become a segment of their own, of the state that holds in most of it.
    """
    merged: list[tuple[int, int, int]] = []
    own = -1  # the last frame of the last segment in which its own state held
    for first, last in segments:
        if merged and start[first] <= stop[merged[-1][1]]:
            begin, before, kind = merged[-1]
            if state[first] == kind or stop[last] - stop[own] < min_duration:
                merged[-1] = (begin, last, kind)
                own = last if state[first] == kind else own
                continue
            if stop[last] - start[first] < min_duration and own < before:
                merged[-1] = (begin, own, kind)
                first = own + 1
        kinds, which = np.unique(state[first : last + 1], return_inverse=True)
        kind = int(kinds[np.argmax(np.bincount(which, (stop - start)[first : last + 1]))])
        own = first + int(np.flatnonzero(state[first : last + 1] == kind)[-1])
        merged.append((first, last, kind))
    return merged


def _row(
    first: int, last: int, state: int, trace: ExpressionTrace, start: FloatArray, stop: FloatArray
) -> tuple[float, float, str, float, float, str]:
    frames = slice(first, last + 1)
    ok = trace.ok[frames]
    label = {-1: LOST, _UNSURE: UNCERTAIN}.get(state) or trace.labels[state]
    probability = np.nan if state < 0 else float(trace.probability[frames][ok, state].mean(dtype=np.float64))
    reason = ""
    if state == -1:
        invalid = trace.status[frames][~ok]
        reason = Status(int(np.bincount(invalid).argmax())).label
    return start[first], stop[last] - start[first], label, probability, float(ok.mean()), reason
