"""Which pulse of the video is which pulse of the recording: a vote over offset and drift.

The fullest cells of the vote (`enicfer.sync.voting`) are refined by least squares and counted again with one
partner per pulse. The best is believed only if

- so many matches would not come about by chance: the number of false alarms, that is the binomial tail of the
  match count times the number of cells searched, is below `MAX_FALSE_ALARMS` (the a-contrario rule of
  Desolneux, Moisan & Morel 2000, doi:10.1023/A:1026593302236; for fits Moisan & Stival 2004,
  doi:10.1023/B:VISI.0000013094.38752.54), and
- no rival that pairs the same pulses differently is nearly as good: a rival is harmless if it is no better
  than chance and matches at most half as many, or if the exact sign test on the pulses that only one of the
  two matches favours the best with p < `MAX_RIVAL_P` (McNemar 1947, doi:10.1007/BF02295996).

Regular pulses fail the second rule, unrelated pulses the first. Nothing here is random.

Times are in s: video pulses on ``video_time``, recording pulses on the recording's ``time``; drift is the
slope minus 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray
from enicfer.sync.voting import CHUNK, IntArray, Problem, Seed, vote

MAX_FALSE_ALARMS = 1e-5
MAX_RIVAL_P = 1e-3
CHANCE_RIVAL = 1e-2  # a rival with more expected false alarms than this is what chance brings
MIN_PULSES = 4
MATCH_RATE = 0.3  # least share of pulses that match where the pairing holds, for finding where it ends
CHANCE_RATE = 0.02
N_WEAK_RIVALS = 2  # hopeless hypotheses that are followed all the same, so that a runner-up can be named
CODE_STEP = 1e6  # s; separates pulses of different codes on one axis


@dataclass(frozen=True)
class Pairing:
    """One hypothesis: ``time = slope * (video_time - origin) + intercept``, and the pulses it brings together.

    Attributes
    ----------
    origin, slope, intercept
        The map, in s.
    video, recording
        ``(k,)`` indices of the matched pulses, in order of time.
    n_possible
        Number of video pulses that fall inside the recording's pulses, and so could have matched.
    log_false_alarms
        Decimal logarithm of the number of equally good hypotheses that chance would bring.
    """

    origin: float
    slope: float
    intercept: float
    video: IntArray
    recording: IntArray
    n_possible: int
    log_false_alarms: float

    @property
    def offset(self) -> float:
        """Recording's time in s of video time 0."""
        return self.intercept - self.slope * self.origin


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
) -> Match:
    """Find the offset and drift under which most pulses coincide, and refuse where that is not certain.

    Parameters
    ----------
    video, recording
        ``(n,)`` and ``(m,)`` s: onsets on the two clocks.
    tolerance
        Largest distance in s between the two onsets of one pulse.
    max_drift
        Largest ``abs(slope - 1)``.
    prior
        Coarse knowledge of the recording's time at video time 0: value and half-width in s.
    codes
        Values of the video's and the recording's pulses; only pulses of equal value can match.

    Raises
    ------
    AlignmentError
        If there are too few pulses, if chance explains the matches, or if a rival is nearly as good.
    """
    problem = _pose(video, recording, tolerance, max_drift, prior, codes)
    n, m = len(problem.video), len(problem.recording)
    if min(n, m) < MIN_PULSES:
        raise AlignmentError(
            f"The video shows {n} pulses and the recording has {m}: at least {MIN_PULSES} on both sides are needed "
            "to find offset and drift; check the pulse codes and the region, or give anchors."
        )
    pairings = [_extend(problem, *seed) for seed in _promising(problem, vote(problem))]
    pairings.sort(key=lambda p: (p.log_false_alarms, abs(p.slope - 1), p.offset))
    best = pairings[0] if pairings else None
    if best is None or best.log_false_alarms > np.log10(MAX_FALSE_ALARMS):
        raise AlignmentError(_no_match(problem, best))
    best = _trim(problem, best)
    rival, p = _strongest_rival(problem, best, [p for p in pairings[1:] if _is_allowed(problem, p.offset)])
    if rival is not None and not _is_harmless(best, rival, p):
        raise AlignmentError(_ambiguous(problem, best, rival))
    return Match(best, rival, p)


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
    origin = float(video.mean())
    a, b = _pair_nearest(problem, 0, n, origin, slope, intercept, problem.tolerance)
    predicted = slope * (video - origin) + intercept
    log_alarms, possible = _false_alarms(problem, predicted, len(a))
    if not _is_allowed(problem, intercept - slope * origin):
        log_alarms = np.inf
    return Pairing(origin, slope, intercept, a, b, possible, log_alarms)


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


def _false_alarms(problem: Problem, predicted: FloatArray, k: int) -> tuple[float, int]:
    """Decimal logarithm of the expected number of chance pairings with ``k`` matches, and the possible matches.

    The binomial tail is bounded by Hoeffding 1963 (doi:10.1080/01621459.1963.10500830), which has no underflow.
    """
    recording, tolerance = problem.recording, problem.tolerance
    low, high = max(predicted[0], recording[0]) - tolerance, min(predicted[-1], recording[-1]) + tolerance
    n = max(k, int(np.sum((predicted >= low) & (predicted <= high))))
    m = int(np.sum((recording >= low) & (recording <= high)))
    if k == 0 or m == 0:
        return np.inf, n
    p = 1 - np.exp(-2 * tolerance * m * problem.same_code / max(high - low, tolerance))
    share = k / n
    if share <= p:
        return np.inf, n
    divergence = share * np.log(share / p)
    if k < n:
        divergence += (1 - share) * np.log((1 - share) / (1 - p))
    span = np.ptp(problem.video)
    reach = span + np.ptp(recording) if problem.prior is None else 2 * problem.prior[1]
    n_offsets = 2 * reach / tolerance + 1
    n_drifts = 2 * problem.max_drift * span / tolerance + 1
    return float((-n * divergence + np.log(n_offsets * n_drifts)) / np.log(10)), n


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


def _strongest_rival(
    problem: Problem, best: Pairing, others: Sequence[Pairing]
) -> tuple[Pairing | None, float]:
    """The pairing that most resembles a second truth, judged on the stretch of video that the best explains.

    A pairing that explains another stretch is no rival: the camera may have been restarted.
    """
    partner = dict(zip(best.video.tolist(), best.recording.tolist(), strict=True))
    first, last = best.video[0], best.video[-1]
    strongest, strongest_p = None, 0.0
    for other in others:
        inside = (other.video >= first) & (other.video <= last)
        a, b = other.video[inside], other.recording[inside]
        same = sum(partner.get(i) == j for i, j in zip(a.tolist(), b.tolist(), strict=True))
        if len(a) == 0 or 2 * same > len(a):
            continue
        only_other = len(np.setdiff1d(a, best.video))
        only_best = len(np.setdiff1d(best.video, a))
        p = float(binom.sf(only_best - 1, only_best + only_other, 0.5)) if only_best else 1.0
        if strongest is None or (len(a), p) > (len(strongest.video), strongest_p):
            n = int(
                np.sum((np.arange(len(problem.video)) >= first) & (np.arange(len(problem.video)) <= last))
            )
            strongest_p = p
            strongest = Pairing(
                other.origin,
                other.slope,
                other.intercept,
                a,
                b,
                min(n, other.n_possible),
                other.log_false_alarms,
            )
    return strongest, strongest_p


def _is_harmless(best: Pairing, rival: Pairing, p: float) -> bool:
    by_chance = rival.log_false_alarms > np.log10(CHANCE_RIVAL) and 2 * len(rival.video) <= len(best.video)
    return by_chance or p < MAX_RIVAL_P


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


def _ambiguous(problem: Problem, best: Pairing, rival: Pairing) -> str:
    interval = np.diff(problem.recording)
    middle = float(np.median(interval))
    regular = (
        np.mean(np.abs(interval / middle - np.round(interval / middle)) * middle < 2 * problem.tolerance)
        > 0.6
    )
    why = f"; the pulses come every {middle:.3g} s, so that they fit at any shift" if regular else ""
    return (
        f"The pulses fit in more than one way{why}: {len(best.video)} coincide with the recording "
        f"{best.offset:.3f} s ahead of the video and {len(rival.video)} with {rival.offset:.3f} s; give "
        "coarse_offset in session.toml, or use random intervals."
    )
