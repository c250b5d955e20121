"""What is done already, and from what: one marker for each session, in the hidden folder of the outputs.

A marker holds the hashes of everything that the results depend on (inputs, protocol, model, options, program),
and the names and sizes of the files that came out. Files are compared by size and modification time first, for
equality and never for order, so that a clock that was set back does no harm; where those differ, by content.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from filelock import FileLock

from enicfer.config.runs import Session
from enicfer.config.suffixes import RECORDING_SUFFIXES, VIDEO_SUFFIXES
from enicfer.errors import OUTPUT, InputError, OutputError
from enicfer.io.files.atomic import is_visible, replacing
from enicfer.io.files.names import HIDDEN
from enicfer.io.tables import read_json, write_json
from enicfer.pipeline.provenance import hash_file, input_files, name_input

DONE, FAILED, PUBLISHING = "done", "failed", "publishing"
# Files that hold signals or images; a BrainVision header alone does not tell two recordings apart.
RECORDED = {*RECORDING_SUFFIXES, ".eeg", ".fdt", ".bin", ".xdf", ".xdfz", ".nii", ".gz"} - {".vhdr"}
Files = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class BatchFolders:
    """Where things are below the hidden folder of ``output``."""

    output: Path

    @property
    def seen(self) -> Path:
        """What was seen in videos (`enicfer.pipeline.cache`)."""
        return self.output / HIDDEN / "seen"

    def marker(self, name: str) -> Path:
        """Marker of a session."""
        return self.output / HIDDEN / "sessions" / f"{name}.json"

    def stage(self, name: str) -> Path:
        """Where the tree of a session is put together."""
        return self.output / HIDDEN / "unfinished" / name

    def log(self, name: str) -> Path:
        """Log of a session."""
        return self.output / "logs" / f"{name}.log"

    def check_locks(self) -> None:
        """Try a lock; without them two processes would do the same session, and one that died keep it for ever.

        Raises
        ------
        OutputError
            If the file system has none.
        """
        self._locks.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._locks) as file:
            try:
                _try_lock(file.fileno())
            except OSError as error:
                raise OutputError(
                    f"{self.output} has no file locks ({error.strerror}), which keep two "
                    "processes from the same session",
                    remedy=(
                        "have it mounted with locks (Lustre: flock; NFS: its lock service), "
                        f"or give another folder with {OUTPUT}"
                    ),
                ) from None

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of a session; wait while another process has it. It dies with its process."""
        self.check_locks()
        with FileLock(self._locks / f"{name}.lock"):
            yield

    @property
    def _locks(self) -> Path:
        return self.output / HIDDEN / "locks"


def _try_lock(file: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows locks every kind of disk
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True)
class Marker:
    """What is known of a session from an earlier time.

    Attributes
    ----------
    state
        `DONE`, `FAILED`, or `PUBLISHING` while files are moved into the tree.
    parts
        Name -> hash of what the results depend on besides the files.
    files
        Name -> ``size``, ``mtime_ns`` and, where the session was done, ``sha256`` of every input.
    outputs
        Name below the outputs -> size in bytes, or None where it may be of one time or the other.
    kind, reason, advice
        Why it failed and what to do.
    seconds, frames
        What the work took when the videos were watched, and how many frames they had.
    folder
        Of the session, as seen from the outputs.
    pulses
        Pulse times of its videos and recordings (`enicfer.batch.partners`).
    """

    state: str
    parts: Mapping[str, str]
    files: Files
    outputs: Mapping[str, int | None] = field(default_factory=dict)
    kind: str = ""
    reason: str = ""
    advice: str = ""
    seconds: float = 0.0
    frames: int = 0
    folder: str = ""
    pulses: Mapping[str, Any] = field(default_factory=dict)


_NAMES = {entry.name for entry in fields(Marker)}


def read_marker(path: Path) -> Marker | None:
    """The marker, or None where there is none.

    One that cannot be read, as a power failure leaves it, counts as that of a session that was being published.
    """
    if not path.exists():
        return None
    try:
        content = read_json(path)
        return Marker(**{name: content[name] for name in _NAMES & content.keys()})
    except (InputError, TypeError):
        return Marker(PUBLISHING, {}, {}, _find_outputs(path.parents[2], path.stem))


def _find_outputs(output: Path, name: str) -> dict[str, None]:
    """Files of a session that are in the outputs, of unknown size."""
    found = [output / f"{name}.html", *(output / name.split("_")[0]).rglob(f"{name}_*")]
    others = () if "_ses-" in name else (f"{name}_ses-",)
    own = (
        path
        for path in found
        if path.is_file() and is_visible(path, output) and not path.name.startswith(others)
    )
    return {path.relative_to(output).as_posix(): None for path in sorted(own)}


def write_marker(path: Path, marker: Marker) -> None:
    """Write a marker, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        write_json(partial, asdict(marker))


def stamp_files(session: Session, missing_ok: bool = False) -> Files:
    """Size and modification time of every input of a session; names are relative to its folder."""
    files: Files = {}
    for path in _inputs(session):
        try:
            status = path.stat()
        except OSError:
            if missing_ok:
                continue
            raise
        files[name_input(path, session.folder)] = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    return files


def hash_files(session: Session) -> Files:
    """As `stamp_files`, with the hash of each content. The stamp is taken first: a later change is seen."""
    files = stamp_files(session)
    paths = {name_input(file, session.folder): file for file in _inputs(session)}
    return {name: {**stamp, "sha256": hash_file(paths[name])} for name, stamp in files.items()}


def _inputs(session: Session) -> list[Path]:
    """Every file that a session is read from, once."""
    shared = [session.face_photo] if session.face_photo is not None else []
    return list(dict.fromkeys([*(file for run in session.runs for file in input_files(run)), *shared]))


def is_of_others(marker: Marker, session: Session, output: Path) -> bool:
    """Whether results were made in another folder, of videos and recordings none of which this session has.

    A folder that was moved or renamed keeps its files.
    """
    if not marker.outputs or marker.folder in ("", name_input(session.folder, output)):
        return False
    # One that failed has only the sizes.
    made = {(facts["size"], facts.get("sha256")) for facts in find_recorded(marker.files).values()}
    sizes = {size for size, _ in made}
    own = {path: _size(path) for path in _inputs(session) if find_recorded({path.name: {}})}
    return not any(
        (size, None) in made or (size in sizes and (size, hash_file(path)) in made)
        for path, size in own.items()
    )


def find_recorded(files: Files, suffixes: Collection[str] = (*VIDEO_SUFFIXES, *RECORDED)) -> Files:
    """Of those files, the ones that end so: by default videos, and files that hold signals or images."""
    return {name: facts for name, facts in files.items() if Path(name).suffix.lower() in suffixes}


def find_changes(marker: Marker, parts: Mapping[str, str], files: Files, key: str | None = None) -> list[str]:
    """What is not as it was: names of parts, and ``inputs``.

    Parameters
    ----------
    marker
        From the earlier time.
    parts, files
        As they are now.
    key
        Compare this alone (``sha256``), or None for size and modification time.
    """
    changes = [name for name in parts if parts[name] != marker.parts.get(name)]
    keys = ("size", "mtime_ns") if key is None else (key,)

    def reduce(found: Files) -> dict[str, list[Any]]:
        return {name: [facts.get(k) for k in keys] for name, facts in found.items()}

    return changes + (["inputs"] if reduce(files) != reduce(marker.files) else [])


def outputs_stand(output: Path, marker: Marker) -> bool:
    """Whether every file that came out is there, in its size."""
    return all(_size(output / name) == size for name, size in marker.outputs.items())


def missing_outputs(output: Path, marker: Marker) -> list[str]:
    """Those of the files that came out that are not there; names below the outputs."""
    return sorted(name for name in marker.outputs if _size(output / name) is None)


def altered_outputs(output: Path, marker: Marker) -> list[str]:
    """Names of the files that came out and are of another size now; an empty one is nobody's work."""
    sizes = {name: (_size(output / name), size) for name, size in marker.outputs.items()}
    return sorted(Path(name).name for name, (now, size) in sizes.items() if now and size not in (now, None))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
