"""``enicfer deidentify``: a copy of a video with every face covered."""

from pathlib import Path

import click

from enicfer.cli.options import progress_bar


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT.mp4", help="Copy to write."
)
@click.option("--overwrite", is_flag=True, help="Replace the copy if it is there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def deidentify(video: Path, output: Path, overwrite: bool, quiet: bool) -> None:
    """Write a copy of VIDEO without sound, in which every face that is found is painted over.

    Frames keep their times. Look at the copy before you share it: a face that is never found is not covered.
    """
    from enicfer.deidentify import deidentify_video

    with progress_bar(quiet) as progress:
        frames, covered = deidentify_video(video, output, overwrite=overwrite, progress=progress)
    if not quiet:
        click.echo(
            f"A face is covered in {covered} of {frames} frames. Look at {output} before you share it."
        )
