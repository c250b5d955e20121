"""From folders to jobs: what is to be processed, with what, and under which name."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from enicfer.config.discovery import explain_missing
from enicfer.config.leftovers import is_leftover, is_system_folder
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Protocol
from enicfer.config.runs import SETTINGS, Session
from enicfer.config.session import read_session
from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import EnicferError, InputError
from enicfer.io.files.names import HIDDEN, stem_of
from enicfer.pipeline.provenance import hash_content, hash_models, hash_program
from enicfer.pipeline.review import hash_corrections, read_reviews


@dataclass(frozen=True)
class Job:
    """One session that is to be done.

    Attributes
    ----------
    name
        Entities of the session, such as ``sub-01_ses-02``; names its marker and its log.
    session
        Its files.
    output
        Root of the outputs.
    options
        What it is processed with.
    parts
        Hashes of what the results depend on besides the files.
    threads
        Threads of the worker.
    """

    name: str
    session: Session
    output: Path
    options: ProcessingOptions
    parts: Mapping[str, str]
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """What became of one session.

    Attributes
    ----------
    name
        The job's name, or the folder's where the session could not be read.
    state
        ``done``, ``unchanged`` or ``failed``.
    kind
        Kind of failure, a key of `enicfer.batch.work.ADVICE`.
    reason, advice
        Why it failed and what to do.
    changes
        What changed since the session was done before; nothing for one that is new.
    notes
        Anything else worth a line.
    seconds
        What it took.
    entities
        ``sub`` and ``ses``, where known.
    """

    name: str
    state: str
    kind: str = ""
    reason: str = ""
    advice: str = ""
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    entities: Mapping[str, str] = field(default_factory=dict)


def find_sessions(folders: Iterable[Path]) -> list[Path]:
    """Session folders: those given, or, for one without ``session.toml``, those in it that have one.

    Folders of outputs and of the system are none, and plain files are passed over (``study/*``). Links are followed.

    Raises
    ------
    InputError
        If a folder is missing.
    """
    found: list[Path] = []
    for folder in folders:
        if folder.is_file():
            continue
        if not folder.is_dir():
            raise InputError(
                f"There is no folder {folder}", remedy="give session folders, or a folder that holds some"
            )
        inner = [] if is_system_folder(folder.name) else _inner_sessions(folder)
        none = _is_output(folder) or is_system_folder(folder.name)
        found += inner if inner or none else [folder]
    return list(dict.fromkeys(found))


def find_left_out(folders: Iterable[Path]) -> list[tuple[Path, EnicferError]]:
    """What `find_sessions` passes by: folders that cannot be read, or have a video and no ``session.toml``.

    Videos below ``derivatives`` are no session's.
    """
    left: list[tuple[Path, EnicferError]] = []
    for folder in folders:
        sessions = set(_inner_sessions(folder))
        if not sessions or folder in sessions:
            continue
        for place, names in _walk(folder, left):
            derived = "derivatives" in place.relative_to(folder).parts
            if _has_video(names) and not derived and sessions.isdisjoint((place, *place.parents)):
                left.append((place, explain_missing(place, names)))
    return sorted(left, key=lambda item: item[0])


def _has_video(names: Iterable[str]) -> bool:
    return any(Path(name).suffix.lower() in VIDEO_SUFFIXES and not is_leftover(name) for name in names)


def _inner_sessions(folder: Path) -> list[Path]:
    """The folder itself if it has settings, else those below that have."""
    if SETTINGS in next((names for _, names in _walk(folder)), ()):
        return [folder]
    return sorted(place for place, names in _walk(folder) if SETTINGS in names)


def _is_output(folder: Path) -> bool:
    """Whether it is the root of outputs, or holds one."""
    try:
        return any((place / HIDDEN).is_dir() for place in (folder, *folder.iterdir()))
    except OSError:
        return False


def _walk(
    folder: Path, unread: list[tuple[Path, EnicferError]] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below it, each once and with the names in it; not hidden ones and outputs.

    Links are followed after all else, so that a folder goes by its own name, and never out of the top.
    """
    waiting, links, top = [folder], list[Path](), Path(os.path.realpath(folder))
    seen = set(top.parents)
    while waiting or links:
        place = waiting.pop() if waiting else links.pop()
        real = Path(os.path.realpath(place))
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(place) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if unread is not None:
                unread.append(
                    (
                        place,
                        InputError(
                            f"{place.name} cannot be read: {error.strerror}",
                            place=place,
                            remedy="allow reading it, or leave the folder out",
                        ),
                    )
                )
            continue
        if {entry.name for entry in inside} & {HIDDEN, SETTINGS} == {HIDDEN}:
            continue
        yield place, [entry.name for entry in inside if not entry.is_dir()]
        for entry in reversed(inside):
            if entry.is_dir() and not entry.name.startswith(".") and not is_system_folder(entry.name):
                (links if entry.is_symlink() else waiting).append(place / entry.name)


def read_sessions(
    folders: Sequence[Path], protocol: str | Path | None
) -> tuple[list[Session], list[tuple[Path, EnicferError]]]:
    """Read every session, and collect what cannot be read instead of stopping there."""
    sessions: list[Session] = []
    failed: list[tuple[Path, EnicferError]] = []
    for folder in folders:
        try:
            sessions.append(read_session(folder, protocol))
        except EnicferError as error:
            failed.append((folder, error))
        except OSError as error:
            failed.append(
                (
                    folder,
                    InputError(
                        f"{folder.name} cannot be read: {error.strerror}",
                        place=folder,
                        remedy="allow reading it, or leave the folder out",
                    ),
                )
            )
    return sessions, failed


def name_session(session: Session) -> str:
    """``sub-01_ses-02``."""
    return stem_of(session_entities(session))


def session_entities(session: Session) -> dict[str, str]:
    """``sub`` and, where it has one, ``ses``."""
    return {key: value for key, value in (("sub", session.participant), ("ses", session.session)) if value}


def make_jobs(
    sessions: Sequence[Session], output: Path, options: ProcessingOptions, threads: int = 1
) -> tuple[list[Job], list[tuple[Session, EnicferError]]]:
    """Make a job of each session; those that would write the same files are refused, all of them.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    tools = hash_models(options.model, options.detector, options.detector_weights)
    count = Counter(name_session(session) for session in sessions)
    jobs: list[Job] = []
    refused: list[tuple[Session, EnicferError]] = []
    for session in sessions:
        name = name_session(session)
        if count[name] > 1:
            error = InputError(
                f"{count[name]} sessions are called {name}",
                remedy=f"give each its own participant or session in {SETTINGS}",
            )
            refused.append((session, error))
            continue
        try:
            said = hash_corrections(read_reviews(output, name).entries)
        except EnicferError as error:
            refused.append((session, error))
            continue
        parts = {**_parts(session, options, tools), "review": said}
        jobs.append(Job(name, session, output, options, parts, threads))
    return jobs, refused


def hash_protocol(protocol: Protocol) -> str:
    """Hash of what a protocol says."""
    return hash_content(asdict(protocol))


def _parts(session: Session, options: ProcessingOptions, tools: str) -> dict[str, str]:
    plan: dict[str, Any] = asdict(session)
    folder = plan.pop("folder")
    plan.pop("protocol")
    for run in plan["runs"]:
        run.pop("notes")  # what was passed over changes no result
    return {
        "session": hash_content(plan, folder),
        "protocol": hash_protocol(session.protocol),
        "model": tools,
        "options": hash_content({"max_uncertainty": options.max_uncertainty}),
        "program": hash_program(),
    }
