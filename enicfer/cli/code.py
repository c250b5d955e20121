"""``enicfer code``: code faces and trials in the browser, blind, and decide where coders disagree."""

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY...")
@click.option("--coder", required=True, metavar="NAME", help="Who codes, or decides.")
@click.option("--plan", type=click.Path(path_type=Path), metavar="PLAN", help="Of enicfer sample.")
@click.option(
    "--codebook",
    "--book",
    "book",
    default="",
    metavar="NAME|FILE",
    help="What may be chosen.  [default: expressions]",
)
@click.option(
    "--mode",
    type=click.Choice(["frames", "trials", "intervals", "adjudicate"]),
    default="frames",
    show_default=True,
    help="Faces of PLAN, all trials, all runs continuously, or to decide where coders disagree.",
)
@click.option("--second", is_flag=True, help="Only the part for a second coder.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the order of trials and runs.",
)
@click.option("--no-browser", is_flag=True, help="Print the link, and open no browser.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the server.  [default: a free one]"
)
def code(folders: tuple[Path, ...], no_browser: bool, port: int, **task: Any) -> None:
    """Code the processed sessions in each STUDY in the browser, without seeing what they are.

    Everything stays on this machine. Each code is on the disk before the next; start the command again to go on.
    Stop the server with Ctrl+C.
    """
    from enicfer.coding import CodingTask, open_coding

    def tell(link: str) -> None:
        click.echo(f"Code at {link}\nThe link is good for once. Stop with Ctrl+C.")
        if not no_browser:
            import webbrowser

            webbrowser.open(link)

    open_coding(
        folders,
        CodingTask(**task),
        port=port,
        tell=tell,
        note=lambda text: click.echo(f"  note  {text}"),
    )
