"""What happens in an example session, and when: trials, people, camera and pulses.

Conventions: all times are s on the recording's clock (0 is the first sample or the first stored volume); the
scene has no other clock. A frame's time is the end of its exposure, which is when a camera stamps it; what
the frame shows of people is the middle of the exposure. Positions are px of the picture; ``size`` is the
distance between the pupils in px; angles are radian.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.example.portraits import PEOPLE
from enicfer.expressions import Expression
from enicfer.records import FloatArray

CONDITIONS = (Expression.HAPPY, Expression.ANGRY, Expression.SURPRISED, Expression.NEUTRAL)
RISE, FALL = (0.25, 0.55), (1.85, 2.2)  # s after a trial's trigger: the expression comes, and goes
STEP_OUT = 0.7  # s to walk out of the picture, or in


@dataclass(frozen=True)
class Scene:
    """How nasty a session is; the defaults make the example.

    Attributes
    ----------
    participant
        Whose face is the participant's, one of `enicfer.example.portraits.PEOPLE`.
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
class Path:
    """Where somebody is: ``(k,)`` times in s and values, eased from one to the next."""

    time: FloatArray
    value: FloatArray

    def __call__(self, time: FloatArray) -> FloatArray:
        """Values at ``time``."""
        right = np.clip(np.searchsorted(self.time, time, side="right"), 1, len(self.time) - 1)
        start, stop = self.time[right - 1], self.time[right]
        u = ease((time - start) / np.maximum(stop - start, 1e-9))
        return np.asarray((1 - u) * self.value[right - 1] + u * self.value[right])


@dataclass(frozen=True)
class Motion:
    """One person in every frame, each ``(n,)``: face centre x, y; size; roll; yaw; expression; strength."""

    x: FloatArray
    y: FloatArray
    size: FloatArray
    roll: FloatArray
    yaw: FloatArray
    expression: npt.NDArray[np.str_]
    strength: FloatArray


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before anything is drawn; see the module's conventions.

    Attributes
    ----------
    duration
        Of the recording, s.
    trials
        In order.
    frame_time, exposure
        ``(n,)`` s: end and length of each stored frame's exposure.
    clock_offset
        Camera's time in s at the recording's time 0.
    participant, examiner
        Their motions in the stored frames.
    hand
        ``(n,)`` 0..1: 0 the hand is away, 1 it covers the participant's face.
    flashes
        ``(p,)`` s at which the LED comes on.
    recorded
        ``(p,)`` whether the recording has the flash's pulse.
    extra
        Times in s of recorded pulses without a flash.
    led
        ``(x, y)`` px of the LED.
    """

    duration: float
    trials: tuple[TrialPlan, ...]
    frame_time: FloatArray
    exposure: FloatArray
    clock_offset: float
    participant: Motion
    examiner: Motion
    hand: FloatArray
    flashes: FloatArray
    recorded: npt.NDArray[np.bool_]
    extra: FloatArray
    led: tuple[int, int]


@dataclass(frozen=True)
class Happenings:
    """The time line: trials, and spans ``(start, stop)`` in s of everything else."""

    trials: tuple[TrialPlan, ...]
    absences: tuple[tuple[float, float], ...] = ()
    covers: tuple[tuple[float, float], ...] = ()
    crossings: tuple[tuple[float, float], ...] = ()
    visits: tuple[tuple[float, float], ...] = ()
    stop: float = 0.0


def ease(u: FloatArray) -> FloatArray:
    """Smooth step from 0 to 1 for ``u`` from 0 to 1."""
    u = np.clip(u, 0, 1)
    return np.asarray(u * u * (3 - 2 * u))


def plan_session(scene: Scene, seed: int, *, whole: float = 1.0, record_before: float = 0.0) -> Plan:
    """Decide everything about a session.

    Parameters
    ----------
    scene
        How nasty it is.
    seed
        Same seed, same plan.
    whole
        The recording's duration is a multiple of this many s.
    record_before
        For how many s before time 0 pulses are recorded already.
    """
    rng = np.random.default_rng(seed)
    happenings = plan_happenings(scene, rng)
    duration = float(np.ceil((happenings.stop + 2.0) / whole) * whole)
    # The camera is started and stopped by hand: before or after the recording.
    first = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.2)) - 0.3
    last = duration + float(rng.uniform(0.4, 1.2) * rng.choice([-1.0, 1.0])) + 0.3
    frame_time, exposure = plan_frames(scene, rng, first, last)
    seen = frame_time - exposure / 2
    side = float(rng.choice([-1.0, 1.0]))  # on which side of the picture the participant sits
    participant = move_participant(scene, rng, happenings, side, seen)
    examiner = move_examiner(scene, rng, happenings, side, seen)
    hand = np.zeros(len(seen))
    for start, stop in happenings.covers:
        hand = np.maximum(hand, ease((seen - start) / 0.35) * (1 - ease((seen - stop + 0.35) / 0.35)))
    flashes, recorded, extra = plan_pulses(scene, rng, (first, last), (-record_before, duration))
    corner = (rng.choice([26, scene.width - 27]), rng.choice([26, 60]))
    return Plan(
        duration=duration,
        trials=happenings.trials,
        frame_time=frame_time,
        exposure=exposure,
        clock_offset=float(rng.uniform(3.0, 9.0)),
        participant=participant,
        examiner=examiner,
        hand=hand,
        flashes=flashes,
        recorded=recorded,
        extra=extra,
        led=(int(corner[0]), int(corner[1])),
    )


def plan_happenings(scene: Scene, rng: np.random.Generator) -> Happenings:
    """Put trials in random order, with everything else between them."""
    trials = [str(c) for c in rng.permutation(np.repeat(scene.conditions, scene.trials_per_condition))]
    others = ["absence"] * len(scene.absences) + ["cover"] * scene.covers + ["crossing"] * scene.crossings
    if len(others) >= len(trials):
        raise InputError(
            f"The scene has {len(trials)} trials: at most {len(trials) - 1} other things can happen."
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
                    planned.append(TrialPlan(round(now + 0.8, 3), 2.0, str(rng.choice(scene.conditions))))
            found[what].append((now, now + length))
            now += length + float(rng.uniform(*scene.pause)) + 0.3
        planned.append(TrialPlan(round(now, 3), 2.0, condition))
        now += 2.0 + float(rng.uniform(*scene.pause))
    result = Happenings(
        trials=tuple(planned),
        absences=tuple(found["absence"]),
        covers=tuple(found["cover"]),
        crossings=tuple(found["crossing"]),
        stop=now,
    )
    return replace(result, visits=plan_visits(scene, rng, result))


def plan_visits(
    scene: Scene, rng: np.random.Generator, happenings: Happenings
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


def plan_frames(
    scene: Scene, rng: np.random.Generator, first: float, last: float
) -> tuple[FloatArray, FloatArray]:
    """End and length in s of the exposures of the frames that are stored."""
    slow, fast = scene.frame_rate
    periods, phases = rng.uniform(3, 11, 2), rng.uniform(0, 2 * np.pi, 2)
    times = [first]
    while times[-1] < last:
        wave = float(np.mean(np.sin(2 * np.pi * times[-1] / periods + phases)))
        rate = np.clip((slow + fast) / 2 + wave * (fast - slow) / 2 + rng.normal(0, 0.6), slow, fast)
        times.append(times[-1] + 1 / float(rate))
    time = np.array(times[1:])
    exposure = np.diff(times) * scene.shutter
    kept = rng.random(len(time)) >= scene.dropped
    kept[[0, -1]] = True
    return time[kept], exposure[kept]


def wander(rng: np.random.Generator, time: FloatArray, amplitude: float) -> FloatArray:
    """Slow, smooth, irregular movement within about ``amplitude``."""
    periods, phases = rng.uniform(2.5, 12, 4), rng.uniform(0, 2 * np.pi, 4)
    return np.asarray(amplitude * np.sin(2 * np.pi * time[:, None] / periods + phases).mean(axis=1) * 1.6)


def move_participant(
    scene: Scene, rng: np.random.Generator, happenings: Happenings, side: float, time: FloatArray
) -> Motion:
    """The participant sits, sways, glances aside, comes nearer, makes faces, and is away at times."""
    small, large = scene.participant_size
    # Nearer for a while: somewhere in the middle half of the session.
    near = float(rng.uniform(0.25, 0.6)) * happenings.stop
    nearness = ease((time - near) / 1.5) * (1 - ease((time - near - 7) / 2))
    size = small * (1.06 + wander(rng, time, 0.05)) + (large - 1.1 * small) * nearness
    home = scene.width * (0.5 + side * float(rng.uniform(0.12, 0.17)))
    outside = scene.width * (0.5 + side * 1.1)
    x = np.full(len(time), home) + wander(rng, time, 14)
    for start, stop in happenings.absences:
        away = ease((time - start) / STEP_OUT) * (1 - ease((time - stop + STEP_OUT) / STEP_OUT))
        x += away * (outside - home)
    yaw = wander(rng, time, 0.16)
    for trial in happenings.trials[1::3]:  # glances between trials
        glance = ease((time - trial.onset + 0.75) / 0.25) * (1 - ease((time - trial.onset + 0.35) / 0.3))
        yaw += float(rng.choice([-1, 1])) * 0.28 * glance
    expression = np.full(len(time), str(Expression.NEUTRAL), dtype="U16")
    strength = np.zeros(len(time))
    for trial in happenings.trials:
        t = time - trial.onset
        here = (t >= RISE[0]) & (t < FALL[1])
        envelope = ease((t - RISE[0]) / (RISE[1] - RISE[0])) * (1 - ease((t - FALL[0]) / (FALL[1] - FALL[0])))
        expression[here] = trial.condition
        strength[here] = (envelope * rng.uniform(0.9, 1.0))[here]
    y = scene.height * float(rng.uniform(0.43, 0.46)) + wander(rng, time, 7) + 0.1 * (size - small)
    return Motion(x, y, size, wander(rng, time, 0.06), yaw, expression, strength)


def move_examiner(
    scene: Scene, rng: np.random.Generator, happenings: Happenings, side: float, time: FloatArray
) -> Motion:
    """The examiner comes in beside the participant, comes nearer during a visit, and walks past."""
    small, large = scene.examiner_size
    outside, beside = scene.width * (0.5 - side * 1.25), scene.width * (0.5 - side * 0.29)
    across = scene.width * (0.5 + side * 1.25)
    far = float(time[0]) - 1e3
    xs, sizes = [(far, outside)], [(far, small)]
    spans = [(s, e, False) for s, e in happenings.visits] + [(s, e, True) for s, e in happenings.crossings]
    for start, stop, crossing in sorted(spans):
        middle = (start + stop) / 2
        if crossing:
            xs += [(start, outside), (stop, across), (stop + 0.01, outside)]
            continue
        here = beside + float(rng.uniform(-12, 12))
        xs += [(start, outside), (start + STEP_OUT, here), (stop - STEP_OUT, here), (stop, outside)]
        # Smaller than the participant at first, then larger, then smaller again.
        sizes += [(start, small), (middle - 0.5, large), (middle + 1.5, large), (stop, small)]
    for path in (xs, sizes):
        path.append((float(time[-1]) + 1e3, path[-1][1]))
    x, size = (Path(*np.array(path).T)(time) for path in (xs, sizes))
    for start, stop in happenings.crossings:
        size = np.where((time > start) & (time < stop), large, size)
    # A smile that would show in the participant's trace if the two were mixed up.
    smile = np.full(len(time), str(Expression.HAPPY), dtype="U16")
    y = scene.height * float(rng.uniform(0.36, 0.4)) + wander(rng, time, 6)
    yaw = side * 0.15 + wander(rng, time, 0.12)
    x = x + wander(rng, time, 8)
    return Motion(
        x, y, size, wander(rng, time, 0.05), yaw, smile, np.clip(0.7 + wander(rng, time, 0.4), 0, 1)
    )


def plan_pulses(
    scene: Scene, rng: np.random.Generator, filmed: tuple[float, float], recorded: tuple[float, float]
) -> tuple[FloatArray, npt.NDArray[np.bool_], FloatArray]:
    """LED flashes at random intervals; which of them the recording has; pulses without a flash."""
    times = [filmed[0] + float(rng.uniform(0.3, 1.0))]
    while times[-1] < filmed[1] - 3.2:
        times.append(times[-1] + float(rng.uniform(0.7, 3.0)))
    flashes = np.round(np.array(times), 4)
    has = (flashes >= recorded[0]) & (flashes < recorded[1] - 0.1)
    inner = np.flatnonzero(has)[1:-1]
    has[rng.choice(inner, min(scene.missing_pulses, len(inner)), replace=False)] = False
    # An extra pulse keeps its distance: it is no late copy of a flash.
    gaps = np.flatnonzero(np.diff(flashes) > 1.0)
    gaps = gaps[(flashes[gaps] > recorded[0]) & (flashes[gaps + 1] < recorded[1])]
    chosen = np.sort(rng.choice(gaps, min(scene.extra_pulses, len(gaps)), replace=False))
    extra = flashes[chosen] + np.diff(flashes)[chosen] * rng.uniform(0.35, 0.65, len(chosen))
    return flashes, has, np.round(extra, 4)
