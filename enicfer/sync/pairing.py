"""One hypothesis of how the clocks relate, and which pulses it brings together.

Times are in s: video pulses on ``video_time``, recording pulses on the recording's ``time``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray
from enicfer.sync.voting import IntArray

Span = tuple[float, float]


@dataclass(frozen=True)
class Pairing:
    """One hypothesis: ``time = slope * (video_time - origin) + intercept``, and the pulses it brings together.

    Attributes
    ----------
    origin, slope, intercept
        The map, in s.
    video, recording
        ``(k,)`` indices of the matched pulses, in order of time.
    n_possible
        Number of video pulses that fall inside the recording's pulses, and so could have matched.
    log_false_alarms
        Decimal logarithm of the number of equally good hypotheses that chance would bring.
    """

    origin: float
    slope: float
    intercept: float
    video: IntArray
    recording: IntArray
    n_possible: int
    log_false_alarms: float

    @property
    def offset(self) -> float:
        """Recording's time in s of video time 0."""
        return self.intercept - self.slope * self.origin

    def time(self, video_time: npt.ArrayLike) -> FloatArray:
        """Map ``video_time`` (s) to ``time`` (s)."""
        return np.asarray(self.slope * (np.asarray(video_time) - self.origin) + self.intercept)
