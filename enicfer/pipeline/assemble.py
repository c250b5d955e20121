"""Brings one run together, from what its cameras showed to its result: clocks, one trace, segments, trials, quality.

Each camera's clock is related to the recording's on its own; several cameras then become one trace
(`enicfer.timecourse.cameras`). Nothing is written here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from enicfer.config.protocol import Protocol
from enicfer.config.runs import Run, Session
from enicfer.errors import AlignmentError, EnicferError, InputError, ProtocolError
from enicfer.io.video.stamps import is_about_stamps
from enicfer.pipeline.observe import Observations
from enicfer.records import (
    Alignment,
    CameraTrack,
    ExpressionTrace,
    FaceTrack,
    FloatArray,
    Provenance,
    Recording,
    RunResult,
    Status,
    UInt8Array,
)
from enicfer.timecourse.cameras import (
    assess_cameras,
    bound_trials,
    camera_shares,
    merge_cameras,
    warn_of_cameras,
)
from enicfer.timecourse.quality import assess_quality, find_warnings
from enicfer.timecourse.smoothing import derive_time_course


def assemble_run(
    session: Session,
    run: Run,
    recording: Recording,
    trials: pd.DataFrame,
    seen: Sequence[Observations],
    origin: Provenance,
    max_uncertainty: float | None = None,
) -> RunResult:
    """Bring one run together: clocks, segments, trials, quality. Writes nothing.

    ``seen`` is what each of the run's cameras showed, ``origin`` what the result is made from.

    Raises
    ------
    AlignmentError
        If the clocks cannot be related with the certainty asked for; of several cameras, those of none.
    """
    protocol, cameras, shares = session.protocol, None, None
    tracks, left_out = align_cameras(run, recording, protocol, seen, max_uncertainty)
    faces, expression, time = tracks[0].faces, tracks[0].expression, tracks[0].time
    alignment = tracks[0].alignment
    if run.others:
        cameras, faces, expression, time = merge_cameras(tracks, left_out)
        shares = camera_shares(cameras, expression)
    course = derive_time_course(trials, time, faces, expression, alignment, protocol, shares)
    time_course, segments, table = course
    quality = assess_quality(faces, expression, alignment, time, segments, table, recording.duration)
    if cameras is not None:
        table = bound_trials(table, cameras, time, protocol.trial.window)
        each = assess_cameras(cameras, expression, time, recording.duration)
        quality = replace(quality, cameras=each, sync=each.cameras[tracks[0].name].sync)
    warnings = (
        *(warn_of_cameras(quality.cameras) if quality.cameras else ()),
        *find_warnings(quality, protocol.trial.min_valid),
        *faces.notes,
        *_alignment_notes(tracks),
        *recording.notes,
    )
    return RunResult(
        entities=session.entities(run),
        recording=recording,
        faces=faces,
        expression=expression,
        alignment=alignment,
        time=time,
        segments=segments,
        trials=table,
        quality=quality,
        provenance=origin,
        warnings=warnings,
        time_course=time_course,
        cameras=cameras,
    )


def align_cameras(
    run: Run,
    recording: Recording,
    protocol: Protocol,
    seen: Sequence[Observations],
    max_uncertainty: float | None,
) -> tuple[list[CameraTrack], dict[str, str]]:
    """Relate the clock of each of a run's cameras on its own; ``seen`` is what each showed.

    Returns
    -------
    list of CameraTrack, dict
        The cameras, and of several those that cannot be aligned, with the reason.

    Raises
    ------
    EnicferError
        If none can be aligned.
    """
    tracks: list[CameraTrack] = []
    left_out: dict[str, EnicferError] = {}
    for view, shown in zip(run.views, seen, strict=True):
        placed = replace_times(view, shown)
        try:
            alignment = align_run(view, recording, protocol, placed, max_uncertainty)
        except ProtocolError:
            raise
        except (AlignmentError, InputError) as error:
            if not run.others:
                raise
            left_out[view.camera] = error
            continue
        faces, expression, time = place_on_clock(placed, alignment, recording)
        tracks.append(CameraTrack(view.camera, faces, expression, alignment, time))
    if not tracks:
        raise refuse_cameras(run, left_out)
    return tracks, {camera: str(error) for camera, error in left_out.items()}


def refuse_cameras(run: Run, reasons: Mapping[str, EnicferError]) -> AlignmentError:
    """The error of a run of whose cameras none can be aligned."""
    said = " ".join(f"{camera}: {error.for_command_line()}" for camera, error in reasons.items())
    refused = AlignmentError(
        f"No camera of {run.name} can be aligned. {said}", remedy="repair one of them, or give another video"
    )
    pulses = (error.pulses for error in reasons.values() if isinstance(error, AlignmentError))
    refused.pulses = next(filter(None, pulses), {})
    return refused


def _alignment_notes(tracks: Sequence[CameraTrack]) -> list[str]:
    """What was noted of the clocks, with the camera's name where it has one."""
    return [
        f"Camera {track.name}: {note}" if track.name and len(tracks) > 1 else note
        for track in tracks
        for note in track.alignment.notes
    ]


def replace_times(run: Run, seen: Observations) -> Observations:
    """Frame times from the camera program's log, where the run has one."""
    if run.frame_times is None:
        return seen
    from enicfer.io.video.frame_times import read_frame_times

    times, notes = read_frame_times(run.frame_times, seen.faces.video_time)
    before = (note for note in seen.faces.notes if not is_about_stamps(note))
    return replace(
        seen,
        faces=replace(seen.faces, video_time=times, notes=(*before, *notes)),
        expression=replace(seen.expression, video_time=times),
    )


def align_run(
    run: Run, recording: Recording, protocol: Protocol, seen: Observations, max_uncertainty: float | None
) -> Alignment:
    """Relate the clocks, and refuse where the bound inside of the recording is too wide."""
    from enicfer.pipeline.dates import find_doubts
    from enicfer.pipeline.evidence import (
        check_uncertainty,
        collect_evidence,
        noting_pulses,
        relate_clocks,
    )

    evidence = collect_evidence(run, recording, protocol, seen.faces.video_time, seen.brightness)
    with noting_pulses(evidence, protocol.pulses):
        alignment = relate_clocks(evidence, protocol, recording)
        doubts = find_doubts(run, recording, alignment, evidence.video_time)
        alignment = replace(alignment, notes=(*alignment.notes, *doubts))
        limit = max_uncertainty or protocol.pulses.max_uncertainty or None
        check_uncertainty(alignment, recording, evidence.video_time, limit)
    return alignment


def place_on_clock(
    seen: Observations, alignment: Alignment, recording: Recording
) -> tuple[FaceTrack, ExpressionTrace, FloatArray]:
    """Map every frame to the recording's clock; frames outside of the recording have that reason and no other.

    A face that was away before the recording began is no loss. A trace that comes from an earlier run has no
    probabilities for what lay outside of that run's recording: here it is not analysed, and a note says so.
    """
    time = alignment.time(seen.faces.video_time)
    outside = ~((time >= 0) & (time <= recording.duration))  # also where no pulse tells the time: NaN
    faces, read = (_mark_outside(status, outside) for status in (seen.faces.status, seen.expression.status))
    probability = np.where(outside[:, None], np.nan, seen.expression.probability).astype(np.float32)
    expression = replace(seen.expression, status=read, probability=probability)
    notes = seen.faces.notes
    if lacking := int((~outside & (seen.expression.status == Status.OUTSIDE_RECORDING)).sum()):
        notes += (
            f"{lacking} frames within the recording lay outside of the one that the trace was made with, and are not "
            "analysed: give the file that enicfer trace makes of the video.",
        )
    return replace(seen.faces, status=faces, notes=notes), expression, time


def _mark_outside(status: UInt8Array, outside: np.ndarray) -> UInt8Array:
    unread = (status == Status.NOT_ANALYSED) | ((status == Status.OUTSIDE_RECORDING) & ~outside)
    marked = np.where(outside, Status.OUTSIDE_RECORDING, status)
    return np.where(unread, Status.NOT_ANALYSED, marked).astype(np.uint8)
