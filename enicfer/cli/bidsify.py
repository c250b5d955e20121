"""``enicfer bidsify``: a session's recordings and videos as part of a BIDS data set."""

from pathlib import Path
from typing import Any

import click

from enicfer.cli.options import max_uncertainty_option, progress_bar, protocol_option


@click.command()
@click.argument("session", type=click.Path(path_type=Path))
@click.argument("bids_dir", type=click.Path(path_type=Path))
@click.option(
    "--deidentify", is_flag=True, help="Put a copy of the video there with every face painted over."
)
@click.option("--with-faces", is_flag=True, help="Put the video there as it is; only you can read it.")
@protocol_option
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Results of the session: the events get their fer_ columns.",
)
@max_uncertainty_option
@click.option("--overwrite", is_flag=True, help="Replace runs that are there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def bidsify(
    session: Path, bids_dir: Path, deidentify: bool, with_faces: bool, quiet: bool, **options: Any
) -> None:
    """Put the recordings and videos of SESSION into the BIDS data set BIDS_DIR, which is made if it is missing.

    The video shows a child: say with --deidentify or --with-faces what becomes of it.
    """
    from enicfer.bids.session import bidsify_session

    if deidentify and with_faces:
        raise click.UsageError("--deidentify and --with-faces exclude each other: give one of them.")
    with progress_bar(quiet) as progress:
        faces: Any = "cover" if deidentify else "keep" if with_faces else None
        done = bidsify_session(session, bids_dir, faces=faces, progress=progress, **options)
    if not quiet:
        click.echo(f"{len(done.paths)} files. Look at {bids_dir}")
        for note in done.notes:
            click.echo(f"  note  {note}")
