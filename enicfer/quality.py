"""How far a run can be believed: the numbers for ``qc.json`` and the sentences that warn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from enicfer.records import Alignment, ExpressionTrace, FaceTrack, FloatArray, Status
from enicfer.segments import LOST


def assess_quality(
    faces: FaceTrack,
    trace: ExpressionTrace,
    alignment: Alignment,
    time: FloatArray,
    segments: pd.DataFrame,
    trials: pd.DataFrame,
    duration: float,
) -> dict[str, Any]:
    """Collect the numbers by which a run is judged; ``time`` and ``duration`` in s on the recording's clock.

    Returns
    -------
    dict
        JSON-ready: ``n_frames``, ``status`` (counts by name), ``n_frames_inside`` (frames during the recording
        whose expression was read), ``valid_fraction`` (of those, with an answer), ``frame_rate`` (Hz, median),
        ``face_size`` (px, median shorter side), ``longest_loss`` (s), ``n_trials``, ``n_trials_valid``,
        ``conditions`` (the same two by condition), ``expression_fraction`` (share of the valid frames by dominant
        label), and ``sync`` of `summarise_alignment`.
    """
    counts = {status.label: int((trace.status == status).sum()) for status in Status}
    inside = (time >= 0) & (time <= duration) & (trace.status != Status.NOT_ANALYSED)
    ok = trace.ok
    size = np.minimum(faces.box[:, 2] - faces.box[:, 0], faces.box[:, 3] - faces.box[:, 1])[ok]
    lost = segments.loc[segments["label"] == LOST, "duration"]
    winner = trace.probability[ok].argmax(axis=1) if ok.any() else np.empty(0, np.int64)
    believed = trials["fer_dominant"].notna()
    conditions = believed.groupby(trials["trial_type"]).agg(["size", "sum"])
    placed = time[np.isfinite(time)]
    return {
        "n_frames": int(trace.status.size),
        "status": counts,
        "n_frames_inside": int(inside.sum()),
        "valid_fraction": _ratio(ok.sum(), inside.sum()),
        "frame_rate": _rounded(1 / np.median(np.diff(placed))) if placed.size > 1 else None,
        "face_size": _rounded(np.median(size)) if size.size else None,
        "longest_loss": _rounded(lost.max()) if len(lost) else 0.0,
        "n_trials": len(trials),
        "n_trials_valid": int(believed.sum()),
        "conditions": {
            str(name): {"n_trials": int(n), "n_trials_valid": int(valid)}
            for name, n, valid in conditions.itertuples()
        },
        "expression_fraction": {
            label: _ratio((winner == k).sum(), ok.sum()) for k, label in enumerate(trace.labels)
        },
        "sync": summarise_alignment(alignment, trace.video_time[inside]),
    }


def summarise_alignment(alignment: Alignment, video_time: FloatArray) -> dict[str, Any]:
    """Sum an alignment up in JSON-ready numbers; ``video_time`` (s) is where it is used.

    What was not measured is None: the residual of a map that goes through all of its pulses, because they are no
    more than its parameters; the drift where there is one pulse.

    Returns
    -------
    dict
        ``source``; ``n_matched``, ``n_unmatched_video``, ``n_unmatched_recording`` (pulses); ``residual_rms`` and
        ``residual_max`` (s); ``drift_ppm``, by how much the recording's clock runs faster than the camera's in
        the first piece; ``drifts``, for each piece from ``video_start`` (s of video time, None for the video's
        start) ``camera_ppm``, by how much the camera's clock runs faster than the recording's, and half the
        width of its 95 % interval, ``uncertainty_ppm``; ``max_uncertainty`` (s).
    """
    bound = alignment.uncertainty(video_time)
    bound = bound[np.isfinite(bound)]
    pieces = np.flatnonzero(np.isfinite(alignment.slope))
    residual = np.abs(alignment.residual)
    n_matched = residual.size
    drifts = [_drift(alignment, piece) for piece in pieces.tolist()] if n_matched > 1 else []
    measured = n_matched > 2 * pieces.size
    return {
        "source": alignment.source,
        "n_matched": n_matched,
        "n_unmatched_video": int(alignment.unmatched_video.size),
        "n_unmatched_recording": int(alignment.unmatched_recording.size),
        "residual_rms": _rounded(np.sqrt(np.mean(residual**2)), 6) if measured else None,
        "residual_max": _rounded(residual.max(), 6) if measured else None,
        "drift_ppm": _rounded((alignment.slope[pieces[0]] - 1) * 1e6) if drifts else None,
        "drifts": drifts,
        "max_uncertainty": _rounded(bound.max(), 6) if bound.size else None,
    }


def _drift(alignment: Alignment, piece: int) -> dict[str, float | None]:
    start, slope = alignment.video_start[piece], alignment.slope[piece]
    half = alignment.t_factor[piece] * np.sqrt(max(0.0, alignment.variance[piece, 2]))
    return {
        "video_start": _rounded(start) if np.isfinite(start) else None,
        "camera_ppm": _rounded((1 / slope - 1) * 1e6),
        "uncertainty_ppm": _rounded(half / slope**2 * 1e6),
    }


def drift_text(drift: Mapping[str, Any]) -> str:
    """One of the ``drifts``, with no more digits than are known."""
    digits = 0 if drift["uncertainty_ppm"] >= 1 else 1
    return f"{drift['camera_ppm']:+.{digits}f} ± {drift['uncertainty_ppm']:.{digits}f} ppm"


def milliseconds(seconds: float | None, digits: int = 1) -> str:
    """A time in s as text in ms, ``n/a`` for what is not known."""
    return "n/a" if seconds is None else f"{seconds * 1e3:.{digits}f} ms"


def find_warnings(quality: Mapping[str, Any], min_valid: float) -> list[str]:
    """Sentences that a user should read before the numbers."""
    warnings = []
    status = quality["status"]
    valid = quality["valid_fraction"]
    seen = sum(status[s.label] for s in Status if s not in (Status.NO_FACE, Status.UNDECODABLE))
    if seen and valid is not None and valid < min_valid:
        without = (s for s in Status if s not in (Status.OK, Status.NOT_ANALYSED))
        reasons = sorted(without, key=lambda s: -status[s.label])
        worst = ", ".join(f"{s.label} {status[s.label]}" for s in reasons[:3] if status[s.label])
        warnings.append(f"Only {valid:.0%} of the frames have an answer (frames without: {worst}).")
    lost = quality["n_trials"] - quality["n_trials_valid"]
    if lost:
        warnings.append(f"No values, for too few valid frames, in {lost} of {quality['n_trials']} trials.")
    return warnings


def _ratio(part: Any, whole: Any) -> float | None:
    return _rounded(float(part) / float(whole)) if whole else None


def _rounded(value: Any, digits: int = 4) -> float:
    return round(float(value), digits)
