"""Whether another pairing of the same pulses could be the true one.

A rival pairs pulses that the best pairing also pairs, but with other partners. It is judged in two ways:

- by what each explains and the other does not, with the exact sign test (McNemar 1947, doi:10.1007/BF02295996), on
  the side whose pulses they share;
- by what each *could* explain: a recording that began late, stopped early or lost triggers has few pulses of the pass
  of a sequence that was filmed. A rival that is far beyond chance, matches most of the pulses that either side could
  have seen under it, and of these some that the best has no place for, may be the truth however few they are.

Where the best explains the rival's pulses too, as where both passes were filmed and recorded, the rival would need a
pass more than anybody saw, and is none.

Times are in s: video pulses on ``video_time``, recording pulses on the recording's ``time``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binom

from enicfer.sync.chance import IntervalChance
from enicfer.sync.pairing import Pairing, Span
from enicfer.sync.voting import IntArray, Problem

MAX_RIVAL_P = 1e-3
CHANCE_RIVAL = 1e-2  # a rival with more expected false alarms than this is what chance brings
DECADES = 4.0  # by which chance brings a rival more often than the best
RIVAL_SHARE = 0.35  # of the best's share of possible matches; less contradicts a rival
MIN_HOMELESS = 3  # pulses of a rival that the best has no place for; fewer are lost at the ends
HOMELESS_SHARE = 0.05


@dataclass(frozen=True)
class Rival:
    """A pairing that contradicts the best one.

    Attributes
    ----------
    pairing
        Its contested pulses; ``n_possible`` counts those that could have matched, of the side that has more.
    p
        Sign test between the two: probability of so clear a difference if both were equally good.
    serious
        Whether it may be the truth.
    """

    pairing: Pairing
    p: float
    serious: bool


def find_rivals(
    problem: Problem,
    best: Pairing,
    others: Sequence[Pairing],
    chance: IntervalChance,
    running: tuple[Span, Span] | None,
    alarms: float = np.inf,
) -> list[Rival]:
    """The pairings that contradict the best one, the strongest first.

    Parameters
    ----------
    problem
        The trains.
    best, others
        The pairing that explains most, and the others that were found.
    chance
        What the intervals of the trains bring by chance.
    running
        From when to when the camera (``video_time``) and the recording (``time``) ran; if None, from the first to
        the last pulse of each.
    alarms
        Decimal logarithm of the pairings as good as the best that chance brings.
    """
    found = []
    for other in others:
        contested = _contested(best, other)
        if contested is not None:
            found.append(_judge(problem, best, contested, chance, running, alarms))
    found.sort(key=lambda r: (-r.serious, -len(r.pairing.video), -r.p))
    return found


def _contested(best: Pairing, other: Pairing) -> Pairing | None:
    """The part of a pairing that contradicts the best; what explains another stretch of both sides is no rival."""
    a, b = other.video, other.recording
    inside = (a >= best.video[0]) & (a <= best.video[-1])
    inside |= (b >= best.recording[0]) & (b <= best.recording[-1])
    a, b = a[inside], b[inside]
    partner = dict(zip(best.video.tolist(), best.recording.tolist(), strict=True))
    same = sum(partner.get(i) == j for i, j in zip(a.tolist(), b.tolist(), strict=True))
    if len(a) == 0 or 2 * same > len(a):
        return None
    return replace(other, video=a, recording=b)


def _judge(
    problem: Problem,
    best: Pairing,
    rival: Pairing,
    chance: IntervalChance,
    running: tuple[Span, Span] | None,
    alarms_of_best: float,
) -> Rival:
    p = _sign_test(*_shared_side(best, rival))
    k = len(rival.video)
    alarms = max(rival.log_false_alarms, chance.false_alarms(k, *count_shared(problem, rival)))
    possible = max(count_shared(problem, rival, running))
    by_chance = alarms > np.log10(CHANCE_RIVAL)
    # What chance brings is no rival of what it does not bring.
    weaker = 2 * k <= len(best.video) or alarms - alarms_of_best >= DECADES
    serious = p >= MAX_RIVAL_P and not (by_chance and weaker)
    if not by_chance:
        share = len(best.video) / max(len(best.video), *count_shared(problem, best, running))
        complete = k / max(k, possible) >= RIVAL_SHARE * share
        needed = max(MIN_HOMELESS, HOMELESS_SHARE * k)
        serious |= complete and _count_homeless(problem, best, rival) >= needed
    return Rival(replace(rival, n_possible=max(k, possible)), p, bool(serious))


def _shared_side(best: Pairing, rival: Pairing) -> tuple[IntArray, IntArray]:
    """The pulses that best and rival match, of the video or the recording: where they have more in common."""
    video, recording = (best.video, rival.video), (best.recording, rival.recording)
    return recording if len(np.intersect1d(*recording)) > len(np.intersect1d(*video)) else video


def _sign_test(best: IntArray, rival: IntArray) -> float:
    only_rival, only_best = len(np.setdiff1d(rival, best)), len(np.setdiff1d(best, rival))
    return float(binom.sf(only_best - 1, only_best + only_rival, 0.5)) if only_best else 1.0


def count_shared(
    problem: Problem, pairing: Pairing, running: tuple[Span, Span] | None = None
) -> tuple[int, int]:
    """Numbers of pulses of video and recording that both could have seen while both ran (see `find_rivals`)."""
    filmed, recorded = running or (problem.video[[0, -1]], problem.recording[[0, -1]])
    mapped, slack = pairing.time(problem.video), problem.tolerance
    low, high = pairing.time(filmed)
    low, high = max(low, recorded[0]) - slack, min(high, recorded[1]) + slack
    seen = np.sum((mapped >= low) & (mapped <= high))
    sent = np.sum((problem.recording >= low) & (problem.recording <= high))
    return int(seen), int(sent)


def _count_homeless(problem: Problem, best: Pairing, rival: Pairing) -> int:
    """Number of the rival's pulses that have no partner if the best is true: the other side has no pulses there."""
    slack = problem.tolerance
    mapped, recording = best.time(problem.video), problem.recording
    unseen = recording[rival.recording]
    unseen = (unseen < mapped[0] - slack) | (unseen > mapped[-1] + slack)
    unsent = mapped[rival.video]
    unsent = (unsent < recording[0] - slack) | (unsent > recording[-1] + slack)
    return int(max(unseen.sum(), unsent.sum()))
