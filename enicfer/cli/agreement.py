"""``enicfer agreement``: how well coders agree, with each other and with the classifier."""

from pathlib import Path

import click

from enicfer.errors import counted


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for agreement.html, .tsv and .json, and disagreements.tsv.",
)
@click.option("--book", default="", metavar="NAME", help="Codebook, where several were used.")
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="PLAN",
    help="Of enicfer sample: estimate the classifier's accuracy from its random part.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def agreement(
    folders: tuple[Path, ...], output: Path | None, book: str, plan: Path | None, overwrite: bool
) -> None:
    """Compare what coders saw in each STUDY: outputs, or session folders with their outputs."""
    from enicfer.coding import compare_coders

    found, disagreements, paths = compare_coders(
        folders, book=book, output=output, overwrite=overwrite, plan=plan
    )
    from enicfer.report.agreement import describe_estimate, describe_pair

    for note in found.notes:
        click.echo(f"note: {note}")
    for pair in found.pairs:
        click.echo(describe_pair(pair))
        for warning in pair.warnings:
            click.echo(f"  {warning}")
    for group in found.groups:
        fleiss, alpha = describe_estimate(group.fleiss), describe_estimate(group.alpha)
        click.echo(
            f"all coders, {counted(group.units, 'unit')} ({group.unit}): Fleiss' kappa {fleiss}, "
            f"Krippendorff's alpha {alpha}"
        )
    for one in found.accuracy:
        click.echo(
            f"the classifier against {one.rater}, over all valid frames of these children: "
            f"{describe_estimate(one.accuracy)}; in children in general: {describe_estimate(one.in_general)}"
        )
    undecided = sum(not one.decided for one in disagreements)
    click.echo(f"{counted(len(disagreements), 'disagreement')}, {undecided} not decided")
    for path in paths:
        click.echo(path)
