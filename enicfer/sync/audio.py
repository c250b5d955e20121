"""When the sound track has a beep or a TTL edge, to the sample.

The sound is compared with its own recent past: an onset is where the short-time energy jumps above the noise
and stays there. Within that jump the onset is the first sample that leaves the noise.

``sound`` is (n,) or (n, channels) at ``rate`` Hz; times are s of ``video_time``, ``start`` is that of sample 0.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from enicfer.errors import AlignmentError
from enicfer.sync.led import Onsets

WINDOW = 0.002  # s over which energy is taken
REFRACTORY = 0.15  # s after an onset in which there is no other
MIN_RATIO = 6.0  # a beep's amplitude over the noise
SHARE_OF_TYPICAL = 0.3


def find_beeps(sound: npt.ArrayLike, rate: float, start: float = 0.0) -> Onsets:
    """Find the onsets of beeps or TTL pulses in a sound track.

    Raises
    ------
    AlignmentError
        If nothing in the sound stands out.
    """
    x = np.asarray(sound, dtype=np.float32)
    if x.ndim == 2:
        x = x[:, int(np.argmax(np.ptp(x, axis=0)))]
    if len(x) < rate * WINDOW * 4:
        raise AlignmentError(f"The sound track has {len(x)} samples, too few for a beep.")
    x = np.abs(np.diff(x, prepend=x[0]))  # takes out offset and hum, keeps edges
    width = max(int(rate * WINDOW), 2)
    level = np.sqrt(np.maximum(uniform_filter1d(x * x, width), 0))
    coarse = level[:: max(width // 2, 1)]
    noise = float(np.median(coarse))
    threshold = max(MIN_RATIO * noise, 1e-4 * float(coarse.max()), 1e-7)
    before = np.concatenate([np.zeros(width, np.float32), level[:-width]])
    jump = np.flatnonzero((level >= threshold) & (before < threshold / 2))
    if len(jump) == 0:
        raise AlignmentError(
            "Nothing in the sound track stands out from its noise: there is no beep or TTL pulse; check that the "
            "microphone or line input was on."
        )
    gap = np.diff(jump, prepend=-np.inf) > REFRACTORY * rate
    first = jump[gap]
    peak = maximum_filter1d(level, 2 * width + 1)[np.minimum(first + width, len(x) - 1)]
    loud = peak >= SHARE_OF_TYPICAL * float(np.quantile(peak, 0.75))
    onset = np.array(
        [_first_sample(x, int(i), width, float(p)) for i, p in zip(first[loud], peak[loud], strict=True)]
    )
    # The sound began after the sample before the one that shows it.
    return Onsets(start + (onset - 0.5) / rate, np.full(len(onset), 1 / rate), floor=0.5 / rate)


def _first_sample(x: npt.NDArray[np.float32], index: int, width: int, peak: float) -> int:
    """First sample around ``index`` whose change is a good part of the beep's and not of the noise."""
    low = max(index - 2 * width, 0)
    around = x[low : index + 2 * width]
    return low + int(np.argmax(around >= 0.5 * min(peak, float(around.max()))))
