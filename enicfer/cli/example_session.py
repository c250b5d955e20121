"""``enicfer example-session``: a session with a known answer, to try the other commands on."""

from pathlib import Path

import click


@click.command("example-session")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--modality", type=click.Choice(["eeg", "fmri"]), default="eeg", show_default=True)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same files."
)
def example_session(folder: Path, modality: str, seed: int) -> None:
    """Write an example session to DIR, with all true answers in truth.json."""
    from enicfer.synthetic import write_example_session

    write_example_session(folder, modality, seed)
    click.echo(
        f"Wrote {folder}: session.toml, camera.mp4, the recording, and truth.json with the true answers."
    )
