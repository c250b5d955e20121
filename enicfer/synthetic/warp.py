"""Expressions and head turns: smooth displacements of a portrait's pixels.

An expression is a table of how far landmarks move at full strength; a thin-plate spline (Bookstein 1989,
doi:10.1109/34.24792) carries the skin between them. A head turn moves what is near to the camera (the nose)
more than what is far (the ears). Only existing pixels are moved, but for the dark of an open mouth.

Conventions: displacements are in pupil distances, ``(out, down)``, where *out* is away from the middle of the
face, so that one entry serves both sides. Fields are float32 ``(h, w, 2)`` px of the head region, and are
inverse: the warped picture at ``q`` shows the portrait at ``q + field[q]``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np

from enicfer.expressions import Expression
from enicfer.records import Float32Array, FloatArray, UInt8Array
from enicfer.synthetic.portraits import PUPIL_DISTANCE, Portrait, as_uint8, load_portrait, portable_drawing

GRID = 64  # steps a pixel, in which fields are stored
Moves = Mapping[str, tuple[float, float]]

EXPRESSIONS: dict[str, Moves] = {
    Expression.NEUTRAL: {},
    Expression.HAPPY: {
        "mouth_corner": (0.14, -0.16), "upper_lip": (0.04, -0.03), "upper_lip_edge": (0.0, 0.0),
        "upper_edge": (0.06, -0.05), "lower_edge": (0.06, -0.02), "lower_lip_edge": (0.0, 0.05),
        "lower_lip": (0.04, 0.05), "cheek": (0.05, -0.10), "lower_lid": (0.0, -0.035), "jaw": (0.03, -0.02),
    },
    Expression.ANGRY: {
        "brow_inner": (-0.07, 0.15), "brow_mid": (-0.04, 0.11), "brow_outer": (0.0, -0.02),
        "brow_centre": (0.0, 0.08), "upper_lid": (0.0, 0.055), "lower_lid": (0.0, -0.03),
        "mouth_corner": (-0.01, 0.10), "upper_lip": (0.0, 0.045), "lower_lip": (0.0, -0.02),
        "ala": (0.04, -0.02), "cheek": (0.0, 0.02),
    },
    Expression.SURPRISED: {
        "brow_inner": (0.0, -0.15), "brow_mid": (0.0, -0.18), "brow_outer": (0.0, -0.14),
        "brow_centre": (0.0, -0.11), "upper_lid": (0.0, -0.06), "lower_lid": (0.0, 0.03),
        "mouth_corner": (-0.16, 0.13), "upper_lip": (-0.04, -0.03), "upper_lip_edge": (0.0, -0.05),
        "upper_edge": (-0.05, -0.03), "lower_edge": (-0.06, 0.26), "lower_lip_edge": (0.0, 0.32),
        "lower_lip": (-0.04, 0.30), "chin": (0.0, 0.24), "jaw": (0.0, 0.10), "cheek": (-0.02, 0.04),
    },
}  # fmt: skip

# What makes a neutral face of the photograph: the astronaut smiles in hers. Her teeth and cheeks still do, and
# classifiers see it: the participant of the example is the other one.
REST: dict[str, Moves] = {
    "hopper": {},
    "astronaut": {
        "mouth_corner": (-0.14, 0.17), "upper_lip": (-0.06, 0.04), "upper_lip_edge": (0.0, 0.05),
        "upper_edge": (-0.06, 0.06), "lower_edge": (-0.06, -0.03), "lower_lip_edge": (0.0, -0.05),
        "lower_lip": (-0.04, -0.05), "cheek": (-0.04, 0.06),
    },
}  # fmt: skip


@dataclass(frozen=True)
class HeadFields:
    """What is known in advance of a portrait's movements.

    Attributes
    ----------
    region
        ``(left, top, right, bottom)`` px of the head in the portrait; fields are zero at its border.
    expression
        Name -> inverse field at full strength; `Expression.NEUTRAL` is the face at rest.
    mouth
        Name -> ``(h, w)`` 0..1, how much of the dark of an open mouth shows at full strength.
    turn
        Inverse field of a head turned by 1 radian towards the right of the picture.
    """

    region: tuple[int, int, int, int]
    expression: Mapping[str, Float32Array]
    mouth: Mapping[str, Float32Array]
    turn: Float32Array


@cache
@portable_drawing()
def head_fields(name: str) -> HeadFields:
    """Compute the fields of a portrait (a name in `enicfer.synthetic.portraits.PEOPLE`)."""
    portrait = load_portrait(name)
    x, y = np.array(portrait.points["nose_bridge"])
    d = PUPIL_DISTANCE
    height, width = portrait.alpha.shape
    region = (
        max(round(x - 2.0 * d), 0), max(round(y - 2.1 * d), 0),
        min(round(x + 2.0 * d), width), min(round(y + 2.5 * d), height),
    )  # fmt: skip
    targets = {e: displaced(portrait, REST[name], moves) for e, moves in EXPRESSIONS.items()}
    return HeadFields(
        region=region,
        expression={e: spline_field(portrait, target, region) for e, target in targets.items()},
        mouth={e: open_mouth(portrait, target, region) for e, target in targets.items()},
        turn=turn_field(portrait, region),
    )


def displaced(portrait: Portrait, *tables: Moves) -> dict[str, FloatArray]:
    """Where each landmark of a portrait is after the moves of all tables."""
    p = portrait.points
    # The axis from the subject's right eye to the left; the face may be tilted in the photograph.
    axis = (np.array(p["left_eye"]) - np.array(p["right_eye"])) / PUPIL_DISTANCE
    down = np.array([-axis[1], axis[0]])
    result = {}
    for name, point in p.items():
        side = {"right": -1.0, "left": 1.0}.get(name.split("_")[0], 0.0)
        key = name.split("_", 1)[1] if side else name
        out, below = (sum(table.get(key, (0.0, 0.0))[i] for table in tables) for i in (0, 1))
        result[name] = np.array(point) + PUPIL_DISTANCE * (side * out * axis + below * down)
    return result


def spline_field(
    portrait: Portrait, target: Mapping[str, FloatArray], region: tuple[int, int, int, int]
) -> Float32Array:
    """Inverse field that takes the portrait's landmarks to ``target`` and dies out around the face."""
    from scipy.interpolate import RBFInterpolator

    left, top, right, bottom = region
    ring = face_ring(portrait, 1.25)
    source = np.vstack([np.array(list(portrait.points.values())), ring])
    moved = np.vstack([np.array(list(target.values())), ring])
    spline = RBFInterpolator(moved, source - moved, kernel="thin_plate_spline", smoothing=0.5)
    xs, ys = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    field = spline(np.stack([xs.ravel(), ys.ravel()], axis=1)).reshape(*xs.shape, 2)
    field *= fade(portrait, xs.astype(float), ys.astype(float), 1.05, 1.35)[..., None]
    # The solver's last digits differ from processor to processor; the grid's do not.
    return np.asarray(np.round(field * GRID) / GRID, np.float32)


def face_ring(portrait: Portrait, size: float, n: int = 24) -> FloatArray:
    """``(n, 2)`` points on an ellipse around the face box, ``size`` times as large."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    left, top, right, bottom = portrait.box
    radii = size / 2 * np.array([right - left, bottom - top])
    return np.asarray(portrait.centre + radii * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def fade(portrait: Portrait, x: FloatArray, y: FloatArray, start: float, stop: float) -> FloatArray:
    """1 within ``start`` times the face's ellipse, 0 outside ``stop`` times it, smooth between."""
    left, top, right, bottom = portrait.box
    centre = portrait.centre
    radius = np.hypot((x - centre[0]) / ((right - left) / 2), (y - centre[1]) / ((bottom - top) / 2))
    u = np.clip((stop - radius) / (stop - start), 0, 1)
    return np.asarray(u * u * (3 - 2 * u))


def open_mouth(
    portrait: Portrait, target: Mapping[str, FloatArray], region: tuple[int, int, int, int]
) -> Float32Array:
    """``(h, w)`` 0..1: the dark between the lips of a face warped to ``target``, where that opens them."""
    left, top, right, bottom = region
    names = (
        "right_mouth_corner", "right_upper_edge", "upper_lip_edge", "left_upper_edge",
        "left_mouth_corner", "left_lower_edge", "lower_lip_edge", "right_lower_edge",
    )  # fmt: skip
    outline = np.array([target[name] for name in names]) - (left, top)
    mask = np.zeros((bottom - top, right - left), np.float32)
    gap = portrait.points["lower_lip_edge"][1] - portrait.points["upper_lip_edge"][1]
    if outline[6, 1] - outline[2, 1] > gap + 0.12 * PUPIL_DISTANCE:
        shape = np.round(outline * 16).astype(np.int32)
        cv2.fillPoly(mask, [shape], 1.0, lineType=cv2.LINE_AA, shift=4)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.04 * PUPIL_DISTANCE), np.float32)
    return mask


def turn_field(portrait: Portrait, region: tuple[int, int, int, int]) -> Float32Array:
    """Inverse field of a head turn of 1 radian: the ellipsoid of the head, and the nose in front of it."""
    left, top, right, bottom = region
    xs, ys = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    (cx, cy), d = portrait.centre, PUPIL_DISTANCE
    head = np.clip(1 - ((xs - cx) / (1.75 * d)) ** 2 - ((ys - cy + 0.15 * d) / (1.9 * d)) ** 2, 0, 1)
    nose = np.hypot(xs - portrait.points["nose_tip"][0], 0.8 * (ys - portrait.points["nose_tip"][1]))
    depth = 0.85 * d * head**1.5 + 0.16 * d * np.exp(-0.5 * (nose / (0.3 * d)) ** 2)
    return np.stack([-depth, np.zeros_like(depth)], axis=-1).astype(np.float32)


@lru_cache(maxsize=2)  # one person's picture and points ask in turn
def head_field(name: str, expression: str, strength: float, yaw: float) -> Float32Array:
    """Inverse field of an expression at ``strength`` (0..1) on a head turned by ``yaw`` (radian)."""
    fields = head_fields(name)
    rest, full = fields.expression[Expression.NEUTRAL], fields.expression[expression]
    field = np.asarray(cv2.addWeighted(rest, 1 - strength, full, strength, 0), np.float32)
    # First where the turn came from, then where the expression there came from.
    turn = fields.turn * np.float32(np.sin(yaw))
    return turn + look_up(field, turn)


def pose_portrait(
    portrait: Portrait, expression: str, strength: float, yaw: float
) -> tuple[UInt8Array, UInt8Array]:
    """Portrait with an expression at ``strength`` (0..1), its head turned by ``yaw`` (radian).

    Returns
    -------
    image, alpha
        ``(h, w, 3)`` and ``(h, w)`` uint8, of the portrait's size.
    """
    fields = head_fields(portrait.name)
    left, top, right, bottom = fields.region
    field = head_field(portrait.name, expression, strength, yaw)
    head = (slice(top, bottom), slice(left, right))
    image, alpha = portrait.image.copy(), portrait.alpha.copy()
    image[head] = look_up(portrait.image[head], field)
    alpha[head] = look_up(portrait.alpha[head], field)
    mouth = fields.mouth[expression]
    if strength > 0 and mouth.any():
        # The dark turns with the head, but knows nothing of the expression's own field.
        shade = 1 - 0.85 * strength**2 * look_up(mouth, fields.turn * np.float32(np.sin(yaw)))
        image[head] = as_uint8(image[head] * shade[..., None])
    return image, alpha


def look_up(image: np.ndarray, field: Float32Array) -> np.ndarray:
    """Warp an image by an inverse field of its size."""
    lookup = np.asarray(cv2.add(identity(field.shape[1], field.shape[0]), field), np.float32)
    # OpenCV's type stubs do not know that the second map may be None.
    warped = cv2.remap(  # type: ignore[call-overload]
        image, lookup, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped)


@cache
def identity(width: int, height: int) -> Float32Array:
    """``(height, width, 2)``: each pixel's own ``(x, y)``."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def move_points(
    portrait: Portrait, points: FloatArray, expression: str, strength: float, yaw: float
) -> FloatArray:
    """Where ``(m, 2)`` points of the portrait are after `pose_portrait`: the inverse field, inverted."""
    left, top, _, _ = head_fields(portrait.name).region
    field = head_field(portrait.name, expression, strength, yaw)
    height, width = field.shape[:2]
    moved = points.copy()
    for _ in range(12):
        # Halved steps settle even where a field is steep.
        column, row = (np.round(moved - (left, top))).astype(int).T
        here = field[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        moved = 0.5 * moved + 0.5 * (points - here)
    return moved
