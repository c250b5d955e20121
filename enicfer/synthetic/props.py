"""What the scene has besides people: the room, the desk, a hand, and the grain of the camera.

Conventions: pictures are uint8 BGR; what is pasted has its colours premultiplied with its alpha.
"""

import cv2
import numpy as np

from enicfer.records import Float32Array, UInt8Array
from enicfer.synthetic.portraits import as_uint8

HAND_WIDTH, HAND_LENGTH = 160, 200  # px of the drawn hand, without the arm below it
ARM_LENGTH = 420


def draw_room(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """An office, out of focus: a wall, a window, shelves with books. Drawn for 640x480, then scaled."""
    wall = np.array([[[0.62, 0.70, 0.74]]]) * np.linspace(255, 205, 480)[:, None, None]
    room = np.ascontiguousarray(np.broadcast_to(wall, (480, 640, 3)).astype(np.uint8))
    shift = int(rng.integers(-60, 60))
    sky = np.linspace((232, 222, 205), (205, 208, 200), 210)[:, None]
    room[40:250, max(60 + shift, 0) : 230 + shift] = sky
    cv2.rectangle(room, (60 + shift, 40), (230 + shift, 250), (120, 140, 150), 7)
    cv2.line(room, (145 + shift, 40), (145 + shift, 250), (120, 140, 150), 6)
    for top in (60, 155, 250):
        x = 404 + shift
        while x < 605 + shift:
            thick, tall = int(rng.integers(8, 20)), int(rng.integers(40, 66))
            grey = rng.uniform(60, 170)
            colour = [int(c) for c in 0.55 * grey + 0.45 * rng.uniform(40, 170, 3)]
            cv2.rectangle(room, (x, top + 72 - tall), (x + thick - 2, top + 72), colour, -1)
            x += thick
        cv2.rectangle(room, (400 + shift, top + 72), (620 + shift, top + 80), (60, 85, 110), -1)
    room = as_uint8(cv2.GaussianBlur(room, (0, 0), 4.5))
    plaster = cv2.GaussianBlur(rng.normal(0, 20, (480, 640)).astype(np.float32), (0, 0), 3)
    room = as_uint8(np.clip(room + np.asarray(plaster)[..., None], 0, 255))
    return as_uint8(cv2.resize(room, (width, height), interpolation=cv2.INTER_LINEAR))


def draw_desk(width: int, height: int, rng: np.random.Generator) -> UInt8Array:
    """The wooden desk along the lower edge, ``(height, width, 3)``."""
    wood = rng.normal(0, 14, (height, 1)) + rng.normal(0, 5, (height, width))
    grain = np.asarray(cv2.GaussianBlur(wood.astype(np.float32), (0, 0), sigmaX=25, sigmaY=1.2))
    shade = np.linspace(0.8, 1.15, height)[:, None, None]
    desk = as_uint8(np.clip((np.array([70.0, 105.0, 140.0]) + 1.5 * grain[..., None]) * shade, 0, 255))
    desk[:3] = (120, 155, 185)
    return desk


def draw_hand(rng: np.random.Generator) -> tuple[UInt8Array, UInt8Array]:
    """The back of a hand with the fingers up, and its arm in a sleeve: image and alpha."""
    shape = (HAND_LENGTH + ARM_LENGTH, HAND_WIDTH)
    mask = np.zeros(shape, np.uint8)
    cv2.ellipse(mask, (80, 140), (52, 54), 0, 0, 360, 255, -1)
    for x, tip, lean in ((40, 48, -9), (66, 20, -4), (92, 18, 3), (116, 42, 8)):
        cv2.line(mask, (x, 130), (x + lean, tip), 255, 25, cv2.LINE_AA)
    cv2.line(mask, (38, 150), (10, 100), 255, 24, cv2.LINE_AA)
    cv2.fillPoly(mask, [np.array([(40, 165), (120, 165), (124, shape[0]), (36, shape[0])])], 255)
    cuff = HAND_LENGTH + 36
    cv2.rectangle(mask, (26, cuff), (134, shape[0]), 255, -1)
    depth = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5))
    lines = np.zeros(shape, np.uint8)
    for x, lean in ((53, -6), (79, 0), (104, 6)):  # between the fingers
        cv2.line(lines, (x + lean // 2, 108), (x + lean, 62), 255, 3, cv2.LINE_AA)
    for x, y in ((38, 104), (65, 94), (93, 93), (118, 102)):  # knuckles
        cv2.ellipse(lines, (x, y), (8, 4), 0, 190, 350, 150, 2, cv2.LINE_AA)
    texture = np.asarray(cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 1.6)) * 0.10
    shading = 0.66 + 0.38 * np.clip(depth / 16, 0, 1) ** 0.6 + texture
    shading = shading - 0.25 * np.asarray(cv2.GaussianBlur(lines, (0, 0), 1.5)) / 255
    shading[cuff : cuff + 4] *= 0.7
    colour = np.full((*shape, 3), (118.0, 150.0, 208.0))
    colour[cuff:] = (96.0, 84.0, 74.0)
    alpha = as_uint8(cv2.GaussianBlur(mask, (0, 0), 1.2))
    image = np.clip(colour * shading[..., None], 0, 255) * (alpha[..., None] / 255)
    return as_uint8(image), alpha


def draw_grain(width: int, height: int, rng: np.random.Generator) -> Float32Array:
    """Sensor noise to cut frames from: grain of a pixel, a little of it coloured."""
    shape = (height + 64, width + 64)
    return (rng.normal(0, 2.0, (*shape, 1)) + rng.normal(0, 0.8, (*shape, 3))).astype(np.float32)
