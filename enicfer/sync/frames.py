"""Frames that the recording counted itself: camera pulses, one per exposure, and numbered frame streams.

Camera pulses are regular, so their pattern says nothing of the offset; their number does. The frame times say
how many exposures lie between two frames (a dropped frame leaves a gap of two intervals). If first and last
frame then span as many exposures as there are pulses, each frame has its pulse. If there are more pulses, the
first frame may belong to any of the first few: intervals that vary on both sides decide, or a coarse offset,
else the bound says by how many exposures the map may be off. Intervals decide only if the pulses explain them:
of regular frames, one irregular pulse would choose a shift that leaves it out. Nor do they where they vary by no
more than both clocks round: 33, 33 and 34 ms are a pattern of the rounding, not of the camera.

Times are in s, on the clocks that their names say.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from enicfer.errors import AlignmentError
from enicfer.records import Alignment, AlignmentDetails, FloatArray
from enicfer.sync.drift import note_drift
from enicfer.sync.fit import fit_line
from enicfer.sync.jitter import jitter_of_frames
from enicfer.sync.pieces import line_alignment

MAX_SHIFTS = 2000
MAX_AMBIGUOUS = 15  # exposures; more is no alignment
CLEAR_RATIO = 1.5  # the best shift's residual must be this much smaller than the next one's
SAME_RATE = 0.02
SINGLE = 0.6  # of the median interval; one that differs from it by more is none between neighbours
SAME_STEP = 1e-7  # s; intervals that differ by less are the same
RUN = 25  # frames; so many in a row that are off the line are no jitter


def mean_interval(times: FloatArray) -> float:
    """Mean interval in s between neighbours, without the gaps.

    The median is off where times are rounded: at 256 Hz, pulses that come every 40 ms are 10 or 11 samples apart.
    """
    steps = np.diff(times)
    median = float(np.median(steps))
    return float(steps[np.abs(steps - median) <= SINGLE * median].mean())


def place_on_grid(times: FloatArray, interval: float) -> npt.NDArray[np.int64]:
    """Number of each frame counted in exposures from the first, by rounding every interval.

    A jitter of less than half an interval does no harm, because a late stamp is followed by a short interval.
    """
    steps = np.diff(times) / interval
    number = np.zeros(len(times), np.int64)
    expected = 0.0
    for i, step in enumerate(steps, 1):
        expected += step
        count = max(1, int(np.floor(expected + 0.5)))
        expected = 0.9 * (expected - count)  # carry the jitter, forget it slowly as clocks differ
        number[i] = number[i - 1] + count
    return number


def check_residual(residual: FloatArray, interval: float) -> float:
    """How far in s the frames are off the line for long; refused above half a frame interval.

    Neighbours are off alike (a lost frame, a wrong number), so that the bound of the fit, which takes residuals as
    independent, would not show it.

    Raises
    ------
    AlignmentError
        If the line contradicts the times that it was fitted to.
    """
    off = float(np.max(median_filter(np.abs(residual), RUN, mode="nearest")))
    if off > interval / 2:
        raise AlignmentError(
            f"The frames' times are off a straight line by {1000 * off:.0f} ms over {RUN} frames in a row, more than "
            f"half a frame ({500 * interval:.1f} ms): frames were lost or are numbered otherwise than in the video; "
            "use another source, or give anchors."
        )
    return off


def align_frame_pulses(
    video_time: FloatArray,
    pulse_time: FloatArray,
    max_drift: float = 1e-3,
    prior: tuple[float, float] | None = None,
    n_files: int = 1,
    tick: float = 0.0,
) -> Alignment:
    """Give every frame its camera pulse.

    Parameters
    ----------
    video_time
        ``(n,)`` s of all frames.
    pulse_time
        ``(m,)`` s of all camera pulses, one per exposure.
    max_drift
        Largest drift.
    prior
        Recording's time at video time 0, and half-width, in s.
    n_files
        Number of consecutive video files; of more than one, each exposure must have its pulse.
    tick
        Step in s to which the pulses' times are rounded, where it is known.

    Raises
    ------
    AlignmentError
        If rates differ, the pulses outnumber the exposures by more than can be bounded, exposures were lost between
        two files, or the line contradicts the pulses.
    """
    if min(len(video_time), len(pulse_time)) < 10:
        raise AlignmentError(
            f"The video has {len(video_time)} frames and the recording {len(pulse_time)} camera pulses: "
            "at least 10 of both are needed."
        )
    frame, pulse = mean_interval(video_time), mean_interval(pulse_time)
    if pulse <= 0:
        raise AlignmentError(
            "Most camera pulses come twice at the same time: the recording has them in two places; check the pulse "
            "code."
        )
    if abs(frame / pulse - 1) > SAME_RATE:
        raise AlignmentError(
            f"The frames come every {1000 * frame:.2f} ms but the camera pulses every {1000 * pulse:.2f} ms: the "
            "pulses are not one per frame; check the pulse code."
        )
    number, slot = place_on_grid(video_time, frame), place_on_grid(pulse_time, pulse)
    if n_files > 1 and slot[-1] != number[-1]:
        raise AlignmentError(
            f"The {n_files} video files span {number[-1] + 1} exposures but the recording has {slot[-1] + 1} camera "
            "pulses: how many were lost between two files is not known; give each file as a run of its own."
        )
    rounding = _rounding(video_time) + max(tick, _rounding(pulse_time))
    shift, floor, rms = _best_shift(video_time, number, pulse_time, slot, pulse, prior, rounding)
    has_pulse, index = _look_up(number + shift, slot)
    line = fit_line(video_time[has_pulse], pulse_time[index], max_drift=max_drift)
    off = check_residual(line.residual, frame)
    dropped = int(number[-1] + 1 - len(video_time))
    missing = int(slot[-1] + 1 - len(pulse_time))
    notes = (
        [f"{dropped} of {number[-1] + 1} frames were dropped by the camera or the file."] if dropped else []
    )
    if missing:
        notes.append(f"{missing} camera pulses are missing in the recording.")
    if floor:
        notes.append(
            f"The recording has {slot[-1] + 1} camera pulses and the video {number[-1] + 1} exposures: the first "
            f"frame is taken to be the first pulse, and the bound includes the {floor:.3f} s that this may be off."
        )
    said = note_drift(line.slope - 1, line.drift_error, max_drift)
    notes += [said] if said else []
    details = AlignmentDetails(
        n_frames=len(video_time),
        n_pulses=len(pulse_time),
        dropped_frames=dropped,
        dropped_before_frame=tuple((np.flatnonzero(np.diff(number) > 1) + 1).tolist()),
        missing_pulses=missing,
        shift=int(shift),
        residual_rms=float(rms),
        drift_ppm=float(1e6 * (1 / line.slope - 1)),
    )
    return line_alignment(
        line,
        (video_time[has_pulse], pulse_time[index]),
        "frames",
        floor=floor + off,
        jitter=jitter_of_frames(line.residual, tick),
        details=details,
        notes=tuple(notes),
        unmatched=(video_time[~has_pulse], np.delete(pulse_time, index)),
    )


def _best_shift(
    video_time: FloatArray,
    number: npt.NDArray[np.int64],
    pulse_time: FloatArray,
    slot: npt.NDArray[np.int64],
    interval: float,
    prior: tuple[float, float] | None,
    rounding: float,
) -> tuple[int, float, float]:
    """Pulse slot of the first frame, the bound in s on an error of it, and the residual in s."""
    spare = int(slot[-1] - number[-1])
    if spare < 0:
        raise AlignmentError(
            f"The frames span {number[-1] + 1} exposures but the recording has only {slot[-1] + 1} camera pulses: "
            "the recording started late or stopped early; give anchors, or trim the video."
        )
    shifts = np.arange(spare + 1)
    if prior is not None:
        at_first = pulse_time[0] + shifts * interval
        shifts = shifts[np.abs(at_first - video_time[0] - prior[0]) <= prior[1]]
    if len(shifts) == 0 or len(shifts) > MAX_SHIFTS:
        raise AlignmentError(_too_many(number, slot))
    rms = np.array([_residual(video_time, number + s, pulse_time, slot) for s in shifts])
    order = np.argsort(rms, kind="stable")
    least = CLEAR_RATIO * max(float(rms[order[0]]), 1e-5)
    own = _off_line(number.astype(np.float64), video_time)
    if len(shifts) == 1:
        return int(shifts[0]), 0.0, float(rms[0])
    best, second = rms[order[:2]].tolist()
    if min(second, own) > least and min(second - best, own) > rounding:
        return int(shifts[order[0]]), 0.0, best
    if len(shifts) - 1 > MAX_AMBIGUOUS:
        raise AlignmentError(_too_many(number, slot))
    return int(shifts[0]), float((len(shifts) - 1) * interval), float(rms[0])


def _rounding(times: FloatArray) -> float:
    """Largest step in s to which times may be rounded: the least difference of two intervals, 0 if all are equal."""
    apart = np.diff(np.unique(np.diff(times)))
    apart = apart[apart > SAME_STEP]
    return float(apart.min()) if len(apart) else 0.0


def _residual(
    video_time: FloatArray,
    wanted: npt.NDArray[np.int64],
    pulse_time: FloatArray,
    slot: npt.NDArray[np.int64],
) -> float:
    has_pulse, index = _look_up(wanted, slot)
    if has_pulse.mean() < 0.5:
        return np.inf
    return _off_line(video_time[has_pulse], pulse_time[index])


def _off_line(x: FloatArray, y: FloatArray) -> float:
    """Standard deviation of ``y`` from its line on ``x``."""
    x, y = x - x.mean(), y - y.mean()
    return float(np.std(y - (x @ y) / (x @ x) * x))


def _look_up(
    wanted: npt.NDArray[np.int64], slot: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which of the wanted slots have a pulse, and the index of that pulse."""
    index = np.clip(np.searchsorted(slot, wanted), 0, len(slot) - 1)
    found = slot[index] == wanted
    return found, index[found]


def _too_many(number: npt.NDArray[np.int64], slot: npt.NDArray[np.int64]) -> str:
    return (
        f"The recording has {slot[-1] + 1} camera pulses and the video spans {number[-1] + 1} exposures: where the "
        "first frame belongs is not certain, and regular pulses cannot tell; give "
        "coarse_offset in session.toml."
    )
