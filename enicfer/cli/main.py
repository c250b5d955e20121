"""The ``enicfer`` command: a group whose commands are imported only when they are called."""

import sys
from contextlib import nullcontext, suppress
from copy import copy
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from enicfer import __version__
from enicfer.cli.faults import cut, explain, fill_streams, finish_output, plain_warnings, say, stop_unread
from enicfer.cli.pages import find_page
from enicfer.cli.tasks import TASKS
from enicfer.errors import EnicferError

COMMANDS = {
    "process-session": "enicfer.cli.process_session:process_session",
    "process-sessions": "enicfer.cli.batch:process_sessions",
    "process-dataset": "enicfer.cli.batch:process_dataset",
    "review": "enicfer.cli.review:review",
    "sample": "enicfer.cli.sample:sample",
    "code": "enicfer.cli.code:code",
    "import-coding": "enicfer.cli.import_coding:import_coding",
    "export-coding": "enicfer.cli.export_coding:export_coding",
    "agreement": "enicfer.cli.agreement:agreement",
    "manifest": "enicfer.cli.manifest:manifest",
    "slurm-script": "enicfer.cli.slurm_script:slurm_script",
    "share-check": "enicfer.cli.share_check:share_check",
    "cache": "enicfer.cli.cache:cache",
    "forget": "enicfer.cli.forget:forget",
    "deidentify": "enicfer.cli.deidentify:deidentify",
    "trace": "enicfer.cli.trace:trace",
    "import": "enicfer.cli.import_trace:import_trace",
    "doctor": "enicfer.cli.doctor:doctor",
    "events": "enicfer.cli.events:events",
    "align": "enicfer.cli.align:align",
    "apply": "enicfer.cli.apply:apply",
    "export": "enicfer.cli.export:export",
    "bidsify": "enicfer.cli.bidsify:bidsify",
    "example-session": "enicfer.cli.example_session:example_session",
    "protocols": "enicfer.cli.protocols:protocols",
    "codebooks": "enicfer.cli.codebooks:codebooks",
    "models": "enicfer.cli.models:models",
    "train": "enicfer.cli.train:train",
    "evaluate": "enicfer.cli.evaluate:evaluate",
    "cross-validate": "enicfer.cli.cross:cross_validate",
    "cross-evaluate": "enicfer.cli.cross:cross_evaluate",
    "dataset": "enicfer.cli.dataset:dataset",
    "saliency": "enicfer.cli.saliency:saliency",
    "saliency-compare": "enicfer.cli.saliency:saliency_compare",
}


# They load much before they can say anything else.
SLOW = frozenset(
    {
        *(
            "process-session",
            "process-sessions",
            "process-dataset",
            "review",
            "sample",
            "code",
            "agreement",
            "import-coding",
            "export-coding",
            "manifest",
            "share-check",
            "deidentify",
            "trace",
            "import",
        ),
        *(
            "align",
            "apply",
            "export",
            "bidsify",
            "example-session",
            "train",
            "evaluate",
            "cross-validate",
            "cross-evaluate",
            "dataset",
        ),
        *("saliency", "saliency-compare"),
    }
)
# So do these, and what they print is a list or a script that goes on to another program.
LISTS = frozenset({"doctor", "events", "forget", "slurm-script"})


TALK = object()  # somebody is at the command line


def announce(command: click.Command, name: str, aside: bool = False) -> click.Command:
    """The same command, which says at once, ``aside`` on standard error, that it started, unless told to be quiet."""
    told = copy(command)
    if isinstance(command, click.Group) and isinstance(told, click.Group):
        told.commands = {
            inner: announce(c, f"{name} {inner}", aside) for inner, c in command.commands.items()
        }
        return told
    callback = command.callback

    def start(*args: Any, **options: Any) -> Any:
        if not options.get("quiet"):
            with suppress(OSError):  # what cannot be printed is said at the end
                click.echo(f"Starting {name} ...", err=aside)
        return callback(*args, **options) if callback is not None else None

    told.callback = start
    return told


class LazyGroup(click.Group):
    """A group that knows the names of its commands and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which they are used."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by task."""
        for task, lines in TASKS.items():
            with formatter.section(task):
                formatter.write_dl([(f"{name:<16}", line) for name, line in lines.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, none of which is imported for that, and options."""
        lines = {name: line for task in TASKS.values() for name, line in task.items()}
        found = [CompletionItem(name, help=lines[name]) for name in COMMANDS if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        if ctx.obj is not TALK or cmd_name not in SLOW | LISTS:
            return command
        return announce(command, cmd_name, cmd_name in LISTS)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="enicfer")
@click.option(
    "--debug", is_flag=True, help="Show where in the program an error arose; for reports of faults."
)
def cli(debug: bool) -> None:
    """From the video of a child's face to emotion events on the recording's clock.

    What a command takes: enicfer COMMAND --help.
    """


def main() -> None:
    """Run the command line; an error is one sentence and an exit code, with ``--debug`` a traceback as well."""
    fill_streams()
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    while "--debug" in arguments:  # after a command as well
        arguments.remove("--debug")
    code, output = 1, sys.stdout
    try:
        code = _run(arguments, debug)
    except EnicferError as error:
        code = error.exit_code
        say(f"Error: {cut(error.for_command_line())} See {find_page(error, arguments)}.")
    except click.ClickException as error:
        code = error.exit_code
        with suppress(OSError):
            error.show()
    except SystemExit:  # click replaces a stream that nobody reads any more
        if sys.stdout is output:
            raise
        code = stop_unread()
    except (click.Abort, KeyboardInterrupt):
        code = 130
        say("Stopped; earlier results are as they were.")
    except Exception as error:
        say(f"Error: {explain(error, log=not debug)}")
    sys.exit(finish_output(code))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        with nullcontext() if debug else plain_warnings():
            code = cli(arguments, standalone_mode=False, obj=TALK)
    except Exception:
        if debug:
            import traceback

            traceback.print_exc()
        raise
    return code if isinstance(code, int) else 0  # help and --version end with a code


if __name__ == "__main__":
    main()
