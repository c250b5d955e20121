"""``enicfer evaluate``: how good a classifier is on a labelled data set."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from enicfer.errors import counted


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how pictures are read for a model."""
    options = (
        click.option(
            "--crop/--no-crop",
            default=None,
            help="Find the faces first, as in whole pictures.  [default: as in the model's training]",
        ),
        click.option(
            "--content", help="What pictures labelled content count as.  [default: as in the training]"
        ),
        click.option("--pattern", help="Of file names, for the reader names.  [default: as in the training]"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def describe_known(summary: Mapping[str, Any]) -> Iterator[str]:
    """What the model knew of the images before, as sentences."""
    if summary["trained_on_these"]:
        yield (
            "Warning: the model, or one that it began from or learnt from as a teacher, was trained on "
            f"{summary['images_trained_on']} of these {counted(summary['images'], 'image')}; the accuracy on them "
            "says nothing about other pictures, and accuracy_unseen leaves them out."
        )
    if "not_on_record" in summary:
        names = ", ".join(summary["not_on_record"])
        yield f"Whether {names} was trained on these images is unknown: the model file does not say."
    if "images_temperature_fitted_on" in summary:
        what, whose = "temperature was", "calibration"
        if summary["epoch_chosen_on_these"]:
            what, whose = "temperature and its epoch were", "calibration and accuracy"
        yield (
            f"The model's {what} chosen on {summary['images_temperature_fitted_on']} of these images: its {whose} "
            "on them are a little too good."
        )


@click.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for tables and figures.")
@click.option("--reader", default="", help="Layout of DATA; guessed where it is clear.")
@click.option("--split", default="", help="Only this partition of DATA (such as PublicTest).")
@reading_options
@click.option("--flip", is_flag=True, help="Average with the mirror image.")
@click.option("--against", help="Another model: compare the two on the same images.")
def evaluate(
    model: str,
    data: Path,
    output: Path | None,
    reader: str,
    split: str,
    flip: bool,
    against: str | None,
    **options: Any,
) -> None:
    """Measure MODEL (a shipped name or a .safetensors file) on the labelled faces in DATA."""
    from enicfer.training.commands import ReadingOptions, evaluate_files
    from enicfer.training.metrics import format_rate

    reading = ReadingOptions(**options)
    result = evaluate_files(model, data, output, reader=reader, split=split, reading=reading, flip=flip)
    for line in describe_known(result.summary):
        click.echo(line)
    how = "faces were found and framed" if result.summary["crop"] else "pictures were taken whole"
    click.echo(f"{how} (--{'no-' if result.summary['crop'] else ''}crop for the other way)")
    for name, value in result.summary.items():
        if value is None:
            value = "unknown"
        if value != value:
            value = "n/a, too few subjects for an interval" if name.startswith("accuracy_") else "n/a"
        text = f"{value:.4f}" if isinstance(value, float) else value
        click.echo(f"{name:30} {', '.join(text) if isinstance(text, list) else text}")
    for label, precision, recall in zip(
        result.labels, result.scores.precision, result.scores.recall, strict=True
    ):
        click.echo(f"{label:30} precision {format_rate(precision)}  recall {format_rate(recall)}")
    for row in result.groups:
        click.echo(
            f"{row['kind']} {row['group']}: accuracy {row['accuracy']:.4f} "
            f"{_interval(row['low'], row['high'])}, {counted(row['count'], 'image')}"
        )
    if against is not None:
        from enicfer.training.paired import compare_classifiers, describe_paired

        found = compare_classifiers(
            model, against, data, reader=reader, split=split, flip=flip, reading=reading
        )
        for line in describe_paired(found, model, against):
            click.echo(line)


def _interval(low: float, high: float) -> str:
    return f"[{low:.4f}, {high:.4f}]" if low == low else "(too few subjects for an interval)"
