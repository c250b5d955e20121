"""Draws the frames of a planned session, and says what can be seen in each.

Conventions: pictures are uint8 BGR; boxes and points are px of the picture; people are drawn with
premultiplied alpha, whoever is nearer to the camera in front.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from enicfer.records import Float32Array, FloatArray, UInt8Array
from enicfer.synthetic.motion import Motion
from enicfer.synthetic.plan import SessionPlan
from enicfer.synthetic.portraits import PUPIL_DISTANCE, Portrait, as_uint8, load_portrait
from enicfer.synthetic.props import HAND_LENGTH, HAND_WIDTH, draw_desk, draw_grain, draw_hand, draw_room
from enicfer.synthetic.scene import SyntheticScene
from enicfer.synthetic.warp import move_points, pose_portrait

LED_RADIUS = 12.0
LED_DURATION = 0.1  # s
COVERED = 0.5  # hidden fraction of a face from which it counts as covered
OUTSIDE = 0.1  # fraction of a face in the picture below which nobody would call it one


@dataclass(frozen=True)
class Sighting:
    """What can be seen of one face in one frame.

    Attributes
    ----------
    box
        ``(left, top, right, bottom)`` px of the whole face, clipped to the picture; None when less than
        `OUTSIDE` of it is inside.
    points
        ``(5, 2)`` px, in the order of `enicfer.records`.
    inside, hidden
        Fraction of the face inside of the picture, and covered by a hand or another person.
    """

    box: tuple[float, float, float, float] | None
    points: FloatArray
    inside: float
    hidden: float


@dataclass(frozen=True)
class Layer:
    """A drawn person: premultiplied pixels and alpha of a part of the picture, and its upper left corner."""

    left: int
    top: int
    image: UInt8Array
    alpha: UInt8Array
    face: FloatArray  # (m, 2) px, points spread over the face
    outline: FloatArray  # (k, 2) px
    points: FloatArray  # (5, 2) px


def draw_frames(
    scene: SyntheticScene, plan: SessionPlan, seed: int
) -> Iterator[tuple[UInt8Array, Sighting, Sighting]]:
    """Each stored frame: its picture, and what can be seen of participant and examiner."""
    rng = np.random.default_rng([seed, 1])
    room = draw_room(scene.width, scene.height, rng)
    edge = round(0.89 * scene.height)
    wood = draw_desk(scene.width, scene.height - edge, rng)
    desk = flat_layer(0, edge, wood, np.full(wood.shape[:2], 255, np.uint8))
    hand = draw_hand(rng)
    grain = draw_grain(scene.width, scene.height, rng)
    light_phase = rng.uniform(0, 2 * np.pi, 2)
    look = {scene.examiner: scene.participant} if scene.similar_colours else {}
    for i, (end, exposure) in enumerate(zip(plan.frame_time, plan.exposure, strict=True)):
        picture = room.copy()
        layers = {
            name: place_person(scene, load_portrait(name, look.get(name)), motion, i)
            for name, motion in ((scene.participant, plan.participant), (scene.examiner, plan.examiner))
        }
        away = plan.turned is not None and bool(plan.turned[i])
        if away:
            turn_away(layers[scene.participant], grain)
        sizes = {scene.participant: plan.participant.size[i], scene.examiner: plan.examiner.size[i]}
        order = sorted(layers, key=lambda name: float(sizes[name]))
        for name in order:
            paste(picture, layers[name])
        palm = place_hand(hand, layers[scene.participant], scene, float(plan.hand[i]))
        paste(picture, palm)
        paste(picture, desk)
        seen = []
        for name in (scene.participant, scene.examiner):
            front = [layers[other] for other in order[order.index(name) + 1 :]]
            seen.append(sight(scene, layers[name], [*front, palm]))
        if away:
            seen[0] = replace(seen[0], hidden=1.0)
        light_led(picture, plan.led, led_fraction(plan.flashes, float(end), float(exposure)))
        gain = 1 + 0.035 * float(np.sum(np.sin(2 * np.pi * end / np.array([23.0, 61.0]) + light_phase)))
        yield develop(picture, gain, grain, rng), seen[0], seen[1]


def place_person(scene: SyntheticScene, portrait: Portrait, motion: Motion, i: int) -> Layer:
    """Pose a portrait and bring it to its place in frame ``i``."""
    scale = float(motion.size[i]) / PUPIL_DISTANCE
    cosine, sine = scale * np.cos(motion.roll[i]), scale * np.sin(motion.roll[i])
    linear = np.array([[cosine, -sine], [sine, cosine]])
    shift = np.array([motion.x[i], motion.y[i]]) - linear @ portrait.centre
    height, width = portrait.alpha.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ linear.T + shift
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (scene.width, scene.height)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (scene.width, scene.height)).astype(int)
    size = (max(int(right - left), 0), max(int(bottom - top), 0))
    pose = (str(motion.expression[i]), float(motion.strength[i]), float(motion.yaw[i]))
    if 0 in size:
        image, alpha = np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.uint8)
    else:
        image, alpha = pose_portrait(portrait, *pose)
        matrix = np.column_stack([linear, shift - (left, top)])
        image, alpha = (
            as_uint8(cv2.warpAffine(a, matrix, size, flags=cv2.INTER_LINEAR)) for a in (image, alpha)
        )
    points = np.vstack([face_points(portrait), face_outline(portrait), portrait.five_points])
    moved = move_points(portrait, points, *pose) @ linear.T + shift
    n = len(face_points(portrait))
    return Layer(int(left), int(top), image, alpha, moved[:n], moved[n:-5], moved[-5:])


def turn_away(layer: Layer, grain: Float32Array) -> None:
    """Put the back of a head in the place of a face, in place."""
    if 0 in layer.alpha.shape:
        return
    centre = layer.outline.mean(axis=0)
    outline = np.round((layer.outline - centre) * 1.22 + centre - (layer.left, layer.top)).astype(np.int32)
    mask = np.zeros(layer.alpha.shape, np.uint8)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA)
    height, width = layer.image.shape[:2]
    hair = np.array([38, 46, 58], np.float32) + 2 * np.resize(grain, (height, width, 3))
    opaque = (cv2.min(mask, layer.alpha) / np.float32(255))[..., None]
    layer.image[:] = as_uint8(layer.image * (1 - opaque) + hair * opaque)


@cache
def face_outline(portrait: Portrait, n: int = 24) -> FloatArray:
    """``(n, 2)`` px on the ellipse within the face box."""
    left, top, right, bottom = portrait.box
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radii = np.array([right - left, bottom - top]) / 2
    return np.asarray(portrait.centre + radii * np.stack([np.cos(angle), np.sin(angle)], axis=1))


@cache
def face_points(portrait: Portrait, n: int = 9) -> FloatArray:
    """Points spread evenly over the face's ellipse, ``(m, 2)`` px."""
    left, top, right, bottom = portrait.box
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n)] * 2), axis=-1).reshape(-1, 2)
    radii = np.array([right - left, bottom - top]) / 2
    return np.asarray(portrait.centre + radii * grid[np.hypot(*grid.T) <= 1])


def paste(picture: UInt8Array, layer: Layer) -> None:
    """Draw a layer over the picture, in place."""
    height, width = layer.alpha.shape
    if 0 in (height, width):
        return
    part = picture[layer.top : layer.top + height, layer.left : layer.left + width]
    through = cv2.cvtColor(cv2.bitwise_not(layer.alpha), cv2.COLOR_GRAY2BGR)
    part[:] = cv2.add(cv2.multiply(part, through, scale=1 / 255), layer.image)


def sight(scene: SyntheticScene, layer: Layer, front: list[Layer]) -> Sighting:
    """What can be seen of the face of ``layer`` behind the layers in ``front``."""
    x, y = layer.face.T
    inside = (x >= 0) & (x < scene.width) & (y >= 0) & (y < scene.height)
    hidden = np.zeros(len(x), bool)
    for other in front:
        height, width = other.alpha.shape
        column, row = x.astype(int) - other.left, y.astype(int) - other.top
        within = inside & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        hidden[within] |= other.alpha[row[within], column[within]] > 127
    limit = np.array([scene.width, scene.height])
    low, high = (np.clip(f(layer.outline, axis=0), 0, limit) for f in (np.min, np.max))
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1])) if inside.mean() >= OUTSIDE else None
    return Sighting(
        box, layer.points, float(inside.mean()), float((hidden & inside).sum() / max(inside.sum(), 1))
    )


def led_fraction(flashes: FloatArray, end: float, exposure: float) -> float:
    """Fraction of an exposure during which the LED was on."""
    overlap = np.minimum(flashes + LED_DURATION, end) - np.maximum(flashes, end - exposure)
    return float(np.clip(overlap, 0, None).sum() / exposure)


def light_led(picture: UInt8Array, place: tuple[int, int], fraction: float) -> None:
    """Draw the LED in its black box, lit for a fraction of the exposure; in place."""
    (x, y), reach = place, 26
    cv2.rectangle(picture, (x - 19, y - 19), (x + 19, y + 19), (34, 32, 30), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (x - 19, y - 19), (x + 19, y + 19), (58, 55, 52), 1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), round(LED_RADIUS), (52, 44, 70), -1, cv2.LINE_AA)
    if fraction > 0:
        part = picture[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        ys, xs = np.mgrid[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        ys, xs = ys[: part.shape[0], : part.shape[1]], xs[: part.shape[0], : part.shape[1]]
        radius = np.hypot(xs - x, ys - y)
        disc = np.clip(LED_RADIUS + 0.5 - radius, 0, 1) + 0.35 * np.exp(-0.5 * (radius / 15) ** 2)
        part[:] = np.clip(part + fraction * disc[..., None] * (165.0, 175.0, 190.0), 0, 255).astype(np.uint8)


def place_hand(
    hand: tuple[UInt8Array, UInt8Array], face: Layer, scene: SyntheticScene, amount: float
) -> Layer:
    """Bring the hand in front of a face; at ``amount`` 0 it is below the picture."""
    if amount <= 0:
        return flat_layer(0, 0, np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.uint8))
    low, high = face.outline.min(axis=0), face.outline.max(axis=0)
    scale = 1.75 * float(high[0] - low[0]) / HAND_WIDTH
    covering = float(low[1] + high[1]) / 2 - 0.52 * HAND_LENGTH * scale
    x = float(low[0] + high[0] - HAND_WIDTH * scale) / 2
    y = amount * covering + (1 - amount) * scene.height
    left, top = max(math.floor(x), 0), max(math.floor(y), 0)
    right = min(math.ceil(x + HAND_WIDTH * scale), scene.width)
    size = (max(right - left, 0), max(scene.height - top, 0))
    if 0 in size:
        return flat_layer(0, 0, np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.uint8))
    matrix = np.array([[scale, 0, x - left], [0, scale, y - top]])
    image, alpha = (as_uint8(cv2.warpAffine(a, matrix, size, flags=cv2.INTER_LINEAR)) for a in hand)
    return flat_layer(left, top, image, alpha)


def flat_layer(left: int, top: int, image: UInt8Array, alpha: UInt8Array) -> Layer:
    """Make a layer of something that has no face."""
    nothing = np.zeros((0, 2))
    return Layer(left, top, image, alpha, nothing, nothing, nothing)


def develop(picture: UInt8Array, gain: float, grain: Float32Array, rng: np.random.Generator) -> UInt8Array:
    """What the camera makes of the picture: exposure, noise."""
    height, width = picture.shape[:2]
    top, left = rng.integers(0, grain.shape[0] - height), rng.integers(0, grain.shape[1] - width)
    lit = cv2.convertScaleAbs(picture, alpha=gain)
    return as_uint8(cv2.add(lit, grain[top : top + height, left : left + width], dtype=cv2.CV_8U))
