"""``enicfer models``: weights of detectors that do not ship."""

from pathlib import Path

import click


@click.group()
def models() -> None:
    """List, fetch and add the weights of detectors that do not ship with enicfer."""


@models.command("list")
def list_models() -> None:
    """Show all weights, their licence, and whether they are on this computer."""
    from enicfer.faces.weights import WEIGHTS, weights_folder

    folder = weights_folder()
    for name, entry in WEIGHTS.items():
        state = "here" if (folder / entry.file).is_file() else "not here"
        click.echo(f"{name:18} {state:9} {entry.file} (licence: {entry.licence}); for {entry.use}")
    click.echo(f"Folder: {folder}")


@models.command()
@click.argument("name")
@click.option(
    "--sha256", default="", help="Expected SHA-256, all 64 digits, where it is not published whole."
)
@click.option("--url", default="", help="Fetch from here instead, such as a mirror; https only.")
def fetch(name: str, sha256: str, url: str) -> None:
    """Download the weights NAME, continuing an interrupted download, and check their hash."""
    from tqdm import tqdm

    from enicfer.faces.weights import fetch_weights

    with tqdm(unit="B", unit_scale=True, desc=name, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        path = fetch_weights(name, sha256, url, show)
    click.echo(f"{name}: {path}")


@models.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sha256", default="", help="Expected SHA-256, all 64 digits.")
def add(name: str, file: Path, sha256: str) -> None:
    """Copy the weights NAME from a local FILE, after checking their hash."""
    from enicfer.faces.weights import add_weights

    click.echo(f"{name}: {add_weights(name, file, sha256)}")
