"""What a run's result was made from and with, for its provenance."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from enicfer import __version__
from enicfer.config.runs import Run, Session
from enicfer.io.files.steady import Noted, note_file
from enicfer.pipeline.observe import LoadedModels, Observations
from enicfer.pipeline.provenance import hash_file, input_files
from enicfer.records import CameraOrigin, FacePoint, ModelCard, ProtocolCard, Provenance, to_plain


def describe_origin(
    session: Session,
    run: Run,
    seen: Sequence[Observations],
    models: LoadedModels,
    noted: Mapping[Path, Noted] | None = None,
    points: Mapping[tuple[Path, ...], tuple[FacePoint, ...]] | None = None,
) -> Provenance:
    """What the result was made from and with: versions, parameters, hashes of the inputs.

    Parameters
    ----------
    session, run
        With the files.
    seen
        What each of the run's cameras showed.
    models
        What looked at the pictures.
    noted
        Hashes of the inputs, from before they were read (`note_inputs`).
    points
        Points in the participant's face in each video.
    """
    read = {"name": models.model.name, **models.model.metadata}
    traces = ", ".join(dict.fromkeys(view.trace.name for view in run.views if view.trace is not None))
    card = {"name": seen[0].expression.model, "imported": traces} if traces else read
    several = bool(run.others)
    return Provenance(
        enicfer=__version__,
        packages={name: version(name) for name in ("mne", "numpy", "opencv-python", "torch", "av")},
        model=ModelCard(card),
        detector=seen[0].faces.detector,
        protocol=ProtocolCard(to_plain(asdict(session.protocol))),
        analysis_rate=models.analysis_rate,
        faces_given=() if several else (points or {}).get(run.videos, ()),
        photo_given=models.photo is not None,
        inputs=hash_inputs(session, run, noted),
        cameras=_cameras(session, run, points or {}) if several else None,
        participant_region=None if several else session.region_of(run.camera),
    )


def _cameras(
    session: Session, run: Run, points: Mapping[tuple[Path, ...], tuple[FacePoint, ...]]
) -> dict[str, CameraOrigin]:
    names = _name_files(session, run)
    return {
        view.camera: CameraOrigin(
            tuple(names[video] for video in view.videos),
            points.get(view.videos, ()),
            session.region_of(view.camera),
        )
        for view in run.views
    }


def note_inputs(session: Session) -> dict[Path, Noted]:
    """Hash every file that the runs of a session are read from, each once, before it is read."""
    files = {path for run in session.runs for path in _input_files(session, run)}
    return {path: note_file(path) for path in sorted(files)}


def _input_files(session: Session, run: Run) -> list[Path]:
    photo = [] if session.face_photo is None else [session.face_photo]
    return [path for path in (*input_files(run), *photo) if path.is_file()]


def hash_inputs(session: Session, run: Run, noted: Mapping[Path, Noted] | None = None) -> dict[str, str]:
    """Name -> SHA-256 of every file that a run is read from; with its folders where two share a name.

    ``noted`` has the hashes from before the files were read; without it they are hashed now.
    """
    noted = {} if noted is None else noted
    names = _name_files(session, run)
    files = [path for path in _input_files(session, run) if not noted or path in noted]
    return {names[path]: noted[path].sha256 if noted else hash_file(path) for path in files}


def _name_files(session: Session, run: Run) -> dict[Path, str]:
    """What the provenance calls each file that a run is read from."""
    files = _input_files(session, run)
    count = Counter(path.name for path in files)

    def name(path: Path) -> str:
        if count[path.name] == 1:
            return path.name
        inside = path.is_relative_to(session.folder)
        return (path.relative_to(session.folder) if inside else Path(*path.parts[-2:])).as_posix()

    return {path: name(path) for path in files}
