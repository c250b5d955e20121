"""`process_dataset`: a BIDS data set, in the manner of a BIDS App.

Recordings are ``sub-*/[ses-*/]eeg/*_eeg.*`` or ``.../func/*_bold.nii[.gz]``, as the protocol's modality says. The
video of a recording, and the trigger log of a BOLD series, are files with the same entities, wherever they are in
the data set or its ``sourcedata`` (not in ``derivatives``); an entity that the video lacks, such as ``run``, is
no contradiction, and of several the one that says most is taken. ``split-1``, ``split-2`` are consecutive files of
one camera. A table can say it instead.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from enicfer.batch.engine import Report
from enicfer.batch.jobs import Options
from enicfer.batch.markers import Places, read_marker
from enicfer.batch.sessions import BatchResult, check_root, run_sessions
from enicfer.batch.tables import entities_of, write_group
from enicfer.errors import EnicferError, InputError
from enicfer.io.eeg import EEG_SUFFIXES
from enicfer.io.names import stem_of
from enicfer.protocol import Protocol, list_protocols, read_protocol
from enicfer.records import Modality
from enicfer.session import LOG_SUFFIXES, VIDEO_SUFFIXES, Run, Session

_MORE = ("acq", "ce", "rec", "dir")
CARRIED = ("sub", "ses", "task", *_MORE, "run")  # in the order of BIDS
_SUFFIXES = {Modality.EEG: EEG_SUFFIXES, Modality.FMRI: (".nii", ".nii.gz")}
_KINDS = {Modality.EEG: ("eeg", "eeg"), Modality.FMRI: ("func", "bold")}
_NAME = re.compile(r"(?P<entities>(?:[a-zA-Z]+-[0-9a-zA-Z]+_)*)(?P<suffix>[0-9a-zA-Z]+)(?P<extension>\..+)")


@dataclass(frozen=True)
class Selection:
    """Labels (without ``sub-`` and the like) to which the work is restricted; empty means all."""

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    def wants(self, entities: Mapping[str, str]) -> bool:
        """Whether a recording is to be processed."""
        asked = {"sub": self.participants, "ses": self.sessions, "task": self.tasks, "run": self.runs}
        return all(
            not labels or entities.get(key) in {label.removeprefix(f"{key}-") for label in labels}
            for key, labels in asked.items()
        )


@dataclass(frozen=True)
class Named:
    """A file whose name has entities."""

    path: Path
    entities: dict[str, str]
    suffix: str
    extension: str


@dataclass(frozen=True)
class Found:
    """What is in a data set: sessions, and recordings that lack something."""

    sessions: list[Session] = field(default_factory=list)
    lost: list[tuple[Path, EnicferError]] = field(default_factory=list)


def process_dataset(
    folder: str | Path,
    output: str | Path,
    *,
    selection: Selection | None = None,
    options: Options | None = None,
    videos: Path | None = None,
    n_jobs: int = 1,
    retry_failed: bool = False,
    timeout: float | None = None,
    report: Report | None = None,
) -> BatchResult:
    """Process the recordings of a BIDS data set that have a video.

    Parameters
    ----------
    folder
        Root of the data set.
    output
        Root of the outputs, a derivative.
    selection
        What is to be processed, by default everything. Runs of a session that are in the outputs already stay.
    options
        What all are processed with; needs a protocol.
    videos
        Table with the columns ``recording``, ``video`` and perhaps ``triggers``, relative to ``folder``, for
        videos that are named otherwise.
    n_jobs, retry_failed, timeout, report
        As in `enicfer.batch.sessions.process_sessions`.

    Raises
    ------
    EnicferError
        For what is wrong with everything.
    """
    options, output = options or Options(), Path(output)
    found = collect_dataset(folder, output, options, selection, videos)
    check_root(output)
    return run_sessions(
        found.sessions,
        found.lost,
        output,
        options,
        n_jobs=n_jobs,
        retry_failed=retry_failed,
        timeout=timeout,
        report=report,
    )


def collect_dataset(
    folder: str | Path,
    output: Path,
    options: Options,
    selection: Selection | None = None,
    videos: Path | None = None,
) -> Found:
    """Sessions of a data set that were asked for; arguments as in `process_dataset`.

    Raises
    ------
    EnicferError
        If there are none, no protocol, or the table cannot be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no data set {folder}: give the root of a BIDS data set.")
    if options.protocol is None:
        raise InputError(
            f"A data set has no session.toml that names a protocol: give --protocol with one of "
            f"{', '.join(list_protocols())}, or a TOML file."
        )
    protocol = read_protocol(options.protocol)
    table = read_video_table(videos, folder) if videos is not None else None
    return find_dataset_sessions(folder, protocol, selection or Selection(), output, table)


def summarise_dataset(output: str | Path) -> list[Path]:
    """The ``group`` level: tables and page of everything in the outputs.

    Raises
    ------
    InputError
        If there are no results yet.
    """
    output = Path(output)
    if not (output / ".enicfer" / "sessions").is_dir():
        raise InputError(f"{output} has no results yet: run the level participant first.")
    return write_group(output)


def find_dataset_sessions(
    folder: Path,
    protocol: Protocol,
    selection: Selection,
    output: Path,
    table: Mapping[Path, Run] | None = None,
) -> Found:
    """Sessions of the selected recordings, each recording with its video.

    Raises
    ------
    InputError
        If no recording is selected, or the protocol is for none.
    """
    files = list(_named_files(folder))
    recordings = list(_recordings(folder, files, protocol))
    selected = [r for r in recordings if selection.wants(r.entities)]
    if not selected:
        there = ", ".join(sorted(r.path.name for r in recordings)[:10]) or "no recording of this kind"
        raise InputError(
            f"{folder.name} has no {protocol.modality.value} recording that was asked for: there is {there}."
        )
    found, runs = Found(), defaultdict(list)
    for recording in selected + _kept(recordings, selected, output):
        try:
            run = _make_run(recording, files, folder, table)
        except InputError as error:
            found.lost.append((Path(stem_of(recording.entities)), error))
        else:
            runs[recording.entities["sub"], recording.entities.get("ses")].append(run)
    for (participant, session), members in sorted(runs.items(), key=lambda item: str(item[0])):
        ordered = tuple(sorted(members, key=lambda run: run.name))
        found.sessions.append(Session(folder, participant, session, protocol, ordered))
    return found


def _named_files(folder: Path) -> Iterator[Named]:
    """Every file and ``.mff`` folder with entities in its name; not in derivatives or hidden folders."""
    for place, inner, names in os.walk(folder):
        packed = [name for name in inner if name.endswith(".mff")]
        inner[:] = sorted(
            n for n in inner if not n.startswith(".") and n not in (*packed, "derivatives", "stimuli")
        )
        for name in sorted([*names, *packed]):
            match = _NAME.fullmatch(name)
            if match is not None and match["entities"]:
                entities = entities_of(match["entities"].strip("_"))
                yield Named(Path(place) / name, entities, match["suffix"], match["extension"].lower())


def _recordings(folder: Path, files: Iterable[Named], protocol: Protocol) -> Iterator[Named]:
    if protocol.modality not in _KINDS:
        raise InputError(
            f"The protocol {protocol.name} is for a video alone: a data set needs one for EEG or fMRI."
        )
    place, suffix = _KINDS[protocol.modality]
    for file in files:
        right = file.suffix == suffix and file.extension in _SUFFIXES[protocol.modality]
        inside = file.path.parent.name == place and "sourcedata" not in file.path.relative_to(folder).parts
        # Of several echoes or parts of one recording, the first stands for all: they share their time.
        first = all(
            file.entities.get(key, "1").lstrip("0") in ("1", "mag") for key in ("echo", "split", "part")
        )
        if right and inside and first and "sub" in file.entities and "task" in file.entities:
            yield Named(file.path, _carried(file.entities), file.suffix, file.extension)


def _carried(entities: Mapping[str, str]) -> dict[str, str]:
    return {key: entities[key] for key in CARRIED if key in entities}


def _kept(recordings: Sequence[Named], selected: Sequence[Named], output: Path) -> list[Named]:
    """Recordings of the selected sessions that are in the outputs already: a session's page shows all its runs."""
    kept = []
    for recording in recordings:
        session = {key: value for key, value in recording.entities.items() if key in ("sub", "ses")}
        if recording in selected or not any(session.items() <= r.entities.items() for r in selected):
            continue
        marker = read_marker(Places(output).marker(stem_of(session)))
        if marker is not None and _run_of(recording).name in marker.runs:
            kept.append(recording)
    return kept


def _run_of(found: Named, videos: tuple[Path, ...] = ()) -> Run:
    """The run of a recording, without the recording."""
    more = tuple((key, found.entities[key]) for key in _MORE if key in found.entities)
    return Run(task=found.entities["task"], run=found.entities.get("run"), videos=videos, more=more)


def _make_run(
    recording: Named, files: Sequence[Named], folder: Path, table: Mapping[Path, Run] | None
) -> Run:
    if table is not None:
        given = table.get(recording.path)
        if given is None:
            raise InputError(f"The table of videos has no line for {recording.path.name}: add one.")
        videos, log = given.videos, given.triggers
    else:
        videos = tuple(_partners(recording, files, VIDEO_SUFFIXES, folder, "video"))
        log = None
    if recording.suffix == "eeg":
        return replace(_run_of(recording, videos), recording=recording.path)
    logs = [file for file in files if "sourcedata" in file.path.relative_to(folder).parts]
    log = log or _partners(recording, logs, LOG_SUFFIXES, folder, "trigger log")[0]
    return replace(_run_of(recording, videos), bold=recording.path, triggers=log)


def _partners(
    recording: Named, files: Sequence[Named], extensions: Sequence[str], folder: Path, what: str
) -> list[Path]:
    """The file with a recording's entities, or its consecutive parts.

    Raises
    ------
    InputError
        If there is none, or more than one that says as much.
    """
    fitting = [
        file
        for file in files
        if file.extension in extensions
        and file.entities.get("sub") == recording.entities["sub"]
        and all(recording.entities.get(key) == file.entities[key] for key in CARRIED if key in file.entities)
    ]
    stem = stem_of(recording.entities)
    if not fitting:
        raise InputError(
            f"There is no {what} of {stem}: put it beside the recording, into beh/ or into sourcedata/, named "
            f"like {stem}_{'video' if what == 'video' else 'log'}{extensions[0]}, or give --videos TABLE."
        )
    most = max(len(_carried(file.entities)) for file in fitting)
    best = [file for file in fitting if len(_carried(file.entities)) == most]
    if len(best) > 1 and len({file.entities.get("split") for file in best} - {None}) != len(best):
        names = ", ".join(file.path.relative_to(folder).as_posix() for file in best)
        raise InputError(
            f"{stem} has {len(best)} files that may be its {what} ({names}): give --videos TABLE."
        )
    return [
        file.path
        for file in sorted(best, key=lambda f: int(re.sub(r"\D", "", f.entities.get("split", "")) or 0))
    ]


def read_video_table(path: Path, folder: Path) -> dict[Path, Run]:
    """Read the table that says which video belongs to which recording.

    Returns
    -------
    dict
        Recording -> a `Run` with its videos, in the order of the lines, and its triggers.

    Raises
    ------
    InputError
        If the table cannot be read, or names files that are missing; all are named.
    """
    import csv

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"There is no table {path.name} that can be read as UTF-8 text.") from None
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in text else ","))
    if not rows or not {"recording", "video"} <= rows[0].keys():
        raise InputError(f"{path.name} must have the columns recording and video, and at least one line.")
    missing = sorted(
        {row[key] for row in rows for key in ("recording", "video", "triggers") if row.get(key)}
        - {
            name
            for row in rows
            for name in row.values()
            if isinstance(name, str) and (folder / name).exists()
        }
    )
    if missing:
        raise InputError(f"{path.name} names files that are not in {folder.name}: {', '.join(missing)}.")
    found: dict[Path, Run] = {}
    for row in rows:
        recording = folder / row["recording"]
        videos = found[recording].videos if recording in found else ()
        triggers = folder / row["triggers"] if row.get("triggers") else None
        found[recording] = Run("", None, (*videos, folder / row["video"]), triggers=triggers)
    return found
