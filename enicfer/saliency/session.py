"""What decided each trial of a processed session: maps of the frames that carried the trials' answers.

The frame of a trial is the one in the trial's window in which the trial's dominant expression is the most
probable. Faces are identifying: pictures of them, maps that look like them, and the video are made only where
``face_images`` is set.

Conventions: times are s on the recording's clock; frames are counted from 0 in the video.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError, option
from enicfer.faces.crop import crop_face, frame_face
from enicfer.io.files.atomic import find_root, settle
from enicfer.io.files.names import find_frames, find_results, stem_of
from enicfer.io.results import read_run
from enicfer.io.video.reader import read_frames
from enicfer.records import RunResult, UInt8Array, take_part
from enicfer.saliency.attribution.maps import FACE_LIKE, Progress, check_method
from enicfer.saliency.explanation import Explanation
from enicfer.saliency.figures.overlay import write_overlay_video
from enicfer.saliency.image_maps import check_count, explain_faces
from enicfer.saliency.options import SaliencyOptions, check_options
from enicfer.saliency.output import check_output, write_explanation
from enicfer.saliency.pictures import DISPLAY_SIZE, FaceCrops, digest_of
from enicfer.timecourse.segments import frame_support

if TYPE_CHECKING:
    from enicfer.models import Classifier

# How far a probability may be from the stored one; the pipeline's own crops come from the same code.
TOLERANCE = 0.02


def explain_session(
    results: str | Path,
    output: str | Path,
    options: SaliencyOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Explanation:
    """Explain the answers to the trials of a processed session, and write maps, tables and figures.

    Parameters
    ----------
    results
        Output folder of `enicfer.process_session`, or a file of one run.
    output
        Folder for the maps.
    options
        How the maps are made.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    EnicferError
        With one sentence: no results, no trials with values, another model, a video that is missing or
        another one than was processed, or a method or video that shows faces without ``face_images``.
    """
    from enicfer.models import load_model

    options = options or SaliencyOptions()
    _check_request(options)
    target = check_output(Path(output), options.overwrite)
    found = _find_runs(Path(results))
    runs = [read_run(file).of_camera() for file in found]
    name = str(options.model) if options.model is not None else runs[0].expression.model
    classifier = load_model(name)
    check_method(options.method, classifier.network)
    found, runs, silent = _keep_answered(found, runs)
    silent += [_say_camera(run) for run in runs if run.camera]
    parts, watched = [], []
    for file, run in zip(found, runs, strict=True):
        if run.expression.model != classifier.name:
            raise InputError(
                f"The results of {stem_of(run.entities)} were made with the model "
                f"{run.expression.model}, not {classifier.name}",
                remedy="give that model",
            )
        videos = find_videos(
            run, Path(options.session) if options.session is not None else _session_folder(file)
        )
        watched.append(videos)
        parts.append(trial_faces(run, videos, classifier, progress))
    faces, labels = join_faces([faces for faces, _ in parts]), [label for _, own in parts for label in own]
    explained = explain_faces(
        classifier, faces, options.method, labels, checks=options.checks, progress=progress
    )
    explained = replace(explained, notes=(*explained.notes, *silent, *compare_probability(explained, runs)))

    def film(stage: Path) -> None:
        for run, videos in zip(runs, watched, strict=True):
            path = stage / f"{stem_of(run.entities)}_overlay.mp4"
            write_overlay_video(path, run, videos, classifier, options.method, progress)

    write_explanation(
        explained,
        target,
        show_faces=options.face_images,
        progress=progress,
        further=film if options.video else None,
    )
    return explained


def _say_camera(run: RunResult) -> str:
    return (
        f"The faces of {stem_of(run.entities)} are of the camera {run.camera}; trials in which it has no valid frame "
        "are not explained."
    )


def _check_request(options: SaliencyOptions) -> None:
    check_options(options, session=True)
    check_method(options.method)
    check_count(options.checks, "images to check")
    if not options.face_images and (options.video or options.method in FACE_LIKE):
        what = "A video" if options.video else f"Maps of the method {options.method}"
        raise InputError(
            f"{what} would show the participant's face",
            remedy=f"give {option('face_images=True', '--face-images')} if that is wanted",
        )


def _keep_answered(found: list[Path], runs: list[RunResult]) -> tuple[list[Path], list[RunResult], list[str]]:
    """The runs that have a trial with values, and a sentence on each of the others."""
    answered = [bool(choose_frames(run)[1]) for run in runs]
    if not any(answered):
        names = ", ".join(stem_of(run.entities) for run in runs)
        raise InputError(
            f"No trial of {names} has values that could be explained",
            remedy="process the session again, or look in its report for why no trial is valid",
        )
    silent = [
        f"{stem_of(run.entities)} has no trial with values, so nothing of it is explained."
        for run, some in zip(runs, answered, strict=True)
        if not some
    ]
    return list(compress(found, answered)), list(compress(runs, answered)), silent


def is_session_output(path: str | Path) -> bool:
    """Whether a path is an output folder of `enicfer.process_session`, or a file of one of its runs."""
    path = Path(path)
    _settle(path)
    return (
        bool(find_results(path))
        if path.is_dir()
        else path.name.startswith("sub-") and "_desc-enicfer_" in path.name
    )


def _settle(path: Path) -> None:
    if (root := find_root(path)) is not None:
        settle(root)


def _find_runs(path: Path) -> list[Path]:
    _settle(path)
    files = find_results(path) if path.is_dir() else []
    return files or [find_frames(path)]


def _session_folder(file: Path) -> Path:
    """The folder above ``derivatives``, where `process_session` writes by default."""
    for folder in file.resolve().parents:
        if folder.name == "derivatives":
            return folder.parent
    raise InputError(
        f"The session folder of {file.name} is not known",
        remedy=f"give it with {option('session', '--session')}",
    )


def find_videos(run: RunResult, session: Path) -> tuple[Path, ...]:
    """The videos of a run in its session folder, if they are those that were processed.

    Raises
    ------
    InputError
        If the run is not in the session, or a video has changed.
    """
    from enicfer.config.session import read_session

    opened = read_session(session)
    for candidate in opened.runs:
        if opened.entities(candidate) == dict(run.entities):
            candidate = next((view for view in candidate.views if view.camera == run.camera), candidate)
            break
    else:
        raise InputError(
            f"The session {session.name} has no run {stem_of(run.entities)}",
            remedy=f"give the right {option('session', '--session')}",
        )
    known = run.provenance.inputs
    for file in candidate.videos:
        # Two of one name are known with their folders.
        inside = file.relative_to(session).as_posix() if file.is_relative_to(session) else file.name
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest not in (known.get(file.name), known.get(inside)):
            raise InputError(
                f"{inside} is not the video that was processed",
                remedy=f"give the right {option('session', '--session')}",
            )
    return candidate.videos


def choose_frames(run: RunResult) -> tuple[npt.NDArray[np.int64], list[str], npt.NDArray[np.int64]]:
    """For each trial with values: its frame, its dominant expression, and its row in the trial table."""
    window = run.provenance.protocol.window
    if window is None:
        raise InputError(
            f"The result of {run.name} does not say what a trial is", remedy="process the session again"
        )
    first, last = window
    # A trial's answer comes from the frames that stand for a part of its window, as in `enicfer.timecourse.trials`.
    read = np.flatnonzero(take_part(run.expression, run.time))
    start, stop = np.full((2, run.time.size), np.nan)
    start[read], stop[read] = frame_support(run.time[read])
    frames, labels, rows = [], [], []
    for row, trial in enumerate(run.trials.to_dict("records")):
        label = trial.get("fer_dominant")
        if label not in run.expression.labels:
            continue
        window = trial["onset"] + first, trial["onset"] + last
        inside = (np.minimum(stop, window[1]) > np.maximum(start, window[0])) & run.expression.ok
        if inside.any():
            probability = run.expression.probability[:, run.expression.labels.index(label)]
            frames.append(int(np.argmax(np.where(inside, probability, -1))))
            labels.append(str(label))
            rows.append(row)
    return np.array(frames, np.int64), labels, np.array(rows, np.int64)


def trial_faces(
    run: RunResult, videos: Sequence[Path], model: "Classifier", progress: Progress | None = None
) -> tuple[FaceCrops, list[str]]:
    """Cut the faces of the trials' frames out of the video; with the expressions to explain."""
    frames, labels, rows = choose_frames(run)
    wanted = set(frames.tolist())
    cut: dict[int, tuple[UInt8Array, UInt8Array, Any]] = {}
    for frame in read_frames(tuple(videos)):
        if frame.index in wanted:
            box, landmarks = run.faces.box[frame.index], run.faces.landmarks[frame.index]
            source = frame.gray() if model.channels == 1 else frame.bgr()[..., ::-1]
            picture = crop_face(np.ascontiguousarray(frame.bgr()[..., ::-1]), box, landmarks, DISPLAY_SIZE)
            matrix = frame_face(box, landmarks, 1)
            points = landmarks.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
            cut[frame.index] = (
                crop_face(np.ascontiguousarray(source), box, landmarks, model.input_size),
                picture,
                points,
            )
        if progress is not None and frame.index % 10 == 0:
            progress(frame.index, run.time.size, "reading frames")
        if len(cut) == len(wanted):
            break
    missing = sorted(wanted - set(cut))
    if missing:
        raise InputError(
            f"Frame {missing[0]} of {videos[0].name} cannot be read",
            place=videos[0],
            remedy="check that it is the video that was processed",
        )
    crop, picture, points = (np.stack(part) for part in zip(*(cut[int(i)] for i in frames), strict=True))
    stem = stem_of(run.entities)
    names = [f"{stem}_trial-{row + 1:03d}_frame-{frame:06d}" for row, frame in zip(rows, frames, strict=True)]
    subject = f"sub-{run.entities['sub']}"
    return FaceCrops(
        name=np.array(names),
        subject=np.full(len(names), subject),
        crop=crop,
        picture=picture,
        landmarks=points,
        found=np.ones(len(names), bool),
        digest=np.array([digest_of(face) for face in picture]),
    ), labels


def join_faces(parts: Sequence[FaceCrops]) -> FaceCrops:
    """The faces of several runs in one."""
    names = ("name", "subject", "crop", "picture", "landmarks", "found", "digest")
    joined: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return FaceCrops(**joined)


def compare_probability(found: Explanation, runs: Sequence[RunResult]) -> list[str]:
    """A sentence if the explained probabilities are not those that the results have."""
    stored = []
    for run in runs:
        frames, labels, _ = choose_frames(run)
        columns = [run.expression.labels.index(label) for label in labels]
        stored.append(run.expression.probability[frames, columns])
    worst = float(np.abs(np.concatenate(stored) - found.maps.probability).max())
    if worst <= TOLERANCE:
        return []
    return [
        f"The explained probabilities differ by up to {worst:.3f} from those in the results: was the model changed?"
    ]
