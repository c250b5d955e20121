"""``enicfer cross-validate`` and ``enicfer cross-evaluate``."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from enicfer.cli.evaluate import reading_options
from enicfer.errors import InputError

KNOWN = {True: "*", False: "", None: "?"}


@click.command("cross-validate")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--data", type=click.Path(path_type=Path), help="Data set, instead of the recipe's path.")
@click.option("--folds", "count", default=5, show_default=True, help="Parts, disjoint in subjects.")
@click.option("--by-set", is_flag=True, help="Leave one data set out at a time, and its people with it.")
@click.option("--quiet", is_flag=True, help="No progress.")
def cross_validate(
    recipe: Path, output: Path, data: Path | None, count: int, by_set: bool, quiet: bool
) -> None:
    """Train as RECIPE says once per fold, and test on the people who were left out."""
    from enicfer.training.commands import prepare_recipe
    from enicfer.training.cross import cross_validate

    report = (lambda line: None) if quiet else click.echo
    result = cross_validate(prepare_recipe(recipe, data), output, count, by_set, report)
    for row in result.rows:
        click.echo(
            f"fold {row['fold']}: accuracy {row['accuracy']:.4f}, balanced "
            f"{row['balanced_accuracy']:.4f}, {row['images']} images of {row['subjects']} subjects"
            + (f", {row['images_trained_on']} of them known before" if row["images_trained_on"] else "")
        )
    click.echo(f"accuracy {result.mean:.4f}, deviation between folds {result.deviation:.4f}")


@click.command("cross-evaluate")
@click.option("--model", "models", multiple=True, required=True, help="Shipped name or file; repeat.")
@click.option(
    "--data", "sets", multiple=True, required=True, metavar="[NAME=]PATH[:PARTITION]", help="Data; repeat."
)
@click.option("--reader", "readers", multiple=True, metavar="[NAME=]READER", help="Layout, of all or of one.")
@reading_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="CSV file to write.")
def cross_evaluate(
    models: tuple[str, ...],
    sets: tuple[str, ...],
    readers: tuple[str, ...],
    output: Path | None,
    **reading: Any,
) -> None:
    """Accuracy of every model on every data set."""
    from enicfer.training.commands import ReadingOptions
    from enicfer.training.cross import cross_evaluate_files, parse_source

    chosen = dict(text.rpartition("=")[::2] for text in readers)
    tests = [parse_source(text) for text in sets]
    strange = set(chosen) - {"", *(one.name for one in tests)}
    if strange:
        raise InputError(
            f"--reader names {', '.join(sorted(strange))}, which is no name of the data",
            remedy=f"give one of {', '.join(one.name for one in tests)}",
        )
    tests = [replace(one, reader=chosen.get(one.name, chosen.get("", ""))) for one in tests]
    rows = cross_evaluate_files(models, tests, output, ReadingOptions(**reading))
    for name in models:
        cells = (
            f"{row['data']} {row['accuracy']:.4f}{KNOWN[row['trained_on_these']]}"
            for row in rows
            if row["model"] == name
        )
        click.echo(f"{name}: " + ", ".join(cells))
    if any(row["trained_on_these"] for row in rows):
        click.echo(
            "* the model was trained on some of these images: see images_trained_on and accuracy_unseen"
        )
    if any(row["trained_on_these"] is None for row in rows):
        click.echo("? whether the model was trained on these images is not on record")
