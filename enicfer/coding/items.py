"""What one coder is asked in the browser, in an order of the coder's own: faces, trials, or disagreements.

The id of an item is made anew by every server and tells nothing: not the run, not the frame, not that it is a repeat.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.coding.adjudication import find_disagreements
from enicfer.coding.drawing import draw_order, draw_share
from enicfer.coding.plan import check_videos
from enicfer.coding.ratings import NOTHING, TIME
from enicfer.coding.tracks import read_coded_study
from enicfer.errors import InputError, counted, option
from enicfer.records import RunResult
from enicfer.records.coding import FRAME, INTERVAL, TRIAL, WATCHED
from enicfer.records.plan import CodingPlan
from enicfer.review.study import ReviewRun, Study

FRAMES, TRIALS, INTERVALS, ADJUDICATE = "frames", "trials", "intervals", "adjudicate"
MODES = (FRAMES, TRIALS, INTERVALS, ADJUDICATE)
RUN = "run"
SECOND, REPEATS = 0.25, 0.05  # of the trials and runs: for a second coder; asked twice
Read = Callable[[ReviewRun], RunResult]
Key = tuple[str, str, int, int]


@dataclass(frozen=True)
class CodingItem:
    """One thing that is coded.

    Attributes
    ----------
    run
        Where it is.
    kind
        ``frame``, ``trial``, ``run``, or ``interval`` for a stretch on which coders disagree.
    number
        Of the frame, of the trial, or of the first frame of the stretch.
    stop
        First frame after a stretch; 0 for others.
    repeat
        Whether the coder is asked a second time.
    codes
        What different coders say, in an order that tells nothing; of disagreements alone.
    own
        Whether who decides is one of these coders.
    id
        By which the browser knows it.
    """

    run: ReviewRun
    kind: str
    number: int
    stop: int = 0
    repeat: bool = False
    codes: tuple[str, ...] = ()
    own: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def key(self) -> Key:
        """By which the codes of it are found in the coder's file."""
        return self.run.name, self.kind, self.number, int(self.repeat)

    @property
    def place(self) -> dict[str, Any]:
        """Where it is, as entries name it."""
        if self.kind == INTERVAL:
            return {"frame": self.number, "end_frame": self.stop}
        return {self.kind: self.number, "repeat": int(self.repeat) or None}

    def content(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is stored if this is said of it, as `enicfer.coding.store.check_coding` takes it."""
        if self.kind == INTERVAL:
            nothing = said.get("category") == NOTHING
            where = {"kind": WATCHED if nothing else INTERVAL, **self.place}
            return where if nothing else {**where, **said}
        return {"kind": self.kind, **self.place, **said}


def list_frames(
    study: Study, plan: CodingPlan, coder: str, second: bool
) -> tuple[tuple[CodingItem, ...], list[str]]:
    """The faces of a plan for one coder in the coder's own order, and what to know of them.

    Parameters
    ----------
    study
        Where the runs are.
    plan
        Of `enicfer.coding.sampling.sample_frames`.
    coder
        Who codes; the order follows from the name and the seed of the plan.
    second
        The part for a second coder alone.

    Raises
    ------
    InputError
        If not one run of the plan is there, or one is of another video.
    """
    runs = {run.name: run for run in sorted(study.runs.values(), key=lambda one: one.id)}
    sizes = {
        item.run: study.quality(runs[item.run]).quality.n_frames for item in plan.items if item.run in runs
    }
    if not sizes:
        places = ", ".join(str(folder) for folder in study.folders)
        raise InputError(
            f"The plan is of other runs than those below {places}", remedy="make the plan of this study"
        )
    check_videos(plan, study)
    lost = sorted({item.run for item in plan.items} - set(sizes))
    notes = [f"The plan has frames of {', '.join(lost)}, which are not here: they are left out."] * bool(lost)
    beyond = sum(item.frame >= sizes.get(item.run, item.frame + 1) for item in plan.items)
    if beyond:
        notes.append(f"Left out: {counted(beyond, 'frame')} of the plan beyond the end of a video.")
    times = Counter(plan.order)
    again = np.array([times[place] > 1 for place in range(len(plan.items))], np.bool_)
    found, seen = [], set()
    for place in draw_order(again, _seed_of(plan.seed, coder)):
        one = plan.items[place]
        if one.frame < sizes.get(one.run, 0) and (one.second or not second):
            found.append(CodingItem(runs[one.run], FRAME, one.frame, repeat=place in seen))
        seen.add(place)
    return tuple(found), notes


def list_trials(study: Study, read: Read, coder: str, second: bool, seed: int) -> tuple[CodingItem, ...]:
    """All trials that the videos show, for one coder in the coder's own order.

    One in twenty comes twice. The part for a second coder is a quarter of each session and condition.
    """
    trials, strata = [], []
    for run in sorted(study.runs.values(), key=lambda one: (one.name, one.id)):
        result = read(run)
        for number, condition in enumerate(result.trials.get("trial_type", ())):
            if frames_of_trial(result, number).size:
                trials.append((run, number))
                strata.append((run.session, str(condition)))
    if not trials:
        raise InputError("The runs have no trial whose video is there", remedy="code single frames instead")
    rng = np.random.default_rng(seed)
    for_second, again = draw_share(strata, SECOND, rng), draw_share(strata, REPEATS, rng)
    found, seen = [], set()
    for place in draw_order(again, _seed_of(seed, coder)):
        run, number = trials[place]
        if for_second[place] or not second:
            found.append(CodingItem(run, TRIAL, number, repeat=place in seen))
        seen.add(place)
    return tuple(found)


def list_runs(study: Study, coder: str, second: bool, seed: int) -> tuple[CodingItem, ...]:
    """All runs, for one coder in the coder's own order; a quarter of them, one at least, for a second coder.

    One in twenty comes twice.
    """
    runs = sorted(study.runs.values(), key=lambda one: (one.name, one.id))
    rng = np.random.default_rng(seed)
    for_second = draw_share([""] * len(runs), max(SECOND, 1 / len(runs)), rng)
    again = draw_share([""] * len(runs), REPEATS, rng)
    found, seen = [], set()
    for place in draw_order(again, _seed_of(seed, coder)):
        if for_second[place] or not second:
            found.append(CodingItem(runs[place], RUN, 0, repeat=place in seen))
        seen.add(place)
    return tuple(found)


def list_undecided(
    study: Study, read: Read, book: str, coder: str
) -> tuple[tuple[CodingItem, ...], frozenset[str], list[str]]:
    """What coders disagree on, the longest first; ids of those that were decided; and what to know of the codes.

    ``coder`` is who decides.

    Raises
    ------
    InputError
        If nobody coded, or coders say the same of all.
    """
    coded = read_coded_study([Path(folder) for folder in study.folders], book)
    runs = {one.run.name: one.run for one in coded.runs}
    found, decided = [], set()
    for one in find_disagreements(coded):
        run, number, stop = runs[one.run], one.number, 0
        if one.unit == TIME:
            times = read(run).faces.video_time
            ends = [one.video_time - 1e-9, one.video_time + one.duration]
            number, stop = np.searchsorted(times, ends).tolist()
            stop = min(max(stop, number + 1), times.size)
        kind = INTERVAL if one.unit == TIME else one.unit
        own = coder in one.codes
        found.append(CodingItem(run, kind, number, stop, codes=one.unlabelled(), own=own))
        if one.decided:
            decided.add(found[-1].id)
    if not found:
        raise InputError(
            f"Coders do not disagree on anything with the codebook {coded.book}",
            remedy=f"nothing has to be decided; {option('book', '--codebook')} gives another one",
        )
    return tuple(found), frozenset(decided), list(coded.notes)


def frames_of_trial(result: RunResult, number: int) -> np.ndarray:
    """Numbers of the frames in a trial."""
    row = result.trials.iloc[number]
    start, stop = float(row["onset"]), float(row["onset"]) + float(row["duration"])
    return np.flatnonzero((result.time >= start) & (result.time < stop))


def describe_others(items: Sequence[CodingItem], others: Mapping[str, set[Key]], second: bool) -> list[str]:
    """A sentence for each coder who codes the same as this one although a part for a second coder would do."""
    mine = {item.key for item in items}
    return [
        f"{name} has coded {len(keys & mine)} of these {len(mine)} already: for the part for a second coder, "
        "start with --second."
        for name, keys in sorted(others.items())
        if keys & mine and not second
    ]


def _seed_of(seed: int, coder: str) -> np.random.Generator:
    """A generator of the coder's own."""
    text = f"{seed} {' '.join(coder.split())}"
    return np.random.default_rng(int.from_bytes(sha256(text.encode("utf-8")).digest()[:8], "little"))
