"""How far a face can be believed: pose, sharpness, light, what is cut off; and the status that follows.

Conventions: angles in degrees. Yaw is positive where the face turns to the picture's right, pitch where it
looks down, roll where the head tilts clockwise in the picture. Measures are arrays over faces or frames.
"""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from enicfer.config.protocol import Quality
from enicfer.records import Float32Array, FloatArray, Status, UInt8Array

# A generic head in units of the distance between the eyes: x to the picture's right, y down, z towards the
# camera; order of the landmarks as in `enicfer.records`. x and y are the medians of FER2013's faces
# (`enicfer.faces.crop.REFERENCE`); the depths are those of an average adult face.
HEAD = np.array(
    [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.55, 0.42], [-0.40, 0.97, 0.02], [0.40, 0.97, 0.02]]
)
BESIDE = 3
# Part of a threshold by which a measure must be within it, or s for which it must be, before a face that failed is
# believed again.
MARGIN, HOLD = 0.1, 0.3
_BLOCK = 8192
_FROM_HEAD = np.linalg.pinv(HEAD - HEAD.mean(axis=0))
MEASURES = ("yaw", "pitch", "roll", "size", "sharpness", "brightness", "truncated", "occlusion")


def estimate_pose(landmarks: npt.ArrayLike) -> FloatArray:
    """Estimate the head's rotation from five landmarks.

    Parameters
    ----------
    landmarks
        (n, 5, 2) px.

    Returns
    -------
    FloatArray
        (n, 3) yaw, pitch, roll in degrees.

    Notes
    -----
    Scaled orthographic projection of a generic rigid head, by least squares (the first step of POSIT,
    DeMenthon and Davis 1995, doi:10.1007/BF01450852). Of landmarks that lie exactly where the head's are, it gives
    the true angles. Detectors do not place them so: of pitch hardly a third is left, and the proportions of a
    face and an open mouth pass for some degrees of it. `enicfer.timecourse.head` makes degrees of what is found.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    centred = points - points.mean(axis=1, keepdims=True)
    axes = np.einsum("ij,njk->nki", _FROM_HEAD, centred)
    u, _, vt = np.linalg.svd(axes, full_matrices=False)
    rows = u @ vt
    third = np.cross(rows[:, 0], rows[:, 1])
    # Rows of roll * pitch * yaw, the yaw being turned first.
    yaw = np.degrees(np.arctan2(-third[:, 0], third[:, 2]))
    pitch = np.degrees(np.arctan2(-third[:, 1], np.hypot(third[:, 0], third[:, 2])))
    roll = np.degrees(np.arctan2(-rows[:, 0, 1], rows[:, 1, 1]))
    return np.stack([yaw, pitch, roll], axis=1)


def measure_sharpness(crop: UInt8Array) -> float:
    """How much fine detail an aligned grey face (s, s) has, relative to its contrast, in percent.

    The standard deviation of the Laplacian over that of the grey values; focus measure after Pech-Pacheco
    et al. (2000, doi:10.1109/ICPR.2000.903548), made independent of contrast.
    """
    contrast, detail = (
        float(cv2.meanStdDev(values)[1][0, 0]) for values in (crop, cv2.Laplacian(crop, cv2.CV_32F))
    )
    return 100.0 * detail / max(contrast, 1.0)


def measure_truncation(box: npt.ArrayLike, width: int, height: int) -> float:
    """Fraction of a box's area that lies outside a picture of ``width`` x ``height`` px."""
    left, top, right, bottom = np.asarray(box, dtype=np.float64).tolist()
    area = max((right - left) * (bottom - top), 1e-9)
    inside = max(min(right, width) - max(left, 0.0), 0.0) * max(min(bottom, height) - max(top, 0.0), 0.0)
    return 1.0 - inside / area


def measure_faces(rows: npt.NDArray[Any], occlusion: Float32Array) -> dict[str, Float32Array]:
    """All `MEASURES`, each (n,), of faces that were stored as rows (`enicfer.faces.rows.ROW`)."""
    # In parts, because it takes ten times the memory of its result.
    starts = range(0, max(len(rows), 1), _BLOCK)
    angles = np.concatenate(
        [estimate_pose(rows["landmarks"][i : i + _BLOCK]).astype(np.float32) for i in starts]
    )
    side = np.min(rows["box"][:, 2:] - rows["box"][:, :2], axis=1)
    columns = (*angles.T, side, *(rows[name] for name in ("sharpness", "brightness", "truncated")), occlusion)
    return dict(zip(MEASURES, columns, strict=True))


def judge(
    score: Float32Array,
    measures: Mapping[str, Float32Array],
    quality: Quality,
    video_time: FloatArray | None = None,
) -> UInt8Array:
    """Status of faces from their measures: the first of the rules below that fails, else ``OK``.

    Parameters
    ----------
    score
        (n,) detector's score.
    measures
        Name -> (n,), the names of `MEASURES`.
    quality
        The thresholds.
    video_time
        (n,) s, where these are the face of one person in consecutive frames. A measure beside its threshold would
        go to and fro by the rounding of single pixels: so once a rule has failed, it goes on to fail for `HOLD` s
        unless the measure is within its threshold by `MARGIN` of it. None judges each face by itself. For evidence of
        a covered face `extend_occlusion` does so.
    """
    above, below = 1, -1
    rules: tuple[tuple[Status, int, Float32Array, float], ...] = (
        (Status.NO_FACE, below, score, quality.min_score),
        (Status.TOO_SMALL, below, measures["size"], quality.min_size),
        (Status.OCCLUDED, above, measures["truncated"], quality.max_truncated),
        (Status.POSE, above, np.abs(measures["yaw"]), quality.max_yaw),
        (Status.POSE, above, np.abs(measures["pitch"]), quality.max_pitch),
        (Status.POSE, above, np.abs(measures["roll"]), quality.max_roll),
        (Status.DARK, below, measures["brightness"], quality.min_brightness),
        (Status.BLURRED, below, measures["sharpness"], quality.min_sharpness),
        (Status.OCCLUDED, above, measures["occlusion"], quality.max_occlusion),
    )
    status = np.full(len(score), Status.OK, dtype=np.uint8)
    for reason, side, value, limit in reversed(rules):
        failed = side * value > side * limit
        if video_time is not None and value is not measures["occlusion"]:
            near = side * value > side * limit - MARGIN * limit
            failed |= _hold(failed, near, video_time)
        status[failed] = reason
    return status


def _hold(
    failed: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_], video_time: FloatArray
) -> npt.NDArray[np.bool_]:
    """Frames near a threshold that follow a failed one within `HOLD` s, with none that is clear of it between."""
    number = np.arange(len(failed))
    last_failed = np.maximum.accumulate(np.where(failed, number, -1))
    last_clear = np.maximum.accumulate(np.where(near | failed, -1, number))
    return near & (last_failed > last_clear) & (video_time - video_time[last_failed] <= HOLD)


def extend_occlusion(status: UInt8Array, occlusion: Float32Array, quality: Quality) -> UInt8Array:
    """Status of frames in a row, with what is beside a covered or lost face judged more strictly.

    A hand comes and goes over several frames, in which the evidence rises, and just before a face is lost,
    and when it is found again, detectors see it where it is covered. So an ``OK`` frame next to one whose face
    is ``OCCLUDED`` or not found is ``OCCLUDED`` too; within `BESIDE` frames it is, if its evidence is at least
    half of the limit.

    Parameters
    ----------
    status
        (n,) status of consecutive frames.
    occlusion
        (n,) evidence, NaN where there is no face.
    quality
        The thresholds.
    """
    doubtful = np.isin(status, (Status.NO_FACE, Status.OCCLUDED, Status.OTHER_PERSON))
    next_to, near = (maximum_filter1d(doubtful, 2 * reach + 1, mode="constant") for reach in (1, BESIDE))
    covered = next_to | (near & (occlusion >= quality.max_occlusion / 2))
    out = status.copy()
    out[(status == Status.OK) & covered] = Status.OCCLUDED
    return out
