"""``enicfer process-session``: from a session folder to emotion events."""

from pathlib import Path
from typing import Any

import click

from enicfer.cli.options import face_options, max_uncertainty_option, pick, progress_bar, protocol_option
from enicfer.errors import counted
from enicfer.records import RunQuality, RunResult, SessionResult, TrialCounts
from enicfer.timecourse.quality import drift_text, milliseconds


@click.command("process-session")
@click.argument("session", type=click.Path(path_type=Path))
@protocol_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write.  [default: derivatives/enicfer in the session folder]",
)
@max_uncertainty_option
@click.option("--overwrite", is_flag=True, help="Replace earlier results of the same runs.")
@face_options
def process_session(session: Path, output: Path | None, quiet: bool, **options: Any) -> None:
    """Turn the folder SESSION (video, recording, session.toml) into emotion events on the recording's clock."""
    from enicfer.config.options import ProcessingOptions
    from enicfer.pipeline.process import find_work
    from enicfer.pipeline.process import process_session as process

    settings, work = pick(ProcessingOptions, options), find_work(session, output)
    with progress_bar(quiet) as progress:
        result = process(session, settings, output=output, work=work, progress=progress)
    if not quiet:
        click.echo(describe(result))


def describe(result: SessionResult) -> str:
    """A short table of what came out, and where to look."""
    lines = []
    for run in result.runs:
        lines += [*_describe_run(run), *(f"  warning       {text}" for text in run.warnings)]
    page = next((path for path in result.paths if path.suffix == ".html"), result.output)
    lines.append(f"Look at {page}")
    return "\n".join(lines)


def _describe_run(run: RunResult) -> list[str]:
    quality, sync = run.quality, run.quality.sync
    shares = sorted(quality.expression_fraction.items(), key=lambda item: -(item[1] or 0))
    dominant = ", ".join(f"{label} {share:.0%}" for label, share in shares[:3] if share) or "none"
    valid = quality.valid_fraction
    drift = drift_text(sync.drifts[0]) if sync.drifts else "not measured"
    counts = [_count(condition, trials) for condition, trials in quality.conditions.items()]
    name = "_".join(f"{key}-{value}" for key, value in run.entities.items())
    return [
        name,
        f"  trials        {', '.join([_count('all', quality), *counts])} with values",
        f"  expressions   {dominant}",
        f"  valid frames  {'none' if valid is None else f'{valid:.1%}'} of the "
        f"{quality.n_frames_inside} frames read during the recording",
        f"  clock         {counted(sync.n_matched, 'pulse')} matched, residual "
        f"{milliseconds(sync.residual_rms)}, camera's drift {drift}, "
        f"95 % within {milliseconds(sync.max_uncertainty)} (map) and "
        f"{milliseconds(sync.max_frame_uncertainty)} (one frame)",
        *_describe_cameras(quality),
    ]


def _describe_cameras(quality: RunQuality) -> list[str]:
    """A line for each of several cameras."""
    return [
        f"  {f'camera {name}':<13} {own.used_fraction or 0:.0%} of the valid time is from it, "
        f"{own.sync.n_matched} pulses matched, 95 % within {milliseconds(own.sync.max_uncertainty)}"
        for name, own in (quality.cameras.cameras.items() if quality.cameras else ())
    ]


def _count(name: str, trials: RunQuality | TrialCounts) -> str:
    return f"{name} {trials.n_trials_valid} of {trials.n_trials}"
