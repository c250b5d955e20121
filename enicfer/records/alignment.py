"""The map from the video's clock to the recording's, with its evidence.

Times are float64 seconds; `Alignment` alone crosses from ``video_time`` to ``time``.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from enicfer.records.plain import optional
from enicfer.records.types import FloatArray

CONTINUOUS = 1e-7  # s; pieces of a map that meet so closely have no break between them


@dataclass(frozen=True)
class RivalMatch:
    """The second best way to match the pulses of a piece.

    Attributes
    ----------
    n_matched
        Pulses with a partner, if it were so.
    offset
        s of the recording's time at video time 0.
    drift_ppm
        By how much the camera's clock would be too fast.
    p
        Chance of so clear a difference if both were equally good; None where it is not known.
    """

    n_matched: int
    offset: float
    drift_ppm: float
    p: float | None


@dataclass(frozen=True)
class PieceDetails:
    """How the pulses of one piece of the map were matched.

    Attributes
    ----------
    n_matched, n_possible
        Pulses with a partner, and pulses that could have had one.
    drift_ppm
        By how much the camera's clock is too fast.
    offset
        s of the recording's time at video time 0.
    residual_sd
        s: standard deviation of the residuals.
    log10_false_alarms
        Decimal logarithm of the matches as good that chance gives.
    runner_up
        None where there is no other way.
    """

    n_matched: int
    n_possible: int
    drift_ppm: float
    offset: float
    residual_sd: float
    log10_false_alarms: float
    runner_up: RivalMatch | None


@dataclass(frozen=True)
class AlignmentDetails:
    """Numbers behind an alignment, for ``sync.json``; None for what is not about its source.

    Attributes
    ----------
    n_video_pulses, n_recording_pulses, n_matched
        Pulses that were found in the video, those of the recording, and those with a partner.
    tolerance
        s within which two pulses can be partners.
    coarse_offset
        s and half-width in s of the offset that other clocks say.
    pieces
        How the pulses of each piece were matched.
    n_frames, n_pulses
        Camera pulses: frames of the video, and pulses of the recording.
    dropped_frames, dropped_before_frame
        Camera pulses: exposures without a frame, and the frames before which exposures are missing.
    missing_pulses
        Camera pulses: exposures without a pulse.
    shift
        Camera pulses: number of the pulse that belongs to the first frame.
    residual_rms
        Camera pulses: s.
    drift_ppm
        By how much the camera's clock is too fast, where the map has one piece and no pulses to match.
    led_cell
        Row and column of the LED's cell, and how many rows and columns the picture has, where it was looked for.
    recording_bound
        s by which the recording's time 0 may be early; the bound includes it.
    """

    n_video_pulses: int | None = optional()
    n_recording_pulses: int | None = optional()
    n_matched: int | None = optional()
    tolerance: float | None = optional()
    coarse_offset: tuple[float, float] | None = optional()
    pieces: tuple[PieceDetails, ...] | None = optional()
    n_frames: int | None = optional()
    n_pulses: int | None = optional()
    dropped_frames: int | None = optional()
    dropped_before_frame: tuple[int, ...] | None = optional()
    missing_pulses: int | None = optional()
    shift: int | None = optional()
    residual_rms: float | None = optional()
    drift_ppm: float | None = optional()
    led_cell: tuple[int, int, int, int] | None = optional()
    recording_bound: float | None = optional()


@dataclass(frozen=True)
class Alignment:
    """The map from ``video_time`` to the recording's ``time``: piecewise affine, with its evidence.

    Piece ``i`` holds from ``video_start[i]`` to ``video_start[i + 1]``: ``time = slope[i] * (video_time -
    origin[i]) + intercept[i]``. The 95 % bound of piece ``i`` is ``t_factor[i] * sqrt(c[0] + c[1] * (v -
    origin) + c[2] * (v - origin) ** 2)`` with ``c = variance[i]``, plus ``floor[i]``; it grows away from the
    pulses. That is the bound of the map, which averages the jitter of single frames out. The bound of one frame's
    time includes the ``jitter`` of its stamp.

    Attributes
    ----------
    video_start
        ``(m,)`` s of video time, the first is -inf.
    origin, slope, intercept
        ``(m,)`` s, s/s, s.
    variance
        ``(m, 3)`` polynomial coefficients of the variance of ``time`` around ``origin``, in s**2, with errors that
        all pulses share and that differ from video to video.
    t_factor
        ``(m,)`` quantile of Student's t that turns a standard deviation into a 95 % bound.
    floor
        ``(m,)`` s, systematic part of the bound, which may be as large in every video: half a frame where flashes
        are short, or what the recording's time 0 may be off.
    pulse_video_time, pulse_time
        ``(p,)`` s: the matched pulses on both clocks.
    residual
        ``(p,)`` s: ``pulse_time`` minus the mapped ``pulse_video_time``.
    unmatched_video, unmatched_recording
        Times in s, each on its own clock, of the pulses that found no partner.
    source
        How the pulses were found (a name in `enicfer.sync.SOURCES`).
    details
        Numbers that a reviewer may ask for.
    notes
        Things worth telling the user, one sentence each.
    jitter
        Standard deviation in s of a single frame's stamp about the camera's clock, as far as the evidence shows it.
    """

    video_start: FloatArray
    origin: FloatArray
    slope: FloatArray
    intercept: FloatArray
    variance: FloatArray
    t_factor: FloatArray
    floor: FloatArray
    pulse_video_time: FloatArray
    pulse_time: FloatArray
    residual: FloatArray
    unmatched_video: FloatArray
    unmatched_recording: FloatArray
    source: str
    details: AlignmentDetails = field(default_factory=AlignmentDetails)
    notes: tuple[str, ...] = ()
    jitter: float = 0.0

    def _piece(self, video_time: FloatArray) -> npt.NDArray[np.intp]:
        return np.clip(np.searchsorted(self.video_start, video_time, side="right") - 1, 0, None)

    @property
    def clock_segments(self) -> list[tuple[int, int]]:
        """First and last piece of each stretch over which the map has no break; a curve has many pieces."""
        found: list[tuple[int, int]] = []
        for i in np.flatnonzero(np.isfinite(self.slope)).tolist():
            if found and found[-1][1] == i - 1:
                at = self.video_start[i]
                ends = (
                    self.slope[i - 1 : i + 1] * (at - self.origin[i - 1 : i + 1])
                    + self.intercept[i - 1 : i + 1]
                )
                if abs(ends[1] - ends[0]) < CONTINUOUS:
                    found[-1] = (found[-1][0], i)
                    continue
            found.append((i, i))
        return found

    def mean_slope(self, segment: tuple[int, int]) -> float:
        """Mean rate in s/s over a clock segment; see `clock_segments`."""
        first, last = segment
        if last - first < 2:
            return float(self.slope[segment[0]])
        ends = self.video_start[[first + 1, last]]
        return float(np.diff(self.time(ends))[0] / np.diff(ends)[0])

    def time(self, video_time: npt.ArrayLike) -> FloatArray:
        """Map ``video_time`` (s) to the recording's ``time`` (s)."""
        v = np.asarray(video_time, dtype=np.float64)
        i = self._piece(v)
        return np.asarray(self.slope[i] * (v - self.origin[i]) + self.intercept[i])

    def uncertainty(self, video_time: npt.ArrayLike) -> FloatArray:
        """Half-width in s of the 95 % interval of `time` at each ``video_time`` (s): of the map alone."""
        return self._bound(video_time, 0.0)

    def frame_uncertainty(self, video_time: npt.ArrayLike) -> FloatArray:
        """Half-width in s of the 95 % interval of the time of one frame, with its stamp's jitter."""
        return self._bound(video_time, self.jitter)

    def _bound(self, video_time: npt.ArrayLike, jitter: float) -> FloatArray:
        v = np.asarray(video_time, dtype=np.float64)
        i = self._piece(v)
        d = v - self.origin[i]
        c = self.variance[i]
        variance = np.clip(c[..., 0] + c[..., 1] * d + c[..., 2] * d**2, 0, None)
        quantile = self.t_factor[i]
        return np.asarray(
            np.hypot(quantile * np.sqrt(variance), np.maximum(quantile, 1.96) * jitter) + self.floor[i]
        )
