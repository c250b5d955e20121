"""``enicfer protocols``: list the protocols that ship, or check a lab's own."""

from pathlib import Path

import click

from enicfer.config.protocol import list_protocols, read_protocol
from enicfer.errors import EnicferError, ProtocolError


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def protocols(files: tuple[Path, ...]) -> None:
    """List the protocols that ship, and check them; with FILES, check those instead."""
    wrong = 0
    for path in files or list_protocols().values():
        try:
            found = read_protocol(path)
        except EnicferError as error:
            wrong += 1
            click.echo(f"wrong  {path.stem}: {error.for_command_line()}")
        else:
            click.echo(f"ok     {found.name}: {found.description}")
            if files:
                for code, condition in found.conditions.items():
                    click.echo(f"         {code} -> {condition}")
        if not files:
            click.echo(f"       {path}")
    if wrong:
        raise ProtocolError(
            f"{wrong} of {len(files) or len(list_protocols())} protocols cannot be used",
            remedy="correct what is said of them above",
        )
