"""``enicfer apply``: the results of a run on a recording, as one FIF file."""

from pathlib import Path

import click


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT_raw.fif",
    help="File to write; its name ends with _raw.fif or _eeg.fif.",
)
@click.option(
    "--channels/--no-channels",
    default=True,
    help="Also misc channels: expressions, pose of the head (default).",
)
@click.option(
    "--bad-lost", is_flag=True, help="Name spans without a face BAD_face_lost: MNE drops epochs there."
)
@click.option(
    "--bad-review",
    is_flag=True,
    help="Add BAD_review over trials rejected in a review: MNE drops their epochs.",
)
@click.option(
    "--bad",
    multiple=True,
    type=click.Choice(("turned_away", "covered", "other_person")),
    help="Add BAD_turned_away ... where the head is turned away, the face covered, somebody else in the picture; "
    "give it again for a second one.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def apply(
    result: Path,
    recording: Path,
    output: Path,
    channels: bool,
    bad_lost: bool,
    bad_review: bool,
    bad: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Write RECORDING with the emotion events of RESULT (an output folder, or a file of one run in it).

    RECORDING is the EEG file that the run was made from, or a cropped or filtered FIF copy of it. What it
    holds already is kept.
    """
    from enicfer.pipeline.apply import apply_result

    done = apply_result(
        result,
        recording,
        output,
        channels=channels,
        bad_lost=bad_lost,
        bad_review=bad_review,
        bad=bad,
        overwrite=overwrite,
    )
    asked = ((bad_review, f"{done.n_bad_review} BAD_review"), (bad_lost, f"{done.n_bad_lost} BAD_face_lost"))
    texts = [text for wanted, text in asked if wanted]
    texts += [f"{number} {name}" for name, number in done.n_bad.items()]
    among = f", {' and '.join(texts)} among them" if texts else ""
    click.echo(f"{done.n_annotations} emotion annotations{among}. Look at {output}")
    for note in done.notes:
        click.echo(f"  note  {note}")
