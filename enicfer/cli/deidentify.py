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
@click.option(
    "--contact-sheet",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Picture of what was covered, to look through. It shows the faces: never share it.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def deidentify(video: Path, output: Path, overwrite: bool, contact_sheet: Path | None, quiet: bool) -> None:
    """Write a copy of VIDEO without sound, in which every face that is found is painted over.

    Frames keep their times; subtitles, attachments and everything else that the file holds are left out. Look
    at the copy before you share it: a face that is never found is not covered.
    """
    from enicfer.privacy.deidentify import deidentify_video, find_smallest

    with progress_bar(quiet) as progress:
        frames, covered = deidentify_video(
            video, output, overwrite=overwrite, contact_sheet=contact_sheet, progress=progress
        )
    if not quiet:
        click.echo(
            f"A face is covered in {covered} of {frames} frames. Faces less than {find_smallest(video)} px high, "
            f"and those turned away or behind a hand, may not be found: look at {output} before you share it."
        )
