"""What a run would do, how long it would take, and everything that is wrong with its inputs; writes nothing.

The estimate comes from the sessions that are done already in the same outputs: median seconds for each frame of
those whose videos had to be watched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from enicfer.batch.jobs import Job, Outcome
from enicfer.batch.markers import DONE, Marker, read_marker
from enicfer.batch.plan import make_plan
from enicfer.batch.sessions import count_cores
from enicfer.batch.work import strip_folders
from enicfer.config.options import ProcessingOptions
from enicfer.config.runs import Run, Session
from enicfer.errors import EnicferError
from enicfer.io.files.names import HIDDEN


@dataclass(frozen=True)
class Forecast:
    """What would be done.

    Attributes
    ----------
    work
        ``(name, changes, problems)`` of each session that would be done: what changed since it was done, and
        what is wrong with its inputs.
    settled
        Sessions that would not be done: unchanged, or failed.
    seconds
        How long it would take, or None where nothing is known yet.
    disk
        How many bytes it would fill, or None.
    """

    work: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    settled: tuple[Outcome, ...]
    seconds: float | None
    disk: int | None

    @property
    def problems(self) -> int:
        """Number of sessions that cannot be done as they are."""
        return sum(bool(problems) for _, _, problems in self.work) + sum(
            outcome.state == "failed" for outcome in self.settled
        )


def forecast(
    sessions: Sequence[Session],
    unread: Sequence[tuple[Path, EnicferError]],
    output: Path,
    options: ProcessingOptions,
    *,
    n_jobs: int = 1,
    retry_failed: bool = False,
) -> Forecast:
    """Look at everything that `enicfer.batch.sessions.run_sessions` would do, with the same arguments.

    Raises
    ------
    OutputError
        If the outputs cannot be written there at all.
    """
    from enicfer.pipeline.publish import check_place

    check_place(output)
    plan = make_plan(sessions, unread, output, options, retry_failed=retry_failed)
    work = []
    frames = 0
    for job in plan.jobs:
        problems, found = check_job(job)
        frames += found
        work.append((job.name, tuple(plan.changes[job.name]), tuple(problems)))
    seconds, size = measure_done(output)
    ready = sum(not problems for _, _, problems in work)
    workers = max(1, min(n_jobs if n_jobs > 0 else count_cores(), ready))
    return Forecast(
        work=tuple(work),
        settled=plan.settled,
        seconds=None if seconds is None else seconds * frames / workers,
        disk=None if size is None else round(size * frames),
    )


def check_job(job: Job) -> tuple[list[str], int]:
    """Everything that is wrong with a session's inputs, and the frames of its videos where nothing is."""
    problems: list[str] = []
    frames = 0
    for run in job.session.runs:
        errors = list(_errors(run, job.session))
        problems += [f"{run.name}: {strip_folders(str(e), (job.session.folder,))}" for e in errors]
        frames += 0 if errors else _count_frames(run)
    return problems, 0 if problems else frames


def _errors(run: Run, session: Session) -> Iterator[EnicferError]:
    from enicfer.io.video.reader import probe_video
    from enicfer.pipeline.recording import find_pulses, find_trials, read_recording

    for video in (video for view in run.views for video in view.videos):
        try:
            probe_video(video)
        except EnicferError as error:
            yield error
    try:
        recording = read_recording(run, session.protocol)
    except EnicferError as error:
        yield error
        return
    for check in (
        lambda: find_trials(run, recording, session.protocol),
        lambda: find_pulses(recording, session.protocol),
    ):
        try:
            check()
        except EnicferError as error:
            yield error


def _count_frames(run: Run) -> int:
    from enicfer.io.video.reader import probe_video

    return sum(probe_video(video).n_frames for view in run.views for video in view.videos)


def measure_done(output: Path) -> tuple[float | None, float | None]:
    """Seconds and bytes for each frame in what is done already, or None."""
    markers = [read_marker(path) for path in sorted((output / HIDDEN / "sessions").glob("sub-*.json"))]
    done: list[Marker] = [m for m in markers if m is not None and m.state == DONE and m.frames]
    if not done:
        return None, None
    kept = sum(path.stat().st_size for path in (output / HIDDEN / "seen").glob("*.h5"))
    size = (kept + sum(size or 0 for m in done for size in m.outputs.values())) / sum(m.frames for m in done)
    return median(m.seconds / m.frames for m in done), size
