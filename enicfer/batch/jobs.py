"""From folders to jobs: what is to be processed, with what, and under which name."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from enicfer.errors import EnicferError, InputError
from enicfer.fingerprint import hash_content, hash_program, hash_tools
from enicfer.io.names import stem_of
from enicfer.protocol import Protocol
from enicfer.session import SETTINGS, Session, read_session


@dataclass(frozen=True)
class Options:
    """What all sessions are processed with; see `enicfer.pipeline.process_session`."""

    protocol: str | Path | None = None
    model: str | Path | None = None
    detector: str = "centerface"
    detector_weights: Path | None = None
    max_uncertainty: float | None = None
    overwrite: bool = False


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
    options: Options
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

    Raises
    ------
    InputError
        If a folder is missing.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                f"There is no folder {folder}: give session folders, or a folder that holds some."
            )
        inner = [] if (folder / SETTINGS).is_file() else _inner_sessions(folder)
        found += inner or [folder]
    return list(dict.fromkeys(found))


def _inner_sessions(folder: Path) -> list[Path]:
    return sorted(
        settings.parent
        for settings in folder.rglob(SETTINGS)
        if not any(part.startswith(".") for part in settings.relative_to(folder).parts)
    )


def read_sessions(
    folders: Sequence[Path], protocol: str | Path | None
) -> tuple[list[Session], list[tuple[Path, EnicferError]]]:
    """Read every session, and collect what cannot be read instead of stopping there."""
    sessions, failed = [], []
    for folder in folders:
        try:
            sessions.append(read_session(folder, protocol))
        except EnicferError as error:
            failed.append((folder, error))
    return sessions, failed


def name_session(session: Session) -> str:
    """``sub-01_ses-02``."""
    return stem_of(session_entities(session))


def session_entities(session: Session) -> dict[str, str]:
    """``sub`` and, where it has one, ``ses``."""
    return {key: value for key, value in (("sub", session.participant), ("ses", session.session)) if value}


def make_jobs(
    sessions: Sequence[Session], output: Path, options: Options, threads: int = 1
) -> tuple[list[Job], list[tuple[Session, EnicferError]]]:
    """Make a job of each session; those that would write the same files are refused, all of them.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    tools = hash_tools(options.model, options.detector, options.detector_weights)
    count = Counter(name_session(session) for session in sessions)
    jobs: list[Job] = []
    refused: list[tuple[Session, EnicferError]] = []
    for session in sessions:
        name = name_session(session)
        if count[name] > 1:
            error = InputError(
                f"{count[name]} sessions are called {name}: give each its own participant or session in "
                f"{SETTINGS}."
            )
            refused.append((session, error))
        else:
            jobs.append(Job(name, session, output, options, _parts(session, options, tools), threads))
    return jobs, refused


def hash_protocol(protocol: Protocol) -> str:
    """Hash of what a protocol says."""
    return hash_content(asdict(protocol))


def _parts(session: Session, options: Options, tools: str) -> dict[str, str]:
    plan: dict[str, Any] = asdict(session)
    folder = plan.pop("folder")
    plan.pop("protocol")
    return {
        "session": hash_content(plan, folder),
        "protocol": hash_protocol(session.protocol),
        "model": tools,
        "options": hash_content({"max_uncertainty": options.max_uncertainty}),
        "program": hash_program(),
    }
