"""How far a run can be believed: the numbers for ``qc.json`` and the sentences that warn."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import counted
from enicfer.records import (
    Alignment,
    ClockQuality,
    Drift,
    ExpressionTrace,
    FaceTrack,
    FloatArray,
    RunQuality,
    Status,
    TrialCounts,
    VideoHoles,
)
from enicfer.timecourse.segments import LOST, frame_support
from enicfer.timecourse.trials import NO_VIDEO, REASON


def assess_quality(
    faces: FaceTrack,
    trace: ExpressionTrace,
    alignment: Alignment,
    time: FloatArray,
    segments: pd.DataFrame,
    trials: pd.DataFrame,
    duration: float,
) -> RunQuality:
    """Collect the numbers by which a run is judged; ``time`` and ``duration`` in s on the recording's clock."""
    counts = {status.label: int((trace.status == status).sum()) for status in Status}
    inside = (time >= 0) & (time <= duration) & (trace.status != Status.NOT_ANALYSED)
    lasting = _lasting(time)
    ok = trace.ok & lasting
    size = np.minimum(faces.box[:, 2] - faces.box[:, 0], faces.box[:, 3] - faces.box[:, 1])[ok]
    lost = segments.loc[segments["label"] == LOST, "duration"]
    winner = trace.probability[ok].argmax(axis=1) if ok.any() else np.empty(0, np.int64)
    believed = trials["fer_dominant"].notna()
    conditions = believed.groupby(trials["trial_type"]).agg(["size", "sum"])
    placed = time[np.isfinite(time)]
    return RunQuality(
        n_frames=int(trace.status.size),
        status=counts,
        n_frames_inside=int(inside.sum()),
        valid_fraction=_ratio(ok.sum(), (inside & lasting).sum()),
        frame_rate=_rounded(1 / np.median(np.diff(placed))) if placed.size > 1 else None,
        face_size=_rounded(np.median(size)) if size.size else None,
        longest_loss=_rounded(lost.max()) if len(lost) else 0.0,
        video_holes=find_holes(placed[(placed >= 0) & (placed <= duration)]),
        n_trials=len(trials),
        n_trials_valid=int(believed.sum()),
        trials_lost=_count_reasons(trials[~believed]),
        conditions={str(name): TrialCounts(int(n), int(valid)) for name, n, valid in conditions.itertuples()},
        expression_fraction={
            label: _ratio((winner == k).sum(), ok.sum()) for k, label in enumerate(trace.labels)
        },
        sync=summarise_alignment(alignment, trace.video_time[inside]),
    )


def _count_reasons(trials: pd.DataFrame) -> dict[str, int]:
    """How many of these trials lack most of their window for each reason, most first."""
    columns = [str(name) for name in trials if str(name).startswith(REASON)]
    if trials.empty or not columns:
        return {}
    worst = trials[columns].idxmax(axis=1).astype(str)
    counts = worst.map(lambda name: name.removeprefix(REASON)).value_counts()
    return {str(name): int(n) for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}


def find_holes(time: FloatArray) -> VideoHoles:
    """Where a video has no frames although it goes on; ``time`` (n,) in s, increasing.

    What a hole is says `enicfer.timecourse.segments`.
    """
    start, stop = frame_support(time)
    length = start[1:] - stop[:-1]
    holes = np.flatnonzero(length > 0)
    if not holes.size:
        return VideoHoles(0, 0.0, 0.0, None)
    longest = holes[np.argmax(length[holes])]
    return VideoHoles(
        count=int(holes.size),
        total=_rounded(length[holes].sum()),
        longest=_rounded(length[longest]),
        longest_start=_rounded(stop[longest]),
    )


def _lasting(time: FloatArray) -> npt.NDArray[np.bool_]:
    """Frames ``(n,)`` that stand for some time; of several at one instant those in between stand for none."""
    lasting = np.ones(len(time), np.bool_)
    placed = np.isfinite(time)
    start, stop = frame_support(time[placed])
    if (stop > start).any():
        lasting[placed] = stop > start
    return lasting


def summarise_alignment(alignment: Alignment, video_time: FloatArray) -> ClockQuality:
    """Sum an alignment up in numbers; ``video_time`` (s) is where it is used."""
    bound = alignment.uncertainty(video_time)
    bound = bound[np.isfinite(bound)]
    whole = alignment.frame_uncertainty(video_time)
    whole = whole[np.isfinite(whole)]
    clock_segments = alignment.clock_segments
    residual = np.abs(alignment.residual)
    n_matched = residual.size
    drifts = tuple(_drift(alignment, segment) for segment in clock_segments) if n_matched > 1 else ()
    measured = n_matched > 2 * len(clock_segments)
    return ClockQuality(
        source=alignment.source,
        n_matched=n_matched,
        n_unmatched_video=int(alignment.unmatched_video.size),
        n_unmatched_recording=int(alignment.unmatched_recording.size),
        residual_rms=_rounded(np.sqrt(np.mean(residual**2)), 6) if measured else None,
        residual_max=_rounded(residual.max(), 6) if measured else None,
        drift_ppm=drifts[0].drift_ppm if drifts else None,
        drifts=drifts,
        max_uncertainty=_rounded(bound.max(), 6) if bound.size else None,
        max_frame_uncertainty=_rounded(whole.max(), 6) if whole.size else None,
        jitter=_rounded(alignment.jitter, 6),
    )


def _drift(alignment: Alignment, segment: tuple[int, int]) -> Drift:
    first, last = segment
    start, slope = alignment.video_start[first], alignment.mean_slope(segment)
    half = alignment.t_factor[first] * np.sqrt(max(0.0, alignment.variance[first, 2]))
    if last - first > 1:  # a curve: its ends tell the mean rate, and their bounds how well
        ends = alignment.video_start[[first + 1, last]]
        half = float(np.hypot(*alignment.uncertainty(ends))) / float(ends[1] - ends[0])
    return Drift(
        video_start=_rounded(start) if np.isfinite(start) else None,
        drift_ppm=_rounded((1 / slope - 1) * 1e6),
        uncertainty_ppm=_rounded(half / slope**2 * 1e6),
    )


def drift_text(drift: Drift) -> str:
    """A drift in words, with no more digits than are known."""
    digits = 0 if drift.uncertainty_ppm >= 1 else 1
    return f"{drift.drift_ppm:+.{digits}f} ± {drift.uncertainty_ppm:.{digits}f} ppm"


def milliseconds(seconds: float | None, digits: int = 1) -> str:
    """A time in s as text in ms, ``n/a`` for what is not known."""
    return "n/a" if seconds is None else f"{seconds * 1e3:.{digits}f} ms"


def find_warnings(quality: RunQuality, min_valid: float) -> list[str]:
    """Sentences that a user should read before the numbers."""
    warnings = []
    status, valid = quality.status, quality.valid_fraction
    seen = sum(status[s.label] for s in Status if s not in (Status.NO_FACE, Status.UNDECODABLE))
    if seen and valid is not None and valid < min_valid:
        without = (s for s in Status if s not in (Status.OK, Status.NOT_ANALYSED))
        reasons = sorted(without, key=lambda s: -status[s.label])
        worst = ", ".join(f"{s.label} {status[s.label]}" for s in reasons[:3] if status[s.label])
        warnings.append(f"Only {valid:.0%} of the frames are valid (the others: {worst}).")
    if (holes := quality.video_holes).count:
        warnings.append(
            f"The video has no frames for {holes.total:.2f} s in {counted(holes.count, 'place')}, the longest "
            f"{holes.longest:.2f} s from {holes.longest_start:.2f} s of the recording: they count as missing."
        )
    lost = quality.n_trials - quality.n_trials_valid
    if lost:
        causes = ", ".join(f"{name} {n}" for name, n in quality.trials_lost.items())
        warnings.append(
            f"No values in {lost} of {quality.n_trials} trials: too little of their window is valid "
            f"({causes}"
            + ("; no_video: the video has no frames there)." if NO_VIDEO in quality.trials_lost else ").")
        )
    return warnings


def _ratio(part: Any, whole: Any) -> float | None:
    return _rounded(float(part) / float(whole)) if whole else None


def _rounded(value: Any, digits: int = 4) -> float:
    return round(float(value), digits)
