"""One job, from its marker to its files in the tree: what a worker does.

Nothing that goes wrong in a session leaves this module as an exception: it becomes an `Outcome`, a marker and a
log. Files come into the tree only when all of them are complete, by renaming; the marker says so before and after,
so that a process that dies in between is put right by the next.
"""

import os
import re
import shutil
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from enicfer.batch.jobs import Job, Outcome, session_entities
from enicfer.batch.keep import refuse
from enicfer.batch.markers import (
    DONE,
    FAILED,
    PUBLISHING,
    BatchFolders,
    Marker,
    find_changes,
    hash_files,
    is_of_others,
    outputs_stand,
    read_marker,
    stamp_files,
    write_marker,
)
from enicfer.batch.partners import keep_pulses
from enicfer.batch.progress import progress_writer
from enicfer.errors import AlignmentError, EnicferError, InputError, ModelError, OutputError, ProtocolError
from enicfer.io.files.atomic import files_below, staged
from enicfer.pipeline.provenance import name_input

# kind of failure: what to do
ADVICE = {
    "input": "Correct the files of the session and run again.",
    "protocol": "Correct the protocol or session.toml and run again.",
    "alignment": "Look at the pulses in both files, correct [pulses] in the protocol and run again.",
    "model": "Give another --model or --detector, or fetch the weights.",
    "output": "Make room, or make the folder writable, and run again with --retry-failed.",
    "files": "Make room on the disk or look after the network drive, and run again with --retry-failed.",
    "memory": "Run again with --retry-failed and fewer --n-jobs, or on a computer with more memory.",
    "killed": "Probably the memory ran out: run again with --retry-failed and fewer --n-jobs.",
    "time-out": "Run again with --retry-failed and a larger --timeout.",
    "unexpected": "This is a fault of the program: report it with the session's log.",
}
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (ProtocolError, "protocol"),
    (InputError, "input"),
    (AlignmentError, "alignment"),
    (ModelError, "model"),
    (OutputError, "output"),
    (MemoryError, "memory"),
    (OSError, "files"),
    (Exception, "unexpected"),
)
_PATH = re.compile(r"(?<![\w.</])(?:[A-Za-z]:)?(?:[\\/][^\\/\s:'\",;()]+)+[\\/]([^\\/\s:'\",;()]+)")


def work(job: Job) -> Outcome:
    """Do a job, unless it is done; never raises for what is wrong with a session."""
    started = time.monotonic()
    places = BatchFolders(job.output)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        try:
            with places.locked(job.name):
                try:
                    outcome = _do(job, places)
                finally:
                    shutil.rmtree(places.stage(job.name), ignore_errors=True)
        except Exception as error:
            outcome = fail(job, *explain(error, job), getattr(error, "pulses", {}))
            lines = _trace(error) if outcome.kind in ("unexpected", "files") else []
            notes = (*lines, *(f"{type(w.message).__name__}: {w.message}" for w in heard))
            outcome = replace(outcome, notes=notes)
    outcome = replace(outcome, seconds=time.monotonic() - started)
    if outcome.state != "unchanged":
        _write_log(places.log(job.name), outcome)
    return outcome


def _do(job: Job, places: BatchFolders) -> Outcome:
    started = time.monotonic()
    marker = read_marker(places.marker(job.name))
    files = hash_files(job.session)
    done = marker is not None and marker.state == DONE and outputs_stand(job.output, marker)
    if marker is not None and done and not job.options.overwrite:
        changes = find_changes(marker, job.parts, files, "sha256")
        if not changes:
            write_marker(places.marker(job.name), replace(marker, files=files))
            return Outcome(job.name, "unchanged", entities=session_entities(job.session))
    refused = refuse(job, marker)
    if refused is not None:
        return refused
    stage = places.stage(job.name)
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    from enicfer.pipeline.process import process_session

    watched: list[int] = []  # frames of each video that had not been seen before

    tell = progress_writer(stage)

    def count(ended: int, total: int, stage_name: str) -> None:
        tell(ended, total, stage_name)
        if watched and ended >= watched[-1]:
            watched[-1] = ended
        else:
            watched.append(ended)

    result = process_session(
        job.session,
        replace(job.options, overwrite=False),
        output=stage / "tree",
        work=places.seen,
        reviews=job.output,
        threads=job.threads,
        progress=count,
    )
    new = Marker(
        state=DONE,
        parts=job.parts,
        files=files,
        seconds=time.monotonic() - started if watched else 0.0,
        frames=sum(watched),
        folder=name_input(job.session.folder, job.output),
        pulses=keep_pulses(result.runs),
    )
    if marker is not None and not watched:
        new = replace(new, seconds=marker.seconds, frames=marker.frames)
    publish(stage / "tree", job.output, places.marker(job.name), new, marker)
    notes = tuple(text for run in result.runs for text in run.warnings)
    return Outcome(job.name, "done", notes=notes, entities=session_entities(job.session))


def publish(tree: Path, output: Path, path: Path, marker: Marker, before: Marker | None) -> None:
    """Move a complete tree into the outputs, and remove what an earlier one had besides.

    Parameters
    ----------
    tree
        The complete tree of one session.
    output
        Root of the outputs.
    path
        Of the session's marker.
    marker
        What it will hold, but for ``outputs``.
    before
        What it held.
    """
    files = files_below(tree)
    own = {name: (tree / name).stat().st_size for name in files if name.startswith("sub-")}
    old = before.outputs if before is not None else {}
    write_marker(path, replace(marker, state=PUBLISHING, outputs=dict.fromkeys({**old, **own})))
    about = "dataset_description.json"
    if about in files and (output / about).exists():
        files.remove(
            about
        )  # somebody may have filled in authors; it is brought up to date with the group tables
    with staged(output) as stage:
        stage.tree.rmdir()
        tree.replace(stage.tree)
        stage.publish(files, old.keys() - own.keys())
    write_marker(path, replace(marker, outputs=own))


def fail(job: Job, kind: str, reason: str, pulses: Mapping[str, Any] | None = None) -> Outcome:
    """Note in the marker that a session failed, and why; earlier results, and what is known of others', stay.

    ``pulses`` are those of a run that was refused, for the comparison with other runs.
    """
    places = BatchFolders(job.output)
    advice = ADVICE[kind]
    try:
        files = stamp_files(job.session, missing_ok=True)
        before = read_marker(places.marker(job.name)) or Marker(FAILED, {}, {})
        if not is_of_others(before, job.session, job.output):
            folder = name_input(job.session.folder, job.output)
            failed = Marker(FAILED, job.parts, files, before.outputs, kind, reason, advice, folder=folder)
            failed = replace(failed, pulses=dict(pulses or {}))
            write_marker(places.marker(job.name), failed)
    except (OSError, EnicferError):  # the disk that failed the session fails its marker: it is tried again
        pass
    return Outcome(job.name, "failed", kind, reason, advice, entities=session_entities(job.session))


def explain(error: Exception, job: Job) -> tuple[str, str]:
    """Kind and one sentence, without the folders of this computer."""
    kind = next(kind for type_, kind in _KINDS if isinstance(error, type_))
    said = error.for_command_line() if isinstance(error, EnicferError) else str(error)
    text = " ".join(said.split()) or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        name = Path(error.filename).name if isinstance(error.filename, str) else "A file"
        text = f"{name} cannot be read or written: {os.strerror(error.errno)}."
    elif not isinstance(error, EnicferError):
        text = f"{type(error).__name__}: {text}"
    return kind, strip_folders(text, (job.session.folder, job.output))


def strip_folders(text: str, folders: Sequence[Path] = ()) -> str:
    """The text with every absolute path cut down to its last name."""
    for folder in folders:
        for form in {str(folder), str(folder.resolve()), folder.as_posix()}:
            if len(form) > 1:
                text = text.replace(form, folder.name or ".")
    return _PATH.sub(r"\1", text)


def _trace(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"at {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]


def _write_log(path: Path, outcome: Outcome) -> None:
    lines = [f"{outcome.name}: {outcome.state} after {outcome.seconds:.1f} s"]
    lines += [f"  reason  {outcome.reason}", f"  do      {outcome.advice}"] if outcome.reason else []
    lines += [f"  note    {strip_folders(note)}" for note in outcome.notes]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    except OSError:  # a full disk; the outcome still reaches the summary
        pass


def remember_failure(job: Job, kind: str, reason: str) -> Outcome:
    """What the parent does for a worker that cannot: note the failure, and write the log."""
    outcome = fail(job, kind, reason)
    _write_log(BatchFolders(job.output).log(job.name), outcome)
    return outcome
