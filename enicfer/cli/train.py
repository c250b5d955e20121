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
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the recipe's.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="TABLE.KEY=VALUE",
    help="A setting instead of the recipe's, such as schedule.learning_rate=0.0003; repeat.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def train(
    recipe: Path,
    output: Path,
    data: Path | None,
    precision: str | None,
    epochs: int | None,
    settings: tuple[str, ...],
    quiet: bool,
) -> None:
    """Train a classifier as RECIPE (a TOML file, or the name of a shipped one) says.

    Stop it whenever you like, even by force: the same command continues it.
    """
    from enicfer.training.commands import train_recipe

    report = (lambda line: None) if quiet else click.echo
    if epochs is not None:
        settings += (f"schedule.epochs={epochs}",)
    path = train_recipe(recipe, output, data, report, precision, settings)
    click.echo(f"Model: {path}")
