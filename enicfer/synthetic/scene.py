"""How nasty an example session is, and what happens in it: trials, and everything else between them.

Conventions: times are s on the recording's clock (0 is the first sample or the first stored volume); lengths
are px of the picture.
"""

from dataclasses import dataclass, replace

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import Expression
from enicfer.synthetic.portraits import PEOPLE

CONDITIONS = (Expression.HAPPY, Expression.ANGRY, Expression.SURPRISED, Expression.NEUTRAL)
TRIAL = 2.0  # s


@dataclass(frozen=True)
class SyntheticScene:
    """How nasty a session is; the defaults make the example.

    Attributes
    ----------
    participant
        Whose face is the participant's, one of `enicfer.synthetic.portraits.PEOPLE`.
    width, height
        Of the picture in px.
    conditions
        Expressions that the participant makes in the trials.
    trials_per_condition
        Number of trials with the participant in the picture, per condition.
    pause
        Shortest and longest time in s from a trial's end to the next trial.
    absences
        Duration in s of each absence of the participant; one of 3 s or more loses a trial of its own.
    covers
        How often a hand covers the participant's face.
    visits
        How often the examiner comes beside the participant, each time for three trials.
    examiner_during_absence
        Whether the examiner is in the picture while the participant is away.
    crossings
        How often the examiner walks through the picture in front of the participant.
    participant_size, examiner_size
        Smallest and largest distance of the pupils in px.
    similar_colours
        Whether the examiner is given the participant's colours.
    frame_rate
        Slowest and fastest rate in frames/s, between which the camera wanders.
    dropped
        Fraction of the frames that are never stored.
    shutter
        Exposure as a fraction of the time between two frames.
    drift_ppm
        How much faster than the recording's clock the camera's runs.
    missing_pulses, extra_pulses
        Number of LED flashes that the recording lacks, and of recorded pulses without a flash.
    side_camera
        Whether a second camera films from the side; the participant then turns to it for every other two trials, and
        each camera sees the back of the head while the other one sees the face.
    side_rate
        Its slowest and fastest rate in frames/s.
    side_drift_ppm
        How much faster than the recording's clock the second camera's runs.
    """

    participant: str = "hopper"
    width: int = 640
    height: int = 480
    conditions: tuple[str, ...] = CONDITIONS
    trials_per_condition: int = 4
    pause: tuple[float, float] = (0.75, 1.0)
    absences: tuple[float, ...] = (3.6,)
    covers: int = 1
    visits: int = 2
    examiner_during_absence: bool = True
    crossings: int = 0
    participant_size: tuple[float, float] = (47.0, 66.0)
    examiner_size: tuple[float, float] = (42.0, 74.0)
    similar_colours: bool = False
    frame_rate: tuple[float, float] = (25.0, 33.0)
    dropped: float = 0.03
    shutter: float = 1.0
    drift_ppm: float = 120.0
    missing_pulses: int = 2
    extra_pulses: int = 1
    side_camera: bool = False
    side_rate: tuple[float, float] = (22.0, 26.0)
    side_drift_ppm: float = -90.0

    @property
    def examiner(self) -> str:
        """The other of the two people."""
        return next(name for name in PEOPLE if name != self.participant)


@dataclass(frozen=True)
class TrialPlan:
    """A trial: its trigger's time and duration in s, its condition."""

    onset: float
    duration: float
    condition: str


@dataclass(frozen=True)
class Happenings:
    """The time line: trials, and spans ``(start, stop)`` in s of everything else."""

    trials: tuple[TrialPlan, ...]
    absences: tuple[tuple[float, float], ...] = ()
    covers: tuple[tuple[float, float], ...] = ()
    crossings: tuple[tuple[float, float], ...] = ()
    visits: tuple[tuple[float, float], ...] = ()
    stop: float = 0.0


def plan_happenings(scene: SyntheticScene, rng: np.random.Generator) -> Happenings:
    """Put trials in random order, with everything else between them."""
    trials = [str(c) for c in rng.permutation(np.repeat(scene.conditions, scene.trials_per_condition))]
    others = ["absence"] * len(scene.absences) + ["cover"] * scene.covers + ["crossing"] * scene.crossings
    if len(others) >= len(trials):
        raise InputError(
            f"The scene has {len(trials)} trials", remedy=f"let at most {len(trials) - 1} other things happen"
        )
    # Each other thing goes before a trial of its own, but not before the first.
    places = np.sort(rng.choice(np.arange(1, len(trials)), len(others), replace=False))
    before = dict(zip(places.tolist(), rng.permutation(others).tolist(), strict=True)) if others else {}
    found: dict[str, list[tuple[float, float]]] = {"absence": [], "cover": [], "crossing": []}
    planned: list[TrialPlan] = []
    durations = list(scene.absences)
    now = 3.0
    for i, condition in enumerate(trials):
        if i in before:
            what = before[i]
            length = {"absence": 0.0, "cover": 1.9, "crossing": 3.0}[what]
            if what == "absence":
                length = durations.pop(0)
                if length >= 3.0:  # nobody tells the task computer that the chair is empty
                    planned.append(TrialPlan(round(now + 0.8, 3), TRIAL, str(rng.choice(scene.conditions))))
            found[what].append((now, now + length))
            now += length + float(rng.uniform(*scene.pause)) + 0.3
        planned.append(TrialPlan(round(now, 3), TRIAL, condition))
        now += TRIAL + float(rng.uniform(*scene.pause))
    result = Happenings(
        trials=tuple(planned),
        absences=tuple(found["absence"]),
        covers=tuple(found["cover"]),
        crossings=tuple(found["crossing"]),
        stop=now,
    )
    return replace(result, visits=plan_visits(scene, rng, result))


def plan_visits(
    scene: SyntheticScene, rng: np.random.Generator, happenings: Happenings
) -> tuple[tuple[float, float], ...]:
    """Spans in which the examiner is in the picture, sorted, never two at once."""
    spans = []
    if scene.examiner_during_absence:
        spans += [(start + 0.5, stop + 2.5) for start, stop in happenings.absences]
    trials = happenings.trials
    for _ in range(scene.visits):
        for first in rng.permutation(max(len(trials) - 2, 1)).tolist():
            last = min(first + 2, len(trials) - 1)
            span = (trials[first].onset - 0.6, trials[last].onset + trials[last].duration + 0.4)
            taken = (*spans, *happenings.crossings, *happenings.absences)
            if all(span[1] + 1 < start or span[0] > stop + 1 for start, stop in taken):
                spans.append(span)
                break
    return tuple(sorted(spans))
