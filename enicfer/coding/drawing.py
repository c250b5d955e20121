"""Draws of frames: at random with known probabilities, and such as the classifier is unsure of.

Conventions: frames are those of all runs one after the other, in order of run and time. Nothing here reads files.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray

Places = npt.NDArray[np.intp]
_ALMOST = 1e-9
_APART = 0.3  # of the list, between a unit and its repeat


def share_out(total: float, most: FloatArray) -> FloatArray:
    """Equal parts ``(m,)`` of a total, none above ``most`` ``(m,)``; what one cannot take goes to the others."""
    used = 0.0
    for i, one in enumerate(np.sort(most)):
        if used + one * (most.size - i) >= total:
            return np.minimum(most, (total - used) / (most.size - i))
        used += float(one)
    return most.copy()


def count_densest(video_time: FloatArray, distance: float) -> int:
    """The most frames that are in any ``distance`` (s), of sorted times ``(n,)`` in s."""
    if not video_time.size:
        return 0
    after = np.searchsorted(video_time, video_time + distance - _ALMOST, "left")
    return int((after - np.arange(video_time.size)).max())


def draw_systematically(probability: FloatArray, rng: np.random.Generator) -> Places:
    """Draw each frame with its probability ``(n,)``, as evenly over the frames as can be.

    The probabilities are summed up; one frame is taken at a random point below 1 and at every 1 further on. So no
    stretch of frames whose probabilities have the sum 1 or less gives two, and the number that is drawn is the
    sum of all, rounded down or up.
    """
    ends = np.cumsum(probability)
    if not ends.size:
        return np.zeros(0, np.intp)
    points = np.arange(rng.random(), ends[-1] - _ALMOST, 1.0)
    return np.unique(np.searchsorted(ends, points, "left"))


def draw_share(strata: Sequence[object], share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw a share of units ``(n,)`` so that each stratum gives its part, within one unit."""
    n = len(strata)
    drawn = np.zeros(n, np.bool_)
    shuffled = rng.permutation(n)
    order = np.array(sorted(shuffled.tolist(), key=lambda i: str(strata[i])), np.intp)
    if n:
        drawn[order[draw_systematically(np.full(n, share), rng)]] = True
    return drawn


def draw_order(again: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, ...]:
    """A shuffled order of units ``(n,)``, in which a repeat comes well after its first time, or at the end."""
    n = again.size
    position = rng.permutation(n).astype(np.float64)
    repeats = np.flatnonzero(again)
    later = position[repeats] + n * rng.uniform(_APART, 1.0, repeats.size)
    keys = np.concatenate([position, later])
    return tuple(np.concatenate([np.arange(n), repeats])[np.argsort(keys, kind="stable")].tolist())


def spread_peaks(
    score: FloatArray, run: Places, video_time: FloatArray, distance: float, taken: Places, most: int
) -> Places:
    """Frames of the highest scores ``(n,)`` that keep the distance in s from each other and from those taken.

    Parameters
    ----------
    score
        ``(n,)``; -inf leaves a frame out.
    run, video_time
        ``(n,)`` number of the run and s of its video.
    distance
        Between two frames of one run, in s.
    taken
        Places of frames that are taken already.
    most
        Frames at most.
    """
    kept: dict[int, list[float]] = {}
    for place in taken.tolist():
        kept.setdefault(int(run[place]), []).append(float(video_time[place]))
    found: list[int] = []
    for place in np.argsort(-score, kind="stable").tolist():
        if len(found) == most or not np.isfinite(score[place]):
            break
        near = kept.setdefault(int(run[place]), [])
        at = float(video_time[place])
        if all(abs(at - other) >= distance - _ALMOST for other in near):
            near.append(at)
            found.append(place)
    return np.array(found, np.intp)


def choose_diverse(
    score: FloatArray,
    features: FloatArray,
    near: FloatArray,
    limits: Sequence[tuple[Places, dict[int, int]]],
    n: int,
) -> list[int]:
    """Choose frames one by one: uncertain ones, and unlike all that were chosen before.

    Parameters
    ----------
    score
        ``(m,)`` 0 to 1.
    features
        ``(m, f)`` on scales on which 1 is a clear difference.
    near
        ``(t, f)`` features of frames that are taken already.
    limits
        Group ``(m,)`` of each frame, and how many may come of each group; a group that is not named has no limit.
    n
        How many.

    Returns
    -------
    list of int
        Places, in the order in which they were chosen.
    """
    apart = np.full(score.size, np.inf)
    for row in near:
        apart = np.minimum(apart, ((features - row) ** 2).sum(axis=1))
    left = [(groups, dict(most)) for groups, most in limits]
    free = np.ones(score.size, np.bool_)
    for groups, most in left:
        free &= np.array([most.get(int(group), 1) > 0 for group in groups], np.bool_)
    chosen: list[int] = []
    while len(chosen) < n and free.any():
        worth = np.where(free, score * (1 - np.exp(-np.sqrt(apart))), -1.0)
        best = int(worth.argmax())
        chosen.append(best)
        free[best] = False
        apart = np.minimum(apart, ((features - features[best]) ** 2).sum(axis=1))
        for groups, most in left:
            group = int(groups[best])
            if group in most:
                most[group] -= 1
                if most[group] <= 0:
                    free &= groups != group
    return chosen
