"""What the page of a whole study shows: time courses, reasons for lost frames, trials by condition, who is odd.

Reading the frames of a run takes the longest, so that its mean time courses are kept in the hidden folder of the
outputs, by the hash of the file that they come from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import EnicferError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.names import HIDDEN, SUFFIXES
from enicfer.io.results import read_run
from enicfer.io.tables import read_json, write_json
from enicfer.pipeline.provenance import hash_file
from enicfer.report.group import ConditionRow, OddRun, StudyFacts
from enicfer.timecourse.quality import milliseconds
from enicfer.timecourse.study import (
    RunCourse,
    StudyCourse,
    average_study,
    choose_expression,
    find_odd,
    mean_after,
    summarise_run,
)
from enicfer.timecourse.trials import rejected_trials

COURSES = "courses"
_VERSION = 1
_PARENTS = 2  # folders above the outputs in which a participants.tsv is looked for


def describe_study(
    output: Path,
    rows: Sequence[Mapping[str, Any]],
    results: Mapping[Path, Mapping[str, int]],
    trials: pd.DataFrame,
) -> StudyFacts:
    """All that the page shows besides its tables.

    Parameters
    ----------
    output
        Root of the outputs.
    rows
        Those of ``group_qc.tsv`` whose runs are done.
    results
        The ``qc.json`` of each -> its frames by status.
    trials
        ``group_trials.tsv``.
    """
    course = average_study(_read_courses(output, results))
    return StudyFacts(
        course=course,
        ages=read_ages(output),
        status=list(results.values()),
        conditions=count_trials(trials),
        odd=[*_find_odd_runs(rows), *_find_odd_people(course)],
    )


def _read_courses(output: Path, results: Iterable[Path]) -> list[RunCourse]:
    """The mean time courses of each run; of a damaged one, none. What is kept of runs that are no more, goes."""
    folder = output / HIDDEN / COURSES
    found, known = [], set()
    for path in results:
        frames = path.with_name(path.name.replace(SUFFIXES["qc"], SUFFIXES["frames"]))
        events = path.with_name(path.name.replace(SUFFIXES["qc"], SUFFIXES["events"]))
        kept = folder / f"{path.name.removesuffix('_' + SUFFIXES['qc'])}.json"
        known.add(kept.name)
        try:
            origin = f"{_VERSION} {hash_file(frames)} {hash_file(events)}"
            course = _read_kept(kept, origin)
            if course is None:
                course = summarise_run(read_run(frames))
                _keep(kept, origin, course)
        except (EnicferError, OSError, KeyError):
            continue
        found.append(course)
    for stale in folder.glob("*.json") if folder.is_dir() else ():
        if stale.name not in known:
            stale.unlink(missing_ok=True)
    return found


def _keep(path: Path, origin: str, course: RunCourse) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            write_json(partial, {"origin": origin, "course": asdict(course)})
    except OSError:  # a full disk: it is made again the next time
        path.unlink(missing_ok=True)


def _read_kept(path: Path, origin: str) -> RunCourse | None:
    try:
        content = read_json(path)
        if content["origin"] != origin:
            return None
        course = content["course"]
        means = {name: np.array(values, np.float64) for name, values in course["means"].items()}
        return RunCourse(course["participant"], tuple(course["labels"]), means, dict(course["counts"]))
    except (EnicferError, OSError, KeyError, TypeError, ValueError):
        return None


def read_ages(output: Path) -> dict[str, float]:
    """Participant (``sub-01``) -> age in years, of the ``participants.tsv`` beside or above the outputs."""
    for folder in (output, *output.absolute().parents[:_PARENTS]):
        path = folder / "participants.tsv"
        if not path.is_file():
            continue
        try:
            table = pd.read_csv(path, sep="\t", dtype=str)
        except (ValueError, OSError):
            return {}
        if not {"participant_id", "age"} <= set(table.columns):
            return {}
        ages = pd.to_numeric(table["age"], errors="coerce")
        pairs = zip(table["participant_id"].astype(str), ages, strict=True)
        return {person: float(age) for person, age in pairs if np.isfinite(age) and 0 <= age < 120}
    return {}


def count_trials(trials: pd.DataFrame) -> list[ConditionRow]:
    """Trials of each condition, those with values, and those that a review rejected, in order of their names."""
    if "trial_type" not in trials or "fer_dominant" not in trials:
        return []
    rejected = pd.Series(rejected_trials(trials), trials.index)
    rows = []
    for name, its in trials.groupby(trials["trial_type"].astype(str), sort=True):
        people = its.groupby("participant_id")["fer_dominant"].apply(lambda values: values.notna().mean())
        rows.append(
            ConditionRow(
                name=str(name),
                participants=len(people),
                trials=len(its),
                valid=int(its["fer_dominant"].notna().sum()),
                rejected=int(rejected[its.index].sum()),
                thin=int((people < 0.5).sum()),
            )
        )
    return rows


def _find_odd_runs(rows: Sequence[Mapping[str, Any]]) -> list[OddRun]:
    """Runs whose numbers are unlike those of the others."""
    lost = [
        None if not row.get("n_trials") else 1 - (row.get("n_trials_valid") or 0) / row["n_trials"]
        for row in rows
    ]
    found = []
    for values, smallest, tell in (
        ([row.get("valid_fraction") for row in rows], 0.02, _tell_valid),
        (lost, 0.05, _tell_lost),
        ([row.get("max_uncertainty") for row in rows], 0.001, _tell_time),
        ([row.get("drift_ppm") for row in rows], 5.0, _tell_drift),
    ):
        odd = find_odd(values, smallest)
        found += [OddRun(str(rows[i]["source"]), tell(value, middle)) for i, value, middle in odd]
    return sorted(found, key=lambda odd: odd.source)


def _find_odd_people(course: StudyCourse | None) -> list[OddRun]:
    """Participants whose faces differ from the others' in a condition."""
    if course is None:
        return []
    label = choose_expression(course)
    levels = mean_after(course, label)
    people = sorted(levels)
    found = []
    for name in course.mean:
        values = [levels[person].get(name) for person in people]
        found += [
            OddRun(people[i], f"{label} {value:.2f} in {name}, usually {middle:.2f}")
            for i, value, middle in find_odd(values, 0.02)
        ]
    return sorted(found, key=lambda odd: odd.source)


def _tell_valid(value: float, middle: float) -> str:
    return f"{value:.0%} of the frames are valid, usually {middle:.0%}"


def _tell_lost(value: float, middle: float) -> str:
    return f"{value:.0%} of the trials have no values, usually {middle:.0%}"


def _tell_time(value: float, middle: float) -> str:
    return f"every time is within {milliseconds(value)}, usually {milliseconds(middle)}"


def _tell_drift(value: float, middle: float) -> str:
    return f"the camera's clock drifts by {value:+.0f} ppm, usually {middle:+.0f}"
