"""``enicfer codebooks``: list the codebooks that ship, or check a lab's own."""

from pathlib import Path

import click

from enicfer.config.codebook import list_codebooks, read_codebook
from enicfer.errors import EnicferError, ProtocolError


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def codebooks(files: tuple[Path, ...]) -> None:
    """List the codebooks that ship, and check them; with FILES, check those instead."""
    wrong = 0
    given = files or tuple(list_codebooks().values())
    for path in given:
        try:
            found = read_codebook(path)
        except EnicferError as error:
            wrong += 1
            click.echo(f"wrong  {path.stem}: {error.for_command_line()}")
        else:
            click.echo(f"ok     {found.name} {found.version}: {found.description}")
            for one in found.categories if files else ():
                click.echo(f"         {one.key} {one.name}: {one.definition}")
        if not files:
            click.echo(f"       {path}")
    if wrong:
        raise ProtocolError(
            f"{wrong} of {len(given)} codebooks cannot be used", remedy="correct what is said of them above"
        )
