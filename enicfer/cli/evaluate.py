"""``enicfer evaluate``: how good a classifier is on a labelled data set."""

from pathlib import Path

import click


@click.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for tables and figures.")
@click.option("--reader", default="", help="Layout of DATA; guessed where it is clear.")
@click.option("--split", default="", help="Only this partition of DATA (such as PublicTest).")
@click.option("--crop", is_flag=True, help="Find the faces first; DATA are whole pictures.")
@click.option("--flip", is_flag=True, help="Average with the mirror image.")
def evaluate(
    model: str, data: Path, output: Path | None, reader: str, split: str, crop: bool, flip: bool
) -> None:
    """Measure MODEL (a shipped name or a .safetensors file) on the labelled faces in DATA."""
    from enicfer.training.commands import evaluate_files

    result = evaluate_files(model, data, output, reader=reader, split=split, crop=crop, flip=flip)
    for name, value in result.summary.items():
        text = f"{value:.4f}" if isinstance(value, float) else value
        click.echo(f"{name:22} {', '.join(text) if isinstance(text, list) else text}")
    for label, precision, recall in zip(
        result.labels, result.scores.precision, result.scores.recall, strict=True
    ):
        click.echo(f"{label:22} precision {precision:.3f}  recall {recall:.3f}")
    for row in result.groups:
        click.echo(
            f"{row['kind']} {row['group']}: accuracy {row['accuracy']:.4f} "
            f"[{row['low']:.4f}, {row['high']:.4f}], {row['count']} images"
        )
