"""The face on the clock of the scanner: a row per volume, and events with parametric modulation.

Conventions: volume ``k`` is acquired from ``k * TR`` to ``(k + 1) * TR`` s, and time 0 is the first stored
volume. Nothing here is NaN, because a design matrix with a NaN is singular; ``fer_valid`` and ``fer_motion_valid``
say what to trust. Probabilities sum to 1, which makes a column of each singular beside a constant: one is left out.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError
from enicfer.export.columns import describe_columns
from enicfer.export.sampling import interpolate, window_weights
from enicfer.records import FloatArray, RunResult
from enicfer.segments import frame_support

METHOD = (
    "Mean over the frames with an answer in each volume's acquisition, weighted by the time that each frame "
    "stands for. Volumes without such a frame are interpolated linearly between their neighbours with one "
    "(constant before the first and after the last; 0 if there is none at all); fer_valid is the fraction of "
    "the volume with an answer, 0 where the row is interpolated alone."
)
_MOTION = (
    "Movement, from each frame to the one before, is averaged and interpolated likewise; fer_motion_valid is the "
    "fraction of the volume in which it was measured."
)
_NO_MOTION = "Movement was not measured, because no frames in a row have landmarks: it has no columns."
_REFERENCE = (
    "The probabilities sum to 1 and a column of each would be singular beside a constant, so {} is the reference and "
    "has none: it is 1 minus the sum of the others, and their effects are against it."
)
_OVERSAMPLING = 16
_SAME = 1e-9  # differences of a measure that are rounding


def timeseries_table(
    run: RunResult, convolve: bool = False, reference: str | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row per stored volume, ready for ``confounds=`` of nilearn.

    Parameters
    ----------
    run
        With an fMRI recording.
    convolve
        Add ``fer_<label>_hrf``: the trace convolved with the canonical response, sampled at each volume's
        start.
    reference
        Expression without a column, which is 1 minus the sum of the others: their effects are against it. By
        default ``neutral``, or the last label of a model that does not know it.

    Returns
    -------
    table
        ``fer_<label>`` (mean probability), ``fer_valid`` and, where any movement was measured,
        ``fer_head_motion``, ``fer_face_motion`` and ``fer_motion_valid``.
    sidecar
        Method, reference, repetition time, and a description of every column.

    Raises
    ------
    InputError
        If the recording has no volumes or no repetition time, or the model does not know the reference.
    """
    run = run.analysed
    tr, n_volumes = run.recording.repetition_time, run.recording.n_volumes
    if tr is None or n_volumes is None:
        raise InputError(
            f"{run.recording.file.name} has no repetition time or no volumes: a time series needs an fMRI run."
        )
    edges = np.arange(n_volumes + 1, dtype=np.float64) * tr
    ok = run.expression.ok
    trace, valid = _volume_means(run, edges, run.expression.probability.astype(np.float64), ok)
    motion, moving = landmark_speed(run)
    movement, moved = _volume_means(run, edges, motion, moving)
    labels = run.expression.labels
    reference = _check_reference(run, reference)
    table = pd.DataFrame(trace, columns=[f"fer_{label}" for label in labels])
    table["fer_valid"] = np.clip(valid / tr, 0, 1)
    if moved.any():
        table["fer_head_motion"], table["fer_face_motion"] = movement.T
        table["fer_motion_valid"] = np.clip(moved / tr, 0, 1)
    if convolve:
        for label, regressor in zip(labels, _convolved(run, tr, n_volumes).T, strict=True):
            table[f"fer_{label}_hrf"] = regressor
    table = table.drop(columns=[f"fer_{reference}", f"fer_{reference}_hrf"], errors="ignore")
    sidecar = {
        "Description": "Facial expression and movement of the participant, one row per stored volume.",
        "Method": " ".join((METHOD, _MOTION if moved.any() else _NO_MOTION, _REFERENCE.format(reference))),
        "Reference": reference,
        "RepetitionTime": tr,
        "StartTime": 0,
        **describe_columns(table.columns, labels),
    }
    return table, sidecar


def _check_reference(run: RunResult, reference: str | None) -> str:
    """The expression that gets no column."""
    labels = run.expression.labels
    if reference is None:
        return "neutral" if "neutral" in labels else labels[-1]
    if reference not in labels:
        raise InputError(
            f"The model {run.expression.model} has no label {reference!r}: the reference is one of "
            f"{', '.join(labels)}."
        )
    return reference


def modulation_events(run: RunResult, label: str, measure: str = "mean") -> pd.DataFrame:
    """Events for nilearn's ``FirstLevelModel``: the main effect of each condition, and its modulation.

    nilearn multiplies by ``modulation`` as it stands: a modulator that is not demeaned takes the main effect
    with it, and a NaN makes the design singular. So each condition has rows with modulation 1 for all of its
    trials, and rows named ``<condition>_fer_<label>`` with the demeaned measure for the trials that have one. A
    condition in which the measure does not vary, such as one with a single such trial, has none of these.

    Parameters
    ----------
    run
        Its trials are used.
    label
        Expression, such as ``happy``.
    measure
        ``mean``, ``peak``, ``latency``, ``auc``, ``dwell`` or ``change``.

    Returns
    -------
    pandas.DataFrame
        ``onset``, ``duration`` (s), ``trial_type``, ``modulation``; sorted by onset.

    Raises
    ------
    InputError
        If the trials have no such column.
    """
    column = f"fer_{label}_{measure}"
    if column not in run.trials:
        there = ", ".join(name for name in run.trials.columns if name.startswith("fer_"))
        raise InputError(
            f"The trials have no column {column}: choose one of {there or 'none, there are no trials'}."
        )
    base = run.trials[["onset", "duration", "trial_type"]]
    values = run.trials[column].astype(np.float64)
    by_condition = values.groupby(run.trials["trial_type"])
    demeaned = values - by_condition.transform("mean")
    varies = by_condition.transform("max") - by_condition.transform("min") > _SAME
    keep = demeaned.notna() & varies
    parametric = base[keep].assign(
        trial_type=base["trial_type"][keep] + f"_fer_{label}", modulation=demeaned[keep]
    )
    table = pd.concat([base.assign(modulation=1.0), parametric])
    return table.sort_values(["onset", "trial_type"], kind="stable", ignore_index=True)


def canonical_hrf(step: float, length: float = 32.0, start: float = 0.0) -> FloatArray:
    """The double-gamma response of SPM, sampled every ``step`` s from ``start`` to ``length`` and with sum 1.

    Friston et al. 1998, doi:10.1006/nimg.1997.0306: peak at 6 s, undershoot at 16 s of a sixth of its size.
    """
    from scipy.stats import gamma

    time = np.arange(start, length, step)
    response = gamma.pdf(time, 6) - gamma.pdf(time, 16) / 6
    return np.asarray(response / response.sum())


def landmark_speed(run: RunResult) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Speed of the head and of the face's parts from each frame to the one before.

    Parameters
    ----------
    run
        All of its frames are used; to leave out those that were not analysed, give ``run.analysed``.

    Returns
    -------
    speed
        ``(n, 2)`` in distances between the eyes per second: of the landmarks' centre, and the mean of the
        landmarks after removing shift, size and rotation in the plane.
    known
        ``(n,)`` true where the two follow each other and both have landmarks.
    """
    points = run.faces.landmarks.astype(np.float64)
    shape = points[..., 0] + 1j * points[..., 1]
    n = len(shape)
    speed, known = np.zeros((n, 2)), np.zeros(n, dtype=bool)
    if n < 2:
        return speed, known
    with np.errstate(invalid="ignore", divide="ignore"):  # missing landmarks
        centre = shape.mean(axis=1)
        eyes = np.abs(shape[:, 1] - shape[:, 0])
        step = np.diff(run.time)
        form = (shape - centre[:, None]) / eyes[:, None]
        turn = np.exp(-1j * np.angle((form[1:] * form[:-1].conj()).sum(axis=1)))
        speed[1:, 0] = np.abs(np.diff(centre)) / eyes[1:] / step
        speed[1:, 1] = np.abs(form[1:] * turn[:, None] - form[:-1]).mean(axis=1) / step
    start, stop = frame_support(run.time)
    known[1:] = np.isfinite(speed[1:]).all(axis=1) & (start[1:] <= stop[:-1])
    return np.where(known[:, None], speed, 0.0), known


def _volume_means(
    run: RunResult, edges: FloatArray, values: FloatArray, ok: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Weighted means of ``(n, k)`` values per volume without NaN, and the time in s that they rest on."""
    n = edges.size - 1
    window, frame, weight = window_weights(run, edges)
    use = ok[frame]
    window, frame, weight = window[use], frame[use], weight[use]
    total = np.bincount(window, weight, n).astype(np.float64)
    known = total > 0
    sums = np.stack([np.bincount(window, weight * column[frame], n) for column in values.T], axis=1)
    if not known.any():
        return np.zeros((n, values.shape[1])), total
    means = sums[known] / total[known, None]
    index = np.arange(n)
    return np.stack([np.interp(index, index[known], column) for column in means.T], axis=1), total


def _convolved(run: RunResult, tr: float, n_volumes: int) -> FloatArray:
    step = tr / _OVERSAMPLING
    time = np.asarray((np.arange(n_volumes * _OVERSAMPLING) + 0.5) * step, dtype=np.float64)
    trace, _ = interpolate(run, time)
    response = canonical_hrf(step, start=-step / 2)  # from a step's middle to the starts of those after it
    columns = [np.convolve(column, response)[: time.size : _OVERSAMPLING] for column in trace.T]
    return np.stack(columns, axis=1)
