"""The only place that puts the steps together: from a session folder to emotion events.

Everything that can be wrong with the input is looked for before the first frame is decoded, and nothing is
written before everything is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Protocol, Pulses, Quality
from enicfer.config.runs import Run, Session
from enicfer.config.session import read_session
from enicfer.errors import OUTPUT, OVERWRITE, InputError, OutputError, option
from enicfer.io.files.names import HIDDEN
from enicfer.io.files.steady import Noted, check_unaltered
from enicfer.io.video.reader import probe_video
from enicfer.io.video.stamps import is_about_stamps
from enicfer.pipeline.import_trace import Said, look_at_inputs, place_trace
from enicfer.pipeline.kept import Camera, KeptRecords
from enicfer.pipeline.observe import (
    LoadedModels,
    Observations,
    Progress,
    choose_observations,
    load_models,
    observe_video,
)
from enicfer.pipeline.origin import describe_origin, note_inputs
from enicfer.pipeline.provenance import hash_models
from enicfer.pipeline.recording import find_pulses, find_trials, read_recording
from enicfer.pipeline.review import add_points, apply_review, is_newly_reviewed, read_reviews, replaces_more
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
from enicfer.timecourse.quality import assess_quality, find_warnings
from enicfer.timecourse.smoothing import derive_time_course


def process_session(
    folder: str | Path | Session,
    options: ProcessingOptions | None = None,
    *,
    output: str | Path | None = None,
    work: Path | None = None,
    reviews: Path | None = None,
    threads: int = 0,
    progress: Progress | None = None,
) -> SessionResult:
    """Turn a session folder into emotion events on the recording's clock, and write them.

    Parameters
    ----------
    folder
        The session folder (see `enicfer.config.session`), or a `Session` that was put together otherwise.
    options
        What it is processed with.
    output
        Derivatives folder, by default ``derivatives/enicfer`` in the session folder.
    work
        Folder in which what was seen in a video is kept, and looked up the next time (`enicfer.pipeline.cache`);
        `find_work` is the command's. None keeps nothing.
    reviews
        Root of the outputs beside which the session's reviews lie, where that is not ``output``. What they say is
        taken; for that alone earlier results are replaced without being told to.
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
    from enicfer.pipeline.evidence import noting_recordings

    options = options or ProcessingOptions()
    session = folder if isinstance(folder, Session) else read_session(folder, options.protocol)
    if options.face_photo is not None:
        session = replace(session, face_photo=options.face_photo)
    target = Path(output) if output is not None else session.folder / "derivatives" / "enicfer"
    name = session.stem
    review = read_reviews(reviews or target, name)
    session = add_points(session, review)
    points = find_points(session, options.faces)
    check_output(session, target, options.overwrite or is_newly_reviewed(target, name, review))
    noted = note_inputs(session)
    runs = session.runs
    said = look_at_inputs((v for run in runs for v in run.videos), (run.trace for run in runs if run.trace))
    recordings = [read_recording(run, session.protocol) for run in session.runs]
    trials = [find_trials(run, r, session.protocol) for run, r in zip(session.runs, recordings, strict=True)]
    models = _load_models(session, options)
    hashed = "" if work is None else hash_models(options.model, options.detector, options.detector_weights)
    kept = KeptRecords(
        work, hashed, _count_pulses(session, recordings), work is not None and target in work.parents
    )
    check_unaltered(noted)
    pulses, seen = session.protocol.pulses, dict[Camera, Observations]()
    results = []
    for run, recording, table in zip(runs, recordings, trials, strict=True):
        key = (*run.videos, run.trace)
        models = replace(models, faces=points[run.videos])
        if key not in seen:
            seen[key] = _observe(run, models, pulses, said, kept, progress, threads)
        facts = session, run, recording, table, seen[key], models, options.max_uncertainty, noted
        with noting_recordings(session, run, recordings):
            results.append(apply_review(assemble_run(*facts), review))
        kept.reduce(run)
    videos = {video for run in runs for video in run.videos}
    # A video was checked when its last frame had been read; all else may have been read until now.
    check_unaltered({path: was for path, was in noted.items() if path not in videos})
    if not options.overwrite and replaces_more(target, name, results):
        raise _taken(target, name)
    from enicfer.pipeline.publish import write_outputs

    paths = write_outputs(results, target)
    kept.finish()
    return SessionResult(tuple(results), target, tuple(paths))


def _observe(
    run: Run,
    models: LoadedModels,
    pulses: Pulses,
    said: Mapping[Path, Said],
    kept: KeptRecords,
    progress: Progress | None,
    threads: int,
) -> Observations:
    """What a run's video shows, or what its trace says of it."""
    if run.trace is not None:
        known = said[run.trace]
        return place_trace(run.trace, run.videos, pulses, said=known, progress=progress, threads=threads)
    record = kept.find_or_make(run, models, pulses, progress, threads)
    return choose_observations(record, models, run.videos[0].name)


def _load_models(session: Session, options: ProcessingOptions) -> LoadedModels:
    return load_models(
        replace(options, face_photo=session.face_photo, faces=()),
        session.protocol.quality,
        session.participant_region,
        session.protocol.expression.analysis_rate,
    )


def _count_pulses(session: Session, recordings: Sequence[Recording]) -> dict[Camera, tuple[int, ...]]:
    counts: dict[Camera, tuple[int, ...]] = {}
    for run, recording in zip(session.runs, recordings, strict=True):
        key = (*run.videos, run.trace)
        number = len(find_pulses(recording, session.protocol))
        counts[key] = tuple(sorted({*counts.get(key, ()), number}))
    return counts


def find_work(folder: Path, output: Path | None) -> Path:
    """Where ``enicfer process-session`` keeps what it saw; ``folder`` and ``output`` as in `process_session`.

    It is where `enicfer.batch.sessions.process_sessions` does, so ``enicfer cache`` and ``enicfer forget`` find it.
    """
    return (output or folder / "derivatives" / "enicfer") / HIDDEN / "seen"


def trace_video(
    video: str | Path,
    options: ProcessingOptions | None = None,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[FaceTrack, ExpressionTrace]:
    """Classify the participant's expression in a bare video, on the video's own clock.

    Parameters
    ----------
    video
        The video.
    options
        What it is processed with; there is no protocol and no bound of the time.
    output
        ``.h5`` or ``.tsv`` file to write, or None; its folder is made.
    progress
        As in `process_session`.

    Raises
    ------
    EnicferError
        If the video cannot be read, or the output is there already or cannot be written.
    """
    from enicfer.io.files.places import check_free
    from enicfer.io.frames_file import check_trace_file, write_trace

    options = options or ProcessingOptions()
    target = Path(output) if output is not None else None
    if target is not None:
        check_trace_file(target)
        check_free(target, options.overwrite)
    probe_video(Path(video))
    models = load_models(options, Quality())
    found = observe_video((Path(video),), models, None, progress)
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
            f"{option('faces', '--face')} points into one video, but {session.folder.name} has "
            f"{len(watched)} ({names})",
            remedy='say in session.toml in which run it is, such as face = "120:310,205"',
        )
    return dict.fromkeys(points, tuple(faces))


def check_output(session: Session, target: Path, overwrite: bool) -> None:
    """Refuse an output that would overwrite something, or that cannot be written, before work begins."""
    from enicfer.pipeline.publish import check_place

    check_place(target)
    name = session.stem
    if (target / name.replace("_", "/")).exists() and not overwrite:
        raise _taken(target, name)


def _taken(target: Path, name: str) -> OutputError:
    return OutputError(
        f"{target} already has results of {name.replace('_', '/')}",
        place=target,
        remedy=f"give {OVERWRITE} to replace them, or another {OUTPUT}",
    )


def assemble_run(
    session: Session,
    run: Run,
    recording: Recording,
    trials: pd.DataFrame,
    seen: Observations,
    models: LoadedModels,
    max_uncertainty: float | None = None,
    noted: Mapping[Path, Noted] | None = None,
) -> RunResult:
    """Bring one run together: clocks, segments, trials, quality. Writes nothing.

    ``noted`` has the hashes of the inputs, from before they were read (`note_inputs`).

    Raises
    ------
    AlignmentError
        If the clocks cannot be related with the certainty asked for.
    """
    protocol = session.protocol
    seen = replace_times(run, seen)
    alignment = align_run(run, recording, protocol, seen, max_uncertainty)
    faces, expression, time = place_on_clock(seen, alignment, recording)
    time_course, segments, table = derive_time_course(trials, time, faces, expression, alignment, protocol)
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
        provenance=describe_origin(session, run, seen, models, noted),
        warnings=warnings,
        time_course=time_course,
    )


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
