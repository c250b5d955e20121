"""Expression probabilities of the participant's face: crops in, trace out.

The participant is chosen only when the whole video has been seen, so every face of every frame is classified
while the frames stream by, in batches; afterwards each frame takes the row of its chosen face. With a lower
analysis rate only the faces of some frames are classified, and the frames between are not valid.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.records import ExpressionTrace, FaceTrack, Float32Array, Status, UInt8Array

if TYPE_CHECKING:
    from enicfer.models import Classifier

_BATCH = 64  # crops; larger batches gain nothing on a CPU


class CropClassifier:
    """Classifies crops as they come, a batch at a time, and keeps only the probabilities.

    Parameters
    ----------
    model
        The classifier.
    """

    def __init__(self, model: "Classifier") -> None:
        self.model = model
        self._waiting: list[UInt8Array] = []
        # One piece of memory each: small arrays that stay, made between large ones that go, would break up the
        # memory, which would then grow with the video.
        self._done = bytearray()
        self._read = bytearray()

    def add(self, crop: UInt8Array) -> None:
        """Take one ``(s, s)`` crop; rows of `finish` are in the order of these calls."""
        self._read.append(True)
        self._waiting.append(crop)
        if len(self._waiting) == _BATCH:
            self.flush()

    def skip(self) -> None:
        """Take note of a crop that is not to be classified."""
        self._read.append(False)

    def join(self, following: "CropClassifier") -> None:
        """Take over what another one made of the crops that follow."""
        for one in (self, following):
            one.flush()
        self._done += following._done
        self._read += following._read

    def finish(self) -> Float32Array:
        """``(m, k)`` probabilities of all crops, NaN for those that were skipped."""
        self.flush()
        out = np.full((len(self._read), len(self.model.labels)), np.nan, np.float32)
        read = np.frombuffer(self._read, np.bool_)
        out[read] = np.frombuffer(self._done, np.float32).reshape(-1, out.shape[1])
        return out

    def flush(self) -> None:
        """Classify the crops that wait for their batch to be full."""
        if self._waiting:
            self._done += self.model.predict(np.stack(self._waiting)).tobytes()
            self._waiting.clear()


class Pace:
    """Says of frames that come one by one whose expression is to be read: the first of each interval.

    Parameters
    ----------
    rate
        Frames per s to be read, 0 for all.
    before
        Times in s of the first frame of all and of the last one before those that come, where they are a part.
    """

    def __init__(self, rate: float, before: tuple[float, ...] = ()) -> None:
        self.rate = rate
        self._start: float | None = None
        self._interval = -1
        self._read = bytearray()
        for video_time in before:
            self.wants(video_time)
        self._read.clear()

    def join(self, following: "Pace") -> None:
        """Take over what another one said of the frames that follow."""
        self._read += following._read

    def wants(self, video_time: float) -> bool:
        """Whether the frame at ``video_time`` (s) is read."""
        if self._start is None:
            self._start = video_time
        # A time stamp's rounding must not move a frame to the interval before.
        interval = math.floor((video_time - self._start) * self.rate + 1e-3)
        wanted = self.rate <= 0 or interval > self._interval
        self._interval = max(interval, self._interval)
        self._read.append(wanted)
        return wanted

    @property
    def read(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` the answers so far."""
        return np.frombuffer(bytes(self._read), np.bool_)


def make_trace(
    faces: FaceTrack,
    row: npt.NDArray[np.int64],
    probability: Float32Array,
    model: "Classifier",
    read: npt.NDArray[np.bool_] | None = None,
) -> ExpressionTrace:
    """Give each frame the probabilities of its chosen face.

    Parameters
    ----------
    faces
        The participant's face; only frames with status ``OK`` get probabilities.
    row
        ``(n,)`` row of each frame's chosen face in ``probability``, or -1.
    probability
        ``(m, k)`` probabilities of all faces.
    model
        The classifier, for labels and name.
    read
        ``(n,)`` whether the frame's expression was read; None for all. The others are ``NOT_ANALYSED``.
    """
    traced = np.full((row.size, probability.shape[1]), np.nan, np.float32)
    status = faces.status
    if read is not None and not read.all():
        status = np.where(read, status, Status.NOT_ANALYSED).astype(np.uint8)
    ok = (status == Status.OK) & (row >= 0)
    traced[ok] = probability[row[ok]]
    return ExpressionTrace(faces.video_time, traced, status, tuple(model.labels), model.name)
