"""The face on the clock of the scanner: a row per volume, and events with parametric modulation.

Conventions: volume ``k`` is acquired from ``k * TR`` to ``(k + 1) * TR`` s, and time 0 is the first stored
volume. Nothing here is NaN, because a design matrix with a NaN is singular; ``fer_valid`` and ``fer_motion_valid``
say what to trust. Probabilities sum to 1, which makes a column of each singular beside a constant: one is left out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError
from enicfer.export.columns import describe_columns
from enicfer.export.filling import expected_deviation
from enicfer.records import FloatArray, RunResult, SessionResult, only_run
from enicfer.timecourse.head import ANGLES, head_of_run
from enicfer.timecourse.sampling import window_weights
from enicfer.timecourse.segments import frame_support

METHOD = (
    "Mean over the valid frames in each volume's acquisition, weighted by the time that each frame "
    "stands for. Volumes without such a frame are interpolated linearly between their neighbours with one "
    "(constant before the first and after the last; 0 if there is none at all); fer_valid is the fraction of "
    "the volume in valid frames, 0 where the row is interpolated alone."
)
_RESPONSE = (
    "Columns *_hrf: where the face was lost, its expression is taken as it is to be expected: near to valid frames "
    "like them, else the mean of the run (the conditional mean, from the covariance of the trace over time), so that "
    "effects keep their size. Sampled at {:g} of each volume's acquisition (0 its start, 1 its end)."
)
_MOTION = (
    "Movement, from each frame to the one before, is averaged and interpolated likewise; fer_motion_valid is the "
    "fraction of the volume in which it was measured."
)
_HEAD = (
    "The pose of the head is averaged and interpolated likewise, over all frames in which it was measured, valid or "
    "not; fer_head_valid is the fraction of the volume in which it was. ConfoundColumns has none of its columns: "
    "who wants them takes HeadPoseColumns as well."
)
_NO_MOTION = "Movement was not measured, because no frames in a row have landmarks: it has no columns."
_REFERENCE = (
    "The probabilities sum to 1 and a column of each would be singular beside a constant, so {} is the reference and "
    "has none: it is 1 minus the sum of the others, and their effects are against it."
)
_OVERSAMPLING = 16
_SAME = 1e-9  # differences of a measure that are rounding
_SAME_COLUMN = 2e-6  # of a column as it is written, with six digits


def timeseries_table(
    run: RunResult | SessionResult,
    convolve: bool = False,
    reference: str | None = None,
    slice_time_ref: float | None = None,
    derivative: bool = False,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row per stored volume, ready for ``confounds=`` of nilearn.

    Parameters
    ----------
    run
        With an fMRI recording.
    convolve
        Add ``fer_<label>_hrf``: the trace convolved with the canonical response, see Notes.
    reference
        Expression without a column, which is 1 minus the sum of the others: their effects are against it. By
        default ``neutral``, or the last label of a model that does not know it.
    slice_time_ref
        At which part of a volume's acquisition the ``_hrf`` columns are sampled, 0 (start) to 1 (end), as nilearn's
        argument of this name; by default that of the protocol's ``[scanner]``, which is 0 unless it says otherwise.
        Give what the images' slice timing was corrected to.
    derivative
        With ``convolve``: add ``fer_<label>_hrf_derivative``, the trace convolved with the derivative of the
        response by time, in 1/s. Its effect, beside that of ``_hrf``, takes up a response that comes early or late.

    Returns
    -------
    table
        ``fer_<label>`` (mean probability), ``fer_valid`` and, where any movement was measured,
        ``fer_head_motion``, ``fer_face_motion`` and ``fer_motion_valid``; where the pose of the head was,
        ``fer_head_yaw``, ``fer_head_pitch``, ``fer_head_roll`` (degrees) and ``fer_head_valid``.
    sidecar
        Method, reference, repetition time, the columns for a design beside a constant (``ConfoundColumns``, see
        `confound_columns`), and a description of every column. Those of pose are in ``HeadPoseColumns`` instead: in
        the scanner a head turns by little more than the error of its angles, and each costs a degree of freedom.

    Raises
    ------
    InputError
        If the recording has no volumes or no repetition time, the model does not know the reference, or
        ``slice_time_ref`` is not between 0 and 1.

    Notes
    -----
    A line over a stretch of lost face keeps chance values of its ends and makes estimated effects too small. So the
    ``_hrf`` columns have there what is to be expected, see `enicfer.export.filling`. The rows of the other columns
    are means over whole volumes, which do not depend on ``slice_time_ref``.
    """
    run = only_run(run)
    run = run.analysed
    tr, n_volumes = run.recording.repetition_time, run.recording.n_volumes
    if tr is None or n_volumes is None:
        raise InputError(
            f"{run.recording.file.name} has no repetition time or no volumes",
            place=run.recording.file,
            remedy="give an fMRI run, which a time series needs",
        )
    instant = _check_slice_time(run, slice_time_ref)
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
    head = _head_columns(run, edges)
    table = table.assign(**head)
    if convolve:
        for order, end in enumerate(("_hrf", "_hrf_derivative")[: 1 + derivative]):
            for label, regressor in zip(
                labels, _convolved(run, tr, n_volumes, instant, order).T, strict=True
            ):
                table[f"fer_{label}{end}"] = regressor
    ends = ("", "_hrf", "_hrf_derivative")
    table = table.drop(columns=[f"fer_{reference}{end}" for end in ends], errors="ignore")
    method = [METHOD, _MOTION if moved.any() else _NO_MOTION, _REFERENCE.format(reference)]
    if head:
        method.append(_HEAD)
    if convolve:
        method.append(_RESPONSE.format(instant))
    confounds = confound_columns(table.drop(columns=list(head)))
    sidecar = {
        "Description": "Facial expression and movement of the participant, one row per stored volume.",
        "Method": " ".join(method),
        "Reference": reference,
        "RepetitionTime": tr,
        "StartTime": 0,
        "ConfoundColumns": confounds,
        **({"HeadPoseColumns": _beside(table, confounds, head)} if head else {}),
        **({"SliceTimeRef": instant} if convolve else {}),
        **describe_columns(table.columns, labels),
    }
    return table, sidecar


def _head_columns(run: RunResult, edges: FloatArray) -> dict[str, FloatArray]:
    """Mean pose of the head in each volume, and the fraction of the volume in which it was measured."""
    head = head_of_run(run)
    if head is None:
        return {}
    known = np.asarray(np.isfinite(head).all(axis=1))
    means, measured = _volume_means(run, edges, np.nan_to_num(head), known)
    if not measured.any():
        return {}
    columns = {f"fer_head_{name}": means[:, i] for i, name in enumerate(ANGLES)}
    return {**columns, "fer_head_valid": np.clip(measured / np.diff(edges), 0, 1)}


def _beside(table: pd.DataFrame, confounds: Sequence[str], names: Iterable[str]) -> list[str]:
    """Those of the columns that can stand in a design beside the confounds."""
    both = confound_columns(table[[*confounds, *names]])
    return [name for name in both if name not in confounds]


def confound_columns(table: pd.DataFrame) -> list[str]:
    """Columns that can stand together in a design with a constant: nilearn's ``confounds=table[...]``.

    Left out are those that do not vary in this run, such as ``fer_motion_valid`` of a face that was never lost, and
    those that the columns before them already give.
    """
    design = np.ones((len(table), 1)) / np.sqrt(max(1, len(table)))
    chosen = []
    for name in table.columns:
        left = table[name].to_numpy(np.float64)
        for _ in range(2):  # twice, because rounding leaves a little the first time
            left = left - design @ (design.T @ left)
        if np.abs(left).max(initial=0.0) > _SAME_COLUMN:
            chosen.append(str(name))
            design = np.hstack([design, (left / np.linalg.norm(left))[:, None]])
    return chosen


def _check_slice_time(run: RunResult, given: float | None) -> float:
    """The part of a volume's acquisition at which responses are sampled."""
    if given is None:
        given = run.provenance.protocol.slice_time_ref
    if not 0 <= given <= 1:
        raise InputError(
            f"There is no slice_time_ref of {given:g}",
            remedy="give 0 for the start of a volume, 0.5 for its middle, 1 for its end",
        )
    return float(given)


def _check_reference(run: RunResult, reference: str | None) -> str:
    """The expression that gets no column."""
    labels = run.expression.labels
    if reference is None:
        return "neutral" if "neutral" in labels else labels[-1]
    if reference not in labels:
        raise InputError(
            f"The model {run.expression.model} has no label {reference!r}",
            remedy=f"give one of {', '.join(labels)} as the reference",
        )
    return reference


def modulation_events(run: RunResult | SessionResult, label: str, measure: str = "mean") -> pd.DataFrame:
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
    run = only_run(run)
    column = f"fer_{label}_{measure}"
    if column not in run.trials:
        there = ", ".join(name for name in run.trials.columns if name.startswith("fer_"))
        raise InputError(
            f"The trials have no column {column}",
            remedy=f"choose one of {there or 'none, there are no trials'}",
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


def canonical_hrf(step: float, length: float = 32.0, start: float = 0.0, order: int = 0) -> FloatArray:
    """The double-gamma response of SPM, sampled every ``step`` s from ``start`` to ``length`` and with sum 1.

    Friston et al. 1998, doi:10.1006/nimg.1997.0306: peak at 6 s, undershoot at 16 s of a sixth of its size. With
    ``order`` 1 its derivative by time, in 1/s, divided by the same sum.
    """
    from scipy.stats import gamma

    time = np.arange(start, length, step)
    response = gamma.pdf(time, 6) - gamma.pdf(time, 16) / 6
    if order:
        slope = [gamma.pdf(time, shape - 1) - gamma.pdf(time, shape) for shape in (6, 16)]
        return np.asarray((slope[0] - slope[1] / 6) / response.sum())
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


def _convolved(
    run: RunResult, tr: float, n_volumes: int, slice_time_ref: float, order: int = 0
) -> FloatArray:
    """``(n_volumes, k)`` responses, or with ``order`` 1 their slopes, at ``(volume + slice_time_ref) * tr``."""
    step = tr / _OVERSAMPLING
    trace = _fill_trace(run, np.arange(n_volumes * _OVERSAMPLING + 1, dtype=np.float64) * step)
    first = int(slice_time_ref * _OVERSAMPLING)
    # From a step's middle to the instants that are sampled, which lie after the starts of the steps.
    response = canonical_hrf(step, start=(slice_time_ref * _OVERSAMPLING - first - 0.5) * step, order=order)
    stop = first + n_volumes * _OVERSAMPLING
    return np.stack([np.convolve(column, response)[first:stop:_OVERSAMPLING] for column in trace.T], axis=1)


def _fill_trace(run: RunResult, edges: FloatArray) -> FloatArray:
    """Mean probabilities ``(m, k)`` in steps between ``edges`` (m + 1,) s, without gaps."""
    n = edges.size - 1
    window, frame, weight = window_weights(run, edges)
    use = run.expression.ok[frame]
    window, frame, weight = window[use], frame[use], weight[use]
    known = np.bincount(window, weight, n).astype(np.float64)
    trace = np.zeros((n, run.expression.probability.shape[1]))
    if not known.any():
        return trace
    for k, values in enumerate(run.expression.probability.T.astype(np.float64)):
        total = np.bincount(window, weight * values[frame], n)
        mean = total.sum() / known.sum()
        deviation = np.divide(total, known, out=np.full(n, mean), where=known > 0) - mean
        trace[:, k] = mean + expected_deviation(deviation, known / np.diff(edges))
    return trace
