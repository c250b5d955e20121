"""The onset of sounds that are alike, from their mean.

Each sound is shifted onto the mean of all by generalised cross-correlation, weighted against the noise (Knapp and
Carter 1976, doi:10.1109/TASSP.1976.1162830). The mean's own onset is that of a model where it is a tone: a ramp,
linear or a raised cosine, times harmonics of one frequency, fitted by least squares. Where it is none (a click, a
TTL edge), it is the first sample that leaves the noise. What the two ways of rising, the fit and the noise leave
open is an error that all onsets share.

All positions are in samples; a sound that begins between the samples ``k - 1`` and ``k`` has the onset ``k``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_toeplitz
from scipy.ndimage import uniform_filter1d
from scipy.optimize import least_squares
from scipy.signal import lfilter

from enicfer.records import FloatArray

BEFORE, AFTER = 0.025, 0.035  # s of the sound around its onset
REACH = 0.010  # s by which a first guess may be off
ROUNDS = 3
FINE = 8  # steps of a sample
LEAST_ALIKE = 3  # sounds
MAX_KINDS = 4
ALIKE = 0.6  # of the typical likeness
HIGHEST = 0.45  # of the sampling rate; a tone above is not told from noise
HARMONICS = 3
MAX_RAMP = 0.02  # s
ORDER = 8  # of the filter that whitens the noise
IS_TONE = 0.7  # share of the mean's energy that the model explains
RAMPS = (0.0005, 0.003, 0.008)  # s, from which the fit starts
SIMILAR_FIT = 12.0  # of the residual's variance; a model that is worse by less may be as true
SAME_LEFT = 0.25  # of what the best model leaves beyond the noise
AT_LIMIT = 0.15  # of a ramp that is as long as is tried: it may be longer, or none
REST = 0.003  # s
AT_ONCE = 2  # samples
CLEAR = 20.0  # change over noise, so that the first sample is certain


def find_alike(
    x: npt.NDArray[np.float32], rate: float, guess: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, float]:
    """Onsets of sounds, their standard deviation, and the error in s that all may share.

    Parameters
    ----------
    x
        ``(n,)`` sound.
    rate
        Hz.
    guess
        ``(p,)`` first guess of each onset.
    """
    onset, spread = guess.astype(np.float64), np.ones(len(guess))
    doubts = [0.0]
    left = np.arange(len(guess))
    for _ in range(MAX_KINDS):
        if len(left) < LEAST_ALIKE:
            break
        kind = _lay_on_one_another(x, rate, guess[left])
        if kind.alike.sum() < LEAST_ALIKE:
            break
        start, doubt = _own_onset(kind, rate)
        some = left[kind.alike]
        onset[some] = guess[some] + kind.lag[kind.alike] + start
        doubts.append(doubt / rate)
        left = left[~kind.alike]
    return onset, spread, max(doubts)


@dataclass(frozen=True)
class _Kind:
    """Sounds laid on one another: position 0 of their mean is ``zero``; ``whitening`` is a filter for its noise."""

    alike: npt.NDArray[np.bool_]
    lag: FloatArray
    mean: FloatArray
    noise: float
    zero: int
    whitening: FloatArray


def _lay_on_one_another(x: npt.NDArray[np.float32], rate: float, guess: npt.NDArray[np.intp]) -> _Kind:
    reach = int(rate * REACH)
    zero = int(rate * BEFORE) + reach
    length = zero + int(rate * AFTER) + reach
    sounds = _cut(x, guess - zero, length)
    quiet = _cut(x, guess - zero - length, length)
    quiet = quiet - quiet.mean(axis=1, keepdims=True)
    sounds = sounds - sounds[:, : zero - reach].mean(axis=1, keepdims=True)
    taper = np.ones(length)
    # It fades slowly: where the sounds are cut says nothing of their onset.
    taper[zero:] = (1 + np.cos(np.pi * np.arange(length - zero) / (length - zero))) / 2
    spectrum = np.fft.rfft(sounds * taper, axis=1)
    noise = np.median(np.abs(np.fft.rfft(quiet, axis=1)) ** 2, axis=0)
    noise = uniform_filter1d(noise, 5) + 1e-4 * float(np.mean(np.abs(spectrum) ** 2)) + 1e-20
    frequency = np.fft.rfftfreq(length)
    energy = np.sum(np.abs(spectrum) ** 2 / noise, axis=1)
    alike, lag = np.ones(len(guess), bool), np.zeros(len(guess))
    model = spectrum[int(np.argsort(energy)[len(energy) // 2])]
    for _ in range(ROUNDS):
        product = spectrum * np.conj(model) / noise
        lag, height = _highest(product, length, reach)
        likeness = height / np.sqrt(energy * float(np.sum(np.abs(model) ** 2 / noise)))
        alike = likeness >= max(ALIKE * float(np.quantile(likeness, 0.75)), 0.05)
        shifted = spectrum * np.exp(2j * np.pi * frequency * lag[:, None])
        model = shifted[alike].mean(axis=0)
    whole = np.fft.rfft(sounds[alike], axis=1) * np.exp(2j * np.pi * frequency * lag[alike, None])
    laid = np.fft.irfft(whole, length, axis=1)
    mean = laid.mean(axis=0)
    around = laid - mean
    noise_of_mean = float(np.std(around[:, : zero - reach])) / np.sqrt(max(int(alike.sum()), 1))
    return _Kind(alike, lag, mean, noise_of_mean, zero, _whitening(noise))


def _whitening(noise: FloatArray) -> FloatArray:
    """Filter ``(ORDER + 1,)`` that makes noise of this power spectrum white (Yule and Walker's equations)."""
    covariance = np.fft.irfft(noise)[: ORDER + 1]
    covariance[0] *= 1 + 1e-6
    return np.append(1.0, -solve_toeplitz(covariance[:-1], covariance[1:]))


def _cut(x: npt.NDArray[np.float32], first: npt.NDArray[np.intp], length: int) -> FloatArray:
    """``(p, length)`` stretches of ``x``; beyond its ends they are as at the ends."""
    index = np.clip(first[:, None] + np.arange(length), 0, len(x) - 1)
    return x[index].astype(np.float64)


def _highest(
    product: npt.NDArray[np.complexfloating], length: int, reach: int
) -> tuple[FloatArray, FloatArray]:
    """Lag at which each correlation is highest, to a part of a sample, and how high."""
    fine = np.arange(-reach * FINE, reach * FINE + 1)
    lag, height = np.empty(len(product)), np.empty(len(product))
    for i, row in enumerate(product):
        c = np.fft.irfft(row, length * FINE)[fine] * FINE
        k = int(np.clip(np.argmax(c), 1, len(c) - 2))
        a, b, d = c[k - 1 : k + 2]
        bend = a - 2 * b + d
        lag[i] = (fine[k] + (0.5 * (a - d) / bend if bend < 0 else 0.0)) / FINE
        height[i] = b * length / 2
    return lag, height


def _own_onset(kind: _Kind, rate: float) -> tuple[float, float]:
    """Onset of the mean sound from its position 0, and its error."""
    first, rise, ratio = _leaves_noise(kind, rate)
    if rise <= AT_ONCE and ratio > CLEAR:
        return first, rise
    return _fit_tone(kind, rate) or (first, rise)


def _leaves_noise(kind: _Kind, rate: float) -> tuple[float, float, float]:
    """Where a sound leaves the noise, how long it takes to change by half of what it will, and that over the noise.

    Both are in samples, the last is a ratio.
    """
    change = np.abs(np.diff(kind.mean, prepend=kind.mean[0]))
    reach = int(rate * REACH)
    around = change[kind.zero - reach : kind.zero + reach + 1]
    half = int(np.argmax(around >= 0.5 * around.max()))
    noise = np.sqrt(2) * kind.noise
    limit = max(5 * noise, 0.1 * float(around.max()))
    # A tone is quiet twice in each of its periods: only a longer rest is before its onset.
    loud = np.append(np.flatnonzero(around[:half] >= limit), half)
    rests = np.flatnonzero(np.diff(loud) > int(rate * REST))
    first = int(loud[rests[-1] + 1] if len(rests) else loud[0])
    return float(first - reach), float(half - first), float(around.max()) / max(noise, 1e-12)


def _fit_tone(kind: _Kind, rate: float) -> tuple[float, float] | None:
    """Onset of a tone and its error, None if the sound is no tone that rises once."""
    reach = int(rate * REACH)
    mean = kind.mean
    level = np.sqrt(np.maximum(uniform_filter1d(mean**2, max(int(0.003 * rate), 3)), 0))
    begin = kind.zero - reach
    stop = len(mean) - reach
    peak = begin + int(np.argmax(level[begin:stop]))
    loud = level[peak:stop] > 0.7 * level[peak]
    stop = peak + (len(loud) if loud.all() else int(np.argmin(loud)))
    if stop - begin < int(0.012 * rate):
        return None
    k = np.arange(begin - reach, stop)
    y = lfilter(kind.whitening, 1, mean[k])[ORDER:]
    tail = y[-max((stop - kind.zero) * 2 // 3, 8) :]
    padded = np.abs(np.fft.rfft(tail * np.hanning(len(tail)), 16 * len(tail)))
    pitch = float(np.argmax(padded)) / (16 * len(tail))
    if pitch * len(tail) < 2 or pitch >= HIGHEST:
        return None
    fits = sorted(
        (_best_fit(k - kind.zero, y, pitch, rate, kind.whitening, c) for c in (False, True)),
        key=lambda f: f.rss,
    )
    best = fits[0]
    sounding = float(np.sum(y**2))
    if 1 - best.rss / sounding < IS_TONE:
        return None
    floor = float(np.mean(y[: reach // 2] ** 2)) * len(y)
    variance = (best.rss + 1e-6 * sounding) / len(y)
    # Where even the best leaves echoes, a little less of them makes it no truer.
    left = max(best.rss - floor, 0)
    other = [f for f in fits[1:] if f.rss - best.rss < max(SIMILAR_FIT * variance, SAME_LEFT * left)]
    onsets = [best.onset, *(f.onset for f in other)]
    middle = (max(onsets) + min(onsets)) / 2
    misfit = np.sqrt(left / sounding)
    doubt = (max(onsets) - min(onsets)) / 2 + 3.2 * best.spread + 0.45 * misfit * best.ramp
    if best.ramp > 0.95 * MAX_RAMP * rate:
        doubt += AT_LIMIT * best.ramp
    return middle + 0.5, doubt


@dataclass(frozen=True)
class _ToneFit:
    onset: float
    ramp: float
    rss: float
    spread: float


def _best_fit(
    k: npt.NDArray[np.intp], y: FloatArray, pitch: float, rate: float, whitening: FloatArray, cosine: bool
) -> _ToneFit:
    """The ramped tone that, whitened, is nearest to ``y`` at the samples ``k``."""

    def residual(parameters: FloatArray) -> FloatArray:
        onset, ramp, change = parameters
        rise = np.clip((k - onset) / max(ramp, 1e-3), 0, 1)
        if cosine:
            rise = (1 - np.cos(np.pi * rise)) / 2
        turn = 2 * np.pi * pitch * (1 + 1e-3 * change) * k
        waves = [
            f(h * turn) * rise
            for h in range(1, HARMONICS + 1)
            if h * pitch < HIGHEST
            for f in (np.sin, np.cos)
        ]
        design = lfilter(whitening, 1, np.column_stack(waves), axis=0)[ORDER:]
        amplitude = np.linalg.lstsq(design, y, rcond=None)[0]
        return np.asarray(y - design @ amplitude)

    low, high = np.array([k[0], 0.0, -200.0]), np.array([k[-1] / 2, MAX_RAMP * rate, 200.0])
    scale = np.array([rate * 1e-3, rate * 1e-3, 1.0])
    starts = [np.clip([-ramp * rate / 2, ramp * rate, 0], low + 1e-3, high - 1e-3) for ramp in RAMPS]
    fits = [least_squares(residual, x, bounds=(low, high), x_scale=scale, max_nfev=60) for x in starts]
    best = min(fits, key=lambda f: float(f.cost))
    onset, ramp = float(best.x[0]), float(best.x[1])
    variance = 2 * best.cost / max(len(y) - 3 - 2 * HARMONICS, 1)
    # What the sound says of a ramp of a sample or two is nothing: it is known to be short.
    known = np.array([max(ramp / 2, 1.0), max(ramp, 2.0), 10.0])
    covariance = np.linalg.inv(best.jac.T @ best.jac / max(variance, 1e-20) + np.diag(known**-2))
    return _ToneFit(onset, ramp, 2 * float(best.cost), float(np.sqrt(covariance[0, 0])))
