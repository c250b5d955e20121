"""When the sound track has a beep, a click or a TTL edge, and how early it began.

The sound is compared with its own recent past: an onset is where the short-time energy leaves the noise and soon
stands out. A sound that rises slowly is there before it stands out, and where in its rise that is depends on the
noise. Sounds that are alike are therefore laid on one another (`enicfer.sync.template`): their mean is far above the
noise, and its own onset tells the onset of each.

``sound`` is (n,) or (n, channels) at ``rate`` Hz; times are s of ``video_time``, ``start`` is that of sample 0.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from enicfer.errors import AlignmentError
from enicfer.sync.led import Onsets
from enicfer.sync.template import find_alike

WINDOW = 0.002  # s over which energy is taken
TONE_WINDOW = 0.008  # s, where a tone is looked for in noise
RISE = 0.012  # s in which a sound rises from half of what makes it stand out
REFRACTORY = 0.15  # s after an onset in which there is no other
MIN_RATIO = 6.0  # a beep's amplitude over the noise
SHARE_OF_TYPICAL = 0.3
CLEAR = 3 * MIN_RATIO  # above the noise; sounds that stand out so far need no band of their own
TONE_CONTRAST = 1.5  # a tone must stand out this much better in its own band than in the whole sound
LOUDEST = 5  # windows in which a tone must be heard
BLOCK = 4096  # windows at a time


def find_beeps(sound: npt.ArrayLike, rate: float, start: float = 0.0) -> Onsets:
    """Find the onsets of beeps, clicks or TTL pulses in a sound track.

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
    change = np.abs(np.diff(x, prepend=x[0]))  # takes out offset and hum, keeps edges
    width = max(int(rate * WINDOW), 2)
    level = np.sqrt(np.maximum(uniform_filter1d(change * change, width), 0))
    rough, peak, contrast = _stand_out(level, width, rate)
    single = np.array(
        [_first_sample(change, int(i), width, float(p)) for i, p in zip(rough, peak, strict=True)]
    )
    if contrast < CLEAR and (tone := _tone_level(x, rate)) is not None:
        window = int(rate * TONE_WINDOW)
        in_band, _, better = _stand_out(tone, window, rate)
        if better > TONE_CONTRAST * contrast and len(in_band) > len(single):
            single = in_band
    if len(single) == 0:
        raise AlignmentError(
            "Nothing in the sound track stands out from its noise: there is no beep or TTL pulse; check that the "
            "microphone or line input was on."
        )
    onset, spread, doubt = find_alike(x, rate, single)
    # The sound began after the sample before the one that shows it.
    return Onsets(start + (onset - 0.5) / rate, np.maximum(spread, 1) / rate, floor=0.5 / rate, shared=doubt)


def _stand_out(
    level: npt.NDArray[np.float32], width: int, rate: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], float]:
    """Where a level taken over ``width`` samples stands out, how high it gets, and how far that is over the noise."""
    coarse = level[:: max(width // 2, 1)]
    noise = float(np.median(coarse))
    threshold = max(MIN_RATIO * noise, 1e-4 * float(coarse.max()), 1e-7)
    # it was quiet some time before: a slow sound needs a while from half of the threshold to all of it
    span = max(int(rate * RISE), 1)
    loud, quiet = np.flatnonzero(level >= threshold), np.flatnonzero(level < threshold / 2)
    if len(loud) == 0:
        return loud, np.empty(0, np.float32), 0.0
    behind = np.append(-1, quiet)[np.searchsorted(quiet, loud - width, side="right")]
    jump = loud[(loud < width) | ((behind >= 0) & (behind > loud - width - span))]
    if len(jump) == 0:
        return jump, np.empty(0, np.float32), 0.0
    gap = np.diff(jump, prepend=-np.inf) > REFRACTORY * rate
    first = jump[gap]
    reach = max(width, int(rate * RISE))
    peak = np.array([level[i : i + 2 * reach + 1].max() for i in first.tolist()], np.float32)
    typical = float(np.quantile(peak, 0.75))
    strong = peak >= SHARE_OF_TYPICAL * typical
    return first[strong], peak[strong], typical / max(noise, 1e-9)


def _tone_level(x: npt.NDArray[np.float32], rate: float) -> npt.NDArray[np.float32] | None:
    """Amplitude of the tone that stands out most from its own band, over `TONE_WINDOW`; None if there is none."""
    width = int(rate * TONE_WINDOW)
    n = len(x) // width
    if n < 4 * LOUDEST or width < 16:
        return None
    taper = np.hanning(width).astype(np.float32)
    top, middle = [], []
    for begin in range(0, n, BLOCK):
        rows = x[begin * width : min(begin + BLOCK, n) * width].reshape(-1, width)
        power = np.abs(np.fft.rfft(rows * taper, axis=1)).astype(np.float32)
        middle.append(np.median(power, axis=0))
        top.append(-np.sort(-power, axis=0)[:LOUDEST])
    loudest = -np.sort(-np.concatenate(top), axis=0)[min(LOUDEST, n) - 1]
    contrast = loudest / np.maximum(np.median(middle, axis=0), 1e-9)
    best = 2 + int(np.argmax(contrast[2:-1]))
    turn = np.exp(-2j * np.pi * best / width * np.arange(width)).astype(np.complex64)
    level = np.empty(len(x), np.float32)
    for begin in range(0, len(x), BLOCK * width):
        a, b = max(begin - width, 0), min(begin + BLOCK * width + width, len(x))
        wave = x[a:b] * np.resize(np.roll(turn, -(a % width)), b - a)
        smooth = np.hypot(uniform_filter1d(wave.real, width), uniform_filter1d(wave.imag, width))
        stop = min(begin + BLOCK * width, len(x))
        level[begin:stop] = smooth[begin - a : stop - a]
    level[:width] = level[-width:] = 0  # here the filter sees less than a window
    return level


def _first_sample(x: npt.NDArray[np.float32], index: int, width: int, peak: float) -> int:
    """First sample around ``index`` whose change is a good part of the beep's and not of the noise."""
    low = max(index - 2 * width, 0)
    around = x[low : index + 2 * width]
    return low + int(np.argmax(around >= 0.5 * min(peak, float(around.max()))))
