"""``enicfer dataset``: look at a data set before training on it."""

from pathlib import Path

import click

from enicfer.errors import counted


@click.group()
def dataset() -> None:
    """Look at a data set of labelled faces."""


@dataset.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--reader", default="", help="Layout of DATA; guessed where it is clear.")
@click.option("--crop", is_flag=True, help="Find the faces first; DATA are whole pictures.")
@click.option("--content", default="", help="What pictures labelled content count as.")
@click.option("--pattern", default="", help="Of the file names, for the reader names.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write a contact sheet (PNG).")
def check(data: Path, reader: str, crop: bool, content: str, pattern: str, sheet: Path | None) -> None:
    """Count what is in DATA; find duplicates, blank and unreadable pictures."""
    from enicfer.training.datasets import Options, face_cropper
    from enicfer.training.datasets.check import check_dataset
    from enicfer.training.datasets.images import UNREADABLE

    options = Options(crop=face_cropper(48) if crop else None, content=content, pattern=pattern)
    report = check_dataset(data, reader, options, sheet)
    click.echo(counted(report.images, "image"))
    for name, counts in report.counts.items():
        if name == "subject":
            known = len(counts.keys() - {"unknown"})
            click.echo(
                f"subject: {known} known, {counted(counts.get('unknown', 0), 'image')} of unknown subject"
            )
        else:
            click.echo(f"{name}: " + ", ".join(f"{value} {count}" for value, count in counts.items()))
    for kind, pairs in (("equal", report.exact), ("nearly equal", report.near)):
        click.echo(f"{kind} pairs: " + ", ".join(f"{n} {what}" for what, n in pairs.items()))
    for first, second in report.pairs:
        click.echo(f"  {first.as_posix()} and {second.as_posix()}")
    if report.shared_subjects:
        names = ", ".join(report.shared_subjects[:5])
        click.echo(f"subjects in more than one split: {len(report.shared_subjects)} ({names})")
    click.echo(f"blank: {report.blank}")
    for reason, files in report.left_out.items():
        click.echo(f"{reason}: {len(files)}")
        # What cannot be read is to be mended, and named whole.
        for file in files if reason == UNREADABLE else files[:5]:
            click.echo(f"  {file.as_posix()}")
