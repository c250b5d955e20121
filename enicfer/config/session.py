"""A session: the files of one folder, and which of them belong together.

``session.toml`` says what is what; without it the folder must be unambiguous: one video and one recording (or
one BOLD image with one log), and the protocol is given by the caller. Paths in ``session.toml`` are relative
to the folder.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from enicfer.config.cameras import (
    FACE_FORMAT,
    check_cameras,
    check_files,
    each_camera,
    find_camera_conflicts,
    note_missing,
    read_face_point,
    views_of,
)
from enicfer.config.discovery import find_run
from enicfer.config.engine import Check, read_settings, read_toml
from enicfer.config.leftovers import find_named, is_leftover
from enicfer.config.protocol import list_protocols, read_protocol
from enicfer.config.runs import SETTINGS, Run, Session
from enicfer.config.values import LABEL, Label, Region, read_offset, read_region
from enicfer.errors import InputError, ProtocolError, option, shown
from enicfer.records import FacePoint, Modality


def _faces(value: Any) -> tuple[FacePoint, ...]:
    try:
        return tuple(read_face_point(str(text)) for text in (value if isinstance(value, list) else [value]))
    except (ValueError, RecursionError):
        raise ValueError(f"write {FACE_FORMAT}") from None


def _existing(value: Any, folder: Path) -> Path:
    if not isinstance(value, str):
        raise ValueError("must be a file name")
    path = find_named(folder, value)
    if path is None:
        beside = {p.name.lower(): p.name for p in sorted(folder.iterdir()) if not is_leftover(p)}
        near = get_close_matches(value[:300].lower(), list(beside), 1)
        raise ValueError("it is not in the folder" + (f" (nearest: {beside[near[0]]})" if near else ""))
    return path


def _video(value: Any, folder: Path) -> tuple[Path, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("must be a file name, or a list of consecutive files of one camera")
    return tuple(_existing(name, folder) for name in names)


_video_of_each = each_camera(_video, in_folder=True)


def _videos(value: Any, folder: Path) -> Any:
    found = _video_of_each.read(value, folder)
    if isinstance(found, Mapping):
        check_files(found)
    return found


FileInFolder = Annotated[Path, Check(_existing, in_folder=True)]
FileOfVideo = Annotated[Path | Mapping[str, Path], each_camera(_existing, in_folder=True)]


@dataclass(frozen=True)
class _RunTable:
    """A ``[[run]]`` of ``session.toml``; see `Run`."""

    video: Annotated[tuple[Path, ...] | Mapping[str, tuple[Path, ...]], Check(_videos, in_folder=True)]
    task: Label = "task"
    run: Label | None = None
    recording: FileInFolder | None = None
    bold: FileInFolder | None = None
    triggers: FileInFolder | None = None
    events: FileInFolder | None = None
    frame_times: FileOfVideo | None = None
    xdf: FileOfVideo | None = None
    trace: FileOfVideo | None = None
    coarse_offset: (
        Annotated[tuple[float, float] | Mapping[str, tuple[float, float]], each_camera(read_offset)] | None
    ) = None
    face: Annotated[tuple[FacePoint, ...] | Mapping[str, tuple[FacePoint, ...]], each_camera(_faces)] = ()


@dataclass(frozen=True)
class _SessionFile:
    """The content of ``session.toml``; see `Session`."""

    participant: Label
    run: tuple[_RunTable, ...]
    session: Label | None = None
    protocol: Annotated[str, Check(str)] = ""  # what it may be depends on the caller: `_find_conflicts`
    participant_region: Annotated[Region | Mapping[str, Region], each_camera(read_region)] | None = None
    face_photo: FileInFolder | None = None


def read_session(folder: str | Path, protocol: str | Path | None = None) -> Session:
    """Find the files of a session folder.

    Parameters
    ----------
    folder
        The session folder.
    protocol
        Name or file of the protocol; it overrides the one in ``session.toml``.

    Raises
    ------
    InputError, ProtocolError
        If files are missing or ambiguous, or ``session.toml`` cannot be used; all its problems are named.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):  # noqa: PTH112  says no to names that no folder can have
        raise InputError(
            f"There is no session folder {folder}", remedy="give a folder that holds a video and a recording"
        )
    settings = folder / SETTINGS
    return _from_settings(folder, settings, protocol) if settings.is_file() else _discover(folder, protocol)


def _from_settings(folder: Path, settings: Path, protocol: str | Path | None) -> Session:
    content = read_toml(settings)
    found = read_settings(
        _SessionFile, content, settings.name, folder=folder, problems=_find_conflicts(content, protocol)
    )
    chosen = protocol if protocol is not None else found.protocol
    if protocol is None and os.path.isfile(folder / str(chosen)):  # noqa: PTH113
        chosen = folder / str(chosen)
    region = found.participant_region
    regions = tuple(region.items()) if isinstance(region, Mapping) else ()
    return _checked(
        Session(
            folder,
            found.participant,
            found.session,
            read_protocol(str(chosen)),
            note_missing([_make_run(run) for run in found.run]),
            None if isinstance(region, Mapping) else region,
            found.face_photo,
            regions,
        )
    )


def _make_run(found: _RunTable) -> Run:
    return views_of(
        found.video,
        {
            "task": found.task,
            "run": found.run,
            "recording": found.recording,
            "bold": found.bold,
            "triggers": found.triggers,
            "events": found.events,
        },
        {
            "frame_times": found.frame_times,
            "xdf": found.xdf,
            "trace": found.trace,
            "coarse_offset": found.coarse_offset,
            "faces": found.face,
        },
    )


def _find_conflicts(content: Mapping[str, Any], protocol: str | Path | None) -> list[str]:
    """What is wrong between the keys of ``session.toml``, each of which may be right by itself."""
    problems = []
    if protocol is None and not isinstance(content.get("protocol"), str):
        problems.append(
            f"protocol is {shown(content.get('protocol'))}: give one of {', '.join(list_protocols())}, or a TOML file"
        )
    tables = content.get("run")
    tables = tables if isinstance(tables, list) else []
    for number, table in enumerate(tables, 1):
        if not isinstance(table, Mapping):
            continue
        where = f"[[run]] {number}"
        if "recording" in table and ("bold" in table or "triggers" in table):
            problems.append(
                f"{where} has a recording and a BOLD image or its triggers: it can be one of the two"
            )
        if ("bold" in table) != ("triggers" in table):
            problems.append(f"{where} needs both bold and triggers (the log with the volume pulses)")
        if "trace" in table and "face" in table:
            problems.append(
                f"{where} has a trace, in which the face is chosen already, and a face: remove one"
            )
        problems += find_camera_conflicts(table, where)
    names = [_name_of(table) for table in tables if isinstance(table, Mapping)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"{names.count(name)} runs are called {name}: give each its own task or run")
    return problems


def _name_of(table: Mapping[str, Any]) -> str:
    run = table.get("run")
    return f"task-{shown(table.get('task', 'task'))}".replace("'", "") + (
        f" run-{shown(run)}".replace("'", "") if run else ""
    )


def _discover(folder: Path, protocol: str | Path | None) -> Session:
    run = find_run(folder)
    if protocol is None:
        raise InputError(
            f"{folder} has no {SETTINGS} that names a protocol",
            place=folder,
            remedy=(
                f"give {option('protocol', '--protocol')} with one of "
                f"{', '.join(list_protocols())}, or a TOML file"
            ),
        )
    participant, session = _labels_of(folder.resolve())
    return _checked(Session(folder, participant, session, read_protocol(protocol), (run,)))


def _labels_of(folder: Path) -> tuple[str, str | None]:
    """Labels from a folder: ``sub-01_ses-02`` or ``sub-01/ses-02``; any other name becomes a participant."""
    name = folder.name
    visit = re.search(r"ses-([0-9A-Za-z]+)", name)
    subject = re.search(r"sub-([0-9A-Za-z]+)", name) or (
        re.fullmatch(r"sub-([0-9A-Za-z]+)", folder.parent.name) if visit else None
    )
    participant = subject.group(1) if subject else "".join(LABEL.findall(name)) or "unknown"
    return participant, visit.group(1) if visit else None


def _checked(session: Session) -> Session:
    check_cameras(session)
    modality = session.protocol.modality
    for run in session.runs:
        has = Modality.EEG if run.recording else Modality.FMRI if run.bold else Modality.NONE
        if has is not (Modality.EEG if modality.sampled else modality):
            needs = {
                **{kind: f"an {kind.name} recording (recording = ...)" for kind in Modality if kind.sampled},
                Modality.NIRS: "a NIRS recording (recording = ...)",
                Modality.FMRI: "a BOLD image and its log (bold = ..., triggers = ...)",
                Modality.NONE: "a video alone",
            }
            raise ProtocolError(
                f"The protocol {session.protocol.name} needs {needs[modality]}, but {run.name} in "
                f"{session.folder} has {needs[has]}",
                remedy=f"give the protocol for it, or correct the run in {SETTINGS}",
            )
    return session
