"""``enicfer export``: the trials and segments of a result as files for other programs."""

from collections.abc import Sequence
from pathlib import Path

import click

from enicfer.errors import counted


def _split(values: Sequence[str]) -> tuple[str, ...]:
    """Words of options that may be given several times, or with commas."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--to",
    multiple=True,
    required=True,
    metavar="NAME,...",
    help="Program: fsl, spm, conn, afni, eeglab, fieldtrip, brainvision, edf, videobrowser, boris, elan.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the files; each program has one in it.",
)
@click.option(
    "--conditions",
    multiple=True,
    metavar="NAME,...",
    help="Conditions of the trials, or segments such as fer/happy.  [default: all]",
)
@click.option(
    "--measure",
    "measures",
    multiple=True,
    metavar="COLUMN,...",
    help="Measures of the trials: fer_happy_mean, ..., or all.  [default: the mean of each expression]",
)
@click.option("--parametric", is_flag=True, help="FSL, SPM, AFNI: the measures modulate their trials.")
@click.option(
    "--runs", multiple=True, metavar="NAME,...", help="Runs, such as task-faces_run-1.  [default: all]"
)
@click.option(
    "--units",
    type=click.Choice(["secs", "scans"]),
    default="secs",
    show_default=True,
    help="Of SPM's design.",
)
@click.option(
    "--convolve", is_flag=True, help="SPM, AFNI: regressors of the volumes are convolved with the HRF."
)
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The run's EEG file, for a copy with events; once for each run.",
)
@click.option("--link", is_flag=True, help="Copies share the recording's large data file with it.")
@click.option(
    "--video",
    "videos",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The run's video, for BORIS and ELAN; once for each run.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def export(
    output: Path,
    to: Sequence[str],
    folder: Path,
    conditions: Sequence[str],
    measures: Sequence[str],
    parametric: bool,
    runs: Sequence[str],
    units: str,
    convolve: bool,
    recordings: Sequence[Path],
    link: bool,
    videos: Sequence[Path],
    overwrite: bool,
) -> None:
    """Write trials and segments of OUTPUT (results of one session, or a file of one run) for other programs."""
    from enicfer.export.event_table import ExportOptions
    from enicfer.export.exports import export_results
    from enicfer.io.results import read_result

    options = ExportOptions(
        conditions=_split(conditions),
        measures=_split(measures),
        parametric=parametric,
        units=units,
        convolve=convolve,
        link=link,
        recordings=tuple(recordings),
        videos=tuple(videos),
    )
    done = export_results(
        read_result(output), _split(to), folder, runs=_split(runs), options=options, overwrite=overwrite
    )
    click.echo(f"{counted(len(done.paths), 'file')}. Look at {folder}")
    for note in done.notes:
        click.echo(f"  note  {note}")
