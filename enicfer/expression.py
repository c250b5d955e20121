"""Expression probabilities of the participant's face: crops in, trace out.

The participant is chosen only when the whole video has been seen, so every face of every frame is classified
while the frames stream by, in batches; afterwards each frame takes the row of its chosen face.
"""

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
        self._done: list[Float32Array] = []

    def add(self, crop: UInt8Array) -> None:
        """Take one ``(s, s)`` crop; rows of `finish` are in the order of these calls."""
        self._waiting.append(crop)
        if len(self._waiting) == _BATCH:
            self._classify()

    def finish(self) -> Float32Array:
        """``(m, k)`` probabilities of all crops that were added."""
        if self._waiting:
            self._classify()
        if not self._done:
            return np.empty((0, len(self.model.labels)), np.float32)
        return np.concatenate(self._done)

    def _classify(self) -> None:
        self._done.append(self.model.predict(np.stack(self._waiting)))
        self._waiting.clear()


def make_trace(
    faces: FaceTrack, row: npt.NDArray[np.int64], probability: Float32Array, model: "Classifier"
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
    """
    traced = np.full((row.size, probability.shape[1]), np.nan, np.float32)
    ok = (faces.status == Status.OK) & (row >= 0)
    traced[ok] = probability[row[ok]]
    return ExpressionTrace(faces.video_time, traced, faces.status, tuple(model.labels), model.name)
