"""Where coders disagree, and what was decided: a track of its own beside theirs, which stay as they are."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from enicfer.coding.rated import Rated, rate_study
from enicfer.coding.ratings import CANNOT, TIME, UNRATED, RunRatings
from enicfer.coding.store import write_codings
from enicfer.coding.stretches import UNIT
from enicfer.coding.tracks import CodedStudy
from enicfer.config.codebook import Codebook
from enicfer.errors import InputError
from enicfer.io.coding_log import find_codings, read_coding_log
from enicfer.io.entry_log import coder_label
from enicfer.records import RunResult
from enicfer.records.coding import ADJUDICATED, FRAME, TRIAL, CodingEntry, standing_codings
from enicfer.review.study import ReviewRun

NOT_CODED = "cannot be coded"


@dataclass(frozen=True)
class Disagreement:
    """Something of which coders say different things.

    Attributes
    ----------
    run, participant
        Where it is.
    unit, dimension
        What it is, as in `enicfer.records.agreement.PairAgreement`.
    number
        Of the frame or the trial; of a stretch, of its first unit of time.
    video_time
        s at which it begins.
    duration
        s that it lasts; 0 for frames and trials.
    codes
        Coder -> category, or `NOT_CODED`.
    decided
        The category that was decided on, `NOT_CODED`, or "" where nobody decided.
    """

    run: str
    participant: str
    unit: str
    dimension: str
    number: int
    video_time: float
    duration: float
    codes: Mapping[str, str]
    decided: str = ""

    def unlabelled(self, seed: int = 0) -> tuple[str, ...]:
        """The different codes, in an order that tells nothing of who said which."""
        options = sorted(set(self.codes.values()))
        random.Random(f"{seed} {self.run} {self.unit} {self.number}").shuffle(options)
        return tuple(options)


def find_disagreements(study: CodedStudy) -> list[Disagreement]:
    """All disagreements of a study, the longest first, then in order of run and time."""
    return list_disagreements(rate_study(study)[0])


def list_disagreements(rated_all: Sequence[Rated]) -> list[Disagreement]:
    """The same of what `enicfer.coding.agreement.rate_study` gave for a study."""
    found = [one for rated in rated_all for one in _find_in(rated)]
    return sorted(found, key=lambda one: (-one.duration, one.run, one.unit, one.video_time))


def _find_in(rated: Rated) -> Iterator[Disagreement]:
    for child, name, run in rated.runs:
        people = [rater for rater in rated.people if rater in run.codes]
        if len(people) < 2:
            continue
        codes = np.stack([run.codes[rater] for rater in people], axis=1)
        asked = codes != UNRATED
        top = np.where(asked, codes, np.iinfo(codes.dtype).min).max(axis=1)
        apart = (asked.sum(axis=1) > 1) & (asked & (codes != top[:, None])).any(axis=1)
        for start, stop in _join(codes, apart, rated.unit == TIME):
            yield Disagreement(
                run=name,
                participant=child,
                unit=rated.unit,
                dimension=rated.dimension.name,
                number=int(run.number[start]),
                video_time=float(run.video_time[start] - (UNIT / 2 if rated.unit == TIME else 0)),
                duration=round((stop - start) * UNIT, 6) if rated.unit == TIME else 0.0,
                codes={
                    rater: _word(rated, codes[start, j])
                    for j, rater in enumerate(people)
                    if codes[start, j] != UNRATED
                },
                decided=_find_decision(rated, run, start, stop),
            )


def _join(codes: np.ndarray, apart: np.ndarray, together: bool) -> Iterator[tuple[int, int]]:
    """First unit of each disagreement, and the one after its last; units of time with equal codes are one."""
    places = np.flatnonzero(apart).tolist()
    while places:
        start = stop = places.pop(0)
        while together and places and places[0] == stop + 1 and (codes[places[0]] == codes[start]).all():
            stop = places.pop(0)
        yield start, stop + 1


def _word(rated: Rated, code: int) -> str:
    return NOT_CODED if code == CANNOT else rated.dimension.categories[code]


def _find_decision(rated: Rated, run: RunRatings, start: int, stop: int) -> str:
    """What was decided on most of it."""
    decided = run.codes.get(ADJUDICATED)
    if decided is None:
        return ""
    known = decided[start:stop][decided[start:stop] != UNRATED]
    if 2 * known.size <= stop - start:
        return ""
    values, counts = np.unique(known, return_counts=True)
    return _word(rated, int(values[counts.argmax()]))


def store_decision(
    run: ReviewRun, result: RunResult, by: str, book: Codebook, content: Mapping[str, Any]
) -> CodingEntry:
    """Check what was decided, and write it to the track of decisions; it is on the disk when this returns.

    Parameters
    ----------
    run, result, book, content
        As in `enicfer.coding.store.store_coding`.
    by
        Who decides.

    Raises
    ------
    InputError
        If it cannot be meant, or fewer than two coders coded the frame or trial.
    OutputError
        If it cannot be written.
    """
    coder_label(by)
    kind = content.get("kind")
    if kind in (FRAME, TRIAL):
        coders = _coders_of(run, book, kind, content.get(kind))
        if len(coders) < 2:
            who = f"only {coders[0]}" if coders else "nobody"
            raise InputError(
                f"{kind.capitalize()} {content.get(kind)} of {run.name} was coded by {who}",
                remedy="decide where two coders disagree",
            )
    return write_codings(run, result, ADJUDICATED, book, [content], by=" ".join(by.split()))[0]


def count_own_decisions(study: CodedStudy) -> tuple[int, int]:
    """How many decisions are of a coder who coded the same, and how many there are."""
    own = decided = 0
    for run in study.runs:
        for entry in run.tracks.get(ADJUDICATED, ()):
            decided += bool(entry.by)
            own += any(_is_of(entry, other) for other in run.tracks.get(entry.by, ()))
    return own, decided


def _is_of(decision: CodingEntry, code: CodingEntry) -> bool:
    """Whether a decision is of what was coded: the same frame or trial, or a part of the same stretch."""
    if decision.kind in (FRAME, TRIAL):
        return code.kind == decision.kind and (code.frame, code.trial) == (decision.frame, decision.trial)
    ends = (code.frame, code.end_frame, decision.frame, decision.end_frame)
    if code.kind in (FRAME, TRIAL) or None in ends:
        return False
    start, stop, begin, end = (end or 0 for end in ends)
    return start < end and begin < stop


def _coders_of(run: ReviewRun, book: Codebook, kind: str, number: object) -> Sequence[str]:
    found = []
    for path in find_codings(run.output, run.session):
        for entry in standing_codings(read_coding_log(path)[0]):
            own = entry.frame if kind == FRAME else entry.trial
            same = entry.kind == kind and own == number and (entry.run, entry.book) == (run.name, book.name)
            if same and entry.coder != ADJUDICATED and entry.coder not in found:
                found.append(entry.coder)
    return found
