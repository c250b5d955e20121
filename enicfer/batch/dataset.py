"""`process_dataset`: a BIDS data set, in the manner of a BIDS App; files are found by `enicfer.batch.discover`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

from enicfer.batch.discover import (
    Named,
    find_misnamed,
    find_run_files,
    list_named_files,
    pick_recordings,
)
from enicfer.batch.engine import Report, Watch
from enicfer.batch.jobs import hash_protocol
from enicfer.batch.markers import BatchFolders, read_marker
from enicfer.batch.sessions import BatchResult, run_sessions
from enicfer.batch.tables import write_group
from enicfer.batch.video_table import read_video_table
from enicfer.config.options import ExecutionOptions, ProcessingOptions
from enicfer.config.protocol import Protocol, list_protocols, read_protocol
from enicfer.config.runs import Run, Session
from enicfer.errors import EnicferError, InputError, option
from enicfer.io.files.names import SUFFIXES, stem_of


@dataclass(frozen=True)
class Selection:
    """Labels (without ``sub-`` and the like) to which the work is restricted; empty means all."""

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    def wants(self, entities: Mapping[str, str]) -> bool:
        """Whether a recording is to be processed."""
        return all(
            not labels or entities.get(key) in {label.removeprefix(f"{key}-") for label in labels}
            for key, labels in self.asked()
        )

    def asked(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Each entity with the labels that were asked for."""
        return zip(("sub", "ses", "task", "run"), astuple(self), strict=True)


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
    options: ProcessingOptions | None = None,
    videos: Path | None = None,
    execution: ExecutionOptions | None = None,
    report: Report | None = None,
    watch: Watch | None = None,
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
    execution, report, watch
        As in `enicfer.batch.sessions.process_sessions`.

    Raises
    ------
    EnicferError
        For what is wrong with everything.
    """
    options, execution = options or ProcessingOptions(), execution or ExecutionOptions()
    output = Path(output)
    if execution.scheduler is not None:  # workers have folders of their own
        folder, output = Path(folder).absolute(), output.absolute()
        videos = None if videos is None else videos.absolute()
    found = collect_dataset(folder, output, options, selection, videos)
    return run_sessions(
        found.sessions,
        found.lost,
        output,
        options,
        execution,
        report=report,
        watch=watch,
    )


def collect_dataset(
    folder: str | Path,
    output: Path,
    options: ProcessingOptions,
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
        raise InputError(f"There is no data set {folder}", remedy="give the root of a BIDS data set")
    if options.protocol is None:
        raise InputError(
            "A data set has no session.toml that names a protocol",
            remedy=(
                f"give {option('protocol', '--protocol')} with one of "
                f"{', '.join(list_protocols())}, or a TOML file"
            ),
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
        raise InputError(
            f"{output} has no results yet", place=output, remedy="run the level participant first"
        )
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
    files = list(list_named_files(folder))
    recordings = list(pick_recordings(folder, files, protocol))
    selected = [r for r in recordings if selection.wants(r.entities)]
    if not selected:
        there = ", ".join(sorted(r.path.name for r in recordings)[:10]) or "no recording of this kind"
        raise InputError(
            f"{folder.name} has no {protocol.modality.value} recording that was asked for: there is {there}",
            place=folder,
            remedy="ask for one of these, or give a protocol of their kind",
        )
    found, runs = Found(lost=_unmatched(selection, selected, folder)), defaultdict(list)
    people = Selection(selection.participants, selection.sessions)
    misnamed = find_misnamed(folder, protocol)
    found.lost.extend((path, error) for path, visit, error in misnamed if people.wants(visit))
    visits = defaultdict(set)
    for recording in recordings:
        visits[recording.entities["sub"]].add(recording.entities.get("ses"))
    for recording in selected + _kept(recordings, selected, protocol, output):
        key = (recording.entities["sub"], recording.entities.get("ses"))
        try:
            run = find_run_files(recording, files, folder, table, len(visits[key[0]]))
        except InputError as error:
            found.lost.append((Path(stem_of(recording.entities)), error))
        else:
            runs[key].append(run)
    for key, members in sorted(runs.items(), key=lambda item: str(item[0])):
        members.sort(key=lambda run: run.name)
        found.sessions.append(Session(folder, *key, protocol, tuple(members), whole=False))
    return found


def _unmatched(
    selection: Selection, selected: Sequence[Named], folder: Path
) -> list[tuple[Path, EnicferError]]:
    """Labels that were asked for and that no selected recording has."""
    there = {f"{key}-{value}" for recording in selected for key, value in recording.entities.items()}
    wanted = {
        f"{key}-{label.removeprefix(f'{key}-')}" for key, labels in selection.asked() for label in labels
    }
    return [
        (
            Path(label),
            InputError(
                f"{folder.name} has no recording with {label} that was asked for",
                place=folder,
                remedy="check the names, or leave the choice out",
            ),
        )
        for label in sorted(wanted - there)
    ]


def _kept(
    recordings: Sequence[Named], selected: Sequence[Named], protocol: Protocol, output: Path
) -> list[Named]:
    """Recordings of the selected sessions that are in the outputs already, made with the same protocol.

    A session's page shows all its runs. Runs made with another protocol are not done again with this one; the job
    will be refused (`enicfer.batch.keep`).
    """
    kept = []
    for recording in recordings:
        session = {key: value for key, value in recording.entities.items() if key in ("sub", "ses")}
        if recording in selected or not any(session.items() <= r.entities.items() for r in selected):
            continue
        marker = read_marker(BatchFolders(output).marker(stem_of(session)))
        if marker is None or marker.parts.get("protocol") != hash_protocol(protocol):
            continue
        frames = f"{stem_of(recording.entities)}_{SUFFIXES['frames']}"
        if any(Path(name).name == frames for name in marker.outputs):
            kept.append(recording)
    return kept
