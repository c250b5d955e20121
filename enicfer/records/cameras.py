"""What several cameras showed of one run, and which of them each row of the run's trace is from.

Every row of the trace is a frame that a camera took, with its own time and its own bound; none is moved in time.
Times are float64 seconds: ``video_time`` on each camera's own clock, ``time`` on the recording's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.records.alignment import Alignment
from enicfer.records.faces import FaceTrack
from enicfer.records.trace import ExpressionTrace
from enicfer.records.types import FloatArray, UInt8Array


@dataclass(frozen=True)
class CameraTrack:
    """What one camera showed, on its own clock and on the recording's.

    Attributes
    ----------
    name
        Of the camera.
    faces, expression
        The participant in each of its frames, on its ``video_time``.
    alignment
        The map from its clock to the recording's.
    time
        ``(n,)`` s: each frame on the recording's clock.
    """

    name: str
    faces: FaceTrack
    expression: ExpressionTrace
    alignment: Alignment
    time: FloatArray


@dataclass(frozen=True)
class Cameras:
    """The cameras of a run, and the rows of its trace.

    Attributes
    ----------
    tracks
        In the order of ``session.toml``, those whose clock was related to the recording's.
    camera
        ``(n,)`` number of each row's camera in ``tracks``.
    frame
        ``(n,)`` number of each row's frame in its camera's video.
    left_out
        Name of each camera that could not be aligned -> why.
    """

    tracks: tuple[CameraTrack, ...]
    camera: UInt8Array
    frame: npt.NDArray[np.int64]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cameras in `tracks`."""
        return tuple(track.name for track in self.tracks)

    def find(self, name: str = "") -> CameraTrack:
        """The track of a camera, "" for the first.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        for track in self.tracks:
            if name in ("", track.name):
                return track
        raise InputError(f"The run has no camera {name!r}", remedy=f"choose one of {', '.join(self.names)}")

    def select_rows(self, kept: npt.NDArray[np.bool_]) -> "Cameras":
        """The same with those rows (n,) of the trace alone for which ``kept`` is true."""
        return replace(self, camera=self.camera[kept], frame=self.frame[kept])
