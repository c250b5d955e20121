"""Everything that is decided about an example session before anything is drawn.

Conventions: all times are s on the recording's clock; the scene has no other. A frame's time is the end of its
exposure, which is when a camera stamps it; what the frame shows of people is the middle of the exposure.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray
from enicfer.synthetic.motion import Motion, ease, move_examiner, move_participant
from enicfer.synthetic.scene import SyntheticScene, TrialPlan, plan_happenings


@dataclass(frozen=True)
class SessionPlan:
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
    turned
        ``(n,)`` whether the participant's head is turned so far that this camera sees no face; None for never.
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
    turned: npt.NDArray[np.bool_] | None = None


def plan_session(
    scene: SyntheticScene, seed: int, *, whole: float = 1.0, record_before: float = 0.0, of_side: bool = False
) -> SessionPlan:
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
    of_side
        The same as the second camera films it, with frames and a clock of its own.
    """
    rng = np.random.default_rng(seed)
    happenings = plan_happenings(scene, rng)
    duration = float(np.ceil((happenings.stop + 2.0) / whole) * whole)
    # The camera is started and stopped by hand: before or after the recording.
    first = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.2)) - 0.3
    last = duration + float(rng.uniform(0.4, 1.2) * rng.choice([-1.0, 1.0])) + 0.3
    frame_time, exposure = plan_frames(scene, rng, first, last)
    own = np.random.default_rng([seed, 2])  # of the second camera alone: what happens is the same for both
    if of_side:
        second = replace(scene, frame_rate=scene.side_rate)
        frame_time, exposure = plan_frames(second, own, first + 0.23, last - 0.31)
    seen = frame_time - exposure / 2
    side = float(rng.choice([-1.0, 1.0]))  # on which side of the picture the participant sits
    participant = move_participant(scene, rng, happenings, side, seen)
    examiner = move_examiner(scene, rng, happenings, side, seen)
    hand = np.zeros(len(seen))
    for start, stop in happenings.covers:
        hand = np.maximum(hand, ease((seen - start) / 0.35) * (1 - ease((seen - stop + 0.35) / 0.35)))
    flashes, recorded, extra = plan_pulses(scene, rng, (first, last), (-record_before, duration))
    corner = (rng.choice([26, scene.width - 27]), rng.choice([26, 60]))
    offset, turned = float(rng.uniform(3.0, 9.0)), None
    if of_side:
        corner, offset = (own.choice([26, scene.width - 27]), 60), float(own.uniform(14.0, 22.0))
    if scene.side_camera:
        participant, turned = turn_participant(participant, happenings.trials, seen, of_side)
    return SessionPlan(
        duration=duration,
        trials=happenings.trials,
        frame_time=frame_time,
        exposure=exposure,
        clock_offset=offset,
        participant=participant,
        examiner=examiner,
        hand=hand,
        flashes=flashes,
        recorded=recorded,
        extra=extra,
        led=(int(corner[0]), int(corner[1])),
        turned=turned,
    )


def turn_participant(
    motion: Motion, trials: tuple[TrialPlan, ...], time: FloatArray, of_side: bool
) -> tuple[Motion, npt.NDArray[np.bool_]]:
    """The participant as one of two cameras sees them, who turns to the second one for every other two trials.

    Parameters
    ----------
    motion
        In the frames at ``time``, as if the head were turned to this camera all the time.
    trials
        In order.
    time
        ``(n,)`` s.
    of_side
        Whether this is the second camera.

    Returns
    -------
    Motion, turned
        With the head's turn, and ``(n,)`` whether no face is seen.
    """
    aside = np.zeros(len(time))
    for first, last in zip(trials[2::4], trials[3::4], strict=False):
        start, stop = first.onset - 0.65, last.onset + last.duration + 0.3
        aside = np.maximum(aside, ease((time - start) / 0.5) * (1 - ease((time - stop) / 0.5)))
    away = 1 - aside if of_side else aside
    return replace(motion, yaw=motion.yaw + (-0.6 if of_side else 0.6) * away), away > 0.6


def plan_frames(
    scene: SyntheticScene, rng: np.random.Generator, first: float, last: float
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


def plan_pulses(
    scene: SyntheticScene,
    rng: np.random.Generator,
    filmed: tuple[float, float],
    recorded: tuple[float, float],
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
