"""The records that travel from step to step: frozen, plain, documented.

Conventions
-----------
Times are float64 seconds on one of two clocks. ``video_time`` is the presentation time stamp of a frame in
its video file. ``time`` is the recording's clock: 0 is the first sample of the EEG file, or the first stored
volume of the BOLD image. Only `Alignment` crosses from one to the other.

Boxes are ``(left, top, right, bottom)`` in pixels of the upright full-size picture, with the origin in its
upper left corner. Landmarks are ``(x, y)`` in the same pixels: the subject's right eye (left in the picture),
left eye, nose tip, right mouth corner, left mouth corner.

Missing is NaN with a reason in ``status``; nothing is interpolated.
"""

from enicfer.records.alignment import CONTINUOUS, Alignment, AlignmentDetails, PieceDetails, RivalMatch
from enicfer.records.faces import FaceTrack, Status
from enicfer.records.plain import from_plain, to_plain
from enicfer.records.provenance import ModelCard, ProtocolCard, Provenance, ReviewOrigin
from enicfer.records.quality import ClockQuality, Drift, ReviewQuality, RunQuality, TrialCounts, VideoHoles
from enicfer.records.recording import Modality, Recording, RecordingDetails
from enicfer.records.run import RunResult, SessionResult, only_run
from enicfer.records.trace import ExpressionTrace, TimeCourse, select_frames, spread_frames, take_part
from enicfer.records.types import FacePoint, Float32Array, FloatArray, Progress, UInt8Array

__all__ = [
    "CONTINUOUS",
    "Alignment",
    "AlignmentDetails",
    "ClockQuality",
    "Drift",
    "ExpressionTrace",
    "FacePoint",
    "FaceTrack",
    "Float32Array",
    "FloatArray",
    "Modality",
    "ModelCard",
    "PieceDetails",
    "Progress",
    "ProtocolCard",
    "Provenance",
    "Recording",
    "RecordingDetails",
    "ReviewOrigin",
    "ReviewQuality",
    "RivalMatch",
    "RunQuality",
    "RunResult",
    "SessionResult",
    "Status",
    "TimeCourse",
    "TrialCounts",
    "UInt8Array",
    "VideoHoles",
    "from_plain",
    "only_run",
    "select_frames",
    "spread_frames",
    "take_part",
    "to_plain",
]
