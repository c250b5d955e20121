"""How the head is turned, whether the face is covered, who else is there: per frame, and as spans. Pure.

Conventions: angles in degrees, against the camera. Yaw is positive where the face turns to the picture's right, pitch
where it looks down, roll where the head tilts clockwise in the picture. 0 is an average face that looks straight into
the camera; a head's direction is no gaze. Flags are (n,) of the frames: 1, 0, or NaN where it is not known. A head
whose face is lost or covered has no pose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from enicfer.config.protocol import Head, Quality
from enicfer.records import FaceTrack, Float32Array, FloatArray, ProtocolCard, RunResult, Status, UInt8Array
from enicfer.timecourse.segments import frame_support

ANGLES = ("yaw", "pitch", "roll")
MIN_DURATION = 0.2  # s: shorter interruptions of a span are bridged, and what is then shorter is none
TURNED_AWAY, COVERED, OTHER_PERSON = "turned_away", "covered", "other_person"
SPANS = (TURNED_AWAY, COVERED, OTHER_PERSON)
# What a degree of the head changes the angle that five landmarks give, and the angle of an average face that looks
# straight ahead, as the detector places its landmarks: `benchmarks/head_pose.py`. A detector that was not measured
# gives no pose.
MEASURED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "centerface": {"yaw": (1.0, 0.0), "pitch": (0.30, -3.8), "roll": (1.0, 0.0)},
}
# The face is not the participant's, or its landmarks are guesses.
_NO_POSE = (
    Status.NO_FACE, Status.OTHER_PERSON, Status.AMBIGUOUS_PERSON, Status.OCCLUDED, Status.UNDECODABLE,
)  # fmt: skip


def has_pose(faces: FaceTrack) -> bool:
    """Whether the detector's landmarks tell how a head is turned, in degrees."""
    return faces.detector in MEASURED and all(name in faces.measures for name in ANGLES)


def measure_head(faces: FaceTrack, status: UInt8Array | None = None) -> FloatArray:
    """Yaw, pitch and roll (n, 3) in degrees, NaN where the pose is not known.

    Parameters
    ----------
    faces
        Of one camera.
    status
        ``(n,)`` status of the expression: frames outside of the recording have no pose either.

    Notes
    -----
    The five landmarks are fitted with a generic head (`enicfer.faces.quality.estimate_pose`). What that gives is
    made degrees by what a turn of a known angle changes in it. ``faces.measures`` keep the angles as they were found,
    which the thresholds of the status are for.
    """
    if not has_pose(faces):
        return np.full((faces.video_time.size, len(ANGLES)), np.nan)
    measured = MEASURED[faces.detector]
    angles = [
        (faces.measures[name].astype(np.float64) - measured[name][1]) / measured[name][0] for name in ANGLES
    ]
    head = np.stack(angles, axis=1)
    known = np.isfinite(head).all(axis=1) & ~np.isin(faces.status, _NO_POSE)
    if status is not None:
        known &= status != Status.OUTSIDE_RECORDING
    head[~known] = np.nan
    return head


def find_turned(head: FloatArray, limits: Head) -> Float32Array:
    """Flag of a head that is turned away by more than the protocol's limits, of poses (n, 3) of one run."""
    away = np.zeros(len(head), np.bool_)
    known = np.isfinite(head).all(axis=1)
    ways = ((limits.ahead_yaw, limits.away_yaw), (limits.ahead_pitch, limits.away_pitch))
    for column, (ahead, most) in enumerate(ways):
        angle = head[known, column]
        middle = ahead if not isinstance(ahead, str) else np.median(angle) if angle.size else 0.0
        away[known] |= np.abs(angle - middle) > most
    return np.where(known, away, np.nan).astype(np.float32)


def find_covered(faces: FaceTrack, quality: Quality, status: UInt8Array | None = None) -> Float32Array:
    """Flag of a face that is covered, as by a hand; one that the picture's edge cuts off is not.

    Not known where there is no face of the participant.
    """
    cut = faces.measures.get("truncated", np.zeros(faces.status.size, np.float32)) > quality.max_truncated
    flag: Float32Array = np.where(faces.status == Status.OCCLUDED, ~cut, False).astype(np.float32)
    flag[~np.isfinite(faces.box).all(axis=1)] = np.nan
    if status is not None:
        flag[status == Status.OUTSIDE_RECORDING] = np.nan
    return flag


@dataclass(frozen=True)
class HeadColumns:
    """What the table of trials says of head and face.

    Attributes
    ----------
    means
        Column -> ``(n,)`` values, of which a trial has the mean where they are known.
    fractions
        Column -> flag, of which a trial has the fraction of its window in frames where it is 1.
    """

    means: Mapping[str, Float32Array]
    fractions: Mapping[str, Float32Array]


def head_columns(
    faces: FaceTrack, status: UInt8Array, limits: Head, quality: Quality, several: bool
) -> HeadColumns:
    """Columns of the trials; with ``several`` cameras none of pose, because each has a zero of its own."""
    means: dict[str, Float32Array] = {}
    fractions: dict[str, Float32Array] = {}
    if has_pose(faces) and not several:
        head = measure_head(faces, status)
        means = {f"fer_head_{name}_mean": head[:, i].astype(np.float32) for i, name in enumerate(ANGLES)}
        fractions["fer_head_valid"] = np.isfinite(head[:, 0]).astype(np.float32)
        fractions["fer_turned_away"] = find_turned(head, limits)
    if "occlusion" in faces.measures:
        fractions["fer_covered"] = find_covered(faces, quality, status)
    return HeadColumns(means, fractions)


def head_of_run(run: RunResult) -> FloatArray | None:
    """Poses (n, 3) of a run's frames; None where they are not measured, or several cameras have a zero each."""
    if run.cameras is not None or not has_pose(run.faces):
        return None
    head = measure_head(run.faces, run.expression.status)
    return head if np.isfinite(head).any() else None


def flag_of_run(run: RunResult, name: str) -> Float32Array | None:
    """The flag (n,) of one of `SPANS` in a run; None where the run does not tell."""
    if name == OTHER_PERSON:
        return run.faces.other_person_present
    if name == COVERED:
        if "occlusion" not in run.faces.measures:
            return None
        return find_covered(run.faces, quality_of(run.provenance.protocol), run.expression.status)
    head = head_of_run(run)
    return None if head is None else find_turned(head, limits_of(run.provenance.protocol))


def limits_of(protocol: ProtocolCard) -> Head:
    """Limits of a turned head, as the protocol had them; those of today where it did not know them."""
    given: dict[str, Any] = {key: protocol.look_up(float, "head", key) for key in ("away_yaw", "away_pitch")}
    given |= {key: protocol.ahead(key) for key in ("ahead_yaw", "ahead_pitch")}
    return Head(**{key: value for key, value in given.items() if value is not None})


def quality_of(protocol: ProtocolCard) -> Quality:
    """The largest part of a face outside of the picture, as the protocol had it."""
    limit = protocol.look_up(float, "quality", "max_truncated")
    return Quality() if limit is None else Quality(max_truncated=limit)


def find_spans(time: FloatArray, flag: Float32Array) -> pd.DataFrame:
    """Stretches in which a flag is 1.

    Interruptions shorter than `MIN_DURATION` are bridged, unless the video has a hole there; what is then shorter
    than that is no span.

    Parameters
    ----------
    time
        ``(n,)`` s, increasing.
    flag
        ``(n,)`` of the same frames.

    Returns
    -------
    pandas.DataFrame
        ``onset`` and ``duration`` in s, sorted.
    """
    start, stop = frame_support(time)
    spans: list[list[float]] = []
    whole = True  # no hole since the last span
    for i in range(time.size):
        whole = whole and (i == 0 or start[i] <= stop[i - 1])
        if flag[i] != 1:
            continue
        if spans and whole and start[i] - spans[-1][1] < MIN_DURATION:
            spans[-1][1] = stop[i]
        else:
            spans.append([start[i], stop[i]])
        whole = True
    kept = np.array([span for span in spans if span[1] - span[0] >= MIN_DURATION]).reshape(-1, 2)
    return pd.DataFrame({"onset": kept[:, 0], "duration": kept[:, 1] - kept[:, 0]})
