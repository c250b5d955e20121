"""Which pulse of the video is which pulse of the recording: a vote over offset and drift.

The fullest cells of the vote (`enicfer.sync.voting`) are refined by least squares and counted again with one
partner per pulse. The best is believed only if

- so many matches would not come about by chance: the number of false alarms, that is the binomial tail of the
  match count times the number of hypotheses, is below `MAX_FALSE_ALARMS` (the a-contrario rule of
  Desolneux, Moisan & Morel 2000, doi:10.1023/A:1026593302236; for fits Moisan & Stival 2004,
  doi:10.1023/B:VISI.0000013094.38752.54), both for pulses that fall anywhere and for pulses with the intervals of
  these trains (`enicfer.sync.chance`), and
- no rival that pairs the same pulses differently may be the truth (`enicfer.sync.rivals`).

Regular pulses and repeated sequences fail the second rule, unrelated pulses the first. Nothing here is random.

Times are in s: video pulses on ``video_time``, recording pulses on the recording's ``time``; drift is the
slope minus 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray
from enicfer.sync.chance import IntervalChance, count_false_alarms
from enicfer.sync.pairing import Pairing, Span
from enicfer.sync.rivals import Rival, count_shared, find_rivals
from enicfer.sync.voting import CHUNK, IntArray, Problem, Seed, vote

MAX_FALSE_ALARMS = 1e-5
MIN_PULSES = 4
MATCH_RATE = 0.3  # least share of pulses that match where the pairing holds, for finding where it ends
CHANCE_RATE = 0.02
N_WEAK_RIVALS = 2  # hopeless hypotheses that are followed all the same, so that a runner-up can be named
CODE_STEP = 1e6  # s; separates pulses of different codes on one axis
WIDER = 1.3  # times the largest drift; a drift beyond it is found as one, and refused when the map is fitted


@dataclass(frozen=True)
class Match:
    """The pairing that is believed, and the rival that came nearest to it.

    Attributes
    ----------
    best
        The pairing.
    rival
        The strongest pairing that contradicts it, or None if there was no other.
    rival_p
        Sign test between the two: probability of so clear a difference if both were equally good.
    """

    best: Pairing
    rival: Pairing | None
    rival_p: float


def match_pulses(
    video: npt.ArrayLike,
    recording: npt.ArrayLike,
    tolerance: float,
    max_drift: float = 1e-3,
    prior: tuple[float, float] | None = None,
    codes: tuple[Sequence[object], Sequence[object]] | None = None,
    running: tuple[Span, Span] | None = None,
) -> Match:
    """Find the offset and drift under which most pulses coincide, and refuse where that is not certain.

    Parameters
    ----------
    video, recording
        ``(n,)`` and ``(m,)`` s: onsets on the two clocks.
    tolerance
        Largest distance in s between the two onsets of one pulse.
    max_drift
        Largest ``abs(slope - 1)`` that is expected. A little more is found too, for `enicfer.sync.fit.fit_line` to
        refuse: a limit that is reached is no answer.
    prior
        Coarse knowledge of the recording's time at video time 0: value and half-width in s.
    codes
        Values of the video's and the recording's pulses; only pulses of equal value can match.
    running
        From when to when the camera (``video_time``) and the recording (``time``) ran; if None, from the first to
        the last pulse of each.

    Raises
    ------
    AlignmentError
        If there are too few pulses, if chance explains the matches, or if a rival may be the truth as well.
    """
    problem = _pose(video, recording, tolerance, WIDER * max_drift, prior, codes)
    n, m = len(problem.video), len(problem.recording)
    if min(n, m) < MIN_PULSES:
        raise AlignmentError(
            f"The video shows {n} pulses and the recording has {m}: at least {MIN_PULSES} on both sides are needed "
            "to find offset and drift; check the pulse codes and the region, or give anchors."
        )
    pairings = [_extend(problem, *seed) for seed in _promising(problem, vote(problem))]
    pairings.sort(key=lambda p: (p.log_false_alarms, _off(problem, p), p.offset))
    best = pairings[0] if pairings else None
    if best is None or best.log_false_alarms > np.log10(MAX_FALSE_ALARMS):
        raise AlignmentError(_no_match(problem, best))
    chance = IntervalChance(problem)
    possible = count_shared(problem, best)
    alarms = max(best.log_false_alarms, chance.false_alarms(len(best.video), *possible))
    best = _trim(problem, best)
    others = [p for p in pairings[1:] if _is_allowed(problem, p.offset)]
    rivals = find_rivals(problem, best, others, chance, running, alarms)
    if rivals and rivals[0].serious:
        raise AlignmentError(_ambiguous(problem, best, rivals[0]))
    if alarms > np.log10(MAX_FALSE_ALARMS):
        raise AlignmentError(_alike(best, max(chance.chance)))
    rival = rivals[0] if rivals else None
    return Match(
        replace(best, log_false_alarms=alarms),
        None if rival is None else rival.pairing,
        0.0 if rival is None else rival.p,
    )


def _pose(
    video: npt.ArrayLike,
    recording: npt.ArrayLike,
    tolerance: float,
    max_drift: float,
    prior: tuple[float, float] | None,
    codes: tuple[Sequence[object], Sequence[object]] | None,
) -> Problem:
    a, b = np.asarray(video, dtype=np.float64), np.asarray(recording, dtype=np.float64)
    for name, times in (("video", a), ("recording", b)):
        if times.ndim != 1 or not np.all(np.isfinite(times)) or np.any(np.diff(times) < 0):
            raise AlignmentError(f"The {name}'s pulse times must be finite and sorted.")
    key_a, key_b, same = np.zeros(len(a)), np.zeros(len(b)), 1.0
    if codes is not None:
        values, inverse = np.unique([str(c) for part in codes for c in part], return_inverse=True)
        key_a, key_b = np.split(inverse * CODE_STEP, [len(a)])
        share = np.array([[np.mean(k == i * CODE_STEP) for k in (key_a, key_b)] for i in range(len(values))])
        same = float(np.sum(share[:, 0] * share[:, 1]))
    order = np.argsort(b + key_b, kind="stable")
    target = (b + key_b)[order]
    return Problem(a, b, key_a, key_b, order, target, tolerance, max_drift, prior, same)


def _promising(problem: Problem, seeds: list[Seed]) -> list[Seed]:
    """Fit each seed to the stretch it came from, and keep those that could win or rival the winner."""
    fitted = [(*seed[:2], *_fit_stretch(problem, *seed)) for seed in seeds]
    fitted.sort(key=lambda seed: -seed[-1])
    if len(problem.video) <= CHUNK or not fitted:
        return [seed[:4] for seed in fitted]
    weakest = sum(seed[-1] >= fitted[0][-1] / 3 for seed in fitted) + N_WEAK_RIVALS
    return [seed[:4] for seed in fitted[:weakest]]


def _fit_stretch(
    problem: Problem, first: int, last: int, slope: float, intercept: float
) -> tuple[float, float, int]:
    """Slope, intercept and number of matches after a few rounds of pairing and fitting on some video pulses."""
    video = problem.video
    origin = float(video[first:last].mean())
    k = 0
    for tolerance in (2 * problem.tolerance, problem.tolerance, problem.tolerance):
        a, b = _pair_nearest(problem, first, last, origin, slope, intercept, tolerance)
        k = len(a)
        if k < 2:
            break
        slope, intercept = _fit_line(video[a] - origin, problem.recording[b], slope, problem.max_drift)
    return slope, intercept, k


def _extend(problem: Problem, first: int, last: int, slope: float, intercept: float) -> Pairing:
    """Fit ever longer stretches until all pulses take part, and judge the result."""
    video = problem.video
    n = len(video)
    while (first, last) != (0, n):
        grow = max(1, (last - first) // 2)
        longer = max(0, first - grow), min(n, last + grow)
        intercept += slope * float(video[longer[0] : longer[1]].mean() - video[first:last].mean())
        first, last = longer
        slope, intercept, _ = _fit_stretch(problem, first, last, slope, intercept)
    slope, intercept, _ = _fit_stretch(problem, 0, n, slope, intercept)
    origin = float(video.mean())
    a, b = _pair_nearest(problem, 0, n, origin, slope, intercept, problem.tolerance)
    predicted = slope * (video - origin) + intercept
    log_alarms, possible = count_false_alarms(problem, predicted, len(a))
    if not _is_allowed(problem, intercept - slope * origin):
        log_alarms = np.inf
    return Pairing(origin, slope, intercept, a, b, possible, log_alarms)


def _off(problem: Problem, pairing: Pairing) -> float:
    """Root mean square distance in s of the matched pulses."""
    distance = pairing.time(problem.video[pairing.video]) - problem.recording[pairing.recording]
    return float(np.sqrt(np.mean(distance**2))) if len(distance) else np.inf


def _is_allowed(problem: Problem, offset: float) -> bool:
    """Whether the coarse offset allows an offset in s; where it does not, the pairing is neither answer nor rival."""
    return problem.prior is None or abs(offset - problem.prior[0]) <= problem.prior[1]


def _pair_nearest(
    problem: Problem, first: int, last: int, origin: float, slope: float, intercept: float, tolerance: float
) -> tuple[IntArray, IntArray]:
    """Indices of the pulses that lie within ``tolerance`` of each other under a map; one partner each."""
    order, target = problem.order, problem.target
    predicted = slope * (problem.video[first:last] - origin) + intercept + problem.video_key[first:last]
    right = np.clip(np.searchsorted(target, predicted), 1, len(target) - 1)
    nearest = right - (predicted - target[right - 1] <= target[right] - predicted)
    distance = np.abs(target[nearest] - predicted)
    by_distance = np.argsort(distance, kind="stable")
    by_distance = by_distance[distance[by_distance] <= tolerance]
    b, index = np.unique(order[nearest[by_distance]], return_index=True)
    a = by_distance[index] + first
    sort = np.argsort(a, kind="stable")
    return a[sort], b[sort]


def _fit_line(x: FloatArray, y: FloatArray, slope: float, max_drift: float) -> tuple[float, float]:
    """Least-squares line, its slope kept within the drift that is possible."""
    spread = np.sum((x - x.mean()) ** 2)
    if spread > 0:
        slope = float(np.sum((x - x.mean()) * (y - y.mean())) / spread)
        slope = float(np.clip(slope, 1 - max_drift, 1 + max_drift))
    return slope, float(y.mean() - slope * x.mean())


def _trim(problem: Problem, best: Pairing) -> Pairing:
    """The stretch of matches that belong together: the segment of largest log-likelihood ratio.

    After a restart or a pause a few pulses still coincide by chance; they must not stretch the pairing.
    """
    predicted = best.slope * (problem.video - best.origin) + best.intercept
    possible = (predicted >= problem.recording[0]) & (predicted <= problem.recording[-1])
    score = np.where(possible, np.log((1 - MATCH_RATE) / (1 - CHANCE_RATE)), 0.0)
    score[best.video] = np.log(MATCH_RATE / CHANCE_RATE)
    total = np.concatenate([[0.0], np.cumsum(score)])
    stop = int(np.argmax(total - np.minimum.accumulate(total)))
    start = int(np.argmin(total[: stop + 1]))
    first, last = np.searchsorted(best.video, (start, stop))
    return replace(best, video=best.video[first:last], recording=best.recording[first:last])


def _no_match(problem: Problem, best: Pairing | None) -> str:
    found = 0 if best is None else len(best.video)
    where = ", the coarse offset" if problem.prior is not None else ""
    within = "" if problem.prior is None else ", at {:.1f} +- {:.1f} s,".format(*problem.prior)
    return (
        f"The {len(problem.video)} pulses of the video and the {len(problem.recording)} of the recording have "
        f"nothing in common{within} that chance would not bring: at best {found} coincide within "
        f"{1000 * problem.tolerance:.0f} ms; check the pulse codes, the region{where}, and that video and "
        "recording belong together."
    )


def _alike(best: Pairing, chance: float) -> str:
    return (
        f"The pulses' intervals are too much alike to tell where they belong: {len(best.video)} of {best.n_possible} "
        f"pulses coincide at best, but with such intervals {chance:.0%} of the others do by chance where one does; "
        "record more pulses, give coarse_offset in session.toml, or use intervals that are random to the millisecond."
    )


def _ambiguous(problem: Problem, best: Pairing, rival: Rival) -> str:
    interval = np.diff(problem.recording)
    middle = float(np.median(interval))
    regular = (
        np.mean(np.abs(interval / middle - np.round(interval / middle)) * middle < 2 * problem.tolerance)
        > 0.6
    )
    other = rival.pairing
    if regular:
        return (
            f"The pulses fit in more than one way; the pulses come every {middle:.3g} s, so that they fit at any "
            f"shift: {len(best.video)} coincide with the recording {best.offset:.3f} s ahead of the video and "
            f"{len(other.video)} with {other.offset:.3f} s; give coarse_offset in session.toml, or use random "
            "intervals."
        )
    return (
        f"The pulses fit in more than one way, as where a sequence is repeated: {len(best.video)} coincide with the "
        f"recording {best.offset:.3f} s ahead of the video, and {len(other.video)} of {other.n_possible} that both "
        f"could have seen with {other.offset:.3f} s; only when the two were started can tell: give coarse_offset in "
        "session.toml, wall_clock in the protocol's [pulses] if both clocks were set, or codes of one pass only."
    )
