"""``enicfer saliency`` and ``enicfer saliency-compare``: which parts of the face decided."""

from pathlib import Path
from typing import Any

import click

from enicfer.cli.options import pick, progress_bar


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="[MODEL] IMAGES...|SESSION_OUTPUT")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option(
    "--method",
    default="gradient",
    show_default=True,
    help="gradient, guided, smoothgrad, integrated, gradcam or occlusion.",
)
@click.option(
    "--expression", help="Explain this expression; by default what the model answered (images only)."
)
@click.option("--crops", is_flag=True, help="The images are face crops already (images only).")
@click.option(
    "--subjects",
    default="auto",
    show_default=True,
    help="Whose face it is: auto (sub-<label> in the path, else unknown), folder or image (images only).",
)
@click.option(
    "--signed-maximum", is_flag=True, help="Third panel with sign, as in the original figures (images only)."
)
@click.option("--filters", is_flag=True, help="Show what single filters look for (images only).")
@click.option(
    "--panels",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Figures of single images (images only).",
)
@click.option(
    "--checks",
    type=click.IntRange(min=0),
    default=32,
    show_default=True,
    help="Images on which the maps are checked; 0 for none.",
)
@click.option(
    "--session", type=click.Path(path_type=Path), help="Session folder with the video (session only)."
)
@click.option("--face-images", is_flag=True, help="Draw the participant's face (session only).")
@click.option("--video", is_flag=True, help="Write the video with the map over the face (session only).")
@click.option("--detector", default="centerface", show_default=True, help="Face detector (images only).")
@click.option(
    "--detector-weights", type=click.Path(path_type=Path), metavar="FILE", help="The detector's weights."
)
@click.option("--overwrite", is_flag=True, help="Replace earlier results.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def saliency(inputs: tuple[str, ...], output: Path, quiet: bool, **options: Any) -> None:
    """Show which parts of the face decided.

    INPUTS are picture files or folders of them, after a model's name or .safetensors file where it is not the
    default; or one output folder of process-session, for the frames that carried each trial's answer.
    """
    from enicfer.saliency.options import SaliencyOptions
    from enicfer.saliency.request import explain_request

    with progress_bar(quiet, unit="images") as progress:
        found = explain_request(inputs, output, pick(SaliencyOptions, options), progress=progress)
    if not quiet:
        for line in found.sentences():
            click.echo(line)
        click.echo(f"Look at {output}")


@click.command("saliency-compare")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--names", nargs=2, help="Of the two groups; by default those of the folders.")
@click.option(
    "--paired/--independent",
    default=None,
    help="Equal names are the same people, or different ones; needed where names are in both.",
)
@click.option(
    "--permutations", type=click.IntRange(min=19), default=1999, show_default=True, help="Of the subjects."
)
@click.option(
    "--smoothing",
    type=click.FloatRange(min=0),
    default=1.5,
    show_default=True,
    help="Of the maps, in 1/64 of the face's side.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the permutations.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier comparison.")
def saliency_compare(
    a: Path, b: Path, output: Path, names: tuple[str, str] | None, overwrite: bool, **options: Any
) -> None:
    """Compare the parts of the face that decided in two groups.

    A and B are folders that `enicfer saliency` wrote, or folders of such folders: children and adults, two
    models, two conditions. What has the same pictures in both is paired; equal names alone are not.
    """
    from enicfer.saliency.groups.compare import ComparisonOptions
    from enicfer.saliency.groups.files import compare_sources

    how = pick(ComparisonOptions, options)
    found = compare_sources(a, b, output, how, names=names, overwrite=overwrite)
    for line in (*found.sentences(), *found.checks):
        click.echo(line)
    click.echo(f"Look at {output}")
