"""The trace as a continuous recording and its segments as events of that recording, as BIDS has them.

``physio``: a regular grid that starts at 0 of the recording's clock and ends with the recording, at the usual
frame rate nearest to the video's. Probabilities are interpolated linearly between two frames that follow each other
and both are valid, so that the grid is not shifted against the frames (whose own values are in ``frames.h5``).
The status, and whatever is 0 or 1, is that of the one frame that stands for the time
(`enicfer.timecourse.segments.frame_support`). Where that frame is not valid the probabilities are ``n/a``; in
a hole of the video the status is ``n/a`` as well. Nothing is interpolated over invalid frames.

``physioevents``: one row per segment of a dominant expression or of a lost face.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from enicfer.export.columns import LOST_HED, UNCERTAIN_HED, describe_columns, expression_hed
from enicfer.records import RunResult
from enicfer.records.inverse import video_time_at
from enicfer.timecourse.cameras import bound_at
from enicfer.timecourse.head import ANGLES, head_of_run
from enicfer.timecourse.sampling import nominal_rate, sample_values, spans_inside
from enicfer.timecourse.segments import LOST, UNCERTAIN


def physio_table(run: RunResult) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The trace on a regular grid, and its sidecar.

    Returns
    -------
    table
        Columns ``timestamp`` (s), one per label, ``status`` (number), ``other_person_present`` (0 or 1) and, where
        the protocol asks for them, ``<label>_smoothed``, ``<label>_relative`` and ``uncertain`` (0 or 1); last, where
        the pose of the head is measured, ``head_yaw``, ``head_pitch`` and ``head_roll`` (degrees).
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
    probability, frame = sample_values(run, timestamp, run.expression.probability)
    there = frame >= 0
    status = np.full(timestamp.size, np.nan)
    status[there] = run.expression.status[frame[there]]
    table = pd.DataFrame({"timestamp": timestamp})
    for k, label in enumerate(labels):
        table[label] = probability[:, k]
    # numbers without a decimal point, and missing ones, in one column
    table["status"] = pd.array(status, dtype="Int64")
    for name, values in _further(run).items():
        if name.endswith(("_smoothed", "_relative")):
            table[name] = sample_values(run, timestamp, values[:, None])[0][:, 0]
            continue
        column = np.full(timestamp.size, np.nan)
        column[there] = values[frame[there]]
        table[name] = pd.array(column, dtype="Int64")
    head = head_of_run(run)
    if head is not None:
        names = [f"head_{name}" for name in ANGLES]
        table = table.assign(**dict(zip(names, sample_values(run, timestamp, head)[0].T, strict=True)))
    sidecar = {
        "Description": " ".join(
            (
                "Probabilities of facial expressions, interpolated linearly between video frames that follow each "
                "other and both are valid; no gap is filled. The pose of the head likewise, where it is measured. "
                "What is a whole number is that of the video frame "
                "that stands for the time stamp.",
                *run.time_course.about.values(),
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
    time_course = run.time_course
    columns: dict[str, np.ndarray] = {"other_person_present": run.faces.other_person_present}
    for k, label in enumerate(run.expression.labels):
        if time_course.smoothed is not None:
            columns[f"{label}_smoothed"] = time_course.smoothed[:, k]
        if time_course.baseline is not None:
            columns[f"{label}_relative"] = run.expression.probability[:, k] - time_course.baseline[:, k]
    if time_course.uncertain is not None:
        columns["uncertain"] = time_course.uncertain
    return columns


def physioevents_table(run: RunResult) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The segments, and their sidecar.

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
        "Description": "Dominant expression of the segment, or that the face was lost.",
        "Levels": {
            **levels,
            UNCERTAIN: "no expression is probable enough",
            LOST: "hardly a frame of the segment is valid",
        },
        "HED": {**expression_hed(labels), UNCERTAIN: UNCERTAIN_HED, LOST: LOST_HED},
    }
    about["onset"]["Description"] += " Same clock as the column timestamp of the recording."
    sidecar = {
        "Description": " ".join(
            (
                "Segments of one dominant facial expression, and segments in which the face was lost.",
                *run.time_course.about.values(),
            )
        ),
        "Columns": list(table.columns),
        "OnsetSource": "timestamp",
        **about,
    }
    return table, sidecar


def time_uncertainty(run: RunResult, time: np.ndarray) -> np.ndarray:
    """Half-width in s of the 95 % interval at each ``time`` (s, recording's clock)."""
    if run.cameras is not None:
        placed = run.analysed
        return bound_at(placed.time, placed.time_uncertainty, time)
    return np.asarray(run.alignment.uncertainty(video_time_at(run.alignment, time)))
