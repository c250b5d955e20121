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
@click.option("--channels/--no-channels", default=True, help="Also a misc channel per expression (default).")
@click.option(
    "--bad-lost", is_flag=True, help="Name spans without a face BAD_face_lost: MNE drops epochs there."
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
def apply(
    result: Path, recording: Path, output: Path, channels: bool, bad_lost: bool, overwrite: bool
) -> None:
    """Write RECORDING with the emotion events of RESULT (an output folder, or a file of one run in it).

    RECORDING is the EEG file that the run was made from, or a cropped or filtered FIF copy of it. What it
    holds already is kept.
    """
    from enicfer.export.mne import add_emotion_channels, add_emotion_events, check_raw_file, save_raw
    from enicfer.io.eeg import open_raw
    from enicfer.io.store import read_result

    check_raw_file(output, overwrite)
    run, raw = read_result(result), open_raw(recording)
    add_emotion_events(raw, run, bad_lost=bad_lost)
    if channels:
        add_emotion_channels(raw, run)
    save_raw(output, raw, overwrite=overwrite)
    added = sum(str(name).startswith(("fer/", "face/", "BAD_face")) for name in raw.annotations.description)
    click.echo(f"{added} emotion annotations. Look at {output}")
    if recording.name != run.recording.file.name:
        click.echo(
            f"  note  the result was made from {run.recording.file.name}; times were taken over as they are."
        )
