"""``enicfer manifest``: pictures of the coded faces, to train on."""

from pathlib import Path

import click

from enicfer.errors import counted


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the pictures and manifest.csv.",
)
@click.option("--book", default="", metavar="NAME", help="Codebook, where several were used.")
@click.option(
    "--plan", type=click.Path(path_type=Path), metavar="PLAN", help="Of enicfer sample, for the weights."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draw of children."
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier manifest with its pictures.")
def manifest(
    folders: tuple[Path, ...], output: Path, book: str, plan: Path | None, seed: int, overwrite: bool
) -> None:
    """Cut the coded faces out of the videos of each STUDY, for training.

    The pictures show faces: only you can read them. Train with: enicfer train DIR/own-children.toml
    --data DIR/manifest.csv -o RUN
    """
    from enicfer.coding.manifest import write_manifest

    found = write_manifest(folders, output, book=book, plan=plan, seed=seed, overwrite=overwrite)
    for note in found.notes:
        click.echo(f"note: {note}")
    click.echo(
        f"{counted(found.rows, 'picture')}: " + ", ".join(f"{word} {n}" for word, n in found.labels.items())
    )
    for name, children in found.splits.items():
        click.echo(f"{name}: {counted(len(children), 'child', 'children')} ({', '.join(children)})")
    for why, count in found.left_out.items():
        click.echo(f"left out: {count} {why}")
    click.echo(f"These pictures show faces; keep them where only you can read: {found.folder}")
