"""``enicfer forget``: remove what was made of a participant who withdrew."""

from pathlib import Path

import click

from enicfer.errors import counted


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.argument("participant")
@click.option(
    "--pictures",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder with further pictures of the participant that models may have learnt from.",
)
@click.option(
    "--models",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Further model file, or a folder of them, to ask what it learnt from.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def forget(
    study: Path, participant: str, pictures: tuple[Path, ...], models: tuple[Path, ...], dry_run: bool
) -> None:
    """Remove everything that was made of PARTICIPANT (such as sub-01) in the folder STUDY.

    Input files are never touched. What may still know the participant is listed.
    """
    from enicfer.privacy.forget import forget_participant

    found = forget_participant(study, participant, pictures=pictures, models=models, dry_run=dry_run)
    for path in found.removed:
        click.echo(f"{'would remove' if dry_run else 'removed'}: {path}")
    for path in found.inputs:
        click.echo(f"input, not touched: {path}")
    for path, count in found.models.items():
        click.echo(f"model that learnt from {counted(count, 'picture')} of the participant: {path}")
    for path in found.unknown:
        click.echo(f"model that does not say what it learnt from: {path}")
    for path in found.mentions:
        click.echo(f"mentions the participant, not touched: {path}")
    for text in found.left:
        click.echo(text)
