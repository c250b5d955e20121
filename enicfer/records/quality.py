"""How far a run can be believed, in numbers: what `enicfer.timecourse.quality` finds and ``qc.json`` holds.

Times are float64 seconds on the recording's clock unless said otherwise. What was not measured is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class VideoHoles:
    """Where a video has no frames although it goes on.

    Attributes
    ----------
    count
        Number of holes in the recording.
    total, longest
        s: all of them together, and the longest.
    longest_start
        s of the recording's time at which the longest begins, None without a hole.
    """

    count: int
    total: float
    longest: float
    longest_start: float | None


@dataclass(frozen=True)
class TrialCounts:
    """Number of trials, and of those with values."""

    n_trials: int
    n_trials_valid: int


@dataclass(frozen=True)
class Drift:
    """How much the camera's clock runs faster than the recording's over one clock segment.

    Attributes
    ----------
    video_start
        s of video time at which the segment begins, None for the video's start.
    drift_ppm, uncertainty_ppm
        The drift, and half the width of its 95 % interval.
    """

    video_start: float | None
    drift_ppm: float
    uncertainty_ppm: float


@dataclass(frozen=True)
class ClockQuality:
    """How well the clocks are related.

    Attributes
    ----------
    source
        How the pulses were found (a name in `enicfer.sync.SOURCES`).
    n_matched, n_unmatched_video, n_unmatched_recording
        Pulses with a partner, and those without one on either side.
    residual_rms, residual_max
        s; None for a map that goes through all of its pulses, because they are no more than its parameters.
    drift_ppm
        Of the first clock segment, None where there is one pulse.
    drifts
        Of each clock segment.
    max_uncertainty, max_frame_uncertainty
        s: the largest 95 % bound of the map, and of one frame's time with the jitter of its stamp.
    jitter
        s: standard deviation of a single frame's stamp.
    """

    source: str
    n_matched: int
    n_unmatched_video: int
    n_unmatched_recording: int
    residual_rms: float | None
    residual_max: float | None
    drift_ppm: float | None
    drifts: tuple[Drift, ...]
    max_uncertainty: float | None
    max_frame_uncertainty: float | None = None
    jitter: float = 0.0


@dataclass(frozen=True)
class ReviewQuality:
    """How far people have checked a run.

    Attributes
    ----------
    coders
        Who judged trials or signed.
    signed
        Names with which the run was signed off.
    n_trials_reviewed, n_trials_rejected
        Trials that somebody judged, and those that somebody rejected.
    n_trials_disputed
        Trials that one rejected and another accepted.
    n_trials_unjudged
        Trials of the queue of who signed that nobody has judged.
    reopened
        Names with which the run was signed off before the last verdict or correction of who signed.
    """

    coders: tuple[str, ...]
    signed: tuple[str, ...]
    n_trials_reviewed: int
    n_trials_rejected: int
    n_trials_disputed: int = 0
    n_trials_unjudged: int = 0
    reopened: tuple[str, ...] = ()


@dataclass(frozen=True)
class CameraQuality:
    """How far one of several cameras can be believed, and how much of the trace is from it.

    Attributes
    ----------
    n_frames
        Frames of its video.
    status
        Number of its frames of each status, by its name.
    n_frames_inside
        Its frames during the recording whose expression was read.
    valid_fraction
        Valid ones of those.
    n_frames_used
        Its frames that are rows of the trace.
    used_fraction
        Part of the trace's valid time whose values are from it.
    sync
        How well its clock is related to the recording's.
    """

    n_frames: int
    status: Mapping[str, int]
    n_frames_inside: int
    valid_fraction: float | None
    n_frames_used: int
    used_fraction: float | None
    sync: ClockQuality


@dataclass(frozen=True)
class CameraChange:
    """From which time in s on the trace is of which camera."""

    time: float
    camera: str


@dataclass(frozen=True)
class CamerasQuality:
    """The cameras of a run.

    Attributes
    ----------
    cameras
        Camera -> its numbers.
    left_out
        Camera that could not be aligned -> why.
    n_changes
        How often the trace goes from one camera to another.
    changes
        Each of these, in order of time; the first entry is the camera with which it begins.
    both_valid
        s during which two cameras or more are valid.
    same_expression
        Fraction of that time in which they name the same expression.
    """

    cameras: Mapping[str, CameraQuality]
    left_out: Mapping[str, str]
    n_changes: int
    changes: tuple[CameraChange, ...]
    both_valid: float
    same_expression: float | None


@dataclass(frozen=True)
class RunQuality:
    """The numbers by which a run is judged.

    Attributes
    ----------
    n_frames
        Frames of the video.
    status
        Number of frames of each status, by its name.
    n_frames_inside
        Frames during the recording whose expression was read.
    valid_fraction
        Valid ones of those that last some time.
    frame_rate
        Hz, median.
    face_size
        px, median shorter side of the participant's face.
    longest_loss
        s: longest stretch without a valid frame.
    video_holes
        Where the video has no frames.
    n_trials, n_trials_valid
        Trials, and those with values.
    trials_lost
        Trials without values by what most of their window lacks, most first: a `Status`, or ``no_video``.
    conditions
        Trials, and those with values, by condition.
    expression_fraction
        Fraction of the valid frames by dominant label.
    sync
        How well the clocks are related.
    review
        How far people have checked the run, None where nobody did.
    cameras
        Each camera's part, None where the run has one. The numbers of frames above are those of the trace, and
        ``sync`` is the first camera's.
    """

    n_frames: int
    status: Mapping[str, int]
    n_frames_inside: int
    valid_fraction: float | None
    frame_rate: float | None
    face_size: float | None
    longest_loss: float
    video_holes: VideoHoles
    n_trials: int
    n_trials_valid: int
    trials_lost: Mapping[str, int]
    conditions: Mapping[str, TrialCounts]
    expression_fraction: Mapping[str, float | None]
    sync: ClockQuality
    review: ReviewQuality | None = field(default=None, metadata={"optional": True})
    cameras: CamerasQuality | None = field(default=None, metadata={"optional": True})
