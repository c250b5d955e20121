"""Which results a job must leave alone: those of another command, and those of runs that it does not have."""

from pathlib import Path

from enicfer.batch.jobs import Job, Outcome, session_entities
from enicfer.batch.markers import Marker, altered_outputs, is_of_others
from enicfer.io.files.names import SUFFIXES, stem_of

# kind of refusal: what to do
ADVICE = {
    "foreign": "They were left as they are: give --overwrite to replace them.",
    "runs": "They were left as they are. Run again if another command made them just now; put missing files back; "
    "process all runs with one protocol, or give a folder of its own; or delete these results to go on without.",
}


def refuse(job: Job, marker: Marker | None) -> Outcome | None:
    """The outcome of a job that would replace or remove what is not its own, else None. Writes no marker.

    Parameters
    ----------
    job
        That would be done.
    marker
        What is known of its session.
    """
    page = f"{job.name}.html"
    others = marker is not None and is_of_others(marker, job.session, job.output)
    lost = [] if marker is None else _lost_runs(job, marker, job.session.whole and not others)
    if lost:
        reason = (
            f"{job.output.name} has results of {', '.join(lost)} that would be lost: they are of another protocol, "
            "or a file of them is missing now."
        )
        return _refused(job, "runs", reason)
    if job.options.overwrite:
        return None
    if marker is not None and others:
        reason = (
            f"{job.output.name} has results of {job.name} that were made of other files, in the folder "
            f"{Path(marker.folder).name}: give each participant and each visit a label of its own."
        )
        return _refused(job, "foreign", reason)
    if (job.output / page).exists() and (marker is None or page not in marker.outputs):
        return _refused(job, "foreign", f"{job.output.name} has results of {job.name} by another command.")
    altered = [] if marker is None else altered_outputs(job.output, marker)
    if altered:
        reason = (
            f"Results of {job.name} were changed by another command or by hand: {', '.join(altered[:3])}."
        )
        return _refused(job, "foreign", reason)
    return None


def _refused(job: Job, kind: str, reason: str) -> Outcome:
    return Outcome(job.name, "failed", kind, reason, ADVICE[kind], entities=session_entities(job.session))


def _lost_runs(job: Job, marker: Marker, whole: bool) -> list[str]:
    """Runs in the outputs that the job does not have, where it may not be all of the session."""
    session, end = job.session, f"_{SUFFIXES['frames']}"
    if whole:
        return []
    own = {stem_of(session.entities(run)) for run in session.runs}
    there = [job.output / name for name in marker.outputs if name.endswith(end)]
    return sorted(
        name for path in there if (name := path.name.removesuffix(end)) not in own and path.exists()
    )
