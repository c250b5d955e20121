"""`process_sessions`: many sessions into one tree, on one computer or a Dask cluster."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enicfer.batch.cluster import make_absolute, open_cluster
from enicfer.batch.engine import LocalSlot, Report, Slot, Watch, run_jobs
from enicfer.batch.jobs import Outcome, find_left_out, find_sessions, read_sessions
from enicfer.batch.keep import ADVICE as KEPT
from enicfer.batch.markers import FAILED, BatchFolders
from enicfer.batch.partners import name_partners
from enicfer.batch.plan import BatchPlan, forget_failures, make_plan
from enicfer.batch.tables import read_markers, write_group
from enicfer.batch.work import remember_failure, strip_folders, work
from enicfer.config.options import ExecutionOptions, ProcessingOptions
from enicfer.config.runs import Session
from enicfer.errors import OUTPUT, EnicferError, InputError


@dataclass(frozen=True)
class BatchResult:
    """What became of every session, in the order of their names; and where the results are.

    If the group tables could not be written, the last outcome says so.
    """

    outcomes: tuple[Outcome, ...]
    output: Path

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The sessions that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")


def process_sessions(
    folders: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    options: ProcessingOptions | None = None,
    execution: ExecutionOptions | None = None,
    report: Report | None = None,
    watch: Watch | None = None,
) -> BatchResult:
    """Process many sessions into one tree; each once, and none at the cost of another.

    What is done and unchanged is not done again. A session that failed is not tried again before its files or
    the options change, or ``retry_failed`` says so.

    Parameters
    ----------
    folders
        Session folders, or folders that hold session folders with a ``session.toml``.
    output
        Root of the outputs, by default ``derivatives/enicfer`` in the folder that holds all of ``folders``.
    options
        What all are processed with.
    execution
        How the work is run.
    report
        Called as ``report(outcome, n_ended, n_in_all)``.
    watch
        Called twice a second with the job that each worker does, or None.

    Returns
    -------
    BatchResult
        Failures are outcomes, not exceptions; ``group_qc.tsv`` has them too.

    Raises
    ------
    EnicferError
        For what is wrong with everything: no sessions, no such model, an output that cannot be written.
    """
    options, execution = options or ProcessingOptions(), execution or ExecutionOptions()
    if execution.scheduler is not None:  # workers have folders of their own
        folders = [Path(folder).absolute() for folder in folders]
        output = None if output is None else Path(output).absolute()
    sessions, unread, target = collect_sessions(folders, output, options)
    return run_sessions(
        sessions,
        unread,
        target,
        options,
        execution,
        report=report,
        watch=watch,
    )


def collect_sessions(
    folders: Sequence[str | Path], output: str | Path | None, options: ProcessingOptions
) -> tuple[list[Session], list[tuple[Path, EnicferError]], Path]:
    """Sessions, folders that cannot be read and why, and the root of the outputs.

    Raises
    ------
    InputError
        If there is no session folder.
    """
    given = [Path(folder) for folder in folders]
    found = find_sessions(given)
    if not found:
        raise InputError("No session folder was given", remedy="name some, or a folder that holds some")
    target = Path(output) if output is not None else default_output(given, found)
    sessions, unread = read_sessions(found, options.protocol)
    left = [item for item in find_left_out(given) if item[0] not in found]
    return sessions, [*unread, *left], target


def run_sessions(
    sessions: Sequence[Session],
    unread: Sequence[tuple[Path, EnicferError]],
    output: Path,
    options: ProcessingOptions,
    execution: ExecutionOptions | None = None,
    *,
    report: Report | None = None,
    watch: Watch | None = None,
    make_slots: Callable[[int, int], Sequence[Slot]] | None = None,
) -> BatchResult:
    """The common part of `process_sessions` and `enicfer.batch.dataset.process_dataset`.

    Parameters
    ----------
    sessions
        That could be read.
    unread
        Folders that could not, and why.
    output, options, execution, report, watch
        As in `process_sessions`.
    make_slots
        ``(n_jobs, threads)`` -> where jobs are done; by default on this computer.
    """
    from enicfer.pipeline.publish import check_place  # slow to import, and --dry-run needs it not

    execution = execution or ExecutionOptions()
    n_jobs = execution.n_jobs
    check_place(output)
    BatchFolders(output).check_locks()
    with contextlib.ExitStack() as stack:
        if execution.scheduler is not None:
            slots, threads = stack.enter_context(open_cluster(execution.scheduler, n_jobs))
            options = make_absolute(options)
        else:
            cores = count_cores()
            n_jobs = min(cores if n_jobs < 1 else n_jobs, max(len(sessions), 1))
            threads = max(1, cores // n_jobs)
            slots = (make_slots or _local_slots)(n_jobs, threads)
        plan = make_plan(
            sessions, unread, output, options, retry_failed=execution.retry_failed, threads=threads
        )
        forget_failures(sessions, unread, output)
        ended: list[Outcome] = []
        try:
            ended = run_jobs(
                plan.jobs,
                work,
                remember_failure,
                slots,
                timeout=execution.timeout,
                report=report,
                watch=watch,
            )
        finally:  # what was done before Ctrl-C is in the tables as well
            unwritten = _summarise(output, plan, ended)
    ended = [replace(outcome, changes=tuple(plan.changes[outcome.name])) for outcome in ended]
    outcomes = sorted([*plan.settled, *ended], key=lambda outcome: outcome.name)
    outcomes = _add_partners(outcomes, name_partners(read_markers(output)))
    return BatchResult((*outcomes, *unwritten), output)


def _add_partners(outcomes: Sequence[Outcome], partners: Mapping[str, str]) -> list[Outcome]:
    """Say with each session which other recordings or videos it fits (`enicfer.batch.partners`)."""
    return [
        replace(outcome, reason=f"{outcome.reason} {partners[outcome.name]}")
        if outcome.state == FAILED and outcome.name in partners
        else replace(outcome, notes=(*outcome.notes, *filter(None, [partners.get(outcome.name)])))
        for outcome in outcomes
    ]


def _summarise(output: Path, plan: BatchPlan, ended: Sequence[Outcome]) -> list[Outcome]:
    """Write the group tables; what prevents it is one more outcome, and costs no other."""
    failed = [*plan.unread, *(outcome for outcome in ended if outcome.kind in KEPT)]
    if not read_markers(output) and any(outcome.kind == "foreign" for outcome in failed):
        return []  # the markers were removed: the tables that are there tell more than is known
    try:
        write_group(output, failed)
    except EnicferError as error:
        advice = "The results of the sessions are not touched by it."
        return [Outcome("group tables", "failed", "output", strip_folders(error.for_command_line()), advice)]
    return []


def default_output(given: Sequence[Path], sessions: Sequence[Path]) -> Path:
    """``derivatives/enicfer`` in the folder that holds all that was given, whichever sessions are in it today."""
    places = [(folder, Path(os.path.abspath(folder))) for folder in given]  # noqa: PTH100  links are not followed
    tops = [place.parent if folder in sessions else place for folder, place in places]
    try:
        return Path(os.path.commonpath(tops)) / "derivatives" / "enicfer"
    except ValueError:
        raise InputError(
            "The sessions are on several drives", remedy=f"give {OUTPUT} to say where to write"
        ) from None


def count_cores() -> int:
    """Cores that this process may use, as a cluster or a container limits them."""
    from joblib.externals.loky import cpu_count

    return int(cpu_count())


def _local_slots(n_jobs: int, threads: int) -> list[Slot]:
    return [LocalSlot(threads) for _ in range(n_jobs)]
