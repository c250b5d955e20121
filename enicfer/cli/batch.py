"""``enicfer process-sessions``: many sessions, resumable, into one tree."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enicfer import __version__
from enicfer.cli.bids_app import BidsAppCommand
from enicfer.cli.options import TOOL_OPTIONS, max_uncertainty_option, pick, protocol_option
from enicfer.cli.session_bars import show_sessions
from enicfer.errors import counted

if TYPE_CHECKING:
    from enicfer.batch.sessions import BatchResult

SOME_FAILED = 3  # exit code


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of everything that processes many sessions."""
    options = [
        protocol_option,
        *TOOL_OPTIONS,
        max_uncertainty_option,
        click.option(
            "--n-jobs",
            type=click.IntRange(min=-1),
            default=1,
            show_default=True,
            help="Worker processes; -1 for one per core.",
        ),
        click.option(
            "--dask-scheduler",
            "scheduler",
            metavar="ADDRESS|slurm|pbs|sge|lsf",
            help="Work on a Dask cluster: a running scheduler, or --n-jobs workers from a queue.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="Longest time for one session.",
        ),
        click.option(
            "--dry-run",
            is_flag=True,
            help="Say what would be done, how long it would take, and all that is wrong; write nothing.",
        ),
        click.option("--retry-failed", is_flag=True, help="Try again what failed before."),
        click.option("--overwrite", is_flag=True, help="Do everything again."),
        click.option("--quiet", is_flag=True, help="Print nothing but failures."),
        click.option("--verbose", is_flag=True, help="Print the warnings of each session, too."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("process-sessions")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write.  [default: derivatives/enicfer beside the sessions]",
)
@batch_options
def process_sessions(
    folders: tuple[Path, ...], output: Path | None, quiet: bool, verbose: bool, **settings: Any
) -> None:
    """Process many session FOLDERs (or folders that hold some) into one tree.

    What is done and unchanged is not done again, so the command can be repeated after any interruption. A
    session that fails costs only itself: the exit code is 3 then, and group_qc.tsv has the reasons.
    """
    from enicfer.batch.sessions import collect_sessions
    from enicfer.batch.sessions import process_sessions as process

    options, execution, others = split_settings(settings)
    if others["dry_run"]:
        print_forecast(*collect_sessions(folders, output, options), options, execution)
        return
    with show_sessions(quiet) as shown:
        result = process(
            list(folders),
            output=output,
            options=options,
            execution=execution,
            report=shown.report,
            watch=shown.watch,
        )
    finish(result, quiet, verbose)


def refuse_options(allowed: set[str]) -> None:
    """Refuse options of the command that were given and are not among the ``allowed`` names."""
    from click.core import ParameterSource

    from enicfer.errors import InputError

    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in allowed
        and context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    ]
    if given:
        raise InputError(
            f"{', '.join(given)} is only for the level participant", remedy="leave it out for the level group"
        )


def split_settings(settings: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """What sessions are processed with, how the work is run, and whatever else was given."""
    from enicfer.config.options import ExecutionOptions, ProcessingOptions

    processing, execution = pick(ProcessingOptions, settings), pick(ExecutionOptions, settings)
    known = {*ProcessingOptions.__dataclass_fields__, *ExecutionOptions.__dataclass_fields__}
    return processing, execution, {name: value for name, value in settings.items() if name not in known}


def finish(result: "BatchResult", quiet: bool, verbose: bool = False) -> None:
    """Print the summary; leave with exit code 3 if some sessions failed."""
    states = [outcome.state for outcome in result.outcomes]
    if not quiet:
        for outcome in result.outcomes:
            if outcome.state != "failed":
                again = f"  again: {', '.join(outcome.changes)} changed" if outcome.changes else ""
                note = f"  {counted(len(outcome.notes), 'warning')}" if outcome.notes else ""
                click.echo(f"{outcome.state:10} {outcome.name}{again}{note}")
                for text in outcome.notes if verbose else ():
                    click.echo(f"{'':10}   {text}")
    for outcome in result.failed:
        click.echo(f"{'failed':10} {outcome.name}: {outcome.reason} {outcome.advice}", err=quiet)
    if not quiet:
        counts = ", ".join(f"{states.count(state)} {state}" for state in ("done", "unchanged", "failed"))
        click.echo(f"{counts}. Look at {result.output / 'group_qc.tsv'}")
    if result.failed:
        sys.exit(SOME_FAILED)


def print_forecast(sessions: Any, unread: Any, output: Path, options: Any, execution: Any) -> None:
    """Print what would be done; leave with exit code 3 if something is wrong with some sessions."""
    from enicfer.batch.forecast import forecast

    found = forecast(
        sessions, unread, output, options, n_jobs=execution.n_jobs, retry_failed=execution.retry_failed
    )
    for name, changes, problems in found.work:
        again = f" again: {', '.join(changes)} changed" if changes else ""
        click.echo(f"{'problem' if problems else 'would do':10} {name}{again}")
        for problem in problems:
            click.echo(f"{'':10}   {problem}")
    for outcome in found.settled:
        click.echo(f"{outcome.state:10} {outcome.name} {outcome.reason}".rstrip())
    ready = sum(not problems for _, _, problems in found.work)
    cost = "how long it takes is known when a first session is done"
    if found.seconds is not None and found.disk is not None:
        cost = f"about {found.seconds / 60:.0f} min and {found.disk / 1e6:.0f} MB"
    total = len(found.work) + len(found.settled)
    click.echo(f"{ready} of {total} sessions would be done{': ' + cost if ready else ''}.")
    if found.problems:
        sys.exit(SOME_FAILED)


@click.command("process-dataset", cls=BidsAppCommand)
@click.argument("bids_dir", type=click.Path(path_type=Path))
@click.argument("output_dir", type=click.Path(path_type=Path))
@click.argument("level", metavar="participant|group", type=click.Choice(["participant", "group"]))
@click.option(
    "--participant-label", "participants", multiple=True, metavar="LABEL", help="With or without sub-."
)
@click.option("--session-label", "sessions", multiple=True, metavar="LABEL", help="With or without ses-.")
@click.option("--task", "tasks", multiple=True, metavar="LABEL", help="Only this task.")
@click.option("--run", "runs", multiple=True, metavar="INDEX", help="Only this run.")
@click.option(
    "--videos",
    type=click.Path(path_type=Path),
    metavar="TABLE",
    help="Table with the columns recording and video, for videos that are named otherwise.",
)
@click.version_option(__version__, prog_name="enicfer")
@batch_options
def process_dataset(
    bids_dir: Path, output_dir: Path, level: str, quiet: bool, verbose: bool, **settings: Any
) -> None:
    """Process the BIDS data set BIDS_DIR into OUTPUT_DIR.

    The level participant finds recordings and their videos (beside them, in beh/ or in sourcedata/) and
    processes each; the level group writes the tables and the page of everything that is in OUTPUT_DIR, and takes
    no other option than --quiet. It is a BIDS App: labels may follow one another, as in --participant-label 01 02,
    after the folders and the level.
    """
    from enicfer.batch.dataset import Selection, collect_dataset, summarise_dataset
    from enicfer.batch.dataset import process_dataset as process

    selection = Selection(**{name: settings.pop(name) for name in Selection.__dataclass_fields__})
    if level == "group":
        refuse_options({"bids_dir", "output_dir", "level", "quiet"})
        for path in summarise_dataset(output_dir):
            if not quiet:
                click.echo(f"Wrote {path}")
        return
    videos = settings.pop("videos")
    options, execution, others = split_settings(settings)
    if others["dry_run"]:
        found = collect_dataset(bids_dir, output_dir, options, selection, videos)
        print_forecast(found.sessions, found.lost, output_dir, options, execution)
        return
    with show_sessions(quiet) as shown:
        result = process(
            bids_dir,
            output_dir,
            selection=selection,
            options=options,
            videos=videos,
            report=shown.report,
            watch=shown.watch,
            execution=execution,
        )
    finish(result, quiet, verbose)
