"""Where a face is in a frame: what was followed from the frame before, confirmed by the detector.

The detector is asked in every frame in which the face does not look as in the frame before, so what covers or
replaces it is noticed at once; and at least in every third frame.

Conventions: boxes and landmarks in px of the frame, s of video time.
"""

from dataclasses import dataclass

import numpy as np

from enicfer.faces.appearance import LUMA
from enicfer.faces.detectors.base import Detections, Detector
from enicfer.faces.flow import Followed, Patch, Sight, correct, cut_patch, follow
from enicfer.faces.scene import Picture
from enicfer.faces.square import Square, cut_square, find_face, settle_face
from enicfer.faces.window import measure_roll
from enicfer.records import FloatArray, UInt8Array

# Frames in a row for which the detector is not asked; if so large a share of the face's points is found again, no
# cell of the face's grey values changed by more than so much, and the detector's score was higher than needed by.
MOST_FRAMES, MIN_SHARE, STEADY, SURER = 2, 0.9, 8, 0.1


@dataclass(frozen=True)
class Located:
    """A face in a frame.

    Attributes
    ----------
    found
        The detector's answer, one face; where it was not asked, where the face was followed to.
    face
        Where it is taken to be, with the detector's score.
    signature
        (SIGNATURE,) what it looks like.
    patch
        The picture in which it was followed.
    frames
        How many frames ago the detector found it.
    """

    found: Detections
    face: Detections
    signature: UInt8Array
    patch: Patch
    frames: int = 0

    def sight(self, video_time: float, before: Sight | None) -> Sight:
        """What the next frame's face is followed from; ``before`` is the last one of the same face."""
        box, landmarks = self.face.box[0].astype(np.float64), self.face.landmarks[0].astype(np.float64)
        roll, spin, confirmed = measure_roll(landmarks), 0.0, video_time
        if before is not None:
            spin = (roll - before.roll) / max(video_time - before.video_time, 1e-3)
            confirmed = before.confirmed if self.frames else video_time
        facts = self.signature, float(self.face.score[0]), confirmed, self.frames
        return Sight(box, landmarks, self.patch, video_time, roll, spin, *facts)


def locate_known(
    frame: Picture, detector: Detector, expected: FloatArray, before: Sight | None, min_score: float
) -> Located | None:
    """Find the face that is expected in a box (4,).

    Parameters
    ----------
    frame, detector
        Where, and with what.
    expected
        (4,) box.
    before
        The face in the frame before, None where it was not seen.
    min_score
        As for `enicfer.faces.square.find_face`.
    """
    roll = 0.0 if before is None else before.predict_roll(frame.video_time)
    patch, around = cut_patch(frame, expected, roll), expected
    followed = None if before is None else follow(before, patch)
    if followed is not None:
        around, roll = followed.box, measure_roll(followed.landmarks)
    square = cut_square(frame, around, detector.region_side, roll)
    if before is None or followed is None:
        found = face = find_face(detector, square, around, min_score)
    else:
        steady = _stay(before, followed, square, min_score)
        if steady is not None:
            return Located(*steady, patch, before.frames + 1)
        found = face = find_face(detector, square, around, min_score)
        if len(found):
            face = _face(
                *correct(followed, found, frame.video_time - before.confirmed), float(found.score[0])
            )
    return Located(found, face, square.describe(face), patch) if len(found) else None


def _stay(
    before: Sight, followed: Followed, square: Square, min_score: float
) -> tuple[Detections, Detections, UInt8Array] | None:
    """What was followed, twice, and its signature, if it is surely what the frame before showed."""
    if before.frames >= MOST_FRAMES or followed.share < MIN_SHARE or before.score < min_score + SURER:
        return None
    face = _face(followed.box, followed.landmarks, before.score)
    signature = square.describe(face)
    grey = slice(LUMA * LUMA)
    change = np.abs(signature[grey].astype(np.int16) - before.signature[grey])
    return (face, face, signature) if change.max() <= STEADY else None


def _face(box: FloatArray, landmarks: FloatArray, score: float) -> Detections:
    return Detections(
        box[None].astype(np.float32), landmarks[None].astype(np.float32), np.array([score], np.float32)
    )


def locate_new(frame: Picture, detector: Detector, box: FloatArray, min_score: float) -> Located | None:
    """Find the face that a search of the picture showed in a box (4,)."""
    settled = settle_face(frame, detector, box, min_score)
    if settled is None:
        return None
    face, square = settled
    patch = cut_patch(frame, face.box[0].astype(np.float64), measure_roll(face.landmarks[0]))
    return Located(face, face, square.describe(face), patch)
