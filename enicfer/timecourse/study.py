"""A study's time courses: what a run shows around its triggers, means over participants, and who is unlike the rest.

The unit is the participant: the trials of one are averaged first, over all runs and sessions, so that who has more
trials counts no more. Times are s relative to the trigger; NaN where nobody has a valid frame.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from enicfer.records import FloatArray, RunResult
from enicfer.timecourse.sampling import trial_courses
from enicfer.timecourse.trials import trials_that_count

START, STEP = -0.5, 0.1  # s
_DIGITS = 6  # of a probability; what is kept in files and what is not are the same
FEWEST = 3  # participants for an interval
_ODD = 3.5  # robust standard deviations
_FEWEST_RUNS = 5  # for saying that one of them is odd


@dataclass(frozen=True)
class RunCourse:
    """The mean time course of each condition in one run.

    Attributes
    ----------
    participant
        Such as ``sub-01``.
    labels
        Expressions, k of them.
    means
        Condition -> ``(m, k)`` mean probabilities at ``START + STEP * i`` s from the trigger.
    counts
        Condition -> trials that they are means of: those with values that no review rejected.
    """

    participant: str
    labels: tuple[str, ...]
    means: Mapping[str, FloatArray]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class StudyCourse:
    """Time courses of a study.

    Attributes
    ----------
    time
        ``(m,)`` s from the trigger.
    labels
        Expressions, k of them.
    participants
        Participant -> condition -> ``(m, k)`` mean over the participant's trials.
    mean, half_width
        Condition -> ``(m, k)`` mean over participants and half of its 95 % interval by Student's t at each instant;
        NaN with fewer than `FEWEST`.
    n_participants
        Condition -> how many have such trials.
    left_out
        Runs whose model knows other expressions than most do.
    """

    time: FloatArray
    labels: tuple[str, ...]
    participants: Mapping[str, Mapping[str, FloatArray]]
    mean: Mapping[str, FloatArray]
    half_width: Mapping[str, FloatArray]
    n_participants: Mapping[str, int]
    left_out: int = 0


def summarise_run(run: RunResult) -> RunCourse:
    """Mean time course of each condition; trials without values and rejected ones are left out."""
    table = run.trials
    labels = tuple(str(label) for label in run.expression.labels)
    means: dict[str, FloatArray] = {}
    counts: dict[str, int] = {}
    if len(table):
        _, courses = trial_courses(run, START, float(table["duration"].max()), STEP)
        use = trials_that_count(table)
        names = table["trial_type"].astype(str).to_numpy()
        for name in dict.fromkeys(names):
            chosen = courses[use & (names == name)]
            counts[name] = len(chosen)
            if len(chosen):
                means[name] = np.round(mean_known(chosen), _DIGITS)
    return RunCourse(f"sub-{run.entities['sub']}", labels, means, counts)


def average_study(runs: Iterable[RunCourse]) -> StudyCourse | None:
    """Time courses of a study from those of its runs; None where no run has trials with values.

    Time reaches as far as the shortest window of a run.
    """
    shown = [run for run in runs if run.means]
    if not shown:
        return None
    kinds = [run.labels for run in shown]
    labels = max(dict.fromkeys(kinds), key=kinds.count)
    used = [run for run in shown if run.labels == labels]
    length = min(len(course) for run in used for course in run.means.values())
    people: dict[str, dict[str, FloatArray]] = {}
    for person in dict.fromkeys(run.participant for run in used):
        own = [run for run in used if run.participant == person]
        people[person] = {
            name: mean_known(
                np.array([run.means[name][:length] for run in own if name in run.means]),
                [run.counts[name] for run in own if name in run.means],
            )
            for name in dict.fromkeys(name for run in own for name in run.means)
        }
    mean, half, number = {}, {}, {}
    for name in dict.fromkeys(name for courses in people.values() for name in courses):
        values = np.array([courses[name] for courses in people.values() if name in courses])
        mean[name], half[name] = mean_known(values), half_width(values)
        number[name] = len(values)
    time = START + STEP * np.arange(length, dtype=np.float64)
    return StudyCourse(time, labels, people, mean, half, number, len(shown) - len(used))


def choose_expression(course: StudyCourse) -> str:
    """The expression by which the conditions differ most, after the trigger, in the mean over participants."""
    after = course.time >= 0
    levels = np.array([mean_known(values[after]) for values in course.mean.values()])
    spread = np.nan_to_num(_most(levels) + _most(-levels) if len(levels) > 1 else levels[0])
    order = [k for k, label in enumerate(course.labels) if label != "neutral"] or [0]
    return course.labels[max(order, key=lambda k: spread[k])]


def mean_after(course: StudyCourse, label: str) -> dict[str, dict[str, float]]:
    """Participant -> condition -> mean probability of an expression from the trigger on."""
    after, k = course.time >= 0, course.labels.index(label)
    return {
        person: {name: float(mean_known(values[after])[k]) for name, values in own.items()}
        for person, own in course.participants.items()
    }


def find_odd(values: Sequence[float | None], smallest: float = 0.0) -> list[tuple[int, float, float]]:
    """Those of the values that are far from the rest: which, the value, and the median of all.

    Parameters
    ----------
    values
        One a run or participant; None and NaN are passed over.
    smallest
        No spread is taken to be smaller than this.
    """
    known = np.array([np.nan if value is None else value for value in values], np.float64)
    there = np.isfinite(known)
    if there.sum() < _FEWEST_RUNS:
        return []
    middle = float(np.median(known[there]))
    spread = max(1.4826 * float(np.median(np.abs(known[there] - middle))), smallest)
    if spread == 0:
        return []
    far = np.flatnonzero(there & (np.abs(np.nan_to_num(known, nan=middle) - middle) > _ODD * spread))
    return [(int(i), float(known[i]), middle) for i in far]


def mean_known(values: FloatArray, weights: Sequence[float] | None = None) -> FloatArray:
    """Mean over the first axis of what is known."""
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    weight = weight.reshape(-1, *[1] * (values.ndim - 1)) * np.isfinite(values)
    total = weight.sum(axis=0)
    sums = (np.nan_to_num(values) * weight).sum(axis=0)
    return np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)


def half_width(values: FloatArray, fewest: int = FEWEST) -> FloatArray:
    """Half of the 95 % interval of the mean over the first axis, by Student's t; NaN with fewer than ``fewest``."""
    from scipy.stats import t

    n = np.isfinite(values).sum(axis=0)
    squares = np.nan_to_num((values - mean_known(values)) ** 2).sum(axis=0)
    enough = n >= fewest
    safe = np.where(enough, n, fewest)
    return np.where(enough, t.ppf(0.975, safe - 1) * np.sqrt(squares / (safe - 1) / safe), np.nan)


def _most(values: FloatArray) -> FloatArray:
    return np.max(np.where(np.isfinite(values), values, -np.inf), axis=0)
