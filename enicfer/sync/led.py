"""When the camera saw the LED come on, and where in the picture the LED is.

A frame's brightness belongs to the exposure that ends at the frame's time. The LED came on after the last
dark frame, so the onset lies between the two frame times; where it came on during an exposure, the frame is
lit in part, and the part says when. How long the exposure is follows from how often a frame is lit in part:
the onsets fall anywhere in the frame interval. All this takes the LED to be lit for a frame interval at least; where
flashes are shorter, the onset may be off by half an interval, and the bound says so.

Shapes: ``video_time`` (n,) s; ``brightness`` (n,) grey values 0..255; ``grid`` (n, rows, columns) uint8, the
mean brightness of each cell of a grid over the picture.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray
from enicfer.sync.response import SPREAD, TOE, decode, lit_share, share_by_shape, share_slope

MIN_STEP = 6.0  # grey values; smaller steps are noise of the camera
SHARE_OF_TYPICAL = 0.4  # a step smaller than this share of the typical one is not the LED
MAX_DARK = 0.3
DARK = 0.04  # within this share of the step a frame counts as dark, or as lit in full
GAMMA = 1.5  # before any frame is seen: between light itself (1) and sRGB (2.2)
GAMMA_SPREAD = 0.4  # of its logarithm
# The exposure follows the LED's brightness by this power: 1 where it alone is automatic, 0 where the gain is.
FOLLOWS, FOLLOWS_SPREAD = 0.5, 0.5
SAME_BRIGHTNESS = 0.1  # of the light; less is noise of the camera
NOISE_OF_CHANGES = 1.4826  # standard deviation over the median of absolute values
LEVEL_FRAMES = 3  # before and after a step
SAME_LEVEL = 0.3  # of the step; frames that differ by less are alike dark, or alike lit
MIN_SPREAD = 0.0003  # s, what frame times are worth at best
MIN_NOISE = 0.004  # of the step: rounding to grey values, and codecs
MIN_INTERVAL = 0.25  # of a frame; a shorter interval is a repeated or hurried stamp, not the camera's
NOISE_SHIFT = 0.3  # of a frame: shift of all onsets by noise as high as the step (benchmarks/alignment.py)
BEST_CELLS = 8


@dataclass(frozen=True)
class Onsets:
    """Onsets found in a video or a sound track.

    Attributes
    ----------
    time
        ``(p,)`` s of video time, sorted.
    spread
        ``(p,)`` standard deviation in s.
    camera
        What the onsets in frames have in common and the fit may correct, or None.
    floor
        Largest error in s that all onsets may share; it may be there in every video of a camera.
    shared
        95 % bound in s of a further error that all onsets share and that differs from video to video.
    notes
        Things worth telling the user, one sentence each.
    """

    time: FloatArray
    spread: FloatArray
    camera: "Camera | None" = None
    floor: float = 0.0
    notes: tuple[str, ...] = ()
    shared: float = 0.0


@dataclass(frozen=True)
class Camera:
    """First lit frames, and the parameters of the camera that turn them into onsets.

    Attributes
    ----------
    frame_time, interval
        ``(p,)`` s: time of each first lit frame, and since the frame before.
    part
        ``(p,)`` its step as a share of the whole step, 0..1.
    dark
        ``(p,)`` parts below this are noise.
    lit
        ``(p,)`` parts above this are as good as 1; the noise of lit frames may be another.
    noise
        ``(2, p)`` standard deviation of a part where the frame is dark, and where it is lit.
    level, step
        ``(p,)`` grey value before the flash and its rise within it, as shares of 255.
    brightness
        ``(p,)`` logarithm of the LED's light against its usual one: it grows with an automatic exposure.
    expected
        ``(6,)`` exposure in s, the power by which it follows the brightness, and the shape of the response (gamma,
        toe and two bends, see `enicfer.sync.response`), as the frames alone have them.
    spread
        ``(6,)`` standard deviations of these.
    jitter
        Standard deviation in s of the frames' time stamps, as far as their intervals show it.
    """

    frame_time: FloatArray
    interval: FloatArray
    part: FloatArray
    dark: FloatArray
    lit: FloatArray
    noise: FloatArray
    level: FloatArray
    step: FloatArray
    brightness: FloatArray
    expected: FloatArray
    spread: FloatArray
    jitter: float = 0.0

    @property
    def in_part(self) -> npt.NDArray[np.bool_]:
        """``(p,)`` true where the frame is lit in part."""
        return (self.part > self.dark) & (self.part < self.lit)

    def place(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Onsets in s, their spread, and their derivative ``(p, 6)`` by the parameters (see ``expected``).

        The exposure ends at ``frame_time``. A frame lit in part was lit for the share of the exposure that
        `lit_share` says; one lit in full lit up anywhere in the unexposed rest of the interval.
        """
        shape, grey = parameters[2:], (self.level, self.step)
        follows = np.exp(float(np.clip(parameters[1], -1, 2)) * self.brightness)
        usual = float(max(parameters[0], 0))
        exposure = np.minimum(usual * follows, max(usual, float(np.median(self.interval))))
        t, in_part = self.frame_time, self.in_part
        almost_dark, almost_lit = lit_share(self.dark, *grey, shape), lit_share(self.lit, *grey, shape)
        share = lit_share(self.part, *grey, shape)
        high = t - exposure * almost_lit
        low = np.minimum(t - self.interval - exposure * almost_dark, high)
        onset = np.where(in_part, t - exposure * share, (low + high) / 2)
        of_part = self.noise[0] + (self.noise[1] - self.noise[0]) * self.part
        noise = exposure * share_slope(self.part, *grey, shape) * np.maximum(of_part, MIN_NOISE)
        spread = np.hypot(np.where(in_part, noise, (high - low) / np.sqrt(12)), MIN_SPREAD)
        by_exposure = follows * np.where(in_part, -share, -(almost_dark + almost_lit) / 2)
        by_power = usual * by_exposure * self.brightness
        by_shape = -exposure[:, None] * share_by_shape(self.part, *grey, shape)
        by_shape[~in_part] = 0
        return onset, spread, np.column_stack([by_exposure, by_power, by_shape])


def find_led_onsets(video_time: npt.ArrayLike, brightness: npt.ArrayLike) -> Onsets:
    """Find the instants at which the region lights up.

    Raises
    ------
    AlignmentError
        If the brightness never steps.
    """
    t, x = np.asarray(video_time, dtype=np.float64), np.asarray(brightness, dtype=np.float64)
    good = np.isfinite(t) & np.isfinite(x)
    t, x = t[good], x[good]
    if len(t) < 4:
        raise AlignmentError(f"The video has {len(t)} usable frames, too few to see a pulse.")
    first, step, idle = _find_steps(x)
    if len(first) == 0:
        raise AlignmentError(
            f"The brightness of the region never steps: it stays between {x.min():.0f} and {x.max():.0f} of 255; "
            "check the region and that the LED was on."
        )
    interval = t[first] - t[first - 1]
    level, step, noise = _levels(x, first, step)
    dark = np.clip(3 * idle / np.maximum(step, 1), DARK, MAX_DARK)
    lit = 1 - np.clip(3 * noise / step, DARK, MAX_DARK)
    part = np.clip((x[first] - level) / step, 0, 1)
    frame = float(np.median(np.diff(t)))
    following = x[np.minimum(first + 1, len(x) - 1)]
    noises = np.stack([idle / step, noise / step])
    camera = _guess_camera(t[first], interval, part, (dark, lit), noises, (level / 255, step / 255), frame)
    camera = replace(camera, jitter=_stamp_jitter(t, frame))
    onset, spread, _ = camera.place(camera.expected)
    shared = NOISE_SHIFT * max(float(dark.mean()) - 2 * DARK, 0.0) * frame
    if np.median((following - x[first - 1]) / step) < 0.5:
        note = (
            f"Most flashes of the LED are over within a frame ({1000 * frame:.0f} ms), so that their onset is known "
            "only to half a frame, which the bound includes; let the LED stay on for two frames."
        )
        return Onsets(onset, spread, camera, shared + frame / 2, (note,))
    return Onsets(onset, spread, camera, floor=shared)


def _guess_camera(
    t: FloatArray,
    interval: FloatArray,
    part: FloatArray,
    limits: tuple[FloatArray, FloatArray],
    noise: FloatArray,
    grey: tuple[FloatArray, FloatArray],
    frame: float,
) -> Camera:
    """Exposure and gamma from the frames alone, which say nothing of the other parameters.

    Onsets fall anywhere in a frame. So the lit share of the exposure is uniform, which gives gamma (the mean of its
    posterior), and as many frames are lit in part as the exposure fills of the interval.
    """
    usual = interval >= MIN_INTERVAL * frame
    if not usual.any():
        usual, interval = np.ones(len(t), bool), np.full(len(t), frame)
    in_part = (part > limits[0]) & (part < limits[1]) & usual
    n = int(in_part.sum())
    gammas = np.exp(np.linspace(np.log(0.4), np.log(8), 120))
    posterior = -0.5 * ((np.log(gammas) - np.log(GAMMA)) / GAMMA_SPREAD) ** 2
    shapes = (gammas[:, None], TOE, 0.0, 0.0)
    density = share_slope(part, *grey, shapes) / _seen_share(limits, grey, gammas[:, None])
    posterior += np.log(density[:, in_part]).sum(axis=1)
    weight = np.exp(posterior - posterior.max())
    gamma = float(np.average(gammas, weights=weight))
    gamma_spread = float(np.sqrt(np.average((gammas - gamma) ** 2, weights=weight)))
    seen = int(usual.sum())
    share = (n + 1) / (seen + 2)  # the mean of a Beta distribution, as is the spread
    share_spread = float(np.sqrt(share * (1 - share) / (seen + 3)))
    # An onset falls into a long interval more often, and there the exposure is a smaller part of it.
    scale = 1 / float(np.mean(1 / interval[usual])) / float(_seen_share(limits, grey, gamma).mean())
    expected = np.array([min(share * scale, frame), FOLLOWS, gamma, TOE, 0.0, 0.0])
    spread = np.array([max(share_spread * scale, MIN_SPREAD), FOLLOWS_SPREAD, gamma_spread, *SPREAD])
    light = np.log(decode(grey[0] + grey[1], gamma, TOE) - decode(grey[0], gamma, TOE))
    brightness = np.clip(light - np.median(light), -1, 1)
    brightness[np.abs(brightness) < SAME_BRIGHTNESS] = 0
    return Camera(t, interval, part, *limits, noise, *grey, brightness, expected, spread)


def _seen_share(
    limits: tuple[FloatArray, FloatArray], grey: tuple[FloatArray, FloatArray], gamma: float | FloatArray
) -> FloatArray:
    """``(p,)`` share of the exposure in which a frame can be told from a dark one and from one lit in full."""
    shape = (gamma, TOE, 0.0, 0.0)
    return lit_share(limits[1], *grey, shape) - lit_share(limits[0], *grey, shape)


def _stamp_jitter(t: FloatArray, frame: float) -> float:
    """Standard deviation in s of stamps that are late at random: a late one makes the next interval shorter."""
    interval = np.diff(t)
    usual = np.abs(interval - frame) < 0.5 * frame
    both = usual[1:] & usual[:-1]
    if both.sum() < 3:
        return 0.0
    return float(np.sqrt(max(-np.cov(interval[1:][both], interval[:-1][both])[0, 1], 0)))


def _find_steps(x: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray, float]:
    """Index of the first lit frame of every step up, its height, and the noise of two frames, in grey values.

    A step takes at most two frames (one may be lit in part), so steps are looked for two frames apart.
    """
    rise = np.zeros(len(x))
    rise[1:-1] = x[2:] - x[:-2]
    noise = 1.4826 * float(np.median(np.abs(rise)))
    floor = max(MIN_STEP, 6 * noise)
    peak = (rise >= floor) & (rise == maximum_filter1d(rise, 3))
    index = np.flatnonzero(peak)
    if len(index):
        typical = float(np.quantile(rise[index], 0.75))
        index = index[rise[index] >= SHARE_OF_TYPICAL * typical]
    # of two equal neighbours, [dark, dark, lit, lit], the later is the first lit frame
    index = index[np.diff(index, append=len(x) + 1) > 1]
    step = rise[index]
    dark = np.clip(3 * noise / np.maximum(step, 1), DARK, MAX_DARK)
    first = np.where(x[index] - x[index - 1] > dark * step, index, index + 1)
    return first, step, noise


def _levels(
    x: FloatArray, first: npt.NDArray[np.intp], step: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Grey value before each step, height of the step, and noise of the lit frames from one to the next.

    They are means over up to `LEVEL_FRAMES` frames before the step and as many after it, as far as these are dark or
    lit.
    """
    before = x[np.maximum(first[:, None] - np.arange(1, LEVEL_FRAMES + 1), 0)]
    after = x[np.minimum(first[:, None] + np.arange(1, LEVEL_FRAMES + 1), len(x) - 1)]
    dark = np.abs(before - before[:, :1]) < SAME_LEVEL * step[:, None]
    lit = np.abs(after - after[:, :1]) < SAME_LEVEL * step[:, None]
    dark, lit = np.logical_and.accumulate(dark, axis=1), np.logical_and.accumulate(lit, axis=1)
    level = np.sum(before * dark, axis=1) / dark.sum(axis=1)
    full = np.sum(after * lit, axis=1) / lit.sum(axis=1)
    height = np.maximum(full - level, SAME_LEVEL * step)
    again = lit[:, 1:]
    change = np.abs(np.diff(after, axis=1))[again] if again.any() else np.abs(np.diff(x))
    return level, height, NOISE_OF_CHANGES * float(np.median(change))


def rank_cells(grid: npt.NDArray[np.uint8], n_pulses: int) -> list[tuple[int, int]]:
    """The cells that behave most like an LED that flashed about ``n_pulses`` times, best first.

    An LED's cell has a few large steps up and is still otherwise; a person's cell has steps of all sizes. The
    score is the step at the rank of a third of the pulses, against the step at the rank of eight times as many.
    """
    n, rows, columns = grid.shape
    flat = grid.reshape(n, rows * columns)
    high, low = max(n_pulses // 3, 2), 8 * max(n_pulses, 4)
    score = np.zeros(rows * columns)
    for start in range(0, rows * columns, 64):
        block = np.asarray(flat[:, start : start + 64]).astype(np.int16)
        rise = block[2:] - block[:-2]
        low_rank = min(low, len(rise) - 1)
        ranked = -np.partition(-rise, (high, low_rank), axis=0)
        top, rest = ranked[high].astype(float), ranked[low_rank].astype(float)
        score[start : start + 64] = np.where(top >= MIN_STEP, top / (np.maximum(rest, 0) + 2), 0)
    best = np.argsort(-score, kind="stable")[:BEST_CELLS]
    return [(int(i) // columns, int(i) % columns) for i in best if score[i] > 0]
