"""A session: the files of one folder, and which of them belong together.

``session.toml`` says what is what; without it the folder must be unambiguous: one video and one recording (or
one BOLD image with one log), and the protocol is given by the caller. Paths in ``session.toml`` are relative
to the folder.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enicfer.errors import InputError, ProtocolError
from enicfer.io.eeg import EEG_SUFFIXES
from enicfer.protocol import Protocol, list_protocols, read_protocol, read_toml, unknown_keys
from enicfer.records import FacePoint, Modality

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mts", ".m2ts", ".mpg", ".wmv")
LOG_SUFFIXES = (".csv", ".tsv", ".log", ".txt")
SETTINGS = "session.toml"

_SESSION_KEYS = ("participant", "session", "protocol", "participant_region", "face_photo", "run")
_RUN_KEYS = (
    "task",
    "run",
    "video",
    "recording",
    "bold",
    "triggers",
    "events",
    "frame_times",
    "xdf",
    "trace",
    "coarse_offset",
    "face",
)
_FILE_KEYS = ("recording", "bold", "triggers", "events", "frame_times", "xdf", "trace")
FACE_FORMAT = "FRAME:X,Y, such as 120:310,205 (frame number, then pixels)"
_LABEL = re.compile(r"[0-9A-Za-z]+")


@dataclass(frozen=True)
class Run:
    """The files of one run.

    Attributes
    ----------
    task
        BIDS label of the task.
    run
        BIDS index of the run, or None.
    videos
        The video, or consecutive files of one camera.
    recording
        EEG file, or None.
    bold, triggers
        BOLD image and its trigger log, or None.
    events
        BIDS events file whose trials replace the recording's triggers, or None.
    frame_times
        CSV whose times replace the video's own, or None.
    xdf
        LSL file with a stream of frame numbers, or None.
    trace
        What another program, a coder or an earlier run said of the video's frames (`enicfer.imports`), or None.
    coarse_offset
        Recording's time at video time 0 and how far it may be off, in s, where pulses are regular, or None.
    faces
        ``(frame, x, y)`` points in px in the participant's face in the video.
    more
        Further BIDS entities of the recording, such as ``("acq", "low")``.
    """

    task: str
    run: str | None
    videos: tuple[Path, ...]
    recording: Path | None = None
    bold: Path | None = None
    triggers: Path | None = None
    events: Path | None = None
    frame_times: Path | None = None
    xdf: Path | None = None
    trace: Path | None = None
    coarse_offset: tuple[float, float] | None = None
    faces: tuple[FacePoint, ...] = ()
    more: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """How messages call it: ``task-faces`` or ``task-faces run-2``."""
        further = "".join(f" {key}-{value}" for key, value in self.more)
        return f"task-{self.task}{further}" + (f" run-{self.run}" if self.run else "")


@dataclass(frozen=True)
class Session:
    """One visit of one participant.

    Attributes
    ----------
    folder
        Where the files are.
    participant, session
        BIDS labels; the session's may be None.
    protocol
        What the task promised.
    runs
        One or more runs.
    participant_region
        ``(left, top, right, bottom)`` in fractions of the picture where the participant sits, or None.
    face_photo
        Photo of the participant's face alone, or None.
    whole
        Whether ``runs`` are all there are; else results of further runs stay when these are processed.
    """

    folder: Path
    participant: str
    session: str | None
    protocol: Protocol
    runs: tuple[Run, ...]
    participant_region: tuple[float, float, float, float] | None = None
    face_photo: Path | None = None
    whole: bool = True

    def entities(self, run: Run) -> dict[str, str]:
        """BIDS entities of a run, in order."""
        found = {
            "sub": self.participant,
            "ses": self.session,
            "task": run.task,
            **dict(run.more),
            "run": run.run,
        }
        return {key: value for key, value in found.items() if value}


def read_session(folder: str | Path, protocol: str | Path | None = None) -> Session:
    """Find the files of a session folder.

    Parameters
    ----------
    folder
        The session folder.
    protocol
        Name or file of the protocol; it goes before the one in ``session.toml``.

    Raises
    ------
    InputError, ProtocolError
        If files are missing or ambiguous, or ``session.toml`` cannot be used; all its problems are named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"There is no session folder {folder}: give a folder that holds a video and a recording."
        )
    settings = folder / SETTINGS
    return _from_settings(folder, settings, protocol) if settings.is_file() else _discover(folder, protocol)


def _from_settings(folder: Path, settings: Path, protocol: str | Path | None) -> Session:
    data = read_toml(settings)
    problems = unknown_keys(data, _SESSION_KEYS, "the file")
    participant = _label(data, "participant", problems, required=True)
    session = _label(data, "session", problems)
    region = _region(data.get("participant_region"), problems)
    photo = _file(folder, data, "face_photo", "the file's", problems)
    tables = data.get("run", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        problems.append("there must be at least one [[run]] table")
        tables = []
    runs = tuple(_read_run(folder, table, f"[[run]] {i}", problems) for i, table in enumerate(tables, 1))
    names = [run.name for run in runs]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"{names.count(name)} runs are called {name}: give each its own task or run")
    chosen = protocol if protocol is not None else data.get("protocol")
    if not isinstance(chosen, str | Path):
        problems.append(f"protocol is {chosen!r}: give one of {', '.join(list_protocols())}, or a TOML file")
    if problems:
        raise ProtocolError(f"{settings.name} cannot be used: " + "; ".join(problems) + ".")
    if protocol is None and (folder / str(chosen)).is_file():
        chosen = folder / str(chosen)
    found = Session(folder, participant or "", session, read_protocol(str(chosen)), runs, region, photo)
    return _checked(found)


def _read_run(folder: Path, table: dict[str, Any], where: str, problems: list[str]) -> Run:
    problems += unknown_keys(table, _RUN_KEYS, where)
    videos = table.get("video")
    if isinstance(videos, str):
        videos = [videos]
    if not isinstance(videos, list) or not videos or not all(isinstance(v, str) for v in videos):
        problems.append(f"{where} needs a video: a file name, or a list of consecutive files of one camera")
        videos = []
    files: dict[str, Any] = {key: _file(folder, table, key, where, problems) for key in _FILE_KEYS}
    if files["recording"] and (files["bold"] or files["triggers"]):
        problems.append(f"{where} has a recording and a BOLD image or its triggers: it can be one of the two")
    if bool(files["bold"]) != bool(files["triggers"]):
        problems.append(f"{where} needs both bold and triggers (the log with the volume pulses)")
    if files["trace"] and "face" in table:
        problems.append(f"{where} has a trace, in which the face is chosen already, and a face: remove one")
    paths = [_existing(folder, name, f"{where} video", problems) for name in videos]
    return Run(
        task=_label(table, "task", problems, where=where) or "task",
        run=_label(table, "run", problems, where=where),
        videos=tuple(path for path in paths if path),
        coarse_offset=_offset(table.get("coarse_offset"), where, problems),
        faces=_faces(table.get("face", []), where, problems),
        **files,
    )


def read_face_point(text: str) -> FacePoint:
    """Read ``FRAME:X,Y``, a point in px in the participant's face, or raise ValueError."""
    frame, point = text.split(":")
    x, y = point.split(",")
    return int(frame), float(x), float(y)


def _faces(value: Any, where: str, problems: list[str]) -> tuple[FacePoint, ...]:
    found = []
    for text in value if isinstance(value, list) else [value]:
        try:
            found.append(read_face_point(str(text)))
        except ValueError:
            problems.append(f"{where} face is {text!r}: write {FACE_FORMAT}")
    return tuple(found)


def _offset(value: Any, where: str, problems: list[str]) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = value if isinstance(value, list) and len(value) == 2 else []
    if not numbers or not all(isinstance(v, int | float) for v in numbers) or numbers[1] <= 0:
        problems.append(
            f"{where} coarse_offset must be two numbers in s: recording's time at video time 0, how far it may "
            "be off"
        )
        return None
    return float(numbers[0]), float(numbers[1])


def _label(
    data: dict[str, Any], key: str, problems: list[str], *, where: str = "the file", required: bool = False
) -> str | None:
    value = data.get(key)
    if value is None:
        if required:
            problems.append(f"{where} needs {key}")
        return None
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not _LABEL.fullmatch(text):
        problems.append(f"{key} in {where} is {value!r}: a BIDS label has only letters and digits")
        return None
    return text


def _region(value: Any, problems: list[str]) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    numbers = value if isinstance(value, list) and len(value) == 4 else []
    if not numbers or not all(isinstance(v, int | float) and 0 <= v <= 1 for v in numbers):
        problems.append(
            "participant_region must be four fractions of the picture, [left, top, right, bottom]"
        )
        return None
    left, top, right, bottom = (float(v) for v in numbers)
    if not (left < right and top < bottom):
        problems.append("participant_region must have left < right and top < bottom")
    return left, top, right, bottom


def _file(folder: Path, table: dict[str, Any], key: str, where: str, problems: list[str]) -> Path | None:
    name = table.get(key)
    if name is None:
        return None
    if not isinstance(name, str):
        problems.append(f"{where} {key} must be a file name")
        return None
    return _existing(folder, name, f"{where} {key}", problems)


def _existing(folder: Path, name: str, where: str, problems: list[str]) -> Path | None:
    path = folder / name
    if path.exists():
        return path
    problems.append(f"{where} names {name!r}, which is not in the folder")
    return None


def _discover(folder: Path, protocol: str | Path | None) -> Session:
    files = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    videos = [p for p in files if p.suffix.lower() in VIDEO_SUFFIXES]
    recordings = [p for p in files if p.suffix.lower() in EEG_SUFFIXES]
    bolds = [p for p in files if p.name.lower().endswith((".nii", ".nii.gz"))]
    logs = [p for p in files if p.suffix.lower() in LOG_SUFFIXES]
    if any(p.name.lower().startswith(SETTINGS) for p in files):
        raise explain_missing(folder, [p.name for p in files])
    remedy = f"write a {SETTINGS} that says which belong together"
    if not videos:
        raise InputError(
            f"There is no video in {folder} ({', '.join(p.name for p in files[:10]) or 'it is empty'}): "
            f"put one there ({', '.join(VIDEO_SUFFIXES)})."
        )
    _only_one(videos, "videos", folder, remedy)
    if recordings and bolds:
        raise InputError(f"{folder} has an EEG recording and a BOLD image: {remedy}.")
    if not recordings and not bolds:
        raise InputError(
            f"There is no recording in {folder}: put an EEG file ({', '.join(EEG_SUFFIXES)}) or a BOLD image "
            "there."
        )
    _only_one(recordings or bolds, "recordings", folder, remedy)
    if bolds:
        if not logs:
            raise InputError(
                f"There is no trigger log in {folder}: put it there ({', '.join(LOG_SUFFIXES)})."
            )
        _only_one(logs, "logs", folder, remedy)
    if protocol is None:
        raise InputError(
            f"{folder} has no {SETTINGS} that names a protocol: give --protocol with one of "
            f"{', '.join(list_protocols())}, or a TOML file."
        )
    participant, session = _labels_of(folder.resolve())
    run = Run(
        task="task",
        run=None,
        videos=(videos[0],),
        recording=recordings[0] if recordings else None,
        bold=bolds[0] if bolds else None,
        triggers=logs[0] if bolds else None,
    )
    return _checked(Session(folder, participant, session, read_protocol(protocol), (run,)))


def explain_missing(folder: Path, names: Iterable[str]) -> InputError:
    """What to say of a folder with a video and without settings, or with settings under another name."""
    like = [name for name in names if name.lower().startswith(SETTINGS)]
    if like:
        return InputError(
            f"{folder.name} has {like[0]} where {SETTINGS} is expected: rename it (Windows hides the end of a name "
            "unless it is told to show it)."
        )
    return InputError(
        f"{folder.name} has a video and no {SETTINGS}: write one, or begin the folder's name with a dot to leave "
        "it out."
    )


def _only_one(found: list[Path], what: str, folder: Path, remedy: str) -> None:
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise InputError(f"{folder} has {len(found)} {what} ({names}): {remedy}.")


def _labels_of(folder: Path) -> tuple[str, str | None]:
    """Labels from a folder: ``sub-01_ses-02`` or ``sub-01/ses-02``; any other name becomes a participant."""
    name = folder.name
    visit = re.search(r"ses-([0-9A-Za-z]+)", name)
    subject = re.search(r"sub-([0-9A-Za-z]+)", name) or (
        re.fullmatch(r"sub-([0-9A-Za-z]+)", folder.parent.name) if visit else None
    )
    participant = subject.group(1) if subject else "".join(_LABEL.findall(name)) or "unknown"
    return participant, visit.group(1) if visit else None


def _checked(session: Session) -> Session:
    modality = session.protocol.modality
    for run in session.runs:
        has = Modality.EEG if run.recording else Modality.FMRI if run.bold else Modality.NONE
        if has is not modality:
            needs = {
                Modality.EEG: "an EEG recording (recording = ...)",
                Modality.FMRI: "a BOLD image and its log (bold = ..., triggers = ...)",
                Modality.NONE: "a video alone",
            }
            raise InputError(
                f"The protocol {session.protocol.name} needs {needs[modality]}, but {run.name} in "
                f"{session.folder} has {needs[has]}."
            )
    return session
