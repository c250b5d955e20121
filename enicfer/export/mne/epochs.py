"""What the face did in each epoch, and events to make epochs of."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError
from enicfer.export.mne.clock import find_nearest_onset, first_time_of, shift_of
from enicfer.records import RunResult, SessionResult, only_run
from enicfer.timecourse.segments import LOST

if TYPE_CHECKING:
    import mne

ROUNDED = 5e-6  # s; segments read from files have onset and duration in whole microseconds


def emotion_metadata(
    epochs: "mne.BaseEpochs",
    result: RunResult | SessionResult,
    *,
    offset: float = 0.0,
    first_time: float | None = None,
    tolerance: float = 0.05,
) -> pd.DataFrame:
    """Rows of the trial table for the epochs, ready for ``epochs.metadata``.

    Parameters
    ----------
    epochs
        Made from events at the triggers of the trials.
    result
        The result of a run, or of a session with one run.
    offset, first_time
        As in `add_emotion_events`.
    tolerance
        Largest difference in s between an epoch's event and its trial's onset.

    Returns
    -------
    pandas.DataFrame
        One row per epoch, with the columns of ``epochs.metadata``, if any, before those of the trials. Columns of
        both are those of the trials in epochs that have one, and stay as they are in the others, which may belong to
        another run. Epochs without a trial have missing values in new columns.

    Raises
    ------
    InputError
        If no epoch belongs to a trial, or ``first_time`` is needed.
    """
    run = only_run(result)
    time = epochs.events[:, 0] / _events_rate(epochs) - first_time_of(run, offset, first_time) - offset
    trials = run.trials.reset_index(drop=True)
    row = find_nearest_onset(time, trials["onset"].to_numpy(np.float64), tolerance)
    if not (row >= 0).any():
        raise InputError(
            f"None of the {len(time)} epochs lies within {tolerance} s of one of the {len(trials)} trials",
            remedy=(
                "make the epochs from the triggers of the trials, or give offset= for a "
                "concatenated recording"
            ),
        )
    found = trials.reindex(np.where(row >= 0, row, len(trials))).reset_index(drop=True)
    if epochs.metadata is None:
        return found
    before = epochs.metadata.reset_index(drop=True)
    both = [name for name in found if name in before]
    for name in both:
        before[name] = found[name].where(row >= 0, before[name])
    return pd.concat([before, found.drop(columns=both)], axis=1)


def expression_events(
    raw: "mne.io.BaseRaw",
    result: RunResult | SessionResult,
    label: str,
    *,
    event_id: int = 1,
    within_trials: bool = True,
    offset: float = 0.0,
    first_time: float | None = None,
) -> npt.NDArray[np.int64]:
    """Events at the start of an expression, for epochs that are locked to the face.

    Only where it is seen to begin: not where the face comes back with it.

    Parameters
    ----------
    raw, result, offset, first_time
        As in `add_emotion_events`.
    label
        Expression, such as ``happy``.
    event_id
        Code of the events.
    within_trials
        Take only the first start in each trial's window.

    Returns
    -------
    numpy.ndarray
        ``(m, 3)`` sample, 0, ``event_id``, as `mne.Epochs` takes them.

    Raises
    ------
    InputError
        If the model does not know the label, or result and recording do not overlap.
    """
    run = only_run(result)
    if label not in run.expression.labels:
        known = ", ".join(run.expression.labels)
        raise InputError(
            f"The model {run.expression.model} has no label {label!r}",
            remedy=f"give one that it has: {known}",
        )
    segments = run.segments
    onset = segments["onset"].to_numpy(np.float64)
    before = (onset + segments["duration"].to_numpy(np.float64))[:-1]
    # Where the face was lost before, or the video has a hole, it is not seen that the expression begins.
    seen = (np.abs(onset[1:] - before) < ROUNDED) & (segments["label"].to_numpy()[:-1] != LOST)
    onset = onset[(segments["label"] == label).to_numpy() & np.r_[False, seen][: len(onset)]]
    if within_trials:
        trigger = run.trials["onset"].to_numpy(np.float64)
        start = trigger + run.provenance.protocol.window_start
        stop = trigger + run.trials["duration"].to_numpy(np.float64)
        inside = [onset[(onset >= a) & (onset < b)][:1] for a, b in zip(start, stop, strict=True)]
        onset = np.unique(np.concatenate(inside)) if inside else onset[:0]
    sample = np.round((onset + shift_of(raw, run, offset, first_time)) * raw.info["sfreq"]).astype(np.int64)
    sample = np.unique(sample[(sample >= 0) & (sample < raw.n_times)]) + raw.first_samp
    return np.stack([sample, np.zeros_like(sample), np.full_like(sample, event_id)], axis=1)


def _events_rate(epochs: "mne.BaseEpochs") -> float:
    """Sampling rate in Hz of ``epochs.events``, which epochs keep when they are resampled or decimated."""
    return float(getattr(epochs, "_raw_sfreq", None) or epochs.info["sfreq"])
