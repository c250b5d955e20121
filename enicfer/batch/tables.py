"""The tables of a whole tree: ``group_qc.tsv``, a row for each run or failed session, and ``group_trials.tsv``.

Both are made from the markers and the files of the tree alone, sorted, so that the same results give the same
bytes in whatever order, in however many pieces and on whatever number of workers they were made.
"""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from enicfer.batch.jobs import Outcome
from enicfer.batch.markers import (
    DONE,
    FAILED,
    RECORDED,
    BatchFolders,
    Marker,
    altered_outputs,
    find_recorded,
    missing_outputs,
    read_marker,
)
from enicfer.batch.partners import name_partners
from enicfer.batch.study import describe_study
from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import EnicferError, OutputError
from enicfer.io.files.atomic import staged
from enicfer.io.files.names import HIDDEN, SUFFIXES
from enicfer.io.results import read_run, read_versioned
from enicfer.io.tables import read_table, write_json, write_table
from enicfer.records import RunQuality, from_plain, to_plain
from enicfer.report.group import render_group

FURTHER = {"acquisition": "acq", "ceagent": "ce", "reconstruction": "rec", "direction": "dir"}
ENTITIES = {"participant_id": "sub", "session_id": "ses", "task": "task", **FURTHER, "run": "run"}
DAMAGED = "Run again to have the file back, with --overwrite if it is there."
QC_COLUMNS = {
    "participant_id": "participant",
    "session_id": "session, where there is one",
    "task": "task of the run",
    "acquisition": "label of the acquisition; like the next three, only where a run has one",
    "ceagent": "contrast agent",
    "reconstruction": "label of the reconstruction",
    "direction": "direction of the phase encoding",
    "run": "run, where there is one",
    "source": "name of the session, or of its folder where it could not be read",
    "state": "done or failed",
    "kind": "kind of failure",
    "reason": "why it failed",
    "advice": "what to do about it",
    "n_frames": "frames of the video",
    "valid_fraction": "fraction of the frames within the recording that are valid",
    "n_trials": "trials",
    "n_trials_valid": "trials with values",
    "n_trials_reviewed": "trials that a person judged in a review; like the next four, only where there is a review",
    "n_trials_rejected": "trials that were rejected in a review; they are in group_trials.tsv all the same",
    "n_trials_unjudged": "trials chosen for the review that nobody judged, where it was signed off",
    "n_signed": "sign-offs",
    "n_sign_again": "sign-offs that do not count: a verdict or a correction came after them",
    "n_matched": "pulses matched between video and recording",
    "residual_rms": "root mean square of the pulses' residuals, in s",
    "drift_ppm": "how much faster the camera's clock runs than the recording's, in ppm; + is too fast",
    "max_uncertainty": "largest half-width of the 95 % interval of the map between the clocks, in s",
    "warnings": "everything worth knowing about the run",
}


_COUNTS_OF_REVIEWS = (
    "n_trials_reviewed",
    "n_trials_rejected",
    "n_trials_unjudged",
    "n_signed",
    "n_sign_again",
)


def write_group(output: Path, unread: Sequence[Outcome] = ()) -> list[Path]:
    """Write the group tables, their page, and the files at the root that describe the whole tree.

    Parameters
    ----------
    output
        Root of the outputs.
    unread
        Sessions that failed before they had a name.

    Returns
    -------
    list of Path
        The files, sorted.

    Raises
    ------
    OutputError
        If some of them cannot be written; the others are.
    """
    try:
        names, refused = _write_tables(output, unread)
    except OSError as error:
        names, refused = [], {Path(error.filename or "group tables").name: error}
    if refused:
        reason = next(iter(refused.values())).strerror or "no reason was given"
        raise OutputError(
            f"{', '.join(refused)} cannot be written in {output.name} ({reason})",
            remedy="close what has it open, or make room, and run the same command again",
        )
    return [output / name for name in names]


def _write_tables(output: Path, unread: Sequence[Outcome]) -> tuple[list[str], dict[str, OSError]]:
    """Names of the files, and those that could not be put in their places."""
    places = BatchFolders(output)
    refused: dict[str, OSError] = {}
    with places.locked("group"), staged(output) as waiting:
        stage = waiting.tree
        markers = read_markers(output)
        rows, trials, results = _read_sessions(output, markers, unread)
        quality = _drop_empty(pd.DataFrame(rows, columns=list(QC_COLUMNS)))
        write_table(stage / "group_qc.tsv", quality)
        write_table(stage / "group_trials.tsv", _drop_empty(trials))
        write_json(
            stage / "group_qc.json",
            {name: {"Description": text} for name, text in QC_COLUMNS.items() if name in quality},
        )
        done = [row for row in rows if row["state"] == DONE]
        (stage / "group.html").write_text(
            render_group(rows, describe_study(output, done, results, trials)), encoding="utf-8", newline="\n"
        )
        _describe_root(output, markers, stage)
        names = sorted(path.name for path in stage.iterdir())
        try:
            waiting.publish(names)
        except OSError:  # one of them is open in another program: the others all the same
            for name in names:
                try:
                    waiting.publish([name])
                except OSError as error:
                    refused[name] = error
    return names, refused


def _drop_empty(table: pd.DataFrame) -> pd.DataFrame:
    """The table without the entities, and the counts of reviews, that no run has."""
    optional = (name for name in (*FURTHER, *_COUNTS_OF_REVIEWS) if name in table)
    return table.drop(columns=[name for name in optional if table[name].isna().all()])


def read_markers(output: Path) -> dict[str, Marker]:
    """Name -> marker of every session that failed, or has results that are there; sorted by name."""
    paths = sorted((output / HIDDEN / "sessions").glob("sub-*.json"))
    found = {path.stem: read_marker(path) for path in paths}
    return {
        name: marker
        for name, marker in found.items()
        if marker is not None and (marker.state == FAILED or _has_results(output, marker))
    }


def _has_results(output: Path, marker: Marker) -> bool:
    """Whether a file of a run is there; a page alone shows what somebody deleted."""
    return any("/" in name for name in marker.outputs.keys() - missing_outputs(output, marker))


def _runs(output: Path, marker: Marker, kind: str) -> Iterable[tuple[dict[str, str], Path]]:
    """Entities and the file of one ``kind`` of each run."""
    for name in sorted(marker.outputs):
        if name.endswith(f"_{SUFFIXES[kind]}"):
            stem = Path(name).name.removesuffix(f"_{SUFFIXES[kind]}")
            yield entities_of(stem), output / name


def entities_of(stem: str) -> dict[str, str]:
    """``sub-01_ses-02`` as ``{"sub": "01", "ses": "02"}``."""
    pairs = (part.split("-", 1) for part in stem.split("_") if "-" in part)
    return {key: value for key, value in pairs}


def _labels(entities: Mapping[str, str]) -> dict[str, Any]:
    labels: dict[str, Any] = {column: entities.get(key) for column, key in ENTITIES.items()}
    if labels["participant_id"] is not None:
        labels["participant_id"] = f"sub-{labels['participant_id']}"
    if labels["session_id"] is not None:
        labels["session_id"] = f"ses-{labels['session_id']}"
    return labels


def _read_sessions(
    output: Path, markers: Mapping[str, Marker], unread: Sequence[Outcome]
) -> tuple[list[dict[str, Any]], pd.DataFrame, dict[Path, Mapping[str, int]]]:
    """Rows of the runs and of the failed sessions, the trials, and ``qc.json`` -> frames by status of the done runs.

    A damaged run fails, and costs no other.
    """
    same, refused = _find_same(markers), {outcome.name for outcome in unread}
    partners = name_partners(markers)
    rows, tables = [], []
    results: dict[Path, Mapping[str, int]] = {}
    for name, marker in markers.items():
        if marker.state == FAILED and name not in refused:
            reason = f"{marker.reason} {partners.get(name, '')}".rstrip()
            rows.append(_failed(entities_of(name), name, marker.kind, reason, marker.advice))
        elif marker.state == DONE:
            warnings = [*_find_differences(output, marker, same[name]), *filter(None, [partners.get(name)])]
            for entities, path in _runs(output, marker, "qc"):
                labels = _labels(entities)
                try:
                    quality, status = _quality(path, warnings)
                    table = read_table(path.with_name(path.name.replace(SUFFIXES["qc"], SUFFIXES["events"])))
                except (EnicferError, KeyError, TypeError) as error:
                    reason = (
                        error.for_command_line()
                        if isinstance(error, EnicferError)
                        else f"{path.name} is not whole."
                    )
                    rows.append(_failed(entities, name, "files", reason, DAMAGED))
                    continue
                rows.append({**labels, "source": name, "state": DONE, **quality})
                results[path] = status
                tables.append(
                    pd.concat([pd.DataFrame(labels, index=table.index, columns=list(labels)), table], axis=1)
                )
    for outcome in sorted(unread, key=lambda o: o.name):
        rows.append(_failed(outcome.entities, outcome.name, outcome.kind, outcome.reason, outcome.advice))
    tables = [table for table in tables if len(table)]
    trials = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(ENTITIES))
    return [{**dict.fromkeys(QC_COLUMNS), **row} for row in rows], trials, results


def _failed(entities: Mapping[str, str], source: str, kind: str, reason: str, advice: str) -> dict[str, Any]:
    told = {"kind": kind, "reason": reason, "advice": advice}
    return {**_labels(entities), "source": source, "state": FAILED, **told}


def _find_differences(output: Path, marker: Marker, same: Sequence[str]) -> list[str]:
    """What is worth knowing of a session's files and of those that it was made from."""
    found = []
    if same:
        found.append(
            f"Made of the same video and recording as {', '.join(same)}: if the participant was renamed, delete the "
            "results under the wrong name."
        )
    if altered_outputs(output, marker):
        found.append("Files of this session were changed by another command or by hand since it was done.")
    if missing := missing_outputs(output, marker):
        found.append(
            f"Files of this session are missing ({', '.join(missing[:3])}): run again to have them back."
        )
    return found


def _find_same(markers: Mapping[str, Marker]) -> dict[str, list[str]]:
    """Name -> the other sessions that were made of a video and a recording of this one."""
    made = {
        name: [_hashes(marker, suffixes) for suffixes in (VIDEO_SUFFIXES, RECORDED)]
        for name, marker in markers.items()
    }
    owners: dict[str, set[str]] = defaultdict(set)
    for name, kinds in made.items():
        for found in set.union(*kinds):
            owners[found].add(name)

    def others(hashes: set[str]) -> set[str]:
        return {name for found in hashes for name in owners[found]}

    return {name: sorted(others(video) & others(signal) - {name}) for name, (video, signal) in made.items()}


def _hashes(marker: Marker, suffixes: Collection[str]) -> set[str]:
    """Of those inputs whose names end so."""
    found = find_recorded(marker.files, suffixes).values()
    return {facts["sha256"] for facts in found if "sha256" in facts}


def _quality(path: Path, warnings: Sequence[str]) -> tuple[dict[str, Any], Mapping[str, int]]:
    """The columns of a run, and its frames by status."""
    content = read_versioned(path)
    quality = from_plain(RunQuality, content["quality"], f"{path.name}: quality")
    numbers = {**to_plain(quality), **to_plain(quality.sync)}
    if (review := quality.review) is not None:
        numbers |= {**to_plain(review), "n_signed": len(review.signed), "n_sign_again": len(review.reopened)}
    wanted = {name: numbers[name] for name in QC_COLUMNS if name in numbers and name != "source"}
    return {**wanted, "warnings": " ".join([*content["warnings"], *warnings])}, quality.status


def _describe_root(output: Path, markers: Mapping[str, Marker], stage: Path) -> None:
    """Write the files at the root from the first run by name: each worker wrote them from its own."""
    from enicfer.export.bids import write_root
    from enicfer.pipeline.publish import filled_in

    done = (marker for marker in markers.values() if marker.state == DONE)
    for path in (path for marker in done for _, path in _runs(output, marker, "frames")):
        with contextlib.suppress(EnicferError):  # a damaged run tells nothing of the others
            write_root(stage, read_run(path), filled_in(output))
            return
    if not (output / "README.md").is_file():  # a table alone is no data set
        write_root(stage, None, filled_in(output))
