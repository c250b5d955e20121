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
) -> dict[str, Any]:
    """Collect the numbers by which a run is judged.

    Returns
    -------
    dict
        JSON-ready: ``n_frames``, ``status`` (counts by name), ``valid_fraction``, ``frame_rate`` (Hz, median),
        ``face_size`` (px, median shorter side), ``longest_loss`` (s), ``n_trials``, ``n_trials_valid``,
        ``expression_fraction`` (share of the valid frames by dominant label), and ``sync``: ``n_matched``,
        ``residual_rms``, ``drift_ppm``, ``max_uncertainty`` (s, over the recording's frames).
    """
    counts = {status.label: int((trace.status == status).sum()) for status in Status}
    inside = ~np.isin(trace.status, (Status.OUTSIDE_RECORDING, Status.NOT_ANALYSED))
    ok = trace.ok
    size = np.minimum(faces.box[:, 2] - faces.box[:, 0], faces.box[:, 3] - faces.box[:, 1])[ok]
    lost = segments.loc[segments["label"] == LOST, "duration"]
    winner = trace.probability[ok].argmax(axis=1) if ok.any() else np.empty(0, np.int64)
    valid_trials = int(trials["fer_dominant"].notna().sum()) if len(trials) else 0
    placed = time[np.isfinite(time)]
    return {
        "n_frames": int(trace.status.size),
        "status": counts,
        "valid_fraction": _ratio(ok.sum(), inside.sum()),
        "frame_rate": _rounded(1 / np.median(np.diff(placed))) if placed.size > 1 else None,
        "face_size": _rounded(np.median(size)) if size.size else None,
        "longest_loss": _rounded(lost.max()) if len(lost) else 0.0,
        "n_trials": len(trials),
        "n_trials_valid": valid_trials,
        "expression_fraction": {
            label: _ratio((winner == k).sum(), ok.sum()) for k, label in enumerate(trace.labels)
        },
        "sync": summarise_alignment(alignment, trace.video_time[inside]),
    }


def summarise_alignment(alignment: Alignment, video_time: FloatArray) -> dict[str, Any]:
    """Sum an alignment up in a few JSON-ready numbers; ``video_time`` (s) is where it is used."""
    residual = alignment.residual
    bound = alignment.uncertainty(video_time)
    bound = bound[np.isfinite(bound)]
    slope = alignment.slope[np.isfinite(alignment.slope)]
    return {
        "source": alignment.source,
        "n_matched": int(residual.size),
        "n_unmatched_video": int(alignment.unmatched_video.size),
        "n_unmatched_recording": int(alignment.unmatched_recording.size),
        "residual_rms": _rounded(np.sqrt(np.mean(residual**2)), 6) if residual.size else None,
        "drift_ppm": _rounded((slope[0] - 1) * 1e6) if slope.size else None,
        "max_uncertainty": _rounded(bound.max(), 6) if bound.size else None,
    }


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
        warnings.append(f"{lost} of {quality['n_trials']} trials have too few valid frames and no values.")
    return warnings


def _ratio(part: Any, whole: Any) -> float | None:
    return _rounded(float(part) / float(whole)) if whole else None


def _rounded(value: Any, digits: int = 4) -> float:
    return round(float(value), digits)
