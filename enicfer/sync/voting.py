"""Every pair of a video pulse and a recording pulse votes for the offset that would make the two one instant.

The drifts are tried one by one, on a grid that is fine enough not to blur the pulses. Of a long video several
stretches vote on their own: more pulses cost time and, with the drift unknown, add nothing.

Times are in s: video pulses on ``video_time``, recording pulses on the recording's ``time``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray

CHUNK = 128  # video pulses that vote at once
MIN_CHUNK = 16
MAX_VOTES = 5e6
N_CHUNKS = 5
N_CANDIDATES = 24

IntArray = npt.NDArray[np.intp]
Seed = tuple[int, int, float, float]  # first and last video pulse, slope, intercept at their mean time


@dataclass(frozen=True)
class Problem:
    """The pulses on both sides, with everything that all steps of the matching need.

    Attributes
    ----------
    video, recording
        ``(n,)`` and ``(m,)`` s, sorted.
    video_key, recording_key
        What sets pulses of different codes apart, in s; equal codes have equal keys.
    order, target
        ``(m,)`` the recording's pulses by code and time, and their times plus keys in this order.
    tolerance, max_drift, prior
        See `enicfer.sync.matching.match_pulses`.
    same_code
        Share of the pairs of pulses whose codes agree.
    """

    video: FloatArray
    recording: FloatArray
    video_key: FloatArray
    recording_key: FloatArray
    order: IntArray
    target: FloatArray
    tolerance: float
    max_drift: float
    prior: tuple[float, float] | None
    same_code: float


def vote(problem: Problem) -> list[Seed]:
    """Seeds ``(first, last, slope, intercept)`` of the fullest cells, from several stretches of the video."""
    n, m = len(problem.video), len(problem.recording)
    size = min(n, CHUNK)
    while size > MIN_CHUNK and size * m * _n_drifts(problem, size) > MAX_VOTES:
        size = max(MIN_CHUNK, int(size * 0.8))
    starts = np.unique(np.linspace(0, n - size, 1 if size == n else N_CHUNKS).astype(int))
    return [seed for start in starts for seed in _vote_chunk(problem, int(start), int(start) + size)]


def _n_drifts(problem: Problem, size: int) -> int:
    """Number of drifts to try for ``size`` pulses, so that the worst blur is half the tolerance."""
    span = (problem.video[-1] - problem.video[0]) * size / len(problem.video)
    return int(np.ceil(problem.max_drift * span / problem.tolerance)) + 1


def _vote_chunk(problem: Problem, first: int, last: int) -> list[Seed]:
    video = problem.video[first:last]
    origin = video.mean()
    centred = video - origin
    span = np.ptp(video)
    difference = problem.recording[None, :] - video[:, None]
    allowed = problem.video_key[first:last, None] == problem.recording_key[None, :]
    if problem.prior is not None:
        offset, half_width = problem.prior
        reach = half_width + problem.max_drift * np.abs(video[:, None]).max()
        allowed &= np.abs(difference - offset) <= reach
    row, column = np.nonzero(allowed)
    if len(row) == 0:
        return []
    difference, centred = difference[row, column], centred[row]
    width = 2 * problem.tolerance
    n_drifts = int(np.ceil(problem.max_drift * span / problem.tolerance)) + 1
    drifts = np.linspace(-1, 1, n_drifts) * problem.max_drift if n_drifts > 1 else np.zeros(1)
    counts, offsets, slopes = [], [], []
    for drift in drifts[np.argsort(np.abs(drifts), kind="stable")]:
        cell, count = np.unique(np.floor((difference - drift * centred) / width), return_counts=True)
        beside = np.where(np.diff(cell, append=np.inf) == 1, np.append(count[1:], 0), 0)
        total = count + beside
        top = _largest(total, 2 * N_CANDIDATES)
        counts.append(total[top])
        offsets.append((cell[top] + np.where(beside[top] > 0, 1.0, 0.5)) * width)
        slopes.append(np.full(len(top), 1 + drift))
    count, shift, slope_of = np.concatenate(counts), np.concatenate(offsets), np.concatenate(slopes)
    seeds: list[Seed] = []
    taken: list[float] = []
    for i in np.argsort(-count, kind="stable"):
        if all(abs(shift[i] - other) > 2 * width for other in taken):
            taken.append(float(shift[i]))
            seeds.append((first, last, float(slope_of[i]), float(origin + shift[i])))
            if len(seeds) == N_CANDIDATES:
                break
    return seeds


def _largest(values: npt.NDArray[np.int64], k: int) -> IntArray:
    """Indices of the ``k`` largest values, ties by index; `numpy.argsort` would sort them all."""
    if len(values) <= k:
        return np.argsort(-values, kind="stable")
    least = np.partition(values, len(values) - k)[len(values) - k]
    index = np.flatnonzero(values >= least)
    return index[np.argsort(-values[index], kind="stable")][:k]
