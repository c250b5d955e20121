"""What a session is processed with, and how the work is run: what Python, the command line and the batch all take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from enicfer.records import CameraPoint, FacePoint

DETECTOR = "centerface"


@dataclass(frozen=True)
class ProcessingOptions:
    """What sessions and videos are processed with.

    Attributes
    ----------
    protocol
        Name or file; it overrides the one in ``session.toml``.
    model
        Name or file of the classifier, by default the shipped one.
    detector, detector_weights
        Face detector (`enicfer.faces.detectors.DETECTORS`) and its weights.
    faces
        ``(frame, x, y)`` points in px in the participant's face, where the choice should not be automatic; of a
        session with one video. They go before the runs' own, which those of one video have together. Of a session
        with several cameras ``(camera, frame, x, y)``.
    face_photo
        Photo of the participant's face alone, which says who of several people they are; it overrides the
        session's.
    analysis_rate
        Frames per s whose expression is read, 0 for all; it overrides the protocol's.
    max_uncertainty
        Largest accepted half-width in s of the 95 % interval of a frame's time; by default half a frame.
    overwrite
        Replace earlier results of the same runs.
    """

    protocol: str | Path | None = None
    model: str | Path | None = None
    detector: str = DETECTOR
    detector_weights: Path | None = None
    faces: tuple[FacePoint | CameraPoint, ...] = ()
    face_photo: Path | None = None
    analysis_rate: float | None = None
    max_uncertainty: float | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class ImportOptions:
    """How a file of another program or a coder is read.

    Attributes
    ----------
    program
        One of `enicfer.pipeline.import_trace.FORMATS`; None to tell by the columns.
    of
        Whose face: what the program calls it (face id, identity), or the coding's subject, tier or column. Needed
        where there is more than one.
    codes
        What the coder's codes mean: code -> name of an `Expression`. Names and common words for them
        (`enicfer.expressions.WORDS`) need not be given; other codes are left out, with a note.
    uncoded
        What frames without a code are. Frames under a code that is no expression are missing either way.
    overwrite
        Replace the output if it is there.
    """

    program: str | None = None
    of: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    uncoded: Literal["missing", "neutral"] = "missing"
    overwrite: bool = False


@dataclass(frozen=True)
class ExecutionOptions:
    """How many sessions are worked on.

    Attributes
    ----------
    n_jobs
        Number of worker processes, -1 for one per core.
    retry_failed
        Try again what failed.
    timeout
        Longest time in s for one session, or None.
    scheduler
        Dask's, as in `enicfer.batch.cluster.open_cluster`; None for processes on this computer.
    """

    n_jobs: int = 1
    retry_failed: bool = False
    timeout: float | None = None
    scheduler: str | None = None
