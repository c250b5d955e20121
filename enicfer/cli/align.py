"""``enicfer align``: the clocks alone, with a report."""

from pathlib import Path

import click

from enicfer.cli.options import max_uncertainty_option, progress_bar, protocol_option


@click.command("align")
@click.argument("session", type=click.Path(path_type=Path))
@protocol_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write.  [default: derivatives/enicfer-align in the session folder]",
)
@max_uncertainty_option
@click.option(
    "--coarse-offset",
    type=(float, click.FloatRange(min=0, min_open=True)),
    metavar="SECONDS WITHIN",
    help="Recording's time at video time 0, and how far it may be off; for regular pulses of "
    "a session with one run.",
)
@click.option("--overwrite", is_flag=True, help="Replace earlier reports.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def align(
    session: Path,
    protocol: str | None,
    output: Path | None,
    max_uncertainty: float | None,
    coarse_offset: tuple[float, float] | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Relate the clocks of video and recording in the folder SESSION, without looking at faces."""
    from enicfer.pipeline.align import align_session
    from enicfer.report.alignment import describe_alignment

    with progress_bar(quiet) as progress:
        runs, paths = align_session(
            session,
            protocol=protocol,
            output=output,
            max_uncertainty=max_uncertainty,
            coarse_offset=coarse_offset,
            overwrite=overwrite,
            progress=progress,
        )
    if quiet:
        return
    for run in runs:
        click.echo(run.name)
        for name, value in describe_alignment(run):
            click.echo(f"  {name:<36} {value}")
    for path in paths:
        if path.suffix == ".html":
            click.echo(f"Look at {path}")
