"""The map from the video's clock to the recording's, with its evidence.

Times are float64 seconds; `Alignment` alone crosses from ``video_time`` to ``time``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.records.types import FloatArray

CONTINUOUS = 1e-7  # s; pieces of a map that meet so closely have no break between them


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
        ``(m, 3)`` polynomial coefficients of the variance of ``time`` around ``origin``, in s**2.
    t_factor
        ``(m,)`` quantile of Student's t that turns a standard deviation into a 95 % bound.
    floor
        ``(m,)`` s, systematic part of the bound, such as the unknown part of a frame's exposure.
    pulse_video_time, pulse_time
        ``(p,)`` s: the matched pulses on both clocks.
    residual
        ``(p,)`` s: ``pulse_time`` minus the mapped ``pulse_video_time``.
    unmatched_video, unmatched_recording
        Times in s, each on its own clock, of the pulses that found no partner.
    source
        How the pulses were found (a name in `enicfer.sync.SOURCES`).
    details
        Runner-up score, coarse prior and whatever else a reviewer may ask for, JSON-ready.
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
    details: Mapping[str, Any] = field(default_factory=dict)
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
