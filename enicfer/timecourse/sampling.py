"""The irregular trace at other times: on a grid, at samples, in windows.

Conventions: times in s on the recording's clock. A frame stands for its support
(`enicfer.timecourse.segments.frame_support`), which reaches to that of the next one; where the video has a hole, no
value is made up for it unless the function says so.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.records import FloatArray, RunResult, SessionResult, only_run
from enicfer.timecourse.segments import frame_support

_USUAL_RATES = (
    1.0,  # analysis rates; cameras' begin at 10
    2.0,
    5.0,
    10.0,
    12.0,
    12.5,
    15.0,
    20.0,
    23.976,
    24.0,
    25.0,
    29.97,
    30.0,
    48.0,
    50.0,
    59.94,
    60.0,
    100.0,
    120.0,
)
DEFAULT_RATE = 30.0


def nominal_rate(video_time: FloatArray) -> float:
    """Usual frame rate in Hz nearest to the one at which the camera meant to take frames.

    Intervals are counted as whole numbers of the median one, so that dropped frames and jitter do not matter.
    Without at least two frames, or more than a tenth away from every usual rate, it is `DEFAULT_RATE`.
    """
    if video_time.size < 2:
        return DEFAULT_RATE
    interval = np.diff(video_time)
    steps = np.rint(interval / np.median(interval))
    near = (steps >= 1) & (steps <= 3)
    rate = float(steps[near].sum() / interval[near].sum())
    nearest = min(_USUAL_RATES, key=lambda usual: abs(usual - rate))
    return nearest if abs(nearest - rate) <= 0.1 * rate else DEFAULT_RATE


def frame_at(run: RunResult, time: FloatArray) -> npt.NDArray[np.intp]:
    """Index of the frame whose support holds each ``time`` (s), -1 where there is none."""
    if run.time.size == 0:
        return np.full(time.shape, -1, dtype=np.intp)
    start, stop = frame_support(run.time)
    index = np.clip(np.searchsorted(start, time, side="right") - 1, 0, None)
    inside = (time >= start[index]) & (time <= stop[index])
    return np.where(inside, index, -1)


def sample_values(
    run: RunResult, time: FloatArray, values: npt.NDArray[np.floating]
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Values of the frames at other times, without a shift in time and without filling gaps.

    Linear between two frames that follow each other and both have a value. Beside a gap it is that of the frame that
    stands for the time; where that one has no value, or there is no frame, there is none.

    Parameters
    ----------
    run
        For the frames' times.
    time
        ``(m,)`` s on the recording's clock.
    values
        ``(n, k)``, a row per frame; NaN where a frame has none.

    Returns
    -------
    sampled
        ``(m, k)``, NaN where there is none.
    frame
        ``(m,)`` index of the frame that stands for each time, -1 where there is none.
    """
    rows = np.asarray(values, np.float64)
    frame = frame_at(run, time)
    out = np.full((time.size, rows.shape[1]), np.nan)
    there = np.flatnonzero(frame >= 0)
    own = frame[there]
    out[there] = rows[own]
    if run.time.size < 2:
        return out, frame
    start, stop = frame_support(run.time)
    before = np.where(time[there] < run.time[own], own - 1, own)
    pair = (before >= 0) & (before < run.time.size - 1)
    there, before = there[pair], before[pair]
    near = (start[before + 1] <= stop[before]) & np.isfinite(rows[before] + rows[before + 1]).all(axis=1)
    there, before = there[near], before[near]
    part = (time[there] - run.time[before]) / (run.time[before + 1] - run.time[before])
    out[there] = (1 - part)[:, None] * rows[before] + part[:, None] * rows[before + 1]
    return out, frame


def spans_inside(run: RunResult) -> pd.DataFrame:
    """The segments sorted by onset and cut at the ends of the recording.

    The support of the first and of the last frame reaches a little over them.
    """
    return cut_spans(run.segments.sort_values("onset", kind="stable", ignore_index=True), run)


def cut_spans(table: pd.DataFrame, run: RunResult) -> pd.DataFrame:
    """Spans (``onset``, ``duration`` in s) cut at the ends of the recording."""
    end = run.recording.duration if run.recording.duration > 0 else np.inf
    onset = table["onset"].astype(np.float64)
    start, stop = onset.clip(lower=0.0), (onset + table["duration"]).clip(upper=end)
    return table.assign(onset=start, duration=stop - start)[stop > start].reset_index(drop=True)


def interpolate(run: RunResult, time: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Probabilities without gaps, and where they are more than a filling.

    Linear between the valid frames, constant before the first and after the last, and 0 if no
    frame has one. A value is valid where the frame that stands for that time is valid.

    Returns
    -------
    probability
        ``(m, k)``, never NaN.
    valid
        ``(m,)``.
    """
    return fill_values(run, time, run.expression.probability, run.expression.ok)


def fill_values(
    run: RunResult, time: FloatArray, values: npt.NDArray[np.floating], known: npt.NDArray[np.bool_]
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """As `interpolate`, of values (n, k) of the frames that are ``known`` (n,) to have one."""
    ok = known & np.isfinite(run.time)
    if not ok.any():
        return np.zeros((time.size, values.shape[1])), np.zeros(time.size, dtype=bool)
    rows = values[ok].astype(np.float64)
    filled = np.stack([np.interp(time, run.time[ok], column) for column in rows.T], axis=1)
    frame = frame_at(run, time)
    return filled, (frame >= 0) & known[frame]


def window_weights(
    run: RunResult, edges: FloatArray
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], FloatArray]:
    """Overlap of each frame's support with consecutive windows.

    Parameters
    ----------
    run
        For the frames' times.
    edges
        ``(m + 1,)`` s, increasing: window ``j`` is ``edges[j]`` to ``edges[j + 1]``.

    Returns
    -------
    window, frame
        ``(p,)`` indices of the pairs that overlap.
    weight
        ``(p,)`` overlap in s.
    """
    start, stop = frame_support(run.time)
    first = np.clip(np.searchsorted(edges, start, side="right") - 1, 0, None)
    last = np.searchsorted(edges, stop, side="left") - 1
    last = np.minimum(last, edges.size - 2)
    count = np.clip(last - first + 1, 0, None)
    frame = np.repeat(np.arange(run.time.size), count)
    window = np.repeat(first, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    weight = np.minimum(stop[frame], edges[window + 1]) - np.maximum(start[frame], edges[window])
    keep = weight > 0
    return window[keep], frame[keep], weight[keep]


def trial_courses(
    run: RunResult | SessionResult, start: float, stop: float, step: float = 0.1
) -> tuple[FloatArray, FloatArray]:
    """Probabilities around each trial's trigger.

    Parameters
    ----------
    run
        Its trials and trace are used.
    start, stop, step
        In s relative to the trigger.

    Returns
    -------
    time
        ``(m,)`` s relative to the trigger.
    probability
        ``(trials, m, k)``, as in `sample_values`: NaN where the frame of that time is not valid.
    """
    run = only_run(run)
    run = run.analysed
    time = np.arange(start, stop + step / 2, step)
    onset = run.trials["onset"].to_numpy(np.float64)
    time_course, _ = sample_values(run, (onset[:, None] + time[None]).ravel(), run.expression.probability)
    return time, time_course.reshape(onset.size, time.size, -1)
