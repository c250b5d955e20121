"""How the two people move: where they are, how large, how turned, and what their faces do.

Conventions: times are s on the recording's clock; positions are px of the picture; ``size`` is the distance
between the pupils in px; angles are radian. ``side`` is -1 or 1: the half of the picture, left or right, in
which the participant sits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.expressions import Expression
from enicfer.records import FloatArray
from enicfer.synthetic.scene import Happenings, SyntheticScene

RISE, FALL = (0.25, 0.55), (1.85, 2.2)  # s after a trial's trigger: the expression comes, and goes
STEP_OUT = 0.7  # s to walk out of the picture, or in


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
class Keyframes:
    """Where somebody is: ``(k,)`` times in s and values, eased from one to the next."""

    time: FloatArray
    value: FloatArray

    def __call__(self, time: FloatArray) -> FloatArray:
        """Values at ``time``."""
        right = np.clip(np.searchsorted(self.time, time, side="right"), 1, len(self.time) - 1)
        start, stop = self.time[right - 1], self.time[right]
        u = ease((time - start) / np.maximum(stop - start, 1e-9))
        return np.asarray((1 - u) * self.value[right - 1] + u * self.value[right])


def ease(u: FloatArray) -> FloatArray:
    """Smooth step from 0 to 1 for ``u`` from 0 to 1."""
    u = np.clip(u, 0, 1)
    return np.asarray(u * u * (3 - 2 * u))


def wander(rng: np.random.Generator, time: FloatArray, amplitude: float) -> FloatArray:
    """Slow, smooth, irregular movement within about ``amplitude``."""
    periods, phases = rng.uniform(2.5, 12, 4), rng.uniform(0, 2 * np.pi, 4)
    return np.asarray(amplitude * np.sin(2 * np.pi * time[:, None] / periods + phases).mean(axis=1) * 1.6)


def move_participant(
    scene: SyntheticScene, rng: np.random.Generator, happenings: Happenings, side: float, time: FloatArray
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
    scene: SyntheticScene, rng: np.random.Generator, happenings: Happenings, side: float, time: FloatArray
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
    x, size = (Keyframes(*np.array(path).T)(time) for path in (xs, sizes))
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
