"""Which other recording of a study a video fits, where it does not fit its own, or fits it badly.

Files that were swapped, and a video of one day with the recording of another, show in a study as a pair that fits
better. Each doubtful video is compared with all recordings, and each doubtful recording with all videos. A histogram
of the differences of two trains says in a millisecond that nothing is there; only the rest is matched as any pair
is. Nothing is paired again here: a person decides.

Times are in s: a video's pulses on its ``video_time``, a recording's on its ``time``.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
from enicfer.records import FloatArray
from enicfer.sync.audio import find_beeps
from enicfer.sync.fit import fit_line
from enicfer.sync.led import find_led_onsets, rank_cells
from enicfer.sync.matching import MAX_FALSE_ALARMS, MIN_PULSES, match_pulses
from enicfer.sync.sources import AUDIO_TOLERANCE, LED_TOLERANCE, Evidence

LEAST_SHARE = 0.25  # of the pulses of the side that has fewer
SOME = 128  # pulses of a video that are looked at first
CELLS = 3  # of the picture, where the LED's place is not known
AS_GOOD = 1.1  # times the residual of the pair as it was given


@dataclass(frozen=True)
class Filmed:
    """Pulses of one run's video.

    Attributes
    ----------
    name
        Of the run; its recording has the same name.
    onsets
        ``(p,)`` s each; several where it is not known what in the picture flashes.
    tolerance
        s within which two pulses can be one.
    max_drift
        Largest drift, as a share.
    residual
        Root mean square in s about the map to its own recording; infinite where there is none.
    """

    name: str
    onsets: tuple[FloatArray, ...]
    tolerance: float
    max_drift: float = 1e-3
    residual: float = np.inf


@dataclass(frozen=True)
class Partner:
    """A video and a recording of different runs that fit.

    Attributes
    ----------
    video, recording
        Names of the runs.
    n_matched, n_possible
        Pulses that match, and pulses of the video that could have.
    residual
        Root mean square in s.
    """

    video: str
    recording: str
    n_matched: int
    n_possible: int
    residual: float


def find_onsets(evidence: Evidence, pulses: Pulses) -> tuple[list[FloatArray], float]:
    """Onsets in s that a video shows, and the tolerance in s; several where the LED's place is not known.

    Nothing is found where the source has none, or nothing flashes or sounds.
    """
    found: list[FloatArray] = []
    brightness = evidence.brightness
    if pulses.source == "audio" and evidence.sound is not None:
        with suppress(AlignmentError):
            found.append(find_beeps(evidence.sound, evidence.sound_rate, evidence.sound_start).time)
        return found, AUDIO_TOLERANCE
    if pulses.source != "led" or brightness is None or len(brightness) != len(evidence.video_time):
        return found, 0.0
    if brightness.ndim == 1:
        trains = [brightness]
    else:
        grid = brightness.astype(np.uint8, copy=False)
        trains = [grid[:, row, column] for row, column in rank_cells(grid, len(evidence.pulse_time))[:CELLS]]
    for train in trains:
        with suppress(AlignmentError):
            found.append(find_led_onsets(evidence.video_time, train.astype(np.float64)).time)
    return found, LED_TOLERANCE * evidence.frame_interval


def find_partners(
    videos: Sequence[Filmed], recordings: Sequence[tuple[str, FloatArray]], doubtful: Collection[str]
) -> list[Partner]:
    """Pairs of different runs, at least one of them doubtful, that fit no worse than what was given.

    Parameters
    ----------
    videos
        Of all runs of a study.
    recordings
        Name of the run, and ``(m,)`` s: the recording's pulses.
    doubtful
        Names of runs that were refused, or whose pulses or dates leave doubts.

    Returns
    -------
    list of Partner
        The best first.
    """
    pairs = [
        (video, onset, name, time)
        for video in videos
        for name, time in recordings
        for onset in video.onsets
        if name != video.name and (video.name in doubtful or name in doubtful)
    ]
    limit = np.log10(MAX_FALSE_ALARMS / max(len(pairs), 1))
    own = {video.name: video.residual for video in videos}
    found: dict[tuple[str, str], Partner] = {}
    for video, onset, name, time in pairs:
        if not may_fit(onset, time, video.tolerance, video.max_drift):
            continue
        try:
            best = match_pulses(onset, time, video.tolerance, video.max_drift).best
            line = fit_line(onset[best.video], time[best.recording], max_drift=video.max_drift)
        except AlignmentError:
            continue
        residual = float(np.sqrt(np.mean(line.residual**2)))
        # Of the two runs, those that are in doubt must not fit better as they are.
        least = min(own.get(n, np.inf) for n in (video.name, name) if n in doubtful)
        if best.log_false_alarms <= limit and residual <= AS_GOOD * least:
            pair = Partner(video.name, name, len(best.video), best.n_possible, residual)
            before = found.get((video.name, name))
            if before is None or before.n_matched < pair.n_matched:
                found[video.name, name] = pair
    return sorted(found.values(), key=lambda p: (p.residual, p.video, p.recording))


def may_fit(video: FloatArray, recording: FloatArray, tolerance: float, max_drift: float) -> bool:
    """Whether so many pulses may have the same offset that a match is worth trying."""
    if min(len(video), len(recording)) < MIN_PULSES:
        return False
    some = video[:SOME]
    apart = np.sort((recording[None, :] - some[:, None]).ravel())
    width = 2 * tolerance + max_drift * float(np.ptp(some))
    most = np.max(np.searchsorted(apart, apart + width, side="right") - np.arange(len(apart)))
    return bool(most >= max(MIN_PULSES, LEAST_SHARE * min(len(some), len(recording))))
