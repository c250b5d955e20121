"""``enicfer import-coding``: what a coder saw with another program, as the coder's track."""

from pathlib import Path
from typing import Any

import click

from enicfer.errors import InputError


def _codes(given: tuple[str, ...]) -> dict[str, str]:
    codes = {}
    for text in given:
        code, equals, category = text.rpartition("=")
        if not equals or not code.strip() or not category.strip():
            raise InputError(f"--code is {text!r}", remedy="write CODE=CATEGORY, such as smile=happy")
        codes[code.strip()] = category.strip()
    return codes


@click.command("import-coding")
@click.argument("table", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY...")
@click.option("--coder", required=True, metavar="NAME", help="Who coded.")
@click.option("--book", default="expressions", show_default=True, metavar="NAME|FILE", help="Codebook.")
@click.option(
    "--run", default="", metavar="NAME", help="Run, or a part of its name, where there are several."
)
@click.option(
    "--format",
    "program",
    type=click.Choice(["boris", "datavyu", "elan", "observer", "table"]),
    help="What wrote TABLE.  [default: told by its columns]",
)
@click.option("--of", metavar="WHO", help="Subject, tier or column of the participant.")
@click.option(
    "--code", "codes", multiple=True, metavar="CODE=CATEGORY", help="What a code means: smile=happy."
)
@click.option("--watched", is_flag=True, help="The whole video was watched: what is not coded is not there.")
@click.option("--overwrite", is_flag=True, help="Replace what was imported of a file of this name before.")
def import_coding(
    table: Path,
    folders: tuple[Path, ...],
    coder: str,
    book: str,
    run: str,
    codes: tuple[str, ...],
    **options: Any,
) -> None:
    """Store the coding in TABLE beside the results of a run in STUDY, to be compared with others."""
    from enicfer.coding.importing import CodingImport
    from enicfer.coding.importing import import_coding as store

    chosen = CodingImport(codes=_codes(codes), **options)
    found = store(table, folders, coder, book=book, run=run, options=chosen)
    counts = ", ".join(f"{category} {count}" for category, count in found.counts.items())
    click.echo(f"{found.run}, {coder}: {counts}")
    for note in found.notes:
        click.echo(f"  note  {note}")
