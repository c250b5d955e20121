"""The clocks of one run, with what they were related by."""

from dataclasses import dataclass

from enicfer.records import Alignment, FloatArray, Recording, UInt8Array
from enicfer.sync.sources import Evidence


@dataclass(frozen=True)
class AlignedRun:
    """One run's clocks.

    Attributes
    ----------
    name
        BIDS-like name, ``sub-01_task-faces``.
    recording
        The recording.
    evidence
        What the alignment was made from.
    alignment
        The map.
    strips
        Up to five times: pulse's video time in s, and ``(m, h, w)`` uint8 grey pictures of the LED's surroundings
        in successive frames with their times ``(m,)``.
    """

    name: str
    recording: Recording
    evidence: Evidence
    alignment: Alignment
    strips: tuple[tuple[float, FloatArray, UInt8Array], ...] = ()
