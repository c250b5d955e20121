"""``enicfer import``: what another program or a coder said of a video, as an enicfer trace."""

from pathlib import Path
from typing import Any

import click

from enicfer.cli.options import progress_bar
from enicfer.errors import InputError


def _codes(given: tuple[str, ...]) -> dict[str, str]:
    codes = {}
    for text in given:
        code, equals, label = text.rpartition("=")
        if not equals or not code:
            raise InputError(f"--code is {text!r}", remedy="write CODE=EXPRESSION, such as smile=happy")
        codes[code] = label.strip().lower()
    return codes


@click.command("import")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--video",
    "videos",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="VIDEO",
    help="The video that TABLE is about; several times for consecutive files of one camera.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT.h5|OUT.tsv",
    help="File to write; a .h5 file is what `trace = ...` in session.toml takes.",
)
@click.option(
    "--format",
    "program",
    type=click.Choice(["py-feat", "openface", "facereader", "boris", "datavyu", "elan", "observer", "table"]),
    help="What wrote TABLE.  [default: told by its columns]",
)
@click.option("--of", metavar="WHO", help="Face id, identity, subject, tier or column of the participant.")
@click.option(
    "--code",
    "codes",
    multiple=True,
    metavar="CODE=EXPRESSION",
    help="What a coder's code means: smile=happy.",
)
@click.option(
    "--uncoded",
    type=click.Choice(["missing", "neutral"]),
    default="missing",
    show_default=True,
    help="What frames without any code are; those under a code that is no expression are missing.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def import_trace(
    table: Path,
    videos: tuple[Path, ...],
    output: Path,
    codes: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> None:
    """Turn TABLE (Py-Feat, OpenFace, FaceReader, or codes of people) into a trace on the video's own time stamps.

    With ``trace = "OUT.h5"`` in a run of session.toml, `enicfer process-session` takes it instead of looking at
    the faces itself: alignment, trials and all outputs are then the same.
    """
    from enicfer.config.options import ImportOptions
    from enicfer.pipeline.import_trace import import_trace as read

    chosen = ImportOptions(codes=_codes(codes), **options)
    with progress_bar(quiet) as progress:
        faces, expression = read(table, videos, chosen, output=output, progress=progress)
    if not quiet:
        ok = expression.ok
        click.echo(f"{ok.mean():.1%} of {ok.size} frames are valid. Look at {output}")
        for note in faces.notes:
            click.echo(f"  note  {note}")
