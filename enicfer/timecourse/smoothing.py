"""What is made of the probabilities over time: smoothed, relative to the child's own baseline, or not sure.

All of it is off unless the protocol's ``[expression]`` asks for it, stands beside the probabilities and replaces
none of them. Pure: no files, no pictures.

Conventions: times in s on any one clock, increasing; probabilities (n, k) with NaN where a frame is not valid.
A frame counts as much as the time it stands for (`enicfer.timecourse.segments.frame_support`).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from enicfer.config.protocol import Protocol, TraceSettings
from enicfer.records import (
    Alignment,
    ExpressionTrace,
    FaceTrack,
    Float32Array,
    FloatArray,
    TimeCourse,
    select_frames,
    spread_frames,
    take_part,
)
from enicfer.timecourse.head import head_columns
from enicfer.timecourse.segments import find_segments, frame_support
from enicfer.timecourse.trials import summarise_trials

# A Gaussian's full width at half maximum in standard deviations, and how far out it is summed.
_WIDTH, _REACH = 2.3548, 3.0
# Least part of the baseline's time that must be valid.
_MIN_VALID = 0.1


def derive_time_course(
    trials: pd.DataFrame,
    time: FloatArray,
    faces: FaceTrack,
    expression: ExpressionTrace,
    alignment: Alignment,
    protocol: Protocol,
    shares: Mapping[str, Float32Array] | None = None,
) -> tuple[TimeCourse, pd.DataFrame, pd.DataFrame]:
    """What the protocol wants made of the probabilities, and the tables of segments and trials.

    Frames whose expression was not read take no part (the others stand for their time), nor do those without a time
    on the recording's clock.

    Parameters
    ----------
    trials
        Table of `enicfer.timecourse.trials.build_trials`.
    time
        ``(n,)`` s on the recording's clock.
    faces, expression
        What the camera showed.
    alignment
        For the uncertainty of the trials' times.
    protocol
        Its ``expression``, ``trial``, ``head`` and ``quality`` are used.
    shares
        With several cameras, further columns of the trials: name -> ``(n,)`` values of the frames, NaN for none.
    """
    read = take_part(expression, time)
    t, trace = time[read], select_frames(expression, read)
    time_course = make_time_course(t, trace, protocol.expression)
    shown = use_smoothed(trace, time_course)
    level = protocol.expression.min_probability
    segments = find_segments(t, shown, min_probability=level)
    extra = {"fer_other_person_present": select_frames(faces, read).other_person_present}
    if time_course.uncertain is not None:
        extra["fer_uncertain"] = time_course.uncertain
    if time_course.baseline is not None:
        relative = shown.probability - time_course.baseline
        extra |= {f"fer_{label}_relative": relative[:, k] for k, label in enumerate(trace.labels)}
    extra |= {name: values[read] for name, values in (shares or {}).items()}
    head = head_columns(
        select_frames(faces, read), trace.status, protocol.head, protocol.quality, bool(shares)
    )
    table = summarise_trials(
        trials,
        t,
        shown,
        alignment,
        protocol.trial,
        min_probability=level,
        extra={**extra, **head.means},
        fractions=head.fractions,
    )
    return spread_frames(time_course, read), segments, table


def make_time_course(time: FloatArray, trace: ExpressionTrace, settings: TraceSettings) -> TimeCourse:
    """Smooth, find the baseline and say what is uncertain, as far as the settings ask for it.

    Parameters
    ----------
    time
        ``(n,)`` s on the recording's clock.
    trace
        The probabilities; frames that were not analysed take no part.
    settings
        The protocol's ``[expression]``.
    """
    smoothed = smooth(time, trace, settings.smoothing) if settings.smoothing > 0 else None
    shown = trace.probability if smoothed is None else smoothed
    baseline = None
    if settings.relative_to == "quantile":
        baseline = running_quantile(time, trace.probability, settings.quantile, settings.quantile_window)
    elif not isinstance(settings.relative_to, str):
        baseline = rest_mean(time, trace.probability, settings.relative_to)
    uncertain = None
    if settings.min_probability > 0:
        uncertain = find_uncertain(shown, settings.min_probability)
    return TimeCourse(smoothed, baseline, uncertain, describe(settings))


def use_smoothed(trace: ExpressionTrace, time_course: TimeCourse) -> ExpressionTrace:
    """The trace that segments and trials are made of: the smoothed one, where there is one."""
    return trace if time_course.smoothed is None else replace(trace, probability=time_course.smoothed)


def smooth(time: FloatArray, trace: ExpressionTrace, width: float) -> Float32Array:
    """Weighted mean over the frames around each frame, with a Gaussian's weights: no shift in time.

    Parameters
    ----------
    time
        ``(n,)`` s.
    trace
        The probabilities; invalid frames have no weight and stay invalid.
    width
        Full width of the Gaussian at half of its height, in s; it is cut off at three standard deviations.

    Returns
    -------
    Float32Array
        ``(n, k)``; rows sum to 1 where the frame is valid, else NaN.

    Notes
    -----
    The kernel is symmetric in time, so peaks stay where they are (zero phase); with irregular frames the weight
    is the kernel times the time that a frame stands for (a kernel regression, Nadaraya 1964,
    doi:10.1137/1109020).
    """
    out = np.full(trace.probability.shape, np.nan, np.float32)
    ok = np.flatnonzero(trace.ok & np.isfinite(time))
    if not ok.size:
        return out
    t, p = time[ok], trace.probability[ok].astype(np.float64)
    start, stop = frame_support(time)
    share = np.maximum((stop - start)[ok], 1e-9)
    sigma = width / _WIDTH
    reach = _REACH * sigma
    total, weight = p * share[:, None], share.copy()
    # Every pair of frames that are ``step`` valid ones apart, both ways; the order of the sums is fixed.
    for step in range(1, ok.size):
        gap = t[step:] - t[:-step]
        near = np.flatnonzero(gap <= reach)
        if not near.size:
            break
        kernel = np.exp(-0.5 * (gap[near] / sigma) ** 2)
        for here, there in ((near, near + step), (near + step, near)):
            w = kernel * share[there]
            total[here] += w[:, None] * p[there]
            weight[here] += w
    out[ok] = total / weight[:, None]
    return out


def rest_mean(time: FloatArray, probability: Float32Array, rest: tuple[float, float]) -> Float32Array:
    """Mean probabilities in a segment of rest ``(start, stop)`` in s, the same for all frames.

    Returns
    -------
    Float32Array
        ``(n, k)``; NaN if less than a tenth of the segment is valid.
    """
    start, stop = frame_support(time)
    weight = np.clip(np.minimum(stop, rest[1]) - np.maximum(start, rest[0]), 0, None)
    weight[~np.isfinite(probability).all(axis=1)] = 0
    mean = np.full(probability.shape[1], np.nan)
    if weight.sum() >= _MIN_VALID * (rest[1] - rest[0]):
        mean = weight @ np.nan_to_num(probability.astype(np.float64)) / weight.sum()
    return np.broadcast_to(mean.astype(np.float32), probability.shape).copy()


def running_quantile(
    time: FloatArray, probability: Float32Array, quantile: float, window: float
) -> Float32Array:
    """Quantile of each probability in a window around each frame: what the child's face usually shows.

    It is found every twentieth of the window and linear in between.

    Parameters
    ----------
    time
        ``(n,)`` s.
    probability
        ``(n, k)``.
    quantile
        0 to 1; 0.5 is the median.
    window
        In s, half of it before the frame and half after.

    Returns
    -------
    Float32Array
        ``(n, k)``; NaN where less than a tenth of the frames in the window are valid.
    """
    out = np.full(probability.shape, np.nan, np.float32)
    if not time.size:
        return out
    start, stop = frame_support(time)
    if (lasting := stop > start).any():
        known = probability[lasting]
        span = time[lasting]
    else:
        known, span = probability, time
    centre = np.arange(time[0], time[-1] + window / 20, window / 20)
    first = np.searchsorted(span, centre - window / 2, side="left")
    last = np.searchsorted(span, centre + window / 2, side="right")
    level = np.full((centre.size, probability.shape[1]), np.nan)
    for i, (a, b) in enumerate(zip(first, last, strict=True)):
        rows = known[a:b]
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows) and len(rows) >= _MIN_VALID * (b - a):
            level[i] = np.quantile(rows.astype(np.float64), quantile, axis=0)
    for k in range(probability.shape[1]):
        out[:, k] = np.interp(time, centre, level[:, k])
    return out


def find_uncertain(probability: Float32Array, level: float) -> Float32Array:
    """1 where the highest probability is below ``level``, 0 where not, NaN in an invalid frame, ``(n,)``."""
    ok = np.isfinite(probability).all(axis=1)
    out = np.full(len(probability), np.nan, np.float32)
    out[ok] = probability[ok].max(axis=1) < level
    return out


def describe(settings: TraceSettings) -> dict[str, str]:
    """What was done, in sentences for sidecars; nothing for what is off."""
    about = {}
    if settings.smoothing > 0:
        about["smoothing"] = (
            f"Smoothed with a Gaussian of {settings.smoothing:g} s (full width at half maximum) that is symmetric in "
            "time (zero phase), over the valid frames."
        )
    if settings.relative_to == "quantile":
        about["baseline"] = (
            f"Baseline: quantile {settings.quantile:g} of the probability in a window of "
            f"{settings.quantile_window:g} s around each frame."
        )
    elif not isinstance(settings.relative_to, str):
        a, b = settings.relative_to
        about["baseline"] = (
            f"Baseline: mean probability from {a:g} to {b:g} s of the recording, the child at rest."
        )
    if settings.min_probability > 0:
        about["uncertain"] = (
            f"Uncertain: the highest calibrated probability is below {settings.min_probability:g}."
        )
    return about
