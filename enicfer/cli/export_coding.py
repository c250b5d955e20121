"""``enicfer export-coding``: what coders saw, as files of other programs."""

from pathlib import Path

import click

from enicfer.errors import counted


@click.command("export-coding")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the files; each program has one in it.",
)
@click.option(
    "--to",
    default="",
    metavar="NAME,...",
    help="Program: boris, elan, datavyu, bids.  [default: all]",
)
@click.option("--coder", default="", metavar="NAME", help="Codes of one coder.  [default: of all]")
@click.option("--book", default="", metavar="NAME", help="Codebook, where several were used.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def export_coding(
    folders: tuple[Path, ...], output: Path, to: str, coder: str, book: str, overwrite: bool
) -> None:
    """Write what coders saw in each STUDY for BORIS, ELAN and Datavyu, and as events of BIDS."""
    from enicfer.coding.exporting import export_codings

    names = [word.strip() for word in to.split(",") if word.strip()]
    found = export_codings(folders, output, names, book=book, coder=coder, overwrite=overwrite)
    for note in found.notes:
        click.echo(f"note: {note}")
    for path in found.paths:
        click.echo(path)
    told = ", ".join(f"{who} {counted(n, 'code')}" for who, n in found.codes.items())
    click.echo(f"written: {told}")
