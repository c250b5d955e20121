"""``enicfer cache``: what is kept of videos that were watched, and how to remove it."""

from pathlib import Path

import click


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Remove what is older.")
@click.option(
    "--max-size", type=click.FloatRange(min=0), metavar="GB", help="Remove the oldest beyond this size."
)
@click.option("--all", "everything", is_flag=True, help="Remove all of it.")
def cache(output: Path, older_than: float | None, max_size: float | None, everything: bool) -> None:
    """List what process-sessions and process-dataset keep of videos in the folder OUTPUT, or remove it.

    What is removed is watched again when a session is processed anew; results stay as they are.
    """
    from enicfer.batch.markers import BatchFolders
    from enicfer.errors import InputError, counted
    from enicfer.pipeline.cache import list_observations, prune_observations

    if not output.is_dir():
        raise InputError(f"There is no folder {output}", place=output, remedy="give the root of the outputs")
    folder = BatchFolders(output).seen
    if older_than is None and max_size is None and not everything:
        found = list_observations(folder)
        for path, size, _ in found:
            click.echo(f"{path.name}  {size / 1e6:.1f} MB")
        click.echo(
            f"{counted(len(found), 'file')}, {sum(size for _, size, _ in found) / 1e6:.1f} MB in {folder}"
        )
        return
    removed = prune_observations(
        folder,
        max_age=None if older_than is None else older_than * 86400,
        max_size=None if max_size is None else int(max_size * 1e9),
        everything=everything,
    )
    click.echo(f"{counted(len(removed), 'file')} removed, {len(list_observations(folder))} left in {folder}")
