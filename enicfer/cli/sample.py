"""``enicfer sample``: which frames of processed sessions are worth coding."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

_SHARE = click.FloatRange(0, 1)
_COUNT = click.IntRange(min=0)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PLAN",
    help="JSON file for the plan.",
)
@click.option(
    "--model-results",
    "models",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="OUTPUT",
    help="Results of the same videos by another model: frames on which they disagree come first; repeat.",
)
@click.option("-n", "n", type=click.IntRange(min=1), default=500, show_default=True, help="Frames in all.")
@click.option("--random", type=_SHARE, default=0.25, show_default=True, help="Part that is drawn at random.")
@click.option(
    "--per-child",
    type=_COUNT,
    default=0,
    help="Most of one child.  [default: an equal part and half as much again]",
)
@click.option(
    "--per-trial", type=_COUNT, default=5, show_default=True, help="Most of one trial, 0 for any number."
)
@click.option(
    "--distance",
    type=click.FloatRange(min=0.001),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two frames of a run.",
)
@click.option("--second", type=_SHARE, default=0.25, show_default=True, help="Part for a second coder.")
@click.option("--repeats", type=_SHARE, default=0.05, show_default=True, help="Part that comes twice.")
@click.option("--seed", type=_COUNT, default=0, show_default=True, help="Of all draws.")
@click.option("--overwrite", is_flag=True, help="Replace the plan where it is there.")
def sample(
    folders: tuple[Path, ...], output: Path, models: tuple[Path, ...], overwrite: bool, **settings: Any
) -> None:
    """Draw frames of each STUDY (outputs, or session folders with their outputs) to be coded.

    A part is drawn at random, with known probabilities, so that accuracy can be estimated; the others are frames of
    which the classifier is least sure, of all children and unlike each other.
    """
    from enicfer.coding.sampling import SamplingOptions, describe_plan, sample_frames

    options = SamplingOptions(**{entry.name: settings[entry.name] for entry in fields(SamplingOptions)})
    plan = sample_frames(folders, options, models=models, output=output, overwrite=overwrite)
    for text in describe_plan(plan):
        click.echo(text)
    click.echo(output)
