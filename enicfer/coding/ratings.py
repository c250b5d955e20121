"""What all raters say of the same units: coders, a coder who was asked again, what was decided, and the classifier.

Conventions: a unit is a frame, a trial, or 0.1 s of the video (`enicfer.coding.stretches.UNIT`). Codes are numbers of
categories from 0, `CANNOT` where the rater could not say, `UNRATED` where it was not asked. A unit of time is rated
where the coder coded it, or says that she watched it (then what is not coded is ``nothing``). What was decided is,
where nobody decided, what two or more coders all say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.coding.kappa import Codes
from enicfer.coding.stretches import UNIT, Stretch, code_units
from enicfer.coding.tracks import CodedRun
from enicfer.config.codebook import Codebook
from enicfer.records import FloatArray, RunResult
from enicfer.records.coding import (
    ADJUDICATED,
    AGAIN,
    CLASSIFIER,
    FRAME,
    INTERVAL,
    POINT,
    WATCHED,
    CodingEntry,
)

CANNOT, UNRATED = -1, -2
TIME = "time"
NOTHING = "nothing"  # seen, where a stretch was watched and nothing was coded
POINT_WIDTH = 1.0  # s that an instant counts as, so that instants can be linked like stretches


@dataclass(frozen=True)
class Dimension:
    """Categories of which one holds at a time.

    Attributes
    ----------
    name
        As the codebook has it; "" for all categories.
    categories
        Their names; for stretches with `NOTHING` at the end.
    expressions
        Expression of the classifier -> place among the categories.
    """

    name: str
    categories: tuple[str, ...]
    expressions: Mapping[str, int] = field(default_factory=dict)

    def place(self, category: str) -> int:
        """Number of a category, `CANNOT` where it is none of them."""
        return self.categories.index(category) if category in self.categories else CANNOT


@dataclass(frozen=True)
class RunRatings:
    """The units of one run, each rated by somebody.

    Attributes
    ----------
    codes
        Rater -> ``(n,)``.
    number
        ``(n,)`` of the frame, trial or unit of time.
    video_time
        ``(n,)`` s: the frame, the trial's onset, or the middle of the unit.
    trial
        ``(n,)`` number of the trial that it is in, or -1.
    events
        Rater -> stretches, for units of time.
    """

    codes: Mapping[str, Codes]
    number: Codes
    video_time: FloatArray
    trial: Codes
    events: Mapping[str, Sequence[Stretch]] = field(default_factory=dict)


def find_dimensions(book: Codebook, unit: str, used: Iterable[str]) -> tuple[Dimension, ...]:
    """What is coded in a unit: all categories at once for frames and trials, else those that exclude each other.

    ``used`` are categories that were coded; such as are no more in the codebook come after its own.
    """
    names = (*book.names, *sorted(set(used) - set(book.names) - {""}))
    expressions = book.expressions()
    if unit != TIME:
        return (Dimension("", names, {e: names.index(c) for e, c in expressions.items()}),)
    found: dict[str, list[str]] = {}
    for name in names:
        word = book[name].exclusive if name in book.names else ""
        found.setdefault(word or name, []).append(name)
    return tuple(
        Dimension(word, (*own, NOTHING), {e: own.index(c) for e, c in expressions.items() if c in own})
        for word, own in found.items()
    )


def rate_run(coded: CodedRun, result: RunResult, unit: str, dimension: Dimension) -> RunRatings | None:
    """The units of a run that somebody rated, or None."""
    if unit == TIME:
        return _rate_time(coded, result, dimension)
    return _rate_single(coded, result, unit, dimension)


def _rate_single(coded: CodedRun, result: RunResult, unit: str, dimension: Dimension) -> RunRatings | None:
    said: dict[str, dict[int, int]] = {}
    for coder, entries in coded.tracks.items():
        for entry in entries:
            which = entry.frame if entry.kind == FRAME else entry.trial
            if entry.kind == unit and which is not None:
                rater = coder + AGAIN * bool(entry.repeat)
                said.setdefault(rater, {})[which] = dimension.place(entry.category)
    n = result.faces.video_time.size if unit == FRAME else len(result.trials)
    number = np.array(sorted({i for own in said.values() for i in own if i < n}), np.intp)
    if not number.size:
        return None
    codes = {
        rater: np.array([own.get(int(i), UNRATED) for i in number], np.intp) for rater, own in said.items()
    }
    if unit == FRAME:
        video_time = result.faces.video_time[number]
        trial = find_trials(result, result.time[number])
        predicted = _classify_frames(result, dimension)[number]
    else:
        video_time = video_time_of(result, result.trials["onset"].to_numpy(np.float64)[number])
        trial = number
        dominant = result.trials["fer_dominant"] if "fer_dominant" in result.trials else pd.Series()
        predicted = np.array(
            [dimension.expressions.get(str(value), CANNOT) for value in dominant], np.intp
        )[number] if len(dominant) else np.full(number.size, CANNOT)  # fmt: skip
    return RunRatings(_complete(codes, predicted, dimension), number, video_time, trial)


def _rate_time(coded: CodedRun, result: RunResult, dimension: Dimension) -> RunRatings | None:
    times = result.faces.video_time
    middle = np.arange(times[0] + UNIT / 2, times[-1], UNIT)
    codes: dict[str, Codes] = {}
    events: dict[str, list[Stretch]] = {}
    for coder, said in coded.tracks.items():
        for again in (False, True):
            entries = [entry for entry in said if bool(entry.repeat) == again]
            own = _code_time(entries, middle, dimension)
            if (own != UNRATED).any():
                codes[coder + AGAIN * again] = own
                events[coder + AGAIN * again] = _find_events(entries, dimension)
    if not codes:
        return None
    frame = np.clip(np.searchsorted(times, middle, "right") - 1, 0, times.size - 1)
    predicted = _classify_frames(result, dimension)[frame]
    trial = find_trials(result, np.asarray(result.alignment.time(middle)))
    codes = _complete(codes, predicted, dimension)
    for rater in set(codes) - set(events) | ({ADJUDICATED} & set(codes)):
        events[rater] = _join_units(codes[rater], middle, len(dimension.categories) - 1)
    return RunRatings(codes, np.arange(middle.size), middle, trial, events)


def _code_time(entries: Sequence[CodingEntry], middle: FloatArray, dimension: Dimension) -> Codes:
    watched, said = [], []
    for entry in entries:
        start, stop = entry.video_time, entry.end_video_time
        if start is None:
            continue
        if entry.kind == POINT and dimension.place(entry.category) != CANNOT:
            stop = start + UNIT
        if stop is None:
            continue
        if entry.kind == WATCHED:
            watched.append((start, stop, dimension.categories.index(NOTHING)))
        elif entry.kind == INTERVAL and not entry.codable:
            said.append((start, stop, CANNOT))
        elif entry.kind in (INTERVAL, POINT) and entry.category in dimension.categories:
            said.append((start, stop, dimension.place(entry.category)))
    return code_units([*watched, *said], middle, UNRATED)


def _find_events(entries: Sequence[CodingEntry], dimension: Dimension) -> list[Stretch]:
    found = []
    for entry in entries:
        place = dimension.place(entry.category)
        if entry.video_time is None or place == CANNOT:
            continue
        if entry.kind == POINT:
            found.append((entry.video_time - POINT_WIDTH / 2, entry.video_time + POINT_WIDTH / 2, place))
        elif entry.kind == INTERVAL and entry.end_video_time is not None:
            found.append((entry.video_time, entry.end_video_time, place))
    return sorted(found)


def _join_units(codes: Codes, middle: FloatArray, nothing: int) -> list[Stretch]:
    """Stretches of units with one category."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [codes.size]])
    return [
        (float(middle[a] - UNIT / 2), float(middle[b - 1] + UNIT / 2), int(codes[a]))
        for a, b in zip(starts, stops, strict=True)
        if 0 <= codes[a] < nothing
    ]


def _classify_frames(result: RunResult, dimension: Dimension) -> Codes:
    """The classifier's category of every frame; `CANNOT` where the frame is not valid or it is none of them."""
    expression = result.expression
    lookup = np.array([dimension.expressions.get(label, CANNOT) for label in expression.labels], np.intp)
    codes = np.full(expression.status.size, CANNOT, np.intp)
    ok = expression.ok
    codes[ok] = lookup[expression.probability[ok].argmax(axis=1)]
    return codes


def _complete(codes: Mapping[str, Codes], predicted: Codes, dimension: Dimension) -> dict[str, Codes]:
    """The same with what was decided and, where the categories are expressions, with the classifier."""
    people = [own for rater, own in codes.items() if rater != ADJUDICATED and not rater.endswith(AGAIN)]
    decided = codes.get(ADJUDICATED, np.full(predicted.size, UNRATED))
    if len(people) > 1:
        every = np.stack(people, axis=1)
        asked = (every != UNRATED).sum(axis=1) > 1
        top = every.max(axis=1)
        agree = asked & ((every == UNRATED) | (every == top[:, None])).all(axis=1)
        decided = np.where((decided == UNRATED) & agree, top, decided)
    found = dict(codes)
    if (decided != UNRATED).any():
        found[ADJUDICATED] = decided
    if dimension.expressions:
        found[CLASSIFIER] = predicted
    return found


def find_trials(result: RunResult, time: FloatArray) -> Codes:
    """Number of the trial that each time ``(n,)`` in s of the recording is in; -1 for none."""
    found = np.full(time.size, -1, np.intp)
    if result.trials.empty:
        return found
    onset = result.trials["onset"].to_numpy(np.float64)
    stop = onset + result.trials["duration"].to_numpy(np.float64)
    for i in range(onset.size):
        inside: npt.NDArray[np.bool_] = (time >= onset[i]) & (time < stop[i])
        found[inside] = i
    return found


def video_time_of(result: RunResult, time: FloatArray) -> FloatArray:
    """Video time in s of times of the recording, by its frames."""
    known = np.isfinite(result.time)
    if not known.any():
        return np.full(time.size, np.nan)
    return np.interp(time, result.time[known], result.faces.video_time[known])
