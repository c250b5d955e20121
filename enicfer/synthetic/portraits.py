"""The two people of the example session: public-domain portraits, cut out and measured.

The photographs come with scikit-image (``astronaut``, NASA) and matplotlib (``grace_hopper.jpg``, US Navy);
nothing is downloaded. Landmarks and outlines were measured by hand in the photographs.

Conventions: images are uint8 BGR. A `Portrait` is scaled so that the pupils are `PUPIL_DISTANCE` px apart;
all its points are ``(x, y)`` px of that scaled picture. "Right" and "left" are the subject's own.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray, UInt8Array

PUPIL_DISTANCE = 64.0
PEOPLE = ("hopper", "astronaut")
FIVE_POINTS = ("right_eye", "left_eye", "nose_tip", "right_mouth_corner", "left_mouth_corner")

Points = Mapping[str, tuple[float, float]]

# Points of one side are named right_* and left_*; a warp moves both sides as mirror images.
LANDMARKS: dict[str, Points] = {
    "hopper": {
        "right_eye": (221.5, 189.5), "left_eye": (304.0, 186.5),
        "right_eye_outer": (207.0, 192.0), "left_eye_outer": (320.0, 189.0),
        "right_eye_inner": (237.0, 190.5), "left_eye_inner": (291.0, 188.0),
        "right_upper_lid": (221.0, 183.5), "left_upper_lid": (303.5, 180.5),
        "right_lower_lid": (221.0, 196.5), "left_lower_lid": (304.0, 193.0),
        "right_brow_outer": (198.0, 168.0), "left_brow_outer": (328.0, 164.0),
        "right_brow_mid": (221.0, 167.0), "left_brow_mid": (303.0, 163.0),
        "right_brow_inner": (243.0, 175.0), "left_brow_inner": (282.0, 173.0),
        "right_temple": (184.0, 178.0), "left_temple": (350.0, 176.0),
        "brow_centre": (263.0, 173.0), "nose_bridge": (265.0, 196.0), "nose_tip": (268.0, 239.0),
        "nose_base": (268.0, 254.0), "right_ala": (241.0, 242.0), "left_ala": (295.0, 239.0),
        "right_cheek": (212.0, 240.0), "left_cheek": (323.0, 237.0),
        "right_mouth_corner": (228.0, 280.5), "left_mouth_corner": (309.0, 278.5),
        "right_upper_lip": (247.0, 272.5), "left_upper_lip": (286.0, 271.5), "upper_lip": (266.0, 272.0),
        "right_upper_edge": (247.0, 277.5), "left_upper_edge": (287.0, 276.0),
        "upper_lip_edge": (266.0, 278.5),
        "right_lower_edge": (247.0, 279.5), "left_lower_edge": (287.0, 278.0),
        "lower_lip_edge": (266.0, 280.5),
        "right_lower_lip": (248.0, 287.5), "left_lower_lip": (287.0, 286.5), "lower_lip": (267.0, 290.5),
        "chin": (267.0, 326.0), "right_chin": (232.0, 318.0), "left_chin": (304.0, 316.0),
        "right_jaw": (203.0, 284.0), "left_jaw": (339.0, 281.0),
    },
    "astronaut": {
        "right_eye": (203.7, 101.3), "left_eye": (246.2, 103.3),
        "right_eye_outer": (192.5, 99.5), "left_eye_outer": (259.7, 103.0),
        "right_eye_inner": (212.5, 103.3), "left_eye_inner": (236.7, 105.0),
        "right_upper_lid": (202.5, 96.7), "left_upper_lid": (246.7, 99.7),
        "right_lower_lid": (202.5, 104.4), "left_lower_lid": (246.7, 107.3),
        "right_brow_outer": (190.3, 91.3), "left_brow_outer": (262.5, 96.3),
        "right_brow_mid": (200.5, 89.0), "left_brow_mid": (252.5, 92.3),
        "right_brow_inner": (213.7, 93.0), "left_brow_inner": (238.3, 93.8),
        "right_temple": (183.0, 98.0), "left_temple": (269.0, 101.0),
        "brow_centre": (226.0, 94.0), "nose_bridge": (225.0, 105.0), "nose_tip": (223.3, 126.7),
        "nose_base": (223.3, 132.5), "right_ala": (213.0, 128.3), "left_ala": (234.7, 128.0),
        "right_cheek": (196.0, 125.0), "left_cheek": (253.0, 126.0),
        "right_mouth_corner": (203.0, 139.5), "left_mouth_corner": (245.0, 140.8),
        "right_upper_lip": (212.0, 138.3), "left_upper_lip": (234.5, 138.7), "upper_lip": (223.3, 138.0),
        "right_upper_edge": (212.5, 143.2), "left_upper_edge": (234.0, 143.6),
        "upper_lip_edge": (223.3, 144.2),
        "right_lower_edge": (212.5, 148.2), "left_lower_edge": (234.0, 148.0),
        "lower_lip_edge": (222.5, 149.7),
        "right_lower_lip": (213.0, 152.5), "left_lower_lip": (233.0, 152.5), "lower_lip": (222.5, 156.0),
        "chin": (224.0, 177.0), "right_chin": (208.0, 173.0), "left_chin": (240.0, 173.0),
        "right_jaw": (187.0, 152.0), "left_jaw": (261.0, 152.0),
    },
}  # fmt: skip

FACE_BOXES: dict[str, tuple[float, float, float, float]] = {
    "hopper": (188.0, 132.0, 350.0, 328.0),
    "astronaut": (180.0, 79.0, 270.0, 178.0),
}

LAST_ROWS = {"hopper": 572, "astronaut": 512}  # above the button of the coat

# Head and shoulders, clockwise from the lower left.
OUTLINES: dict[str, tuple[tuple[int, int], ...]] = {
    "hopper": (
        (13, 599), (20, 498), (26, 437), (38, 406), (56, 378), (102, 361), (168, 341), (197, 328), (203, 312),
        (196, 297), (170, 284), (162, 264), (165, 239), (154, 203), (152, 168), (149, 127), (155, 104),
        (174, 84), (180, 69), (203, 48), (223, 36), (240, 27), (262, 23), (284, 26), (304, 41), (330, 48),
        (350, 71), (354, 86), (363, 87), (370, 107), (372, 147), (367, 178), (376, 193), (371, 229),
        (362, 274), (355, 295), (335, 306), (330, 317), (355, 335), (406, 358), (457, 376), (493, 391),
        (503, 414), (511, 442), (511, 599),
    ),
    "astronaut": (
        (30, 511), (22, 450), (21, 395), (27, 340), (37, 310), (50, 275), (75, 237), (100, 215), (116, 205),
        (115, 190), (120, 182), (130, 167), (155, 152), (184, 149), (181, 134), (175, 131), (170, 120),
        (157, 102), (153, 75), (162, 55), (187, 40), (200, 25), (235, 16), (270, 25), (290, 45), (301, 80),
        (297, 105), (285, 122), (272, 135), (267, 136), (265, 150), (256, 172), (280, 187), (302, 225),
        (306, 235), (325, 250), (345, 272), (352, 300), (361, 340), (366, 348), (400, 343), (440, 352),
        (470, 375), (487, 405), (496, 450), (502, 457), (505, 500), (500, 511),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Portrait:
    """One person, cut out.

    Attributes
    ----------
    name
        One of `PEOPLE`.
    image
        ``(h, w, 3)`` uint8 BGR, premultiplied with alpha.
    alpha
        ``(h, w)`` uint8, 255 where the person is.
    points
        Name -> ``(x, y)`` px, see `LANDMARKS`.
    box
        ``(left, top, right, bottom)`` px: forehead to chin, cheek to cheek, as detectors give it.
    """

    name: str
    image: UInt8Array
    alpha: UInt8Array
    points: Points
    box: tuple[float, float, float, float]

    @property
    def centre(self) -> FloatArray:
        """``(x, y)`` px of the middle of the face box."""
        left, top, right, bottom = self.box
        return np.array([(left + right) / 2, (top + bottom) / 2])

    @property
    def five_points(self) -> FloatArray:
        """``(5, 2)`` px in the order of `enicfer.records`."""
        return np.array([self.points[name] for name in FIVE_POINTS])

    def part(self, name: str) -> npt.NDArray[np.bool_]:
        """``(h, w)``: which pixels are the ``"face"``, or the ``"clothes"``."""
        y, x = np.indices(self.alpha.shape)
        left, top, right, bottom = self.box
        around = np.hypot((2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top))
        return np.asarray((self.alpha == 255) & ((around < 1) if name == "face" else (y > bottom)))


@contextmanager
def portable_drawing() -> Iterator[None]:
    """Draw without OpenCV's processor-specific kernels, whose results differ between processors."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(used)


@cache
@portable_drawing()
def load_portrait(name: str, like: str | None = None) -> Portrait:
    """Read a photograph, cut the person out and scale it to `PUPIL_DISTANCE`.

    Parameters
    ----------
    name
        One of `PEOPLE`.
    like
        Another one, whose colours this person is given.
    """
    photo = PHOTOS[name]()
    alpha = cut_out(photo, OUTLINES[name])
    photo, alpha = photo[: LAST_ROWS[name]], alpha[: LAST_ROWS[name]]
    right, left = (np.array(LANDMARKS[name][eye]) for eye in ("right_eye", "left_eye"))
    scale = PUPIL_DISTANCE / float(np.linalg.norm(left - right))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image, alpha = (
        as_uint8(cv2.resize(a, None, fx=scale, fy=scale, interpolation=how)) for a in (photo, alpha)
    )
    # Clothes go on below the photograph; its last row is plain.
    image, alpha = (
        as_uint8(cv2.copyMakeBorder(a, 0, 240, 0, 0, cv2.BORDER_REPLICATE)) for a in (image, alpha)
    )
    left_edge, top, right_edge, bottom = (scale * side for side in FACE_BOXES[name])
    portrait = Portrait(
        name=name,
        image=as_uint8(cv2.multiply(image, cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR), scale=1 / 255)),
        alpha=alpha,
        points={point: (scale * x, scale * y) for point, (x, y) in LANDMARKS[name].items()},
        box=(left_edge, top, right_edge, bottom),
    )
    return portrait if like is None else replace(portrait, image=match_colours(portrait, load_portrait(like)))


def match_colours(person: Portrait, other: Portrait) -> UInt8Array:
    """Give a person another's colours, face to face and clothes to clothes.

    Means and spreads are matched in CIELAB (Reinhard et al. 2001, doi:10.1109/38.946629).
    """
    lab = cv2.cvtColor(person.image, cv2.COLOR_BGR2LAB).astype(np.float32)
    other_lab = cv2.cvtColor(other.image, cv2.COLOR_BGR2LAB).astype(np.float32)
    matched = []
    for part in ("face", "clothes"):
        own, theirs = lab[person.part(part)], other_lab[other.part(part)]
        scale = np.clip(theirs.std(axis=0) / own.std(axis=0), 0.5, 2.0)
        matched.append((lab - own.mean(axis=0)) * scale + theirs.mean(axis=0))
    rows = np.arange(len(lab)) - person.box[3]
    clothes = np.clip(0.5 + rows / (0.2 * PUPIL_DISTANCE), 0, 1)[:, None, None]
    mixed = as_uint8(np.clip((1 - clothes) * matched[0] + clothes * matched[1], 0, 255))
    bgr = as_uint8(cv2.cvtColor(mixed, cv2.COLOR_LAB2BGR))
    return as_uint8(cv2.multiply(bgr, cv2.cvtColor(person.alpha, cv2.COLOR_GRAY2BGR), scale=1 / 255))


def cut_out(photo: UInt8Array, outline: tuple[tuple[int, int], ...], band: int = 9) -> UInt8Array:
    """Alpha (0..255) of a person: the outline, refined along its edge, with soft borders.

    GrabCut (Rother et al. 2004, doi:10.1145/1015706.1015720) decides on the pixels within ``band`` px of
    the outline only, so that it finds hair and cloth but cannot lose an arm.
    """
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.array(outline, np.int32)], 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    # The picture's own border is no edge of the person: OpenCV's default for both operations.
    sure = cv2.erode(inside, kernel)
    possible = cv2.dilate(inside, kernel)
    mask = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[sure == 1] = cv2.GC_FGD
    mask[possible == 0] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(photo, mask, (0, 0, 0, 0), *models, 2, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    person = as_uint8(cv2.medianBlur(person, 7))
    # One pixel in, then soft: no rim of the old background.
    person = as_uint8(cv2.erode(person, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))))
    return as_uint8(cv2.GaussianBlur(person, (0, 0), 1.1))


def read_hopper() -> UInt8Array:
    """Rear Admiral Grace Hopper, from matplotlib's sample data."""
    from matplotlib.cbook import get_sample_data

    photo = cv2.imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False)), cv2.IMREAD_COLOR)
    assert photo is not None, "matplotlib ships it"
    return as_uint8(photo)


def read_astronaut() -> UInt8Array:
    """Astronaut Eileen Collins, from scikit-image's data."""
    from skimage.data import astronaut

    return as_uint8(np.ascontiguousarray(astronaut()[..., ::-1]))


def as_uint8(image: npt.ArrayLike) -> UInt8Array:
    """Narrow OpenCV's return type."""
    return np.asarray(image, dtype=np.uint8)


PHOTOS = {"hopper": read_hopper, "astronaut": read_astronaut}
