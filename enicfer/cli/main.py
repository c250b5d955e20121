"""The ``enicfer`` command: a group whose commands are imported only when they are called."""

import sys
from importlib import import_module
from io import TextIOWrapper

import click

from enicfer import __version__
from enicfer.errors import EnicferError

COMMANDS = {
    "process-session": "enicfer.cli.process_session:process_session",
    "process-sessions": "enicfer.cli.batch:process_sessions",
    "process-dataset": "enicfer.cli.batch:process_dataset",
    "slurm-script": "enicfer.cli.slurm_script:slurm_script",
    "share-check": "enicfer.cli.share_check:share_check",
    "deidentify": "enicfer.cli.deidentify:deidentify",
    "trace": "enicfer.cli.trace:trace",
    "import": "enicfer.cli.import_trace:import_trace",
    "align": "enicfer.cli.align:align",
    "apply": "enicfer.cli.apply:apply",
    "example-session": "enicfer.cli.example_session:example_session",
    "protocols": "enicfer.cli.protocols:protocols",
    "models": "enicfer.cli.models:models",
    "train": "enicfer.cli.train:train",
    "evaluate": "enicfer.cli.evaluate:evaluate",
    "cross-validate": "enicfer.cli.cross:cross_validate",
    "cross-evaluate": "enicfer.cli.cross:cross_evaluate",
    "dataset": "enicfer.cli.dataset:dataset",
    "saliency": "enicfer.cli.saliency:saliency",
    "saliency-compare": "enicfer.cli.saliency:saliency_compare",
}


class LazyGroup(click.Group):
    """A group that knows the names of its commands and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="enicfer")
def cli() -> None:
    """From the video of a child's face to emotion events on the recording's clock."""


def main() -> None:
    """Run the command line; an expected error is one sentence and its exit code."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a file on Windows may lack the letters of a name
    try:
        cli(standalone_mode=False)
    except EnicferError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped; earlier results are as they were.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
