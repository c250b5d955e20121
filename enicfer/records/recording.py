"""The recording that a video belongs to: an EEG, MEG, iEEG or NIRS file, or a BOLD image with its log.

Times are float64 seconds on the recording's clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pandas as pd

from enicfer.records.plain import optional


class Modality(StrEnum):
    """What kind of recording the video belongs to; the values are the BIDS data types."""

    EEG = "eeg"
    MEG = "meg"
    IEEG = "ieeg"
    NIRS = "nirs"
    FMRI = "func"
    NONE = "beh"

    @property
    def sampled(self) -> bool:
        """Whether its files have samples and triggers of their own: EEG, MEG, iEEG and NIRS."""
        return self not in (Modality.FMRI, Modality.NONE)


@dataclass(frozen=True)
class RecordingDetails:
    """Numbers behind the notes of a recording, for ``sync.json``; None for what is not about its format.

    Attributes
    ----------
    first_time
        Time in s of an EEG file's first sample since the acquisition began.
    log_start, log_drift_ppm
        s of a log's clock at which the BOLD series begins, and by how much that clock is too fast.
    missing_volume_pulses
        Numbers, from 0, of the volumes whose pulse the log lacks.
    doubled_volume_pulses
        s of the log's clock of pulses that followed another one too soon.
    """

    first_time: float | None = optional()
    log_start: float | None = optional()
    log_drift_ppm: float | None = optional()
    missing_volume_pulses: tuple[int, ...] | None = optional()
    doubled_volume_pulses: tuple[float, ...] | None = optional()


@dataclass(frozen=True)
class Recording:
    """What the rest of the pipeline needs to know of a recording.

    Attributes
    ----------
    modality
        Kind of recording.
    file
        The file with the samples, or the BOLD image.
    duration
        Length in s on the recording's clock.
    triggers
        Columns ``onset`` (s, recording's clock; sorted; may be negative for fMRI) and ``code`` (str).
    sampling_rate
        Of a recording with samples, in Hz.
    repetition_time
        Of the BOLD series, in s.
    n_volumes
        Number of stored volumes.
    gaps
        ``(start, stop)`` in s of every pause in the recording.
    notes
        Things worth telling the user (repaired volume pulses, a TR that disagrees), one sentence each.
    details
        Numbers behind the notes, for ``sync.json``.
    log
        The trigger log of a BOLD series, else None: the triggers are in ``file``.
    """

    modality: Modality
    file: Path
    duration: float
    triggers: pd.DataFrame
    sampling_rate: float | None = None
    repetition_time: float | None = None
    n_volumes: int | None = None
    gaps: tuple[tuple[float, float], ...] = ()
    notes: tuple[str, ...] = ()
    details: RecordingDetails = field(default_factory=RecordingDetails)
    log: Path | None = None
