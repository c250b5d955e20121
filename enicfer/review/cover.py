"""Where the faces of others are, frame by frame, so that they can be covered.

Boxes are in px of the upright full-size picture. A face that is lost for a moment is still there: between two
detections of a person not more than `BRIDGE` apart all that both boxes enclose is covered, and else, as before the
first and after the last one, the box for another `HOLD`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.pipeline.people import KnownFaces
from enicfer.records import Float32Array, FloatArray, UInt8Array

BRIDGE, HOLD = 10.0, 2.0  # s
MARGIN = 0.5  # of a face's longer side, around the face of another
KEPT_MARGIN = 0.3  # around the participant's face, where all else is covered
CELLS = 24  # of the longer side of a covered picture
FACE_CELLS = 4  # of a covered face


@dataclass(frozen=True)
class OtherFaces:
    """The faces of others, also where they are only supposed to be.

    Attributes
    ----------
    frame
        ``(k,)`` number of the frame, ascending.
    box
        ``(k, 4)`` px.
    """

    frame: npt.NDArray[np.int32]
    box: Float32Array

    def of(self, frame: int) -> Float32Array:
        """``(j, 4)`` boxes in a frame."""
        start, stop = np.searchsorted(self.frame, [frame, frame + 1])
        return self.box[start:stop]

    def tobytes(self) -> bytes:
        """All of it, to tell it from others."""
        return self.frame.tobytes() + self.box.tobytes()


def find_others(faces: KnownFaces, video_time: FloatArray) -> OtherFaces:
    """The faces of all but the followed person; ``video_time`` (n,) in s of each frame."""
    other = ~faces.followed & ~np.isin(faces.person, list(faces.own))
    # A face that was seen briefly is a person of its own.
    group = np.where(faces.person >= 0, faces.person, -1 - faces.tracklet.astype(np.int64))
    frames: list[npt.NDArray[np.integer[Any]]] = [faces.frame[other]]
    boxes = [faces.box[other]]
    for who in np.unique(group[other]):
        mine = other & (group == who)
        for frame, box in _between(faces.frame[mine], faces.box[mine], video_time):
            frames.append(frame)
            boxes.append(np.tile(box, (len(frame), 1)))
    numbers: npt.NDArray[np.int32] = np.concatenate(frames).astype(np.int32)
    order = np.argsort(numbers, kind="stable")
    return OtherFaces(numbers[order], np.concatenate(boxes)[order])


def _between(
    frame: npt.NDArray[np.int32], box: Float32Array, time: FloatArray
) -> list[tuple[npt.NDArray[np.intp], Float32Array]]:
    """Frames in which a person (frames (j,), boxes (j, 4)) was not found, and the box that may hold the face."""

    def held(after: float, before: float) -> npt.NDArray[np.intp]:
        return np.arange(*np.searchsorted(time, [after, before]))

    first, last = int(frame[0]), int(frame[-1])
    found = [
        (held(time[first] - HOLD, time[first]), box[0]),
        (held(np.nextafter(time[last], np.inf), time[last] + HOLD), box[-1]),
    ]
    for i in np.flatnonzero(np.diff(frame) > 1):
        a, b = int(frame[i]), int(frame[i + 1])
        if time[b] - time[a] <= BRIDGE:
            hull = np.r_[np.minimum(box[i, :2], box[i + 1, :2]), np.maximum(box[i, 2:], box[i + 1, 2:])]
            found.append((np.arange(a + 1, b), hull))
        else:
            found.append((held(np.nextafter(time[a], np.inf), time[a] + HOLD), box[i]))
            found.append((held(time[b] - HOLD, time[b]), box[i + 1]))
    return found


def cover_faces(picture: UInt8Array, boxes: FloatArray, own: FloatArray | None) -> UInt8Array:
    """The picture (h, w, 3) with the faces in ``boxes`` (j, 4) covered; what is in ``own`` (4,) stays. All in px."""
    import cv2

    covered = picture.copy()
    for box in boxes:
        left, top, right, bottom = _around(box, MARGIN, picture)
        if right > left and bottom > top:
            part = picture[top:bottom, left:right]
            cells = min(FACE_CELLS, right - left), min(FACE_CELLS, bottom - top)
            small = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
            size = right - left, bottom - top
            covered[top:bottom, left:right] = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
    return _keep(covered, picture, own, 0.0)


def cover_others(picture: UInt8Array, box: FloatArray | None) -> UInt8Array:
    """The picture (h, w, 3) in a few large cells, but for the part around ``box`` (4,) in px."""
    import cv2

    height, width = picture.shape[:2]
    scale = CELLS / max(height, width)
    cells = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, cells, interpolation=cv2.INTER_AREA)
    covered = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    return _keep(covered, picture, box, KEPT_MARGIN)


def _keep(covered: UInt8Array, picture: UInt8Array, box: FloatArray | None, margin: float) -> UInt8Array:
    if box is not None:
        left, top, right, bottom = _around(box, margin, picture)
        covered[top:bottom, left:right] = picture[top:bottom, left:right]
    return covered


def _around(box: FloatArray, margin: float, picture: UInt8Array) -> tuple[int, int, int, int]:
    """A box (4,) with so much of its longer side around it, within the picture."""
    wide = margin * max(box[2] - box[0], box[3] - box[1])
    height, width = picture.shape[:2]
    left, top = (max(0, int(side - wide)) for side in box[:2])
    right, bottom = min(width, int(np.ceil(box[2] + wide))), min(height, int(np.ceil(box[3] + wide)))
    return left, top, right, bottom
