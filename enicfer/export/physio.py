"""The trace as a continuous recording and its spans as events of that recording, as BIDS has them.

``physio``: a regular grid that starts at 0 of the recording's clock and ends with the recording, at the usual
frame rate nearest to the video's. A point of the grid takes the probabilities and the status of the one frame
that stands for that time (`enicfer.segments.frame_support`), so nothing is averaged or interpolated and the
error in time is at most half of the way to the next frame (the exact times are in ``frames.h5``). Where that
frame has no answer the probabilities are ``n/a``; in a hole of the video the status is ``n/a`` as well.

``physioevents``: one row per span of a dominant expression or of a lost face.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from enicfer.export.columns import LOST_HED, UNCERTAIN_HED, describe_columns, expression_hed
from enicfer.export.sampling import frame_at, nominal_rate, spans_inside
from enicfer.records import RunResult
from enicfer.segments import LOST, UNCERTAIN


def physio_table(run: RunResult) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The trace on a regular grid, and its sidecar.

    Returns
    -------
    table
        Columns ``timestamp`` (s), one per label, ``status`` (number), ``other_person_present`` (0 or 1) and, where
        the protocol asks for them, ``<label>_smoothed``, ``<label>_relative`` and ``uncertain`` (0 or 1).
    sidecar
        ``SamplingFrequency``, ``StartTime``, ``Columns`` and their descriptions.
    """
    run = run.analysed
    labels = run.expression.labels
    rate = nominal_rate(run.faces.video_time)
    length = run.recording.duration
    if not (math.isfinite(length) and length > 0):
        length = float(run.time[-1]) if run.time.size else 0.0
    timestamp = np.arange(max(1, math.ceil(length * rate - 1e-6))) / rate
    frame = frame_at(run, timestamp)
    there = frame >= 0
    probability = np.full((timestamp.size, len(labels)), np.nan)
    probability[there] = run.expression.probability[frame[there]]
    status = np.full(timestamp.size, np.nan)
    status[there] = run.expression.status[frame[there]]
    table = pd.DataFrame({"timestamp": timestamp})
    for k, label in enumerate(labels):
        table[label] = probability[:, k]
    # numbers without a decimal point, and missing ones, in one column
    table["status"] = pd.array(status, dtype="Int64")
    for name, values in _further(run).items():
        column = np.full(timestamp.size, np.nan)
        column[there] = values[frame[there]]
        table[name] = (
            column if "_" in name and name != "other_person_present" else pd.array(column, dtype="Int64")
        )
    sidecar = {
        "Description": " ".join(
            (
                "Probabilities of facial expressions, each taken from the video frame that stands for the time "
                "stamp: no averaging, no interpolation.",
                *run.course.about.values(),
            )
        ),
        "SamplingFrequency": rate,
        "StartTime": 0,
        "PhysioType": "generic",
        "Columns": list(table.columns),
        **describe_columns(table.columns, labels),
    }
    return table, sidecar


def _further(run: RunResult) -> dict[str, np.ndarray]:
    """Columns beside the probabilities: values (n,) of every frame."""
    course = run.course
    columns: dict[str, np.ndarray] = {"other_person_present": run.faces.other_person_present}
    for k, label in enumerate(run.expression.labels):
        if course.smoothed is not None:
            columns[f"{label}_smoothed"] = course.smoothed[:, k]
        if course.baseline is not None:
            columns[f"{label}_relative"] = run.expression.probability[:, k] - course.baseline[:, k]
    if course.uncertain is not None:
        columns["uncertain"] = course.uncertain
    return columns


def physioevents_table(run: RunResult) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The spans, and their sidecar.

    Returns
    -------
    table
        Columns ``onset``, ``duration`` (s), ``trial_type`` (expression or ``lost``), ``probability``,
        ``valid_fraction``, ``reason``, ``time_uncertainty`` (s).
    sidecar
        ``Columns``, ``OnsetSource`` and descriptions.
    """
    labels = run.expression.labels
    table = spans_inside(run).rename(columns={"label": "trial_type"})
    table = table.assign(time_uncertainty=time_uncertainty(run, table["onset"].to_numpy(np.float64)))
    levels = {label: f"the most probable expression is mostly {label}" for label in labels}
    about = describe_columns(table.columns, labels)
    about["trial_type"] = {
        "Description": "Dominant expression of the span, or that the face was lost.",
        "Levels": {
            **levels,
            UNCERTAIN: "no expression is probable enough",
            LOST: "hardly a frame of the span has an answer",
        },
        "HED": {**expression_hed(labels), UNCERTAIN: UNCERTAIN_HED, LOST: LOST_HED},
    }
    about["onset"]["Description"] += " Same clock as the column timestamp of the recording."
    sidecar = {
        "Description": " ".join(
            (
                "Spans of one dominant facial expression, and spans in which the face was lost.",
                *run.course.about.values(),
            )
        ),
        "Columns": list(table.columns),
        "OnsetSource": "timestamp",
        **about,
    }
    return table, sidecar


def time_uncertainty(run: RunResult, time: np.ndarray) -> np.ndarray:
    """Half-width in s of the 95 % interval at each ``time`` (s, recording's clock)."""
    placed = run.analysed
    video_time = np.interp(time, placed.time, placed.faces.video_time) if placed.time.size else time
    return np.asarray(run.alignment.uncertainty(video_time))
