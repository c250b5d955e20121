"""Face crops with landmarks, from picture files or from crops that are there already.

Conventions: `FaceCrops.landmarks` are fractions of the crop's side, x then y, in the order of
`enicfer.records`; colour pictures in memory are RGB.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError, option
from enicfer.faces.crop import REFERENCE, crop_face, frame_face
from enicfer.io.pictures import decode_bgr
from enicfer.records import FloatArray, UInt8Array
from enicfer.saliency.attribution.maps import Progress
from enicfer.saliency.picture_files import name_subjects

if TYPE_CHECKING:
    from enicfer.faces.detectors import Detector

DISPLAY_SIZE = 192
DETECTION_SIDE = 96  # px to which a crop is enlarged for the detector
DETECTION_BORDER = 0.4  # grey border around it, in sides: detectors want to see where a face ends
LONG_SIDE = 640  # px of the longer side of a picture that is searched


@dataclass(frozen=True, eq=False)
class FaceCrops:
    """Faces to be explained.

    Attributes
    ----------
    name, subject
        (n,) the file's name, and whose face it is.
    crop
        (n, s, s) or (n, s, s, 3) uint8, what the classifier sees.
    picture
        (n, d, d) or (n, d, d, 3) uint8, the same framing for the eye.
    landmarks
        (n, 5, 2) fractions of the side.
    found
        (n,) whether the landmarks were found in the picture; where not, they are the crop's median places.
    digest
        (n,) of the pictures' bytes; None where unknown.
    left_out
        Names of the pictures that show no face.
    """

    name: npt.NDArray[np.str_]
    subject: npt.NDArray[np.str_]
    crop: UInt8Array
    picture: UInt8Array
    landmarks: FloatArray
    found: npt.NDArray[np.bool_]
    digest: npt.NDArray[np.str_] | None = None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.crop)

    def select(self, rows: npt.ArrayLike) -> "FaceCrops":
        """Some of the faces (indices or booleans)."""
        i = np.asarray(rows)
        names = ("name", "subject", "crop", "picture", "landmarks", "found")
        chosen = {name: getattr(self, name)[i] for name in names}
        return replace(self, **chosen, digest=None if self.digest is None else self.digest[i])


def read_faces(
    files: Sequence[Path],
    detector: "Detector",
    size: int,
    channels: int = 1,
    *,
    crops: bool = False,
    subjects: str = "auto",
    progress: Progress | None = None,
) -> FaceCrops:
    """Read pictures and cut out the face of each; those that show none are left out and named.

    Parameters
    ----------
    files
        Picture files.
    detector
        From `enicfer.faces.detectors.load_detector`.
    size, channels
        Of the classifier's input.
    crops
        The pictures are face crops already, framed as the training data.
    subjects
        As in `enicfer.saliency.picture_files.name_subjects`.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    InputError
        If a picture cannot be read, or none shows a face.
    """
    people = name_subjects(files, subjects)
    taken: list[tuple[UInt8Array, FloatArray, bool]] = []
    digests: list[str] = []
    kept: list[int] = []
    faceless: list[str] = []
    large = np.empty((len(files), DISPLAY_SIZE, DISPLAY_SIZE, 3), np.uint8)
    for i, file in enumerate(files):
        data = _read_bytes(file)
        bgr = _decode(data, file)
        face = _take_crop(bgr, detector, size) if crops else _cut_face(bgr, detector, size)
        if face is None:
            faceless.append(file.name)
        else:
            small, large[len(taken)], points, known = face
            taken.append((small, points, known))
            digests.append(digest_of(data))
            kept.append(i)
        if progress is not None:
            progress(i + 1, len(files), "reading faces")
    if not taken:
        raise InputError(
            f"There is no face in {name_some(faceless)}",
            remedy=(
                f"give other pictures, or {option('crops=True', '--crops')} if they are face crops already"
            ),
        )
    crop, landmarks, found = (np.array(part) for part in zip(*taken, strict=True))
    return FaceCrops(
        name=np.array([files[i].name for i in kept]),
        subject=np.array([people[i] for i in kept]),
        crop=_grey(crop) if channels == 1 else crop,
        picture=large[: len(kept)],
        landmarks=landmarks,
        found=found,
        digest=np.array(digests),
        left_out=tuple(faceless),
    )


def name_some(names: Sequence[str], most: int = 20) -> str:
    """The first of some names, for a message."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def digest_of(data: bytes | UInt8Array) -> str:
    """A short digest of a picture's bytes."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).hexdigest()[:16]


def take_crops(
    crops: UInt8Array,
    detector: "Detector",
    names: Sequence[str] | None = None,
    subjects: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> FaceCrops:
    """Find the landmarks of face crops that are in memory.

    Parameters
    ----------
    crops
        (n, s, s) or (n, s, s, 3) RGB, uint8.
    detector
        From `enicfer.faces.detectors.load_detector`.
    names, subjects
        (n,) each; by default the number of the crop, for both.
    progress
        Called as ``progress(done, total, stage)``.
    """
    landmarks, found = np.empty((len(crops), 5, 2)), np.empty(len(crops), bool)
    for i, crop in enumerate(crops):
        bgr = cv2.cvtColor(crop, cv2.COLOR_GRAY2BGR if crop.ndim == 2 else cv2.COLOR_RGB2BGR)
        landmarks[i], found[i] = find_crop_landmarks(np.asarray(bgr, np.uint8), detector)
        if progress is not None:
            progress(i + 1, len(crops), "landmarks")
    name = np.array([f"{i:05d}" for i in range(len(crops))] if names is None else names)
    return FaceCrops(
        name=name,
        subject=name if subjects is None else np.array(subjects),
        crop=crops,
        picture=crops,
        landmarks=landmarks,
        found=found,
        digest=np.array([digest_of(crop) for crop in crops]),
    )


def find_crop_landmarks(bgr: UInt8Array, detector: "Detector") -> tuple[FloatArray, bool]:
    """Landmarks (5, 2), in fractions of the side, of the face that fills a crop (h, w, 3), and whether found.

    The crop is enlarged and given a grey border, because a detector wants to see where a face ends. Where
    it finds nothing, or no upright face that fills the crop, the median places of the framing are returned.
    """
    size = (DETECTION_SIDE, DETECTION_SIDE)
    border = int(DETECTION_SIDE * DETECTION_BORDER)
    large = cv2.resize(bgr, size, interpolation=cv2.INTER_CUBIC)
    grey = [float(value) for value in large.reshape(-1, 3).mean(axis=0)]
    framed = cv2.copyMakeBorder(large, border, border, border, border, cv2.BORDER_CONSTANT, value=grey)
    faces = detector.detect(np.asarray(framed, np.uint8))
    if len(faces):
        points = (faces.landmarks[0].astype(np.float64) - border) / DETECTION_SIDE
        if _plausible(points):
            return points, True
    return REFERENCE.copy(), False


def _plausible(points: FloatArray) -> bool:
    """Whether landmarks are those of an upright face that fills the crop, seen not quite from the side."""
    right_eye, left_eye, _, right_mouth, left_mouth = points
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    inside = bool((points > -0.15).all() and (points < 1.15).all())
    return (
        inside
        and left_eye[0] - right_eye[0] > 0.12
        and left_mouth[0] > right_mouth[0]
        and mouth[1] - eyes[1] > 0.15
    )


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file.name} cannot be read: {error.strerror}",
            place=file,
            remedy="check the path and that you may read it",
        ) from None


def _decode(data: bytes, file: Path) -> UInt8Array:
    picture = decode_bgr(data, file.name)
    if picture is None:
        raise InputError(
            f"{file.name} is no picture that can be read: it is damaged, or of another kind than "
            "its name says",
            place=file,
            remedy="copy it again, or leave it out",
        )
    return picture


def _cut_face(
    bgr: UInt8Array, detector: "Detector", size: int
) -> tuple[UInt8Array, UInt8Array, FloatArray, bool] | None:
    scale = max(1.0, max(bgr.shape[:2]) / LONG_SIDE)
    shape = (max(1, round(bgr.shape[1] / scale)), max(1, round(bgr.shape[0] / scale)))
    small = np.asarray(cv2.resize(bgr, shape, interpolation=cv2.INTER_AREA), np.uint8) if scale > 1 else bgr
    faces = detector.detect(small).place(scale)
    if not len(faces):
        return None
    # The largest face is the one that the picture is of.
    sides = faces.box[:, 2:] - faces.box[:, :2]
    return cut_crops(
        bgr,
        faces.box[int(np.argmax(sides.prod(axis=1)))],
        faces.landmarks[int(np.argmax(sides.prod(axis=1)))],
        size,
    )


def cut_crops(
    bgr: UInt8Array, box: npt.ArrayLike, landmarks: npt.ArrayLike, size: int
) -> tuple[UInt8Array, UInt8Array, FloatArray, bool]:
    """RGB crop for the classifier, the same for the eye, the landmarks in it, and true."""
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    matrix = frame_face(box, landmarks, 1)
    points = np.asarray(landmarks, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return crop_face(rgb, box, landmarks, size), crop_face(rgb, box, landmarks, DISPLAY_SIZE), points, True


def _take_crop(
    bgr: UInt8Array, detector: "Detector", size: int
) -> tuple[UInt8Array, UInt8Array, FloatArray, bool]:
    points, found = find_crop_landmarks(bgr, detector)
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def resize(side: int) -> UInt8Array:
        method = cv2.INTER_AREA if min(rgb.shape[:2]) >= side else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(rgb, (side, side), interpolation=method), np.uint8)

    return resize(size), resize(DISPLAY_SIZE), points, found


def _grey(rgb: UInt8Array) -> UInt8Array:
    return np.stack([np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) for image in rgb])
