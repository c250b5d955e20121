"""``enicfer slurm-script``: a job array for a cluster."""

from pathlib import Path
from typing import Any

import click

from enicfer.errors import InputError


@click.command("slurm-script")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where to write."
)
@click.option(
    "--tasks", type=click.IntRange(min=1), default=100, show_default=True, help="Largest number of tasks."
)
@click.option("--cores", type=click.IntRange(min=1), default=2, show_default=True, help="Cores of each task.")
@click.option("--memory", default="4G", show_default=True, help="Memory of each task.")
@click.option("--time", default="08:00:00", show_default=True, help="Longest time of each task.")
@click.option(
    "--options",
    default="",
    metavar="TEXT",
    help='ProcessingOptions of process-sessions, such as "--protocol eeg-led".',
)
def slurm_script(folders: tuple[Path, ...], output: Path, options: str, **settings: Any) -> None:
    """Print a SLURM job array that processes the session FOLDERs into one tree."""
    import shlex

    from enicfer.batch.jobs import find_sessions
    from enicfer.batch.slurm import make_slurm_script

    try:
        further = shlex.split(options)
    except ValueError as error:
        raise InputError(
            f"--options is {options!r} ({error})", remedy="write it as on a command line"
        ) from None
    # study/* of a shell names plain files too.
    kept = [folder for folder in folders if not folder.is_file()] or list(folders)
    text = make_slurm_script(find_sessions(kept), output, further, **settings)
    click.echo(text, nl=False)
