"""The only place that puts the steps together: from a session folder to emotion events.

Everything that can be wrong with the input is looked for before the first frame is decoded, and nothing is
written before everything is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from enicfer.config.cameras import find_points
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Pulses, Quality
from enicfer.config.runs import Run, Session
from enicfer.config.session import read_session
from enicfer.errors import OUTPUT, OVERWRITE, InputError, OutputError, option
from enicfer.io.files.names import HIDDEN, stem_of
from enicfer.io.files.steady import Noted, check_unaltered
from enicfer.io.video.reader import probe_video
from enicfer.pipeline.assemble import assemble_run
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
from enicfer.pipeline.review import (
    add_points,
    apply_review,
    explaining_points,
    is_newly_reviewed,
    read_reviews,
    replaces_more,
)
from enicfer.records import ExpressionTrace, FaceTrack, Recording, SessionResult


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
    views = [view for run in runs for view in run.views]
    said = look_at_inputs((v for view in views for v in view.videos), (v.trace for v in views if v.trace))
    recordings = [read_recording(run, session.protocol) for run in session.runs]
    trials = [find_trials(run, r, session.protocol) for run, r in zip(session.runs, recordings, strict=True)]
    models = _load_models(session, options)
    hashed = "" if work is None else hash_models(options.model, options.detector, options.detector_weights)
    kept = KeptRecords(
        work, hashed, _count_pulses(session, recordings), work is not None and target in work.parents
    )
    check_unaltered(noted)
    _check_copies(runs, noted)
    pulses, seen = session.protocol.pulses, dict[Camera, Observations]()
    results = []
    for run, recording, table in zip(runs, recordings, trials, strict=True):
        for view in run.views:
            models = replace(models, faces=points[view.videos], region=session.region_of(view.camera))
            if (key := (*view.videos, view.trace)) not in seen:
                with explaining_points(view, review.of(stem_of(session.entities(run))), run.camera):
                    seen[key] = _observe(view, models, pulses, said, kept, progress, threads)
        found = [seen[(*view.videos, view.trace)] for view in run.views]
        origin = describe_origin(session, run, found, models, noted, points)
        with noting_recordings(session, run, recordings):
            made = assemble_run(session, run, recording, table, found, origin, options.max_uncertainty)
            results.append(apply_review(made, review))
        for view in run.views:
            kept.reduce(view)
    videos = {video for view in views for video in view.videos}
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
        number = len(find_pulses(recording, session.protocol))
        for view in run.views:
            key = (*view.videos, view.trace)
            counts[key] = tuple(sorted({*counts.get(key, ()), number}))
    return counts


def _check_copies(runs: Sequence[Run], noted: Mapping[Path, Noted]) -> None:
    """Refuse two cameras of a run that have the same video under two names."""
    for run in runs:
        owner: dict[str, tuple[str, Path]] = {}
        for view in run.views if run.others else ():
            for video in view.videos:
                camera, other = owner.setdefault(noted[video].sha256, (view.camera, video))
                if camera != view.camera:
                    raise InputError(
                        f"{other.name} of the camera {camera} and {video.name} of {view.camera} are the same video",
                        remedy="give each camera its own",
                    )


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
    if named := [point[0] for point in options.faces if len(point) == 4]:
        raise InputError(
            f"{option('faces', '--face')} points into the camera {named[0]}, and {Path(video).name} is one video",
            remedy="leave the camera's name out",
        )
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
