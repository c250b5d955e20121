"""The participant's face in every frame of a video, and why a frame has no expression.

Times are float64 seconds of ``video_time``; boxes and landmarks are in px of the upright full-size picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from enicfer.records.types import Float32Array, FloatArray, UInt8Array


class Status(IntEnum):
    """Why a frame is valid, or is not. The numbers are stored; never renumber them."""

    OK = 0
    NO_FACE = 1
    OTHER_PERSON = 2
    AMBIGUOUS_PERSON = 3
    POSE = 4
    BLURRED = 5
    DARK = 6
    OCCLUDED = 7
    TOO_SMALL = 8
    UNDECODABLE = 9
    OUTSIDE_RECORDING = 10
    NOT_ANALYSED = 11
    NO_EXPRESSION = 12

    @property
    def label(self) -> str:
        """The name that files and reports use, such as ``no_face``."""
        return self.name.lower()


@dataclass(frozen=True)
class FaceTrack:
    """The participant's face in every frame of one video.

    Attributes
    ----------
    video_time
        ``(n,)`` s.
    box
        ``(n, 4)`` px, NaN where the participant's face was not found.
    landmarks
        ``(n, 5, 2)`` px, NaN likewise.
    score
        ``(n,)`` detector's score in 0..1, NaN likewise.
    status
        ``(n,)`` `Status` of each frame.
    n_faces
        ``(n,)`` number of faces in the picture, of whomever.
    measures
        Name -> ``(n,)`` float32: the measured quantities from which ``status`` follows (``yaw``, ``pitch``,
        ``roll`` in degrees, ``sharpness``, ``brightness``, ...).
    detector
        Name of the detector.
    notes
        Things worth telling the user, one sentence each.
    """

    video_time: FloatArray
    box: Float32Array
    landmarks: Float32Array
    score: Float32Array
    status: UInt8Array
    n_faces: UInt8Array
    measures: Mapping[str, Float32Array]
    detector: str
    notes: tuple[str, ...] = ()

    @property
    def other_person_present(self) -> Float32Array:
        """``(n,)`` 1 where a face of somebody else is in the picture, 0 where none is, NaN where that is unknown.

        It is unknown for frames that did not decode, where it is not certain whose the only face is, and where a
        table or a coding was imported that does not say where the participant's face is.
        """
        mine = np.isfinite(self.box).all(axis=1)
        others = self.n_faces.astype(np.int64) - mine
        out = (others > 0).astype(np.float32)
        out[self.status == Status.UNDECODABLE] = np.nan
        out[(self.status == Status.AMBIGUOUS_PERSON) & (self.n_faces == 1)] = np.nan
        # These do not say why there is no box: one face may be the participant's, and if none is named, who looked?
        unexplained = (Status.OK, Status.NO_EXPRESSION, Status.NOT_ANALYSED, Status.OUTSIDE_RECORDING)
        out[np.isin(self.status, unexplained) & ~mine & (self.n_faces <= 1)] = np.nan
        return out
