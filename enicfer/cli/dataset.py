"""``enicfer dataset``: look at a data set before training on it."""

from pathlib import Path

import click


@click.group()
def dataset() -> None:
    """Look at a data set of labelled faces."""


@dataset.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--reader", default="", help="Layout of DATA; guessed where it is clear.")
@click.option("--crop", is_flag=True, help="Find the faces first; DATA are whole pictures.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a contact sheet (PNG).")
def check(data: Path, reader: str, crop: bool, sheet: Path | None) -> None:
    """Count what is in DATA; find duplicates, blank and unreadable pictures."""
    from enicfer.training.datasets import Options, face_cropper
    from enicfer.training.datasets.check import check_dataset

    options = Options(crop=face_cropper(48) if crop else None)
    report = check_dataset(data, reader, options, sheet)
    click.echo(f"{report.images} images")
    for name, counts in report.counts.items():
        if name == "subject":
            known = len(counts.keys() - {"unknown"})
            click.echo(f"subject: {known} known, {counts.get('unknown', 0)} images of unknown subject")
        else:
            click.echo(f"{name}: " + ", ".join(f"{value} {count}" for value, count in counts.items()))
    for kind, pairs in (("equal", report.exact), ("nearly equal", report.near)):
        click.echo(f"{kind} pairs: " + ", ".join(f"{n} {what}" for what, n in pairs.items()))
    click.echo(f"blank: {report.blank}; unreadable: {len(report.unreadable)}")
    for file in report.unreadable:
        click.echo(f"  {file.as_posix()}")
