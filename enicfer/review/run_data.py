"""What the session page shows of one run, JSON-ready; see the documentation of the server's routes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enicfer.io.review_log import entry_text
from enicfer.pipeline.people import KnownFaces, order_others, pick_faces
from enicfer.records import FloatArray, RunResult, Status
from enicfer.records.review import CORRECTIONS, TRIAL, Held, ReviewEntry
from enicfer.report.figures import EXPRESSION_COLORS
from enicfer.review.entries import lapsed_text, shown_text
from enicfer.review.judge import judge_clock
from enicfer.timecourse.quality import drift_text

STRIP, HALF = 3, 3  # strips of pulses; frames before and after the onset in each


def describe_run(run: RunResult) -> dict[str, Any]:
    """What is known of a run as a whole."""
    video_time, (start, stop) = run.faces.video_time, axis_of(run)
    steps = np.diff(video_time)
    course = run.time_course
    return {
        "labels": list(run.expression.labels),
        "colors": {label: EXPRESSION_COLORS[label] for label in run.expression.labels},
        "statuses": [status.label for status in Status],
        "model": run.expression.model,
        "detector": run.faces.detector,
        "n_frames": int(video_time.size),
        "start": start,
        "stop": stop,
        "video_start": float(video_time[0]) if video_time.size else None,
        "video_stop": float(video_time[-1]) if video_time.size else None,
        "rate": float(1 / np.median(steps)) if steps.size and np.median(steps) > 0 else None,
        "modality": run.recording.modality.value,
        "recording_duration": float(run.recording.duration),
        "valid_fraction": run.quality.valid_fraction,
        "conditions": list(dict.fromkeys(run.trials["trial_type"].astype("str"))),
        "warnings": [*_say_camera(run), *run.warnings],
        "camera": run.camera,
        "has": {name: getattr(course, name) is not None for name in ("smoothed", "baseline", "uncertain")},
    }


def _say_camera(run: RunResult) -> list[str]:
    """Which camera is shown, where the run has several."""
    if not run.camera:
        return []
    names = ", ".join(run.provenance.camera_videos)
    return [
        f"Shown are the video, the faces and the curves of the camera {run.camera}; trials and segments are of all "
        f"cameras ({names})."
    ]


def axis_of(run: RunResult) -> tuple[float, float]:
    """From where to where (s, recording's clock) a run is shown: the recording, and all frames."""
    inside = run.time[np.isfinite(run.time)]
    ends = (0.0, run.recording.duration, *((inside.min(), inside.max()) if inside.size else ()))
    return float(min(ends)), float(max(ends))


def pack_clock(run: RunResult) -> bytes:
    """Of each frame: video time, time (float64), bound (float32), status (uint8), box (4 float32), little-endian."""
    bound = run.frame_time_uncertainty
    return b"".join(
        (
            run.faces.video_time.astype("<f8").tobytes(),
            run.time.astype("<f8").tobytes(),
            bound.astype("<f4").tobytes(),
            run.expression.status.astype("u1").tobytes(),
            np.ascontiguousarray(run.faces.box).astype("<f4").tobytes(),
        )
    )


def pack_others(faces: KnownFaces) -> bytes:
    """Of each face that is not followed, by frame: frame (int32), box (4 float32), whose (uint8), little-endian.

    Whose: 1 is who is there most of the others (`enicfer.pipeline.people.list_others`), 0 nobody of them.
    """
    rest = ~faces.followed
    order = order_others(faces)
    whose = np.zeros(faces.frame.size, np.uint8)
    for number, person in enumerate(order[:255], 1):
        whose[faces.person == person] = number
    return b"".join(
        (
            faces.frame[rest].astype("<i4").tobytes(),
            np.ascontiguousarray(faces.box[rest]).astype("<f4").tobytes(),
            whose[rest].tobytes(),
        )
    )


def list_segments(run: RunResult) -> list[dict[str, Any]]:
    """The segments, with start and stop in s on the recording's clock."""
    table = run.segments
    return [
        {
            "start": row["onset"],
            "stop": row["onset"] + row["duration"],
            "label": row["label"],
            "probability": row["probability"],
            "valid_fraction": row["valid_fraction"],
            "reason": row["reason"],
        }
        for row in table.to_dict("records")
    ]


def list_trials(run: RunResult, held: Mapping[str, Held]) -> list[dict[str, Any]]:
    """The trials by their numbers, with what each coder says of them."""
    table = run.trials.reset_index(drop=True)
    offset = run.provenance.protocol.window_start
    judged: dict[Any, list[tuple[ReviewEntry, dict[str, Any]]]] = {}
    for own in held.values():
        shown = [*((e, lapsed_text(e)) for e in own.lapsed), *((e, shown_text(e)) for e in own.counting)]
        for entry, text in shown:
            if entry.kind == TRIAL:
                judged.setdefault(entry.trial, []).append((entry, text))
    first, last = frames_between(run, table["onset"].to_numpy(float), table["duration"].to_numpy(float))
    found = []
    for i, row in enumerate(table.to_dict("records")):
        onset, none = float(row["onset"]), first[i] >= last[i]
        dominant = row.get("fer_dominant")
        found.append(
            {
                "trial": i,
                "onset": onset,
                "start": onset + offset,
                "stop": onset + float(row["duration"]),
                "condition": row["trial_type"],
                "code": row["code"],
                "valid": row.get("fer_valid"),
                "dominant": dominant if isinstance(dominant, str) else None,
                "means": {label: row.get(f"fer_{label}_mean") for label in run.expression.labels},
                "frame_start": None if none else int(first[i]),
                "frame_stop": None if none else int(last[i]),
                "reviews": [text for e, text in judged.get(i, ()) if e.is_of(onset, row["code"])],
            }
        )
    return found


def frames_between(run: RunResult, onset: FloatArray, duration: FloatArray) -> tuple[Any, Any]:
    """First frame and the one after the last of each span (s, recording's clock); equal where there is none."""
    placed = np.flatnonzero(np.isfinite(run.time))
    if not placed.size:
        return np.zeros(onset.size, int), np.zeros(onset.size, int)
    time = np.maximum.accumulate(run.time[placed])
    first = np.searchsorted(time, onset)
    last = np.searchsorted(time, onset + duration)
    after = np.r_[placed, placed[-1] + 1]
    return after[first], np.where(last > first, after[np.maximum(last, 1) - 1] + 1, after[first])


def describe_pulses(run: RunResult) -> dict[str, Any]:
    """Pulses with residuals, and the frames around the onsets of three of them."""
    alignment, video_time = run.alignment, run.faces.video_time
    frames = np.searchsorted(video_time, alignment.pulse_video_time)
    lone = np.searchsorted(video_time, alignment.unmatched_video)
    sync = run.quality.sync
    count = frames.size
    places = sorted({0, count // 2, count - 1}) if count else []
    inside = [k for k in places if frames[k] < video_time.size][:STRIP]
    return {
        **judge_clock(run.quality),
        "notes": list(alignment.notes),
        "source": alignment.source,
        "drift_ppm": sync.drift_ppm,
        "drifts": [drift_text(drift) for drift in sync.drifts],
        "residual_rms": sync.residual_rms,
        "max_frame_uncertainty": sync.max_frame_uncertainty,
        "matched": [
            {"video_time": v, "time": t, "residual": r, "frame": min(int(f), video_time.size - 1)}
            for v, t, r, f in zip(
                alignment.pulse_video_time.tolist(),
                alignment.pulse_time.tolist(),
                alignment.residual.tolist(),
                frames,
                strict=True,
            )
        ],
        "unmatched_video": [
            {"video_time": v, "frame": min(int(f), video_time.size - 1)}
            for v, f in zip(alignment.unmatched_video.tolist(), lone, strict=True)
        ],
        "unmatched_recording": [{"time": t} for t in alignment.unmatched_recording.tolist()],
        "strips": [
            {
                "pulse": k,
                "time": float(alignment.pulse_time[k]),
                "onset_frame": int(frames[k]),
                "frames": list(
                    range(max(0, int(frames[k]) - HALF), min(video_time.size, int(frames[k]) + HALF + 1))
                ),
            }
            for k in inside
        ],
    }


def led_region(run: RunResult) -> tuple[float, float, float, float] | None:
    """Where the LED is, in fractions of the picture: left, top, right, bottom; None where there is none."""
    region = run.provenance.protocol.look_up(object, "pulses", "region")
    if isinstance(region, list | tuple) and len(region) == 4:  # else it is "auto"
        left, top, right, bottom = (float(side) for side in region)
        return left, top, right, bottom
    cell = run.alignment.details.led_cell
    if not cell:
        return None
    row, column, rows, columns = cell
    # With a cell around it on every side, so that a person sees what it is.
    return (
        max(0.0, (column - 1) / columns),
        max(0.0, (row - 1) / rows),
        min(1.0, (column + 2) / columns),
        min(1.0, (row + 2) / rows),
    )


def describe_people(
    run: RunResult, said: Mapping[str, Sequence[ReviewEntry]], known: Sequence[Mapping[str, Any]] | None
) -> dict[str, Any]:
    """Faces of the person followed, evenly spread, and of others where they are known (`enicfer.pipeline.people`)."""
    boxed = np.flatnonzero(np.isfinite(run.faces.box).all(axis=1))
    others = run.faces.other_person_present == 1
    return {
        "people": [
            {
                "person": "participant",
                "label": "followed",
                "faces": pick_faces(boxed, run.faces.box[boxed]),
            },
            *(known or ()),
        ],
        "others_known": known is not None,
        "others": _stretches(run, others),
        "ambiguous": _stretches(run, run.faces.status == Status.AMBIGUOUS_PERSON),
        "corrections": [
            entry_text(entry) for entries in said.values() for entry in entries if entry.kind in CORRECTIONS
        ],
    }


def _stretches(run: RunResult, where: Any) -> list[dict[str, Any]]:
    """Consecutive frames for which ``where`` (n,) is true; the longest 200, in order of time."""
    edges = np.flatnonzero(np.diff(np.r_[0, where.astype(np.int8), 0]))
    spans = sorted(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True), key=lambda s: s[0] - s[1])[
        :200
    ]
    return [
        {
            "frame_start": a,
            "frame_stop": b,
            "start": float(run.time[a]),
            "stop": float(run.time[b - 1]),
            "n_faces": int(run.faces.n_faces[a:b].max()),
        }
        for a, b in sorted(spans)
    ]
