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
    from enicfer.fingerprint import find_changed
    from enicfer.io.eeg import open_raw, read_triggers
    from enicfer.io.store import read_result

    check_raw_file(output, overwrite)
    run, raw = read_result(result), open_raw(recording)
    unknown = set(run.recording.triggers["code"]).isdisjoint(read_triggers(raw)["code"])
    add_emotion_events(raw, run, bad_lost=bad_lost)
    if channels:
        add_emotion_channels(raw, run)
    save_raw(output, raw, overwrite=overwrite)
    added = sum(str(name).startswith(("fer/", "face/", "BAD_face")) for name in raw.annotations.description)
    click.echo(f"{added} emotion annotations. Look at {output}")
    made = run.recording.file.name
    if recording.name != made:
        click.echo(f"  note  the result was made from {made}; times were taken over as they are.")
    if changed := find_changed(recording, run.provenance["inputs"]):
        click.echo(f"  note  not as they were when the result was made: {', '.join(changed)}.")
    if unknown and len(run.recording.triggers):
        click.echo(
            f"  note  {recording.name} has no trigger that {made} had: make sure that it is the same recording."
        )
