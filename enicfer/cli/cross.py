"""``enicfer cross-validate`` and ``enicfer cross-evaluate``."""

from pathlib import Path

import click


@click.command("cross-validate")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--data", type=click.Path(path_type=Path), help="Data set, instead of the recipe's path.")
@click.option("--folds", "count", default=5, show_default=True, help="Parts, disjoint in subjects.")
@click.option("--by-set", is_flag=True, help="Leave one data set out at a time instead.")
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
        )
    click.echo(f"accuracy {result.mean:.4f}, deviation between folds {result.deviation:.4f}")


@click.command("cross-evaluate")
@click.option("--model", "models", multiple=True, required=True, help="Shipped name or file; repeat.")
@click.option("--data", "sets", multiple=True, required=True, type=click.Path(path_type=Path), help="Repeat.")
@click.option("--crop", is_flag=True, help="Find the faces first; the data are whole pictures.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="CSV file to write.")
def cross_evaluate(models: tuple[str, ...], sets: tuple[Path, ...], crop: bool, output: Path | None) -> None:
    """Accuracy of every model on every data set."""
    from enicfer.training.commands import cross_evaluate_files

    names, accuracy = cross_evaluate_files(models, sets, crop, output)
    for name, line in zip(names, accuracy, strict=True):
        cells = (f"{path.stem} {value:.4f}" for path, value in zip(sets, line, strict=True))
        click.echo(f"{name}: " + ", ".join(cells))
