"""What is to be done and what is not, told from markers and from names, sizes and times of files alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enicfer.batch.jobs import Job, Outcome, make_jobs, name_session, session_entities
from enicfer.batch.keep import ADVICE as KEPT
from enicfer.batch.keep import refuse
from enicfer.batch.markers import (
    DONE,
    FAILED,
    BatchFolders,
    find_changes,
    outputs_stand,
    read_marker,
    stamp_files,
)
from enicfer.batch.tables import entities_of, read_markers
from enicfer.batch.work import ADVICE, strip_folders
from enicfer.config.options import ProcessingOptions
from enicfer.config.runs import Session
from enicfer.errors import EnicferError
from enicfer.pipeline.provenance import name_input


@dataclass(frozen=True)
class BatchPlan:
    """What is to be done, and what is not and why.

    Attributes
    ----------
    jobs
        To be done.
    changes
        Name of each job -> what changed since it was done; nothing for a job that is new.
    settled
        Sessions that are unchanged, or failed already.
    unread
        The failed ones among ``settled`` that could not be read, share a name, or would replace what is not
        theirs: no marker tells of them.
    """

    jobs: tuple[Job, ...]
    changes: dict[str, list[str]]
    settled: tuple[Outcome, ...]
    unread: tuple[Outcome, ...]


def make_plan(
    sessions: Sequence[Session],
    unread: Sequence[tuple[Path, EnicferError]],
    output: Path,
    options: ProcessingOptions,
    *,
    retry_failed: bool = False,
    threads: int = 1,
) -> BatchPlan:
    """Sort out what is to be done; reads no more than names, sizes and times of files."""
    jobs, refused = make_jobs(sessions, output, options, threads)
    lost = [
        Outcome(
            _name_folder(folder),
            "failed",
            "input",
            strip_folders(error.for_command_line(), (folder,)),
            ADVICE["input"],
            entities=entities_of(_name_folder(folder).replace("/", "_")),
        )
        for folder, error in unread
    ]
    lost += [
        Outcome(
            f"{name_session(session)} ({session.folder.name})",
            "failed",
            "input",
            error.for_command_line(),
            ADVICE["input"],
            entities=session_entities(session),
        )
        for session, error in refused
    ]
    ready, changes, settled = [], {}, list(lost)
    for job in jobs:
        outcome, changed = _settle(job, retry_failed)
        if outcome is not None:
            settled.append(outcome)
            lost += [outcome] if outcome.kind in KEPT else []
        else:
            ready.append(job)
            changes[job.name] = changed
    return BatchPlan(tuple(ready), changes, tuple(settled), tuple(lost))


def _name_folder(folder: Path) -> str:
    """``sub-01/ses-02``, because many participants have a ``ses-02``."""
    return "/".join(folder.parts[-2:]) if folder.name.startswith("ses-") else folder.name


def _settle(job: Job, retry_failed: bool) -> tuple[Outcome | None, list[str]]:
    """The outcome of a job that needs no doing, else what changed since it was done."""
    marker = read_marker(BatchFolders(job.output).marker(job.name))
    if marker is None:
        return refuse(job, marker), []
    try:
        changes = find_changes(marker, job.parts, stamp_files(job.session)) if marker.parts else ["marker"]
    except OSError:  # the worker meets it again, and says so
        return None, ["inputs"]
    entities = session_entities(job.session)
    if marker.state == DONE and not job.options.overwrite:
        if not outputs_stand(job.output, marker):
            changes.append("outputs")
        if not changes:
            return Outcome(job.name, "unchanged", entities=entities), []
    refused = refuse(job, marker)
    if refused is not None:
        return refused, changes
    again = retry_failed or job.options.overwrite
    if marker.state == FAILED and not changes and not again:
        advice = f"{marker.advice} It was not tried again: --retry-failed does."
        return Outcome(job.name, "failed", marker.kind, marker.reason, advice, entities=entities), []
    return None, changes


def forget_failures(
    sessions: Sequence[Session], unread: Sequence[tuple[Path, EnicferError]], output: Path
) -> None:
    """Remove the markers of failures, without results, under names that their folders have no more."""
    names = {name_input(folder, output): set[str]() for folder, _ in unread}
    datasets = {}
    for session in sessions:
        if session.whole:
            names.setdefault(name_input(session.folder, output), set()).add(name_session(session))
        else:  # one of many in the folder
            datasets[name_input(session.folder, output)] = session.folder
    for name, marker in read_markers(output).items():
        if marker.state != FAILED or marker.outputs:
            continue
        data = datasets.get(marker.folder)
        gone = data is not None and not data.joinpath(*name.split("_")).is_dir()
        if gone or name not in names.get(marker.folder, {name}):
            BatchFolders(output).marker(name).unlink(missing_ok=True)
