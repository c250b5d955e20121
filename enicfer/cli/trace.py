"""``enicfer trace``: the face part alone, for a video without a recording."""

from pathlib import Path
from typing import Any

import click

from enicfer.cli.options import face_options, pick, progress_bar
from enicfer.records import Status


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT.h5|OUT.tsv",
    help="File to write: HDF5, or a table.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@face_options
def trace(video: Path, quiet: bool, output: Path, **options: Any) -> None:
    """Classify the participant's expression in every frame of VIDEO, on the video's own clock."""
    from enicfer.config.options import ProcessingOptions
    from enicfer.pipeline.process import trace_video

    with progress_bar(quiet) as progress:
        faces, expression = trace_video(
            video, pick(ProcessingOptions, options), output=output, progress=progress
        )
    if not quiet:
        read = expression.status != Status.NOT_ANALYSED
        share = expression.ok[read].mean() if read.any() else 0.0
        click.echo(f"{share:.1%} of the {read.sum()} frames read are valid. Look at {output}")
        for note in faces.notes:
            click.echo(f"  warning  {note}")
