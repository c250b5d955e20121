"""What is worth coding: frames of processed sessions, a part of them at random so that accuracy can be estimated.

Drawn from are the valid frames. The random part gives every child as many, and every frame a probability that is
stored: the mean over its frames, each weighted by 1 / probability, is that over all valid frames. The others are
those of which the classifier is least sure, and which are unlike those taken before.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enicfer.coding.drawing import (
    Places,
    choose_diverse,
    count_densest,
    draw_order,
    draw_share,
    draw_systematically,
    share_out,
    spread_peaks,
)
from enicfer.coding.models_differ import find_runs_of_models, uncertainty_of
from enicfer.coding.plan import write_plan
from enicfer.coding.ratings import find_trials
from enicfer.coding.store import hash_video
from enicfer.errors import InputError, counted
from enicfer.io.files.places import check_free
from enicfer.io.results import read_run
from enicfer.records import FloatArray, RunResult
from enicfer.records.plan import RANDOM, UNCERTAIN, CodingPlan, PlanItem
from enicfer.review.study import ReviewRun, Study

# Pictures of a lab's own -> accuracy of a model that was trained on them; benchmarks/results/rehearsal.csv,
# "transfer".
REHEARSAL = {0: 0.4524, 100: 0.3744, 300: 0.4325, 1000: 0.4587, 3000: 0.4681, 6395: 0.4730}
# Measure -> what is a clear difference.
_SCALES = {"yaw": 15.0, "pitch": 15.0, "roll": 15.0, "brightness": 30.0, "sharpness": 60.0}
_PROBABILITY_SCALE = 0.3
_POOL = 8  # candidates for each frame that is chosen


@dataclass(frozen=True)
class SamplingOptions:
    """How many frames are drawn, and with which limits.

    Attributes
    ----------
    n
        Frames in all.
    random
        Fraction that is drawn at random.
    per_child
        Frames of one child at most; 0 for an equal part and half as much again.
    per_trial
        Frames of one trial at most, of those that are chosen; 0 for no limit.
    distance
        s between two frames of one run at least.
    second
        Fraction that a second coder codes as well.
    repeats
        Fraction that comes a second time, for the same coder.
    seed
        Of all draws.
    """

    n: int = 500
    random: float = 0.25
    per_child: int = 0
    per_trial: int = 5
    distance: float = 1.0
    second: float = 0.25
    repeats: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class _Frames:
    """Valid frames of a study, one after the other."""

    runs: tuple[ReviewRun, ...]
    run: Places
    child: Places
    children: tuple[str, ...]
    frame: Places
    video_time: FloatArray
    time: FloatArray
    trial: Places
    condition: tuple[str, ...]
    uncertainty: FloatArray
    features: FloatArray
    videos: Mapping[str, str]


def sample_frames(
    folders: Sequence[str | Path],
    options: SamplingOptions | None = None,
    *,
    models: Sequence[str | Path] = (),
    output: str | Path | None = None,
    overwrite: bool = False,
) -> CodingPlan:
    """Draw frames of a study to be coded.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    options
        How many, and with which limits.
    models
        Folders with results of the same videos by other models: frames on which they disagree are taken first.
    output
        JSON file to write, or None.
    overwrite
        Replace it where it is there.

    Returns
    -------
    CodingPlan
        The same for the same results, options and seed.

    Raises
    ------
    InputError
        If there are no results, or no valid frame; if results of another model are of another video.
    OutputError
        If the file is there already or cannot be written.
    """
    options = options or SamplingOptions()
    if output is not None:
        check_free(Path(output), overwrite)
    frames = _gather(Study([Path(folder) for folder in folders]), find_runs_of_models(models))
    plan = _make_plan(frames, options)
    if output is not None:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        write_plan(Path(output), plan)
    return plan


def _gather(study: Study, models: Sequence[Mapping[str, ReviewRun]]) -> _Frames:
    runs = tuple(sorted(study.runs.values(), key=lambda run: (run.entities["sub"], run.name)))
    children = tuple(sorted({run.entities["sub"] for run in runs}))
    parts: list[list[np.ndarray]] = []
    conditions: list[str] = []
    videos = {}
    for number, run in enumerate(runs):
        result = read_run(run.frames)
        videos[run.name] = hash_video(result.provenance.inputs)
        ok = np.flatnonzero(result.expression.ok)
        trial = find_trials(result, result.time[ok])
        names = result.trials["trial_type"].astype(str).tolist()
        conditions += [names[i] if i >= 0 else "" for i in trial]
        parts.append(
            [
                np.full(ok.size, number),
                np.full(ok.size, children.index(run.entities["sub"])),
                ok,
                result.faces.video_time[ok],
                result.time[ok],
                trial,
                uncertainty_of(result, ok, run.name, models),
                _describe(result, ok),
            ]
        )
    if not sum(part[0].size for part in parts):
        raise InputError(
            f"There is no valid frame in {counted(len(runs), 'run')}",
            remedy="look at them with enicfer review",
        )
    width = max(part[7].shape[1] for part in parts)
    for part in parts:  # of models with fewer expressions
        part[7] = np.pad(part[7], ((0, 0), (0, width - part[7].shape[1])))
    run_, child, frame, video_time, time, trial, uncertainty, features = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    condition = tuple(conditions)
    columns = (run_, child, children, frame, video_time, time, trial, condition, uncertainty, features)
    return _Frames(runs, *columns, videos)


def _describe(result: RunResult, places: Places) -> FloatArray:
    """What a frame looks like ``(n, f)``, on scales on which 1 is a clear difference."""
    box = result.faces.box[places].astype(np.float64)
    size = np.log2(np.clip(box[:, 3] - box[:, 1], 1.0, None))
    columns = [np.nan_to_num(size)]
    for name, scale in _SCALES.items():
        values = result.faces.measures.get(name, np.zeros(result.faces.video_time.size, np.float32))
        columns.append(np.nan_to_num(values[places].astype(np.float64)) / scale)
    return np.column_stack([*columns, result.expression.probability[places] / _PROBABILITY_SCALE])


def _make_plan(frames: _Frames, options: SamplingOptions) -> CodingPlan:
    rng = np.random.default_rng(options.seed)
    n, notes = frames.run.size, []
    cap = options.per_child or int(np.ceil(1.5 * options.n / len(frames.children)))
    probability = find_probabilities(frames.child, frames.run, frames.video_time, options, cap)
    drawn = draw_systematically(probability, rng)
    wanted = options.random * options.n
    if probability.sum() < wanted - 0.5:
        notes.append(
            f"Drawn at random: {counted(drawn.size, 'frame')} instead of {wanted:.0f}: more would be closer to "
            f"each other than {options.distance:g} s, or more than {cap} of a child."
        )
    chosen = _choose(frames, drawn, cap, options)
    places = np.concatenate([drawn, chosen])
    if places.size < options.n:
        notes.append(
            f"Drawn: {counted(places.size, 'frame')} instead of {options.n}: the others are too close in time to "
            "these, or of children and trials that have given enough."
        )
    places = np.sort(places)
    is_random = np.isin(places, drawn)
    strata = [(frames.runs[frames.run[p]].session, frames.condition[p]) for p in places]
    second = draw_share(strata, options.second, rng)
    again = draw_share(strata, options.repeats, rng)
    items = tuple(
        _item(frames, int(p), bool(r), float(probability[p]), bool(s))
        for p, r, s in zip(places, is_random, second, strict=True)
    )
    return CodingPlan(options.seed, n, items, draw_order(again, rng), tuple(notes), frames.videos)


def find_probabilities(
    child: Places, run: Places, video_time: FloatArray, options: SamplingOptions, cap: int
) -> FloatArray:
    """With which probability ``(n,)`` the random part takes each frame.

    Children give as many as each other, as far as the distance and the cap let them. Within a child all frames are as
    likely.
    """
    children = np.unique(child)
    sizes = np.array([(child == one).sum() for one in children], np.float64)
    densest = np.ones(children.size)
    for i, one in enumerate(children):
        own = child == one
        counts = [
            count_densest(np.sort(video_time[own & (run == r)]), options.distance)
            for r in np.unique(run[own])
        ]
        densest[i] = max([1, *counts])
    most = np.minimum(sizes / densest, cap)
    parts = share_out(options.random * options.n, most)
    found = np.zeros(child.size)
    for i, one in enumerate(children):
        found[child == one] = parts[i] / sizes[i]
    return found


def _choose(frames: _Frames, drawn: Places, cap: int, options: SamplingOptions) -> Places:
    """The uncertain part."""
    wanted = options.n - drawn.size
    if wanted <= 0:
        return np.zeros(0, np.intp)
    pool: list[Places] = []
    for child in range(len(frames.children)):
        score = np.where(frames.child == child, frames.uncertainty, -np.inf)
        pool.append(spread_peaks(score, frames.run, frames.video_time, options.distance, drawn, _POOL * cap))
    candidates = np.sort(np.concatenate(pool))
    trials = np.where(frames.trial >= 0, frames.run * 100_000 + frames.trial, -1)
    given, shown = Counter(frames.child[drawn].tolist()), Counter(trials[drawn].tolist())
    limits = [(frames.child[candidates], {c: cap - given[c] for c in range(len(frames.children))})]
    if options.per_trial:
        own = {int(t): options.per_trial - shown[int(t)] for t in np.unique(trials[candidates]) if t >= 0}
        limits.append((trials[candidates], own))
    picked = choose_diverse(
        frames.uncertainty[candidates],
        frames.features[candidates],
        frames.features[drawn],
        limits,
        wanted,
    )
    return candidates[np.array(picked, np.intp)]


def _item(frames: _Frames, place: int, is_random: bool, probability: float, second: bool) -> PlanItem:
    run = frames.runs[frames.run[place]]
    return PlanItem(
        run=run.name,
        participant=run.entities["sub"],
        session=run.entities.get("ses", ""),
        frame=int(frames.frame[place]),
        video_time=float(frames.video_time[place]),
        time=float(frames.time[place]),
        trial=int(frames.trial[place]),
        condition=frames.condition[place],
        drawn=RANDOM if is_random else UNCERTAIN,
        probability=probability,
        uncertainty=round(float(frames.uncertainty[place]), 6),
        second=second,
    )


def describe_plan(plan: CodingPlan) -> list[str]:
    """What a plan holds and what it may bring, one sentence each."""
    n = len(plan.items)
    random = sum(item.drawn == RANDOM for item in plan.items)
    second = sum(item.second for item in plan.items)
    children = Counter(item.participant for item in plan.items)
    said = [
        f"{counted(n, 'frame')} of {plan.population} that are valid: {random} at random, {n - random} because the "
        f"classifier is least sure of them; {second} for a second coder as well. Each coder is asked "
        f"{len(plan.order) - n} of all a second time.",
        "Frames of each child: "
        + ", ".join(f"{who} {count}" for who, count in sorted(children.items()))
        + ".",
    ]
    if random:
        half = 1.96 * 0.5 / np.sqrt(random)
        said.append(
            f"From the random ones, accuracy is known within {half:.0%} or so, and less well where frames of a child "
            "are alike."
        )
    return [*said, describe_rehearsal(n), *plan.notes]


def describe_rehearsal(n: int) -> str:
    """What the rehearsal says such a number of pictures brings."""
    sizes = sorted(REHEARSAL)
    below = max(size for size in sizes if size <= n)
    above = min((size for size in sizes if size >= n), default=sizes[-1])
    between = dict.fromkeys((below or sizes[1], above or sizes[1]))
    parts = [f"{REHEARSAL[size]:.0%} with {size} pictures" for size in between]
    return (
        f"In the rehearsal (imitated lab conditions, no children) a model was right in {REHEARSAL[0]:.0%} without "
        f"pictures of the lab's own, and after training on them in {' and '.join(parts)}."
    )
