"""Trials: from triggers and a trace to one row a trial. Pure: no files, no pictures.

All times are seconds on the recording's clock. A trial's numbers are weighted by each frame's support (see
`enicfer.timecourse.segments.frame_support`), because frames come at irregular times. Where fewer than
``min_valid`` of the window is valid, they are NaN; the fractions that say why are always there.
"""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.config.codes import normalise_code
from enicfer.config.protocol import Protocol, Trial
from enicfer.config.values import Window
from enicfer.errors import InputError, ProtocolError
from enicfer.records import Alignment, ExpressionTrace, Float32Array, FloatArray, Status, select_frames
from enicfer.records.inverse import video_time_at
from enicfer.records.review import REJECTED, REVIEWED
from enicfer.timecourse.segments import UNCERTAIN, frame_support

TRIAL_COLUMNS = ("onset", "duration", "trial_type", "code")
REASON, NO_VIDEO = "fer_invalid_", "no_video"  # columns of reasons, and that of a window without frames
SHOWN, GONE = 0.5, 0.3  # probabilities at which an expression begins and ends to be shown (hysteresis)


def select_codes(triggers: pd.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    """Rows of ``triggers`` whose code is one of ``codes``.

    Where a code itself does not occur, it may leave out the type that BrainVision and others put before a slash:
    ``S 1`` matches ``Stimulus/S 1``.

    Raises
    ------
    InputError
        If a code that leaves out its type occurs with several.
    """
    found = np.zeros(len(triggers), np.bool_)
    bare = triggers["code"].map(_bare)
    for code in map(normalise_code, codes):
        rows = triggers["code"] == code
        if not rows.any():
            rows = bare == code
            meant = sorted(set(triggers["code"][rows]))
            if len(meant) > 1:
                raise ProtocolError(
                    f"The code {code} of the protocol may be {', '.join(meant[:10])}",
                    remedy="write the full code in the protocol",
                )
        found |= rows.to_numpy(np.bool_)
    return triggers[found].reset_index(drop=True)


def list_codes(triggers: pd.DataFrame, wanted: Sequence[str] = (), limit: int = 20) -> str:
    """The codes that occur, for a message: those that look like the ``wanted`` first, then the most frequent."""
    counts = triggers["code"].value_counts()
    if counts.empty:
        return "no triggers at all"
    codes = sorted(counts.index, key=lambda code: (-counts[code], code))
    if len(codes) > limit:
        near = [c for want in wanted for c in difflib.get_close_matches(normalise_code(want), codes, 3, 0.6)]
        held = [c for c in codes if any(normalise_code(want).lower() in c.lower() for want in wanted)]
        codes = list(dict.fromkeys([*near, *held[:limit], *codes]))[:limit]
        return f"{', '.join(codes)}, ... ({len(counts)} codes in all; `enicfer events` lists them)"
    return ", ".join(sorted(codes))


def check_inside(trials: pd.DataFrame, protocol: Protocol, duration: float, source: str) -> tuple[str, ...]:
    """Notes on trials whose window lies outside of the recording.

    Parameters
    ----------
    trials
        Table of `build_trials`, ``onset`` in s on the recording's clock.
    protocol
        For the trial's window.
    duration
        Of the recording, in s.
    source
        Name of the file of the events, for messages.

    Raises
    ------
    InputError
        If all trials lie outside.
    """
    onset = trials["onset"].to_numpy(np.float64)
    start, stop = protocol.trial.window
    outside = (onset + stop <= 0) | (onset + start >= duration)
    if not outside.any():
        return ()
    which = onset[outside]
    in_ms = which.min() >= 0 and (onset / 1000 + start < duration).all() and (onset == np.round(onset)).all()
    text = (
        f"{outside.sum()} of {len(onset)} trials of {source} lie outside of the recording, which lasts "
        f"{duration:.1f} s: their onsets are {which.min():.1f} to {which.max():.1f} s"
        + ("; are they in ms instead of s?" if in_ms else ".")
    )
    advice = "call the column onset_ms" if in_ms else "give onsets in s from the start of the recording"
    error = InputError(text, remedy=f"{advice}, or give the file of this run")
    if outside.all():
        raise error
    return (str(error) if in_ms else text,)


def build_trials(triggers: pd.DataFrame, protocol: Protocol, source: str) -> pd.DataFrame:
    """Find the trials that the protocol promises.

    Parameters
    ----------
    triggers
        Columns ``onset`` (s) and ``code``.
    protocol
        Its ``conditions`` and ``trial`` are used.
    source
        Name of the file the triggers came from, for messages.

    Returns
    -------
    pandas.DataFrame
        Columns `TRIAL_COLUMNS`, sorted by onset; ``duration`` is the stop of the trial's window. Empty where
        the protocol has no conditions.

    Raises
    ------
    InputError
        If the protocol has conditions and none of their codes occurs.
    """
    if not protocol.conditions:
        return pd.DataFrame(
            {"onset": np.empty(0), "duration": np.empty(0), "trial_type": [], "code": []}
        ).astype({"trial_type": "str", "code": "str"})
    found = select_codes(triggers, list(protocol.conditions))
    if found.empty:
        codes = list(protocol.conditions)
        raise ProtocolError(
            f"None of the codes of the protocol {protocol.name} ({', '.join(codes[:20])}) occurs "
            f"in {source}: it has {list_codes(triggers, codes)}.",
            remedy=f"correct [conditions] in the protocol {protocol.name}, or give the right recording",
        )
    names = found["code"].map(
        lambda code: protocol.conditions.get(code, protocol.conditions.get(_bare(code)))
    )
    return pd.DataFrame(
        {
            "onset": found["onset"],
            "duration": protocol.trial.window[1],
            "trial_type": names.astype("str"),
            "code": found["code"],
        }
    )


def _bare(code: str) -> str:
    """Return a code without the type before its last slash."""
    return code.rpartition("/")[2]


def summarise_trials(
    trials: pd.DataFrame,
    time: FloatArray,
    trace: ExpressionTrace,
    alignment: Alignment,
    trial: Trial,
    *,
    min_probability: float = 0.0,
    extra: Mapping[str, Float32Array] | None = None,
    fractions: Mapping[str, Float32Array] | None = None,
) -> pd.DataFrame:
    """Add what the face did to each trial.

    Parameters
    ----------
    trials
        Table of `build_trials`.
    time
        ``(n,)`` s, each frame on the recording's clock, increasing.
    trace
        The probabilities.
    alignment
        For the uncertainty of the trial's time.
    trial
        Windows and the smallest valid fraction.
    min_probability
        A trial whose highest mean is lower is ``uncertain`` in ``fer_dominant``.
    extra
        Further columns: name -> ``(n,)`` values of the frames, of which each trial gets the mean over its window
        where they are not NaN, if they are not for at least ``min_valid`` of it.
    fractions
        Further columns: name -> ``(n,)`` flags of the frames, of which each trial gets the fraction of its whole
        window in frames where the flag is 1. Where the flag is NaN, or there is no frame, it counts as not 1.

    Returns
    -------
    pandas.DataFrame
        ``trials`` with further columns: ``fer_valid`` (fraction of the window in valid frames),
        ``fer_invalid_<status>`` and ``fer_invalid_no_video`` (fractions of the window without, by reason; all
        of them and ``fer_valid`` sum to 1), ``fer_dominant`` (label with the highest mean, None where invalid),
        ``fer_time_uncertainty`` (s, 95 %), and for each label ``fer_<label>_mean``, ``_peak``, ``_latency`` (s
        from the trigger to the peak), ``_auc`` (integral of the probability over the valid part, s),
        ``_dwell`` (s during which it is the most probable), ``_onset`` and ``_offset`` (s from the trigger to
        where the expression that is first shown in the window begins, and where it ends: from a probability of
        `SHOWN` until it falls below `GONE`; NaN where that is not seen to happen, because it was shown before the
        window, lasts longer, or the face was lost) and, with a baseline, ``_change`` (mean minus the baseline's
        mean).
    """
    start, stop = frame_support(time)
    if (lasting := stop > start).any():  # what stands for no time is no peak either
        start, stop, time, trace = start[lasting], stop[lasting], time[lasting], select_frames(trace, lasting)
        extra = {name: values[lasting] for name, values in (extra or {}).items()}
        fractions = {name: flag[lasting] for name, flag in (fractions or {}).items()}
    rows = [_summary(float(onset), time, start, stop, trace, trial) for onset in trials["onset"]]
    columns = list(_summary(0.0, time[:0], start[:0], stop[:0], _empty(trace), trial))
    table = pd.DataFrame(rows, columns=columns, index=trials.index)
    centre = trials["onset"].to_numpy(np.float64) + sum(trial.window) / 2
    if min_probability > 0:
        highest = table[[f"fer_{label}_mean" for label in trace.labels]].max(axis=1)
        table.loc[highest < min_probability, "fer_dominant"] = UNCERTAIN
    for name, values in (extra or {}).items():
        table[name] = [_mean(float(onset), start, stop, values, trial) for onset in trials["onset"]]
    table.insert(0, "fer_time_uncertainty", alignment.uncertainty(video_time_at(alignment, centre)))
    for name, flag in (fractions or {}).items():
        table[name] = [_fraction(float(onset), start, stop, flag, trial) for onset in trials["onset"]]
    return pd.concat([trials, table], axis=1)


def _empty(trace: ExpressionTrace) -> ExpressionTrace:
    return ExpressionTrace(
        trace.video_time[:0], trace.probability[:0], trace.status[:0], trace.labels, trace.model
    )


def _weights(window: Window, start: FloatArray, stop: FloatArray) -> tuple[slice, FloatArray]:
    """Frames that reach into the window, and the part in s of their support that does."""
    first = int(np.searchsorted(stop, window[0] + 1e-9, side="right"))
    last = int(np.searchsorted(start, window[1] - 1e-9, side="left"))
    frames = slice(first, max(first, last))
    inside = np.minimum(stop[frames], window[1]) - np.maximum(start[frames], window[0])
    return frames, np.clip(inside, 0, None)


def _summary(
    onset: float,
    time: FloatArray,
    start: FloatArray,
    stop: FloatArray,
    trace: ExpressionTrace,
    trial: Trial,
) -> dict[str, object]:
    window = (onset + trial.window[0], onset + trial.window[1])
    length = trial.window[1] - trial.window[0]
    frames, weight = _weights(window, start, stop)
    status = trace.status[frames]
    ok = status == Status.OK
    row: dict[str, object] = {"fer_valid": float(weight[ok].sum() / length)}
    for reason in Status:
        if reason is not Status.OK:
            row[f"{REASON}{reason.label}"] = float(weight[status == reason].sum() / length)
    row[f"{REASON}{NO_VIDEO}"] = max(0.0, 1 - float(weight.sum()) / length)
    p, w, t = trace.probability[frames][ok].astype(np.float64), weight[ok], time[frames][ok]
    believed = w.sum() > 0 and float(w.sum() / length) >= trial.min_valid
    mean = w @ p / w.sum() if believed else np.full(len(trace.labels), np.nan)
    row["fer_dominant"] = trace.labels[int(np.argmax(mean))] if believed else None
    baseline = _baseline(onset, start, stop, trace, trial)
    winner = p.argmax(axis=1) if believed else None
    for k, label in enumerate(trace.labels):
        row[f"fer_{label}_mean"] = mean[k]
        row[f"fer_{label}_peak"] = p[:, k].max() if believed else np.nan
        row[f"fer_{label}_latency"] = t[p[:, k].argmax()] - onset if believed else np.nan
        row[f"fer_{label}_auc"] = w @ p[:, k] if believed else np.nan
        row[f"fer_{label}_dwell"] = w[winner == k].sum() if believed else np.nan
        begin, end = _first_shown(trace, k, frames, start, stop) if believed else (np.nan, np.nan)
        row[f"fer_{label}_onset"] = begin - onset
        row[f"fer_{label}_offset"] = end - onset
        if baseline is not None:
            row[f"fer_{label}_change"] = mean[k] - baseline[k]
    return row


def _mean(onset: float, start: FloatArray, stop: FloatArray, values: Float32Array, trial: Trial) -> float:
    """Mean of what is known of ``values`` (n,) in the trial's window."""
    frames, weight = _weights((onset + trial.window[0], onset + trial.window[1]), start, stop)
    known = np.isfinite(values[frames])
    w = weight[known]
    if w.sum() <= 0 or w.sum() < trial.min_valid * (trial.window[1] - trial.window[0]):
        return np.nan
    return float(w @ values[frames][known].astype(np.float64) / w.sum())


def _fraction(onset: float, start: FloatArray, stop: FloatArray, flag: Float32Array, trial: Trial) -> float:
    """Part of the trial's window in frames whose flag (n,) is 1."""
    frames, weight = _weights((onset + trial.window[0], onset + trial.window[1]), start, stop)
    return float(weight[flag[frames] == 1].sum() / (trial.window[1] - trial.window[0]))


def _first_shown(
    trace: ExpressionTrace, label: int, frames: slice, start: FloatArray, stop: FloatArray
) -> tuple[float, float]:
    """When (s) the first expression that is shown in a window begins and ends; NaN for what is not seen to happen.

    It is shown from a frame that reaches `SHOWN` until one that falls below `GONE`; that it begins or ends is seen
    only where the two frames follow each other (`enicfer.timecourse.segments`) and both are valid. What
    was shown before the window, and never fell below `GONE`, does not begin where it reaches `SHOWN` again.
    """
    p = trace.probability[:, label]
    reached = np.flatnonzero(trace.ok[frames] & (p[frames] >= SHOWN)) + frames.start
    if not reached.size:
        return np.nan, np.nan
    first = int(reached[0])

    def follows(i: int) -> bool:
        return 0 < i < start.size and bool(trace.ok[i - 1] and trace.ok[i] and start[i] <= stop[i - 1])

    before = first - 1
    while follows(before + 1) and GONE <= p[before] < SHOWN:
        before -= 1
    begins = follows(first) and not (follows(before + 1) and p[before] >= SHOWN)
    last = first + 1
    while last < frames.stop and follows(last) and p[last] >= GONE:
        last += 1
    ends = last < frames.stop and follows(last)
    return float(start[first]) if begins else np.nan, float(start[last]) if ends else np.nan


def _baseline(
    onset: float, start: FloatArray, stop: FloatArray, trace: ExpressionTrace, trial: Trial
) -> FloatArray | None:
    """Mean probabilities in the baseline window; NaN where too little of it is valid."""
    if trial.baseline is None:
        return None
    frames, weight = _weights((onset + trial.baseline[0], onset + trial.baseline[1]), start, stop)
    ok = trace.status[frames] == Status.OK
    w = weight[ok]
    if w.sum() <= 0 or w.sum() < trial.min_valid * (trial.baseline[1] - trial.baseline[0]):
        return np.full(len(trace.labels), np.nan)
    return np.asarray(w @ trace.probability[frames][ok].astype(np.float64) / w.sum())


def rejected_trials(trials: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which of the trials (n,) a review rejected."""
    if REVIEWED not in trials:
        return np.zeros(len(trials), np.bool_)
    return (trials[REVIEWED] == REJECTED).to_numpy(np.bool_)


def trials_that_count(trials: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which of the trials (n,) have values that no review rejected."""
    return trials["fer_dominant"].notna().to_numpy(np.bool_) & ~rejected_trials(trials)
