"""``enicfer share-check``: what in the outputs should not be shared."""

import sys
from pathlib import Path

import click

from enicfer.errors import counted


@click.command("share-check")
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--name", "names", multiple=True, help="A name that must not occur; may be given several times."
)
@click.option(
    "--names", "names_file", type=click.Path(path_type=Path), metavar="FILE", help="Names, one in a line."
)
def share_check(output: Path, names: tuple[str, ...], names_file: Path | None) -> None:
    """Find faces, names, absolute paths, dates and places in the folder OUTPUT before it is shared.

    Names are only found if they are given. The exit code is 1 if something was found.
    """
    from enicfer.privacy.share_check import check_share, read_names

    known = [*names, *(read_names(names_file) if names_file is not None else [])]
    found = check_share(output, known)
    for finding in found:
        click.echo(f"{finding.file}: {finding.what}: {finding.detail}")
    named = counted(len(known), "name") if known else "no names, because none were given"
    click.echo(
        f"Looked for faces, paths, dates, places, e-mail addresses, names of people who reviewed, and {named}."
    )
    if found:
        click.echo(f"Not safe to share: {counted(len(found), 'finding')}.")
        sys.exit(1)
    click.echo("Nothing found.")
