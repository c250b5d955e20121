"""``enicfer train``: a classifier from a recipe."""

from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for checkpoint, log, model file and figures; a run that it holds is continued.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data set, instead of the recipe's path.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    help="Instead of the recipe's; bfloat16 is fast only on processors that have it (AVX-512 BF16, AMX).",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def train(recipe: Path, output: Path, data: Path | None, precision: str | None, quiet: bool) -> None:
    """Train a classifier as RECIPE (a TOML file, or the name of a shipped one) says.

    Stop it whenever you like, even by force: the same command continues it.
    """
    from enicfer.training.commands import train_recipe

    report = (lambda line: None) if quiet else click.echo
    path = train_recipe(recipe, output, data, report, precision)
    click.echo(f"Model: {path}")
