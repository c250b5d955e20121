"""The only place that puts the steps together: from a session folder to emotion events.

Everything that can be wrong with the input is looked for before the first frame is decoded, and nothing is
written before everything is known.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer import __version__
from enicfer.cache import watch_once
from enicfer.course import follow_course
from enicfer.errors import InputError, OutputError
from enicfer.fingerprint import hash_file, hash_tools, input_files
from enicfer.imports import import_trace
from enicfer.io.video import probe_video
from enicfer.protocol import Protocol, Quality
from enicfer.quality import assess_quality, find_warnings
from enicfer.recording import find_pulses, find_trials, read_recording
from enicfer.records import (
    Alignment,
    ExpressionTrace,
    FacePoint,
    FaceTrack,
    FloatArray,
    Recording,
    RunResult,
    SessionResult,
    Status,
    UInt8Array,
)
from enicfer.session import Run, Session, read_session
from enicfer.watch import NO_STAMPS, Progress, Seen, Tools, load_tools, watch_video


def process_session(
    folder: str | Path | Session,
    *,
    protocol: str | Path | None = None,
    output: str | Path | None = None,
    model: str | Path | None = None,
    detector: str = "centerface",
    detector_weights: Path | None = None,
    faces: Sequence[FacePoint] = (),
    face_photo: Path | None = None,
    analysis_rate: float | None = None,
    max_uncertainty: float | None = None,
    overwrite: bool = False,
    work: Path | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> SessionResult:
    """Turn a session folder into emotion events on the recording's clock, and write them.

    Parameters
    ----------
    folder
        The session folder (see `enicfer.session`), or a `Session` that was put together otherwise.
    protocol
        Name or file; it goes before the one in ``session.toml``.
    output
        Derivatives folder, by default ``derivatives/enicfer`` in the session folder.
    model
        Name or file of the classifier, by default the shipped one.
    detector, detector_weights
        Face detector (`enicfer.faces.detectors.DETECTORS`) and its weights.
    faces
        ``(frame, x, y)`` points in px in the participant's face, where the choice should not be automatic; of a
        session with one video. They go before the runs' own, which those of one video have together.
    face_photo
        Photo of the participant's face alone, which says who of several people they are; it goes before the
        session's.
    analysis_rate
        Frames per s whose expression is read, 0 for all; it goes before the protocol's.
    max_uncertainty
        Largest accepted half-width in s of the 95 % interval of a frame's time; by default half a frame.
    overwrite
        Replace earlier results of the same runs.
    work
        Folder in which what was seen in a video is kept, and looked up the next time (`enicfer.cache`).
    threads
        Threads that decode, 0 for as many as there are cores.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.

    Raises
    ------
    EnicferError
        With one sentence, before anything is written: input that is missing, ambiguous or unreadable, no
        common pulses, codes that never occur, an output that is there already or cannot be written.
    """
    session = folder if isinstance(folder, Session) else read_session(folder, protocol)
    if face_photo is not None:
        session = replace(session, face_photo=face_photo)
    points = find_points(session, faces)
    target = Path(output) if output is not None else session.folder / "derivatives" / "enicfer"
    check_output(session, target, overwrite)
    recordings = [read_recording(run, session.protocol) for run in session.runs]
    trials = [find_trials(run, r, session.protocol) for run, r in zip(session.runs, recordings, strict=True)]
    for recording in recordings:
        find_pulses(recording, session.protocol)
    rate = session.protocol.expression.analysis_rate if analysis_rate is None else analysis_rate
    tools = load_tools(
        model,
        detector,
        detector_weights,
        session.protocol.quality,
        (),
        session.participant_region,
        rate,
        session.face_photo,
    )
    watch = watch_video
    if work is not None:
        watch = partial(watch_once, folder=work, tools_hash=hash_tools(model, detector, detector_weights))
    seen: dict[tuple[Path | None, ...], Seen] = {}
    results = []
    for run, recording, table in zip(session.runs, recordings, trials, strict=True):
        key = (*run.videos, run.trace)
        tools = replace(tools, faces=points[run.videos])
        if key not in seen:
            if run.trace is None:
                look = partial(watch, run.videos, tools)
            else:
                look = partial(import_trace, run.trace, run.videos)
            seen[key] = look(session.protocol.pulses, progress=progress, threads=threads)
        results.append(assemble_run(session, run, recording, table, seen[key], tools, max_uncertainty))
    from enicfer.outputs import write_outputs

    paths = write_outputs(results, target)
    return SessionResult(tuple(results), target, tuple(paths))


def trace_video(
    video: str | Path,
    *,
    output: str | Path | None = None,
    model: str | Path | None = None,
    detector: str = "centerface",
    detector_weights: Path | None = None,
    faces: Sequence[FacePoint] = (),
    face_photo: Path | None = None,
    analysis_rate: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> tuple[FaceTrack, ExpressionTrace]:
    """Classify the participant's expression in a bare video, on the video's own clock.

    Parameters
    ----------
    video
        The video.
    output
        ``.h5`` or ``.tsv`` file to write, or None; its folder is made.
    model, detector, detector_weights, faces, face_photo, analysis_rate, overwrite, progress
        As in `process_session`.

    Raises
    ------
    EnicferError
        If the video cannot be read, or the output is there already or cannot be written.
    """
    from enicfer.io.store import check_free, check_trace_file, write_trace

    target = Path(output) if output is not None else None
    if target is not None:
        check_trace_file(target)
        check_free(target, overwrite)
    probe_video(Path(video))
    tools = load_tools(
        model, detector, detector_weights, Quality(), faces, None, analysis_rate or 0.0, face_photo
    )
    found = watch_video((Path(video),), tools, None, progress)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_trace(target, found.faces, found.expression)
    return found.faces, found.expression


def find_points(
    session: Session, faces: Sequence[FacePoint]
) -> dict[tuple[Path, ...], tuple[FacePoint, ...]]:
    """Where the participant's face is pointed at in each video: ``faces``, or else what its runs say.

    Raises
    ------
    InputError
        If there are ``faces`` and several videos.
    """
    points: dict[tuple[Path, ...], tuple[FacePoint, ...]] = {}
    for run in session.runs:
        points[run.videos] = tuple(dict.fromkeys((*points.get(run.videos, ()), *run.faces)))
    if not faces:
        return points
    watched = dict.fromkeys(run.videos for run in session.runs if run.trace is None)
    if len(watched) > 1:
        names = ", ".join(videos[0].name for videos in watched)
        raise InputError(
            f"--face points into one video, but {session.folder.name} has {len(watched)} ({names}): say in "
            'session.toml in which run it is, such as face = "120:310,205".'
        )
    return dict.fromkeys(points, tuple(faces))


def check_output(session: Session, target: Path, overwrite: bool) -> None:
    """Refuse an output that would overwrite something, or that cannot be written, before work begins."""
    from enicfer.outputs import check_place

    label = f"sub-{session.participant}" + (f"/ses-{session.session}" if session.session else "")
    check_place(target)
    if (target / label).exists() and not overwrite:
        raise OutputError(
            f"{target} already has results of {label}: give --overwrite to replace them, or another --output."
        )


def assemble_run(
    session: Session,
    run: Run,
    recording: Recording,
    trials: pd.DataFrame,
    seen: Seen,
    tools: Tools,
    max_uncertainty: float | None = None,
) -> RunResult:
    """Bring one run together: clocks, segments, trials, quality. Writes nothing.

    Raises
    ------
    AlignmentError
        If the clocks cannot be related with the certainty asked for.
    """
    protocol = session.protocol
    seen = replace_times(run, seen)
    alignment = align_run(run, recording, protocol, seen, max_uncertainty)
    faces, expression, time = place_on_clock(seen, alignment, recording)
    course, segments, table = follow_course(trials, time, faces, expression, alignment, protocol)
    quality = assess_quality(faces, expression, alignment, time, segments, table, recording.duration)
    warnings = (
        *find_warnings(quality, protocol.trial.min_valid),
        *faces.notes,
        *alignment.notes,
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
        provenance=describe_origin(session, run, seen, tools),
        warnings=warnings,
        course=course,
    )


def replace_times(run: Run, seen: Seen) -> Seen:
    """Frame times from the camera program's log, where the run has one."""
    if run.frame_times is None:
        return seen
    from enicfer.io.frame_times import read_frame_times

    times, notes = read_frame_times(run.frame_times, seen.faces.video_time)
    before = (note for note in seen.faces.notes if note != NO_STAMPS)
    return replace(
        seen,
        faces=replace(seen.faces, video_time=times, notes=(*before, *notes)),
        expression=replace(seen.expression, video_time=times),
    )


def align_run(
    run: Run, recording: Recording, protocol: Protocol, seen: Seen, max_uncertainty: float | None
) -> Alignment:
    """Relate the clocks, and refuse where the bound inside of the recording is too wide."""
    from enicfer.evidence import check_uncertainty, collect_evidence
    from enicfer.sync import align

    evidence = collect_evidence(run, recording, protocol, seen.faces.video_time, seen.brightness)
    alignment = align(evidence, protocol.pulses)
    check_uncertainty(alignment, recording, evidence.video_time, max_uncertainty)
    return alignment


def place_on_clock(
    seen: Seen, alignment: Alignment, recording: Recording
) -> tuple[FaceTrack, ExpressionTrace, FloatArray]:
    """Map every frame to the recording's clock; frames outside of the recording have no answer, and no other reason.

    A face that was away before the recording began is no loss. A trace that comes from an earlier run has no answers
    for what lay outside of that run's recording: within this one it is not analysed, and a note says so.
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


def describe_origin(session: Session, run: Run, seen: Seen, tools: Tools) -> dict[str, Any]:
    """What the result was made from and with: versions, parameters, hashes of the inputs. JSON-ready."""
    return {
        "enicfer": __version__,
        "packages": {name: version(name) for name in ("mne", "numpy", "opencv-python", "torch", "av")},
        "model": {"name": tools.model.name, **tools.model.metadata}
        if run.trace is None
        else {"name": seen.expression.model, "imported": run.trace.name},
        "detector": seen.faces.detector,
        "protocol": json.loads(json.dumps({"name": session.protocol.name, **asdict(session.protocol)})),
        "analysis_rate": tools.analysis_rate,
        "faces_given": [list(point) for point in tools.faces],
        "photo_given": tools.photo is not None,
        "inputs": hash_inputs(session, run),
    }


def hash_inputs(session: Session, run: Run) -> dict[str, str]:
    """Name -> SHA-256 of every file that a run is read from; with its folders where two share a name."""
    photo = [] if session.face_photo is None else [session.face_photo]
    files = [path for path in (*input_files(run), *photo) if path.is_file()]
    count = Counter(path.name for path in files)

    def name(path: Path) -> str:
        if count[path.name] == 1:
            return path.name
        inside = path.is_relative_to(session.folder)
        return (path.relative_to(session.folder) if inside else Path(*path.parts[-2:])).as_posix()

    return {name(path): hash_file(path) for path in files}
