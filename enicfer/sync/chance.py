"""How many matches chance brings: of pulses at any time, and of pulses with the intervals that these trains have.

Pulses that fall anywhere match by chance as often as the tolerance times their density says. Pulses whose
intervals are whole seconds, or come from a short list, or are nearly regular, do not fall anywhere: where one
pulse matches another, the next ones match far more often. How often, each train tells when it is brought upon itself
with another pulse as the partner (Palm's probability; Daley & Vere-Jones 2003, doi:10.1007/b97277). Trains that
belong together share their intervals, so that neither a shuffled nor a reversed partner would be unrelated.

Times are in s: video pulses on ``video_time``, recording pulses on the recording's ``time``. The draws have a fixed
seed: the same trains have the same chance.
"""

import numpy as np
from scipy.stats import beta, hypergeom

from enicfer.records import FloatArray
from enicfer.sync.voting import Problem

MAX_LOOKUPS = 100_000  # pulses looked up for one train
MAX_PAIRS = 200_000  # of pulses, among which anchors are drawn
WINDOW = 1.5  # tolerances; two pulses that are both within the tolerance of a line differ by up to two
DOUBT = 0.1  # quantile of the chance that so few trials would allow
N_RESONANT = 2  # drifts near the best at which the intervals of the trains coincide alike


def count_false_alarms(problem: Problem, predicted: FloatArray, k: int) -> tuple[float, int]:
    """Decimal logarithm of the expected number of chance pairings with ``k`` matches, and the possible matches.

    Pulses fall anywhere here. The binomial tail is bounded by Hoeffding 1963
    (doi:10.1080/01621459.1963.10500830), which has no underflow.

    Parameters
    ----------
    problem
        The trains.
    predicted
        ``(n,)`` s: the video's pulses on the recording's clock.
    k
        Number of matches.
    """
    recording, tolerance = problem.recording, problem.tolerance
    low, high = max(predicted[0], recording[0]) - tolerance, min(predicted[-1], recording[-1]) + tolerance
    n = max(k, int(np.sum((predicted >= low) & (predicted <= high))))
    m = int(np.sum((recording >= low) & (recording <= high)))
    if k == 0 or m == 0:
        return np.inf, n
    p = 1 - np.exp(-2 * tolerance * m * problem.same_code / max(high - low, tolerance))
    span = np.ptp(problem.video)
    reach = span + np.ptp(recording) if problem.prior is None else 2 * problem.prior[1]
    n_offsets = 2 * reach / tolerance + 1
    n_drifts = 2 * problem.max_drift * span / tolerance + 1
    return float(_log_tail(k, n, float(p)) + np.log10(n_offsets * n_drifts)), n


def _log_tail(k: int, n: int, p: float) -> float:
    """Decimal logarithm of a bound on the chance of ``k`` or more of ``n``."""
    share = k / n
    if share <= p:
        return np.inf
    divergence = share * np.log(share / p)
    if k < n:
        divergence += (1 - share) * np.log((1 - share) / (1 - p))
    return float(-n * divergence / np.log(10))


class IntervalChance:
    """The chance of a match that follows from the intervals of each train.

    Where unrelated trains have one match, a pulse of one matches a pulse of the other at most as often as the other
    matches itself: both would have to keep the same beat. So each train tells the chance of its partner's pulses, and
    the larger one counts.

    Attributes
    ----------
    chance
        Chance of a further match where one pulse matches, of a video pulse and of a recording pulse.
    n_anchors
        Number of pairs of a video and a recording pulse that could be one.
    """

    def __init__(self, problem: Problem) -> None:
        self.n_anchors = _count_anchors(problem)
        window = WINDOW * problem.tolerance
        prior = problem.prior
        if prior is not None and prior[1] < np.median(np.diff(problem.recording)):
            self.chance = 0.0, 0.0  # even of a metronome only one beat is allowed
        else:
            self.chance = (
                _match_itself(problem.recording, problem.recording_key, window),
                _match_itself(problem.video, problem.video_key, window),
            )

    def false_alarms(self, k: int, n_video: int, n_recording: int) -> float:
        """Decimal logarithm of the expected number of pairings of such trains with so many matches.

        Parameters
        ----------
        k
            Number of matches.
        n_video, n_recording
            Number of pulses of either side that could have matched.
        """
        if k < 2:
            return np.inf
        few, many = sorted((n_video, n_recording))
        tail = _log_tail_places(k - 1, few - 1, many - 1, max(self.chance))
        # Each pairing was found from each of its matches.
        return float(tail + np.log10(self.n_anchors / k * N_RESONANT))


def _log_tail_places(k: int, n: int, m: int, p: float) -> float:
    """Decimal logarithm of the chance that ``k`` or more of ``n`` pulses match one of ``m``.

    Each of the ``m`` has a place of its own, and a pulse finds one of them with chance ``p``: there are ``m / p``
    places. As no two of the ``n`` have the same place either, the number of matches is hypergeometric; a binomial
    one would have the longer tail. Where the tail is too small to be computed it is bounded.
    """
    n, m = max(k, n), max(k, m)
    if p <= 0:
        return -np.inf
    places = max(int(m / p), n, m)
    exact = float(hypergeom.logsf(k - 1, places, m, n)) / np.log(10)
    return exact if np.isfinite(exact) else _log_tail(k, n, p)


def _count_anchors(problem: Problem) -> float:
    pairs = len(problem.video) * len(problem.recording) * problem.same_code
    if problem.prior is not None:
        offset, half_width = problem.prior
        allowed = problem.recording[:, None] + [-half_width - offset, half_width - offset]
        first, last = np.searchsorted(problem.video, allowed).T
        pairs = float(np.sum(last - first)) * problem.same_code
    return max(pairs, 1.0)


def _match_itself(train: FloatArray, key: FloatArray, window: float) -> float:
    """Chance that a pulse of a shifted train matches one of the same train, where another one does.

    Each pulse is brought upon each later one of its code, and the others are tried. The chance is counted over all
    shifts, and over those that have a second match: where only some pulses keep a beat, a search finds the latter.
    """
    n = len(train)
    rows = np.arange(n)
    most = max(MAX_PAIRS // n, 1)
    rng = np.random.default_rng(0)
    if n > most:
        rows = np.sort(rng.choice(n, most, replace=False))
    a, b = np.nonzero((key[rows, None] == key) & (rows[:, None] < np.arange(n)))
    size = max(MAX_LOOKUPS // n, 4)
    if len(a) > size:
        some = np.sort(rng.choice(len(a), size, replace=False))
        a, b = a[some], b[some]
    if len(a) == 0:
        return 0.0
    order = np.argsort(train + key, kind="stable")
    target = (train + key)[order]
    moved = train[None, :] + (train[b] - train[rows[a]])[:, None]
    there = moved <= train[-1] + window
    wanted = moved + key[None, :]
    right = np.clip(np.searchsorted(target, wanted), 1, n - 1)
    distance = np.minimum(np.abs(target[right] - wanted), np.abs(wanted - target[right - 1]))
    hits = (there & (distance <= window)).sum(axis=1) - 1.0
    trials = there.sum(axis=1) - 1.0
    first = _least_chance(hits.sum(), trials.sum())
    return max(first, _least_chance(np.sum(hits * (hits - 1)), np.sum(hits * (trials - 1))))


def _least_chance(hits: float, trials: float) -> float:
    """The least chance that so many hits are compatible with; each two pulses were counted twice."""
    if hits <= 0:
        return 0.0
    return float(beta.ppf(DOUBT, hits / 2, (trials - hits) / 2 + 1))
