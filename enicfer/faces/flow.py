"""Follow a known face by what moves in it: points of the face, from one frame to the next.

A detector's answer is off by some percent of the face, and by how much depends on where it looks. Differences of its
answers are no movement. So a face moves as the picture does: the points of a grid over the face are followed there
and back (pyramidal Lucas-Kanade), those that come back are one shift, rotation and scale, and each landmark moves
with the points around it. The detector says where the face really is: what it says otherwise draws the face a little
way, and the more the further it is away (`correct`).

Conventions: boxes and landmarks in px of the frame; sides and errors of patches in px of the patch.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from enicfer.faces.detectors.base import Detections
from enicfer.faces.scene import Picture
from enicfer.faces.window import Window, open_window
from enicfer.records import Float32Array, FloatArray, UInt8Array

# Side of the patch around a face, in px and in sides of the box.
SIDE, REACH = 96, 1.5
# Points in a row of the grid; the ellipse of the box within which they lie.
ROW, ELLIPSE = 8, 0.46
WINDOW, LEVELS = 15, 2
# A point must come back to within so many px; and so large a share of the points must come back.
BACK, MIN_SHARE = 0.5, 0.5
# How far around it (sides of the box) the points move a landmark, and the weight of its not moving otherwise than the
# face does.
NEAR, RIGID = 0.12, 1.0
# s in which the detector draws a face back; disagreement, in sizes of the face, from which it is right.
PATIENCE, WRONG = 0.6, 0.12
_ROUNDS = 3
# s over which a head is taken to go on tilting as it did.
LONGEST = 0.1


@dataclass(frozen=True)
class Patch:
    """The grey values (SIDE, SIDE) around a face, and where they lie."""

    gray: UInt8Array
    window: Window


@dataclass(frozen=True)
class Sight:
    """A face in a frame.

    Attributes
    ----------
    box, landmarks
        (4,) and (5, 2) px.
    patch
        The patch around it.
    video_time
        s.
    roll, spin
        How far the head is tilted, radians, and how fast it tilts, radians per s.
    signature, score
        (SIGNATURE,) and the detector's score.
    confirmed, frames
        When the detector found it last, s, and how many frames ago.
    """

    box: FloatArray
    landmarks: FloatArray
    patch: Patch
    video_time: float
    roll: float
    spin: float
    signature: UInt8Array
    score: float
    confirmed: float
    frames: int

    def predict_roll(self, video_time: float) -> float:
        """How far the head will be tilted."""
        return self.roll + self.spin * min(video_time - self.video_time, LONGEST)


def cut_patch(frame: Picture, box: FloatArray, roll: float) -> Patch:
    """The grey patch around a box (4,) px, turned by ``roll``."""
    window = open_window(box, SIDE, REACH, roll)
    return Patch(frame.gray_warped(window.matrix, SIDE), window)


def _grid() -> FloatArray:
    """Points (p, 2) in an ellipse, in sides of the box from its middle."""
    line = (np.arange(ROW) + 0.5) / ROW - 0.5
    x, y = np.meshgrid(line, line)
    inside = x**2 + y**2 <= ELLIPSE**2
    return np.stack([x[inside], y[inside]], axis=1)


GRID = _grid()


@dataclass(frozen=True)
class Followed:
    """Where a face went: ``box`` (4,), ``landmarks`` (5, 2); the ``share`` of its points that were found again."""

    box: FloatArray
    landmarks: FloatArray
    share: float


def follow(before: Sight, patch: Patch) -> Followed | None:
    """Find the face in the frame of ``patch``; None where too few of its points are found."""
    low, high = before.box[:2], before.box[2:]
    cosine, sine = np.cos(before.roll), np.sin(before.roll)
    points = (low + high) / 2 + GRID * (high - low) @ np.array([[cosine, sine], [-sine, cosine]])
    start = (before.patch.window.points_inwards(points) - 0.5).astype(np.float32)[:, None]
    there, seen = _track(before.patch.gray, patch.gray, start)
    back, again = _track(patch.gray, before.patch.gray, there)
    away = np.linalg.norm((back - start)[:, 0], axis=1)
    good = seen & again & (away < BACK)
    share = float(good.mean())
    if share < MIN_SHARE:
        return None
    known = _measure_structure(before.patch, start[good, 0])
    # Around the middle, because far away the sums of their products are hard to tell apart.
    middle, size = (low + high) / 2, float(np.sqrt((high - low).prod()))
    points = points[good] - middle
    moved = patch.window.points_outwards(there[good, 0].astype(np.float64) + 0.5) - middle
    turn, shift, rest, known = _fit_movement(points, moved, known, BACK * patch.window.scale)
    landmarks = before.landmarks - middle
    near = np.exp(-(((landmarks[:, None] - points) / (NEAR * size)) ** 2).sum(axis=2) / 2)
    pull = near @ (known @ rest[..., None])[..., 0]
    stiff = (near @ known.reshape(-1, 4)).reshape(-1, 2, 2) + RIGID * np.eye(2)
    bend = np.linalg.solve(stiff, pull[..., None])[..., 0]
    half = np.hypot(*turn[:, 0]) * (high - low) / 2
    middle = middle + shift
    return Followed(np.concatenate([middle - half, middle + half]), landmarks @ turn.T + middle + bend, share)


def _track(
    one: UInt8Array, other: UInt8Array, points: Float32Array
) -> tuple[Float32Array, npt.NDArray[np.bool_]]:
    """Where points (p, 1, 2) of a patch are in another, and which of them can be followed (p,)."""
    # The binding takes None, to make the result itself, but its types do not say so.
    nowhere: Any = None
    moved, seen, _ = cv2.calcOpticalFlowPyrLK(
        one, other, points, nowhere, winSize=(WINDOW, WINDOW), maxLevel=LEVELS
    )
    return np.asarray(moved, np.float32), np.asarray(seen)[:, 0] > 0


def _measure_structure(patch: Patch, points: Float32Array) -> FloatArray:
    """How much the surroundings of points (p, 2) say of a movement in each of the frame's directions: (p, 2, 2).

    On average it is 1.

    Along an edge nothing is seen to move: a face that turns would seem to turn less.
    """
    x, y = (
        np.asarray(part, np.float32)
        for part in cv2.spatialGradient(cv2.GaussianBlur(patch.gray, (5, 5), 1.0))
    )
    column, row = np.clip(np.rint(points), 0, SIDE - 1).astype(int).T
    xx, xy, yy = (
        cv2.boxFilter(part, -1, (WINDOW, WINDOW))[row, column].astype(np.float64)
        for part in (x * x, x * y, y * y)
    )
    structure = np.stack([np.stack([xx, xy], axis=1), np.stack([xy, yy], axis=1)], axis=1)
    turn = patch.window.rotation
    return np.asarray(turn @ structure @ turn.T / max(float((xx + yy).mean()) / 2, 1e-9))


def _fit_movement(
    points: FloatArray, moved: FloatArray, known: FloatArray, unit: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The one shift, rotation and scale of most points (p, 2), which count for what is ``known`` (p, 2, 2) of them.

    Rotation and scale (2, 2), shift (2,), what is left of each point's movement (p, 2), and what is known less
    what does not fit, in ``unit`` px.
    """
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    design = np.stack([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)], axis=1)
    count, flat = len(points), design.reshape(-1, 4)
    seen, share = known @ design, np.ones((count, 1, 1))
    tiny = 1e-9 * np.eye(4)  # where nothing is known of any point
    for _ in range(_ROUNDS):
        left = (seen * share).reshape(-1, 4)
        cosine, sine, *shift = np.linalg.solve(left.T @ flat + tiny, left.T @ moved.ravel())
        turn = np.array([[cosine, -sine], [sine, cosine]])
        rest = moved - points @ turn.T - shift
        far = (rest[:, None] @ known @ rest[..., None]) / unit**2
        share = 1 / (1 + far)
    return turn, np.array(shift), rest, known * share


def correct(followed: Followed, found: Detections, elapsed: float) -> tuple[FloatArray, FloatArray]:
    """Draw a face that was followed towards where the detector found it, ``elapsed`` s after the last time."""
    box, landmarks = followed.box, followed.landmarks
    size = float(np.sqrt(np.prod(box[2:] - box[:2])))
    least = 1 - np.exp(-elapsed / PATIENCE)
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    seen = found.box[0].astype(np.float64)
    middle = middle + _pull((seen[:2] + seen[2:]) / 2 - middle, size, least)
    half = half + _pull((seen[2:] - seen[:2]) / 2 - half, size, least)
    landmarks = landmarks + _pull(found.landmarks[0] - landmarks, size, least)
    return np.concatenate([middle - half, middle + half]), landmarks


def _pull(apart: FloatArray, size: float, least: float) -> FloatArray:
    """The part of disagreements (..., 2) px that is followed."""
    far = np.linalg.norm(apart, axis=-1, keepdims=True) / (WRONG * size)
    return apart * np.clip(far**2, least, 1)
