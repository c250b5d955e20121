"""What a run's result was made from and with, for its provenance."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from enicfer import __version__
from enicfer.config.runs import Run, Session
from enicfer.io.files.steady import Noted, note_file
from enicfer.pipeline.observe import LoadedModels, Observations
from enicfer.pipeline.provenance import hash_file, input_files
from enicfer.records import ModelCard, ProtocolCard, Provenance, to_plain


def describe_origin(
    session: Session,
    run: Run,
    seen: Observations,
    models: LoadedModels,
    noted: Mapping[Path, Noted] | None = None,
) -> Provenance:
    """What the result was made from and with: versions, parameters, hashes of the inputs."""
    read = {"name": models.model.name, **models.model.metadata}
    card = read if run.trace is None else {"name": seen.expression.model, "imported": run.trace.name}
    return Provenance(
        enicfer=__version__,
        packages={name: version(name) for name in ("mne", "numpy", "opencv-python", "torch", "av")},
        model=ModelCard(card),
        detector=seen.faces.detector,
        protocol=ProtocolCard(to_plain(asdict(session.protocol))),
        analysis_rate=models.analysis_rate,
        faces_given=models.faces,
        photo_given=models.photo is not None,
        inputs=hash_inputs(session, run, noted),
    )


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
    files = [path for path in _input_files(session, run) if not noted or path in noted]
    count = Counter(path.name for path in files)

    def name(path: Path) -> str:
        if count[path.name] == 1:
            return path.name
        inside = path.is_relative_to(session.folder)
        return (path.relative_to(session.folder) if inside else Path(*path.parts[-2:])).as_posix()

    return {name(path): noted[path].sha256 if noted else hash_file(path) for path in files}
