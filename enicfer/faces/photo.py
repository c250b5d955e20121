"""Enrolment by a photo: who of the people in a video looks most like the one face in it.

It compares what `enicfer.faces.appearance` describes, without clothing: the pattern of grey values of the aligned
face and its colours. That is no recognition of faces: it works best with a picture of the same day and light (a frame
of another video of the session, say), and it states a confidence, below which nobody is chosen. Two people who look
alike to it, such as men of one age in one light, it can take for each other.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.faces.appearance import describe_face, face_distance
from enicfer.faces.detectors.base import Detector
from enicfer.faces.rows import Signatures
from enicfer.faces.square import settle_face
from enicfer.io.pictures import decode_bgr
from enicfer.io.video.warp import warp_part
from enicfer.records import FloatArray, UInt8Array

# Distance of a face that is nobody in the video: with the least confidence that does, a face that is more than two
# thirds as far from the photo is not taken even where it is alone. Measured with frames as photos: of the same man in
# other clips 0.0 to 0.2 (95 %), in another light 0.1 to 0.5; of other men in the room 0.4 to 0.6, but 0.12 to 0.6 for
# two of them who look alike; of people in different places above 0.6.
STRANGER = 0.4
# Of the faces of each person, the share that counts as most like the photo, and how many are compared.
_NEAREST, _MOST_ROWS = 0.1, 500
_MIN_SCORE = 0.5


def describe_photo(path: Path, detector: Detector) -> UInt8Array:
    """Signature (SIGNATURE,) of the one face in a photo; a rotation in its EXIF data is applied.

    Raises
    ------
    InputError
        If the file is no picture, or shows no face or several.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The photo {path.name} cannot be read: {error.strerror}",
            place=path,
            remedy="check the path and that you may read it",
        ) from None
    picture = decode_bgr(content, f"The photo {path.name}")
    if picture is None:
        raise InputError(
            f"{path.name} is no picture that can be read", place=path, remedy="give a JPEG or PNG photo"
        )
    scale = min(1.0, detector.long_side / max(picture.shape[:2]))
    small = picture
    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    found = detector.detect(small)
    found = found.select(found.score >= _MIN_SCORE).place(max(picture.shape[:2]) / max(small.shape[:2]))
    if len(found) != 1:
        count = "no face" if not len(found) else f"{len(found)} faces"
        raise InputError(
            f"The photo {path.name} shows {count}",
            place=path,
            remedy="give one that shows the participant's face alone, from the front",
        )
    # As the video's faces are found and described.
    settled = settle_face(_Photo(picture), detector, found.box[0], _MIN_SCORE)
    if settled is None:
        return describe_face(picture, found.box[0], found.landmarks[0])
    face, square = settled
    return square.describe(face)


@dataclass(frozen=True)
class _Photo:
    """A photo (h, w, 3) of which parts can be had."""

    picture: UInt8Array

    def bgr_warped(self, matrix: FloatArray, size: int) -> UInt8Array:
        height, width = self.picture.shape[:2]
        return warp_part((height, width), lambda x, y, x1, y1: self.picture[y:y1, x:x1], matrix, size, 128)


def compare_people(
    signatures: Signatures, person: npt.NDArray[np.int64], photo: UInt8Array
) -> tuple[int, float]:
    """Who is most like the photo, and how sure that is.

    Parameters
    ----------
    signatures
        Of all faces seen.
    person
        (rows,) number of the person, -1 for nobody.
    photo
        (SIGNATURE,) from `describe_photo`.

    Returns
    -------
    person
        The number of the most alike.
    confidence
        0 to 1: the distance of the next person (or of a stranger, if that is nearer) as a share of the sum of
        both distances; a half where they are equally alike.
    """
    distance = np.array(
        [
            _nearest(signatures.select(np.flatnonzero(person == i)), photo)
            for i in range(int(person.max()) + 1)
        ],
        dtype=np.float64,
    )
    order = np.argsort(distance, kind="stable")
    best = int(order[0])
    next_best = min([STRANGER, *distance[order[1:2]].tolist()])
    return best, float(next_best / max(next_best + distance[best], 1e-9))


def _nearest(signatures: Signatures, photo: UInt8Array) -> float:
    some = signatures[:: max(1, len(signatures) // _MOST_ROWS)]
    distance: FloatArray = face_distance(some, photo)[:, 0]
    return float(np.quantile(distance, _NEAREST))
