"""When the camera saw the LED come on, and where in the picture the LED is.

A frame's brightness belongs to the exposure that ends at the frame's time. The LED came on after the last
dark frame, so the onset lies between the two frame times; where it came on during an exposure, the frame is
lit in part, and the part says when. How long the exposure is follows from how often a frame is lit in part:
the onsets fall anywhere in the frame interval. All this takes the LED to be lit for a frame interval at least; where
flashes are shorter, the onset may be off by half an interval, and the bound says so.

Shapes: ``video_time`` (n,) s; ``brightness`` (n,) grey values 0..255; ``grid`` (n, rows, columns) uint8, the
mean brightness of each cell of a grid over the picture.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from enicfer.errors import AlignmentError
from enicfer.records import FloatArray

MIN_STEP = 6.0  # grey values; smaller steps are noise of the camera
SHARE_OF_TYPICAL = 0.4  # a step smaller than this share of the typical one is not the LED
DARK = 0.04  # within this share of the step a frame counts as dark, or as lit in full
GAMMA = 1.5  # before any frame is seen: between light itself (1) and sRGB (2.2)
GAMMA_SPREAD = 0.4  # of its logarithm
MIN_SPREAD = 0.0005  # s, what frame times are worth at best
MIN_INTERVAL = 0.25  # of a frame; a shorter interval is a repeated or hurried stamp, not the camera's
NOISE_SHIFT = 0.2  # of a frame: shift of all onsets by noise as high as the step (benchmarks/alignment.py)
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
        Error in s that all onsets may share.
    notes
        Things worth telling the user, one sentence each.
    """

    time: FloatArray
    spread: FloatArray
    camera: "Camera | None" = None
    floor: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Camera:
    """First lit frames, and the two parameters of the camera that turn them into onsets.

    Attributes
    ----------
    frame_time, interval
        ``(p,)`` s: time of each first lit frame, and since the frame before.
    part
        ``(p,)`` its step as a share of the whole step, 0..1.
    dark
        ``(p,)`` shares below this, or above 1 minus this, are noise.
    expected
        Exposure in s, and gamma, as the frames alone have them.
    spread
        Standard deviations of the two.
    """

    frame_time: FloatArray
    interval: FloatArray
    part: FloatArray
    dark: FloatArray
    expected: FloatArray
    spread: FloatArray

    @property
    def in_part(self) -> npt.NDArray[np.bool_]:
        """``(p,)`` true where the frame is lit in part."""
        return (self.part > self.dark) & (self.part < 1 - self.dark)

    def place(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Onsets in s, their spread, and their derivative ``(p, 2)`` by the parameters (exposure, gamma).

        The exposure ends at ``frame_time``. A frame lit to ``part`` was lit for the share ``part ** gamma`` of the
        exposure, because grey values are not proportional to light; one lit in full lit up anywhere in the
        unexposed rest of the interval.
        """
        exposure, gamma = float(max(parameters[0], 0)), float(np.clip(parameters[1], 0.3, 5))
        t, part, in_part = self.frame_time, self.part, self.in_part
        almost_dark, almost_lit = self.dark**gamma, (1 - self.dark) ** gamma
        lit = part**gamma
        high = t - exposure * almost_lit
        low = np.minimum(t - self.interval - exposure * almost_dark, high)
        onset = np.where(in_part, t - exposure * lit, (low + high) / 2)
        noise = exposure * gamma * part ** (gamma - 1) * np.maximum(self.dark / 3, 0.01)
        spread = np.hypot(np.where(in_part, noise, (high - low) / np.sqrt(12)), MIN_SPREAD)
        by_exposure = np.where(in_part, -lit, -(almost_dark + almost_lit) / 2)
        by_gamma = np.where(in_part, -exposure * lit * np.log(np.maximum(part, 1e-3)), 0.0)
        return onset, spread, np.column_stack([by_exposure, by_gamma])


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
    first, step, dark = _find_steps(x)
    if len(first) == 0:
        raise AlignmentError(
            f"The brightness of the region never steps: it stays between {x.min():.0f} and {x.max():.0f} of 255; "
            "check the region and that the LED was on."
        )
    interval = t[first] - t[first - 1]
    part = np.clip((x[first] - x[first - 1]) / step, 0, 1)
    frame = float(np.median(np.diff(t)))
    camera = _guess_camera(t[first], interval, part, dark, frame)
    onset, spread, _ = camera.place(camera.expected)
    shared = NOISE_SHIFT * max(float(dark.mean()) - 2 * DARK, 0.0) * frame
    following = x[np.minimum(first + 1, len(x) - 1)]
    if np.median((following - x[first - 1]) / step) < 0.5:
        note = (
            f"Most flashes of the LED are over within a frame ({1000 * frame:.0f} ms), so that their onset is known "
            "only to half a frame, which the bound includes; let the LED stay on for two frames."
        )
        return Onsets(onset, spread, camera, shared + frame / 2, (note,))
    return Onsets(onset, spread, camera, floor=shared)


def _guess_camera(
    t: FloatArray, interval: FloatArray, part: FloatArray, dark: FloatArray, frame: float
) -> Camera:
    """Exposure and gamma from the frames alone.

    Onsets fall anywhere in a frame. So the lit share ``part ** gamma`` of the exposure is uniform, which gives
    gamma (the mean of its posterior), and as many frames are lit in part as the exposure fills of the interval.
    """
    usual = interval >= MIN_INTERVAL * frame
    if not usual.any():
        usual, interval = np.ones(len(t), bool), np.full(len(t), frame)
    in_part = (part > dark) & (part < 1 - dark) & usual
    n = int(in_part.sum())
    gammas = np.exp(np.linspace(np.log(0.4), np.log(4), 200))
    low, high = float(dark.mean()), float(1 - dark.mean())
    likelihood = n * np.log(gammas / (high**gammas - low**gammas)) + gammas * np.log(part[in_part]).sum()
    posterior = likelihood - 0.5 * ((np.log(gammas) - np.log(GAMMA)) / GAMMA_SPREAD) ** 2
    weight = np.exp(posterior - posterior.max())
    gamma = float(np.average(gammas, weights=weight))
    gamma_spread = float(np.sqrt(np.average((gammas - gamma) ** 2, weights=weight)))
    seen = int(usual.sum())
    share = (n + 1) / (seen + 2)  # the mean of a Beta distribution, as is the spread
    share_spread = float(np.sqrt(share * (1 - share) / (seen + 3)))
    # An onset falls into a long interval more often, and there the exposure is a smaller part of it.
    scale = 1 / float(np.mean(1 / interval[usual])) / (high**gamma - low**gamma)
    expected = np.array([min(share * scale, frame), gamma])
    spread = np.array([max(share_spread * scale, MIN_SPREAD), gamma_spread])
    return Camera(t, interval, part, dark, expected, spread)


def _find_steps(x: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray, FloatArray]:
    """Index of the first lit frame of every step up, its height in grey values, and the share of it that is dark.

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
    dark = np.clip(3 * noise / np.maximum(step, 1), DARK, 0.3)
    first = np.where(x[index] - x[index - 1] > dark * step, index, index + 1)
    return first, step, dark


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
