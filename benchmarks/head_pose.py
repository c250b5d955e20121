"""How exactly head pose is measured: against heads turned by known angles.

Photographs are given depth: points of the face have the proportions of a generic head, and a spline carries the depth
to every pixel. The solid head is then turned to an angle that we choose and drawn by a pinhole camera at 0.8 m, with
hidden parts hidden. Nothing of `enicfer.faces.quality` is used for it: the proportions are those of another head
(MediaPipe's canonical face, rounded), the projection has perspective, and the landmarks are what the detector finds.
How far up or down a face looks in its photograph cannot be known, and is taken for 0.

Each row of the table is a set of heads and an axis:

- ``stills`` of the two portraits of `enicfer.synthetic.portraits`, at each size of the face, each drawing by itself;
- ``sweep``: the portraits turn to and fro within 4 s, and are followed from frame to frame, as in a video;
- ``others``: with ``--faces``, stills of 14 neutral faces of FER2013 (48 px, drawn 100 px high).

``gain`` is the slope of the measured angle against the true one within 30 degrees, of all heads together, and
``gain_sd`` how much it differs between heads; ``zero_sd`` is the same of the angle measured at 0; ``rms`` the root
mean square of measured less true, in degrees, within 30 degrees, and ``rms_all`` of all; ``rms_own`` within 30
degrees where each head's own zero is taken off; ``lag`` s by which a sweep is late; ``found`` the part with a face.

    python benchmarks/head_pose.py [--faces fer2013.npz] [--output FILE]
"""

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates

from enicfer.config.protocol import Quality
from enicfer.faces.detectors import Detector, load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.faces.quality import measure_faces
from enicfer.io.video.frame import Frame
from enicfer.records import FloatArray, UInt8Array
from enicfer.synthetic.portraits import PUPIL_DISTANCE, load_portrait
from enicfer.timecourse.head import MEASURED

RESULTS = Path(__file__).parent / "results" / "head_pose.csv"
PEOPLE = ("hopper", "astronaut")
SIZES = (40, 100, 250)  # px from the forehead to the chin
USUAL = 100
HIGH = 2.6  # of the face, in distances of the pupils
DISTANCE = 12.5  # from the camera to the pupils, in distances of the pupils: 0.8 m
PIVOT = np.array([0.0, 0.8, -1.3])  # about which the head turns: above the neck
RATE, FRAMES = 30.0, 121
STEPS = {"yaw": 7.5, "pitch": 5.0, "roll": 10.0}
REACH = {"yaw": 45.0, "pitch": 35.0, "roll": 40.0}
AXES = tuple(REACH)
NEUTRAL = 6  # label of fer2013.npz
LOWEST = 4.5  # distances of the pupils below them, where the person is cut off
FINE = 2  # drawings are so many times as large, and scaled down

# A generic face in distances of the pupils, from the middle between them: outwards, down, towards the camera.
SIDES = {
    "eye": (0.5, 0.0, 0.0), "eye_outer": (0.70, -0.01, -0.10), "eye_inner": (0.29, 0.01, -0.01),
    "brow_outer": (0.88, -0.25, -0.15), "brow_mid": (0.63, -0.38, 0.10), "brow_inner": (0.20, -0.29, 0.20),
    "temple": (1.0, 0.05, -0.40), "ala": (0.27, 0.57, 0.18), "cheek": (0.60, 0.62, 0.05),
    "mouth_corner": (0.39, 1.10, 0.07), "upper_lip": (0.20, 0.97, 0.26), "lower_lip": (0.20, 1.16, 0.20),
    "chin": (0.30, 1.85, 0.0), "jaw": (0.87, 1.17, -0.35),
}  # fmt: skip
MIDDLE = {
    "brow_centre": (-0.30, 0.22), "nose_bridge": (0.03, 0.30), "nose_tip": (0.51, 0.58),
    "nose_base": (0.74, 0.35), "upper_lip": (0.95, 0.33), "lower_lip": (1.26, 0.26), "chin": (1.90, 0.07),
}  # fmt: skip
RIGID = ("eye_outer", "eye_inner", "ala", "brow_centre", "nose_bridge", "nose_tip", "nose_base", "chin")
# Points around the face, where the photographs have no landmarks.
AROUND = {
    "forehead": (0.0, -0.89, 0.10), "hairline": (0.55, -0.85, -0.02), "brow_end": (0.99, -0.63, -0.38),
    "ear_top": (1.22, 0.05, -0.95), "ear": (1.21, 0.31, -1.0), "below_ear": (1.14, 0.87, -0.95),
    "jaw_angle": (1.06, 1.17, -0.88), "jaw_side": (0.80, 1.54, -0.49),
    "top": (0.0, -1.7, -0.9), "top_side": (0.9, -1.4, -1.0), "back": (1.5, 0.2, -1.6),
    "neck": (0.0, 2.5, -0.9), "neck_side": (0.7, 2.5, -1.1),
}  # fmt: skip


@dataclass(frozen=True)
class Solid:
    """A photograph with depth.

    Attributes
    ----------
    points
        ``(n, 3)`` every pixel of the person: right, down, towards the camera, in distances of the pupils from
        the middle between them, the head looking straight at the camera.
    colour
        ``(n, 3)`` uint8.
    """

    points: FloatArray
    colour: UInt8Array


def rotation(yaw: float, pitch: float, roll: float) -> FloatArray:
    """Matrix that turns a head by degrees: yaw to the picture's right, then pitch down, then roll clockwise."""
    a, b, c = np.radians((yaw, pitch, roll))
    to_side = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    down = [[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]]
    tilt = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(tilt) @ np.array(down) @ np.array(to_side)


def angles(matrix: FloatArray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a matrix of `rotation`."""
    yaw = np.arctan2(-matrix[2, 0], matrix[2, 2])
    pitch = np.arcsin(-matrix[2, 1])
    roll = np.arctan2(-matrix[0, 1], matrix[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def generic_points() -> dict[str, tuple[float, float, float]]:
    """The generic face by the names of the photographs' landmarks, and the points around it."""
    named = {name: (0.0, *rest) for name, rest in MIDDLE.items()}
    for name, (out, down, near) in (SIDES | AROUND).items():
        named |= {f"right_{name}": (-out, down, near), f"left_{name}": (out, down, near)}
    return named


@cache
def solidify(name: str, up: int) -> Solid:
    """Give a photograph, drawn ``up`` times as large, depth; and turn the head straight to the camera."""
    portrait, generic = load_portrait(name), generic_points()
    marks = [m for m in portrait.points if m in generic]
    rigid = [m for m in marks if m.removeprefix("left_").removeprefix("right_") in RIGID]
    pixels = np.array([portrait.points[m] for m in rigid])
    model = np.array([generic[m] for m in rigid])
    middle = (np.array(portrait.points["right_eye"]) + portrait.points["left_eye"]) / 2
    focal = 12.0 * PUPIL_DISTANCE * 4  # a portrait is taken from some distance
    camera = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]])
    away = np.diag([1.0, 1.0, -1.0])  # OpenCV's z points away from the camera
    _, turn, shift = cv2.solvePnP(
        model @ away, pixels, camera, None, np.zeros(3), np.array([0, 0, focal / PUPIL_DISTANCE]), True
    )
    base = away @ cv2.Rodrigues(turn)[0] @ away
    # How far up or down a face looks cannot be told from its proportions: the photograph's is taken for 0.
    yaw, _, roll = angles(base)
    base = rotation(yaw, 0.0, roll)
    scale = focal / float(shift[2, 0])
    # Depths of all named points as the photograph has them, where it shows them.
    placed = {m: base @ np.array(p) for m, p in generic.items()}
    origin = pixels.mean(axis=0) - scale * np.mean([placed[m][:2] for m in rigid], axis=0)
    where = [portrait.points.get(m, origin + scale * placed[m][:2]) for m in placed]
    spline = RBFInterpolator(
        (np.array(where) - origin) / scale,
        [p[2] for p in placed.values()],
        kernel="thin_plate_spline",
        smoothing=1e-3,
    )
    image = cv2.resize(portrait.image, None, fx=up, fy=up, interpolation=cv2.INTER_CUBIC)
    alpha = cv2.resize(portrait.alpha, None, fx=up, fy=up)
    rows, columns = np.nonzero(alpha > 128)
    flat = (np.stack([(columns + 0.5) / up, (rows + 0.5) / up], axis=1) - 0.5 - origin) / scale
    kept = flat[:, 1] < LOWEST
    flat, colour = flat[kept], image[rows[kept], columns[kept]]
    # Depth is smooth: on a grid, then between.
    low, high = flat.min(axis=0), flat.max(axis=0)
    xs, ys = (np.linspace(low[i], high[i], 160) for i in (0, 1))
    grid = spline(np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)).reshape(160, 160).astype(np.float32)
    at = (flat - low) / (high - low) * 159
    depth = map_coordinates(grid, at[:, ::-1].T, order=1, mode="nearest")
    depth = np.clip(depth, -1.8, None)
    points = np.column_stack([flat, depth]) @ base  # the inverse of a rotation, from the right
    return Solid(points.astype(np.float32), colour)


def draw(solid: Solid, size: int, pose: tuple[float, float, float]) -> UInt8Array:
    """A picture of the head turned by ``pose`` (degrees), its face ``size`` px high, before a room."""
    width, height = max(320, 3 * size // 2 * 2), max(240, 5 * size // 4 * 2)
    turn = rotation(*pose).astype(np.float32)
    turned = solid.points @ turn.T + (PIVOT - turn @ PIVOT).astype(np.float32)
    pupils = FINE * size / HIGH
    nearness = DISTANCE / (DISTANCE - turned[:, 2])
    x = FINE * width / 2 + pupils * turned[:, 0] * nearness
    y = FINE * (0.42 * height) + pupils * turned[:, 1] * nearness
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (column >= 0) & (column < FINE * width) & (row >= 0) & (row < FINE * height)
    order = np.argsort(turned[inside, 2], kind="stable")  # the nearest last
    column, row, colour = column[inside][order], row[inside][order], solid.colour[inside][order]
    picture = np.zeros((FINE * height, FINE * width, 3), np.uint8)
    cover = np.zeros(picture.shape[:2], np.uint8)
    picture[row, column], cover[row, column] = colour, 255
    # Gaps between the points of a surface that is stretched, but not the room behind.
    kernel = np.ones((5, 5), np.uint8)
    closed = cv2.morphologyEx(cover, cv2.MORPH_CLOSE, kernel)
    gaps = (closed > 0) & (cover == 0)
    blurred = cv2.blur(picture.astype(np.float32), (5, 5))
    weight = cv2.blur((cover > 0).astype(np.float32), (5, 5))
    picture[gaps] = (blurred / np.maximum(weight, 1e-6)[..., None])[gaps]
    room = _room(FINE * width, FINE * height)
    share = cv2.GaussianBlur((closed > 0).astype(np.float32), (0, 0), 0.8)[..., None]
    drawn = room * (1 - share) + picture * share
    return np.rint(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)).astype(np.uint8)


@cache
def _room(width: int, height: int) -> UInt8Array:
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, 3)), (0, 0), 40)
    return np.clip(140 + 25 * noise / noise.std(), 0, 255).astype(np.uint8)


def lay_depth(picture: UInt8Array, landmarks: FloatArray) -> Solid:
    """Give a face that looks into the camera depth, from its five landmarks alone."""
    generic = np.array(list(generic_points().values()))
    middle, pupils = landmarks[:2].mean(axis=0), float(np.linalg.norm(landmarks[1] - landmarks[0]))
    length = (landmarks[3:].mean(axis=0)[1] - middle[1]) / pupils / SIDES["mouth_corner"][1]
    spline = RBFInterpolator(
        generic[:, :2] * (1, length), generic[:, 2], kernel="thin_plate_spline", smoothing=1e-3
    )
    large = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    rows, columns = np.indices(large.shape[:2])
    flat = (np.stack([columns.ravel() / 2, rows.ravel() / 2], axis=1) - middle) / pupils
    kept = (np.abs(flat[:, 0]) < 1.25) & (flat[:, 1] > -1.35) & (flat[:, 1] < 2.1)
    depth = np.clip(spline(flat[kept]), -1.8, None)
    return Solid(np.column_stack([flat[kept], depth]).astype(np.float32), large.reshape(-1, 3)[kept])


def look(detector: Detector, pictures: Iterable[UInt8Array]) -> pd.DataFrame:
    """Angles and landmarks of the largest face in pictures that follow each other; NaN where there is none."""
    observer = FaceObserver(detector, Quality())
    for i, picture in enumerate(pictures):
        planes = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        observer.observe(Frame(i, i / RATE, planes))
    seen = observer.collect()
    rows = seen.rows[pd.Series(np.arange(len(seen.rows))).groupby(seen.rows["frame"]).first().to_numpy(int)]
    found = measure_faces(rows, np.zeros(len(rows), np.float32))
    scale = MEASURED["centerface"]
    table = {name: (found[name].astype(np.float64) - scale[name][1]) / scale[name][0] for name in AXES}
    points = {f"{axis}{j}": rows["landmarks"][:, j, k] for j in range(5) for k, axis in enumerate("xy")}
    return pd.DataFrame({**table, **points}, index=rows["frame"]).reindex(range(i + 1))


def turned(axis: str, angle: float) -> tuple[float, float, float]:
    """A pose about one axis."""
    return tuple(angle if name == axis else 0.0 for name in AXES)  # type: ignore[return-value]


def stills(
    solid: Solid, size: int, detector: Detector, axes: Iterable[str] = AXES, coarse: int = 1
) -> Iterator[dict[str, object]]:
    """True and measured angles of drawings, each by itself."""
    for axis in axes:
        for angle in np.arange(-REACH[axis], REACH[axis] + 0.1, STEPS[axis])[::coarse]:
            found = look(detector, [draw(solid, size, turned(axis, float(angle)))])
            yield {"axis": axis, "true": float(angle), "measured": found[axis].iloc[0]}


def sweep(solid: Solid, detector: Detector) -> Iterator[dict[str, object]]:
    """True and measured angles of a head that turns from one side to the other and back."""
    for axis in AXES:
        angle = REACH[axis] * np.sin(2 * np.pi * np.arange(FRAMES) / (FRAMES - 1))
        found = look(detector, (draw(solid, USUAL, turned(axis, float(value))) for value in angle))[axis]
        speed = np.gradient(angle) * RATE
        for row in zip(angle, found, speed, strict=True):
            yield {"axis": axis, **dict(zip(("true", "measured", "speed"), row, strict=True))}


def find_others(path: Path, detector: Detector, count: int = 14) -> Iterator[Solid]:
    """Neutral faces of FER2013 that look into the camera."""
    data = np.load(path)
    order = np.random.default_rng(0).permutation(np.flatnonzero(data["label"] == NEUTRAL))
    for number in order:
        large = cv2.resize(data["image"][number], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
        framed = cv2.copyMakeBorder(large, 60, 60, 100, 100, cv2.BORDER_REPLICATE)
        picture = cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR)
        found = look(detector, [picture]).iloc[0]
        if not (abs(found["yaw"]) < 6 and abs(found["roll"]) < 6):
            continue
        yield lay_depth(picture, np.array([[found[f"x{j}"], found[f"y{j}"]] for j in range(5)]))
        count -= 1
        if not count:
            return


def measure(rows: pd.DataFrame) -> dict[str, float]:
    """Gain, zero and errors of an axis; see the module."""
    rows = rows.assign(seen=rows["measured"].notna())
    seen = rows[rows["seen"]]
    near = seen[seen["true"].abs() <= 30]
    lines = np.array([np.polyfit(part["true"], part["measured"], 1) for _, part in near.groupby("head")])
    error = near["measured"] - near["true"]
    own = error - near["head"].map(dict(zip(sorted(set(near["head"])), lines[:, 1], strict=True)))
    found = {
        "gain": float(np.polyfit(near["true"], near["measured"], 1)[0]),
        "gain_sd": float(lines[:, 0].std()),
        "zero_sd": float(lines[:, 1].std()),
        "rms": float(np.sqrt((error**2).mean())),
        "rms_all": float(np.sqrt(((seen["measured"] - seen["true"]) ** 2).mean())),
        "rms_own": float(np.sqrt((own**2).mean())),
        "lag": np.nan,
        "found": float(rows["seen"].mean()),
    }
    if "speed" in rows and rows["speed"].notna().any():
        design = np.column_stack([seen["true"], seen["speed"], np.ones(len(seen))])
        gain, early, _ = np.linalg.lstsq(design, seen["measured"], rcond=None)[0]
        found["lag"] = float(-early / gain)
    return found


def main() -> None:
    """Measure, write the table and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", type=Path, help="fer2013.npz")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    detector, parts = load_detector(), []

    def add(heads: str, size: int, head: str, rows: Iterable[dict[str, object]]) -> None:
        parts.append(pd.DataFrame(list(rows)).assign(heads=heads, size=size, head=head))
        print(heads, size, head, flush=True)

    if options.faces:
        for i, solid in enumerate(find_others(options.faces, detector)):
            add("others", USUAL, str(i), stills(solid, USUAL, detector, ("yaw", "pitch"), 2))
    for name in PEOPLE:
        for size in SIZES:
            solid = solidify(name, math.ceil(1.3 * FINE * size / HIGH / PUPIL_DISTANCE))
            add("stills", size, name, stills(solid, size, detector))
            if size == USUAL:
                add("sweep", size, name, sweep(solid, detector))
    frames = pd.concat(parts, ignore_index=True)
    groups = frames.groupby(["heads", "axis", "size"])
    table = pd.DataFrame(
        [dict(zip(("heads", "axis", "size"), key, strict=True)) | measure(part) for key, part in groups]
    )
    options.output.parent.mkdir(exist_ok=True)
    table.round(2).to_csv(options.output, index=False, lineterminator="\n")
    print(table.round(2).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
