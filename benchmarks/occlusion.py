"""Measure the evidence for a covered face with hands put over the faces of real clips.

A drawn hand in the person's own skin colour comes from a random direction and covers the face by different
amounts, four times in 400 frames of each clip (played forth and back). The faces that the detector still finds are
compared: those with half of the face covered or more, and those without a hand.

    python benchmarks/occlusion.py FOLDER_OF_CLIPS [--seeds 2]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from enicfer.config.protocol import Quality
from enicfer.faces.crop import crop_face
from enicfer.faces.detectors import Detector, load_detector
from enicfer.faces.observe import Face, FaceObserver
from enicfer.io.video.reader import read_frames
from enicfer.io.video.warp import warp_part
from enicfer.records import FloatArray, UInt8Array
from enicfer.synthetic.props import draw_hand

LENGTH, AMOUNTS = 400, (0.35, 0.5, 0.7, 1.0)


@dataclass
class ArrayFrame:
    """A picture in memory as `FaceObserver` wants it."""

    index: int
    video_time: float
    picture: UInt8Array
    decodable: bool = True

    @property
    def height(self) -> int:  # noqa: D102
        return self.picture.shape[0]

    @property
    def width(self) -> int:  # noqa: D102
        return self.picture.shape[1]

    def gray(self) -> UInt8Array:  # noqa: D102
        return np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY), np.uint8)

    def bgr(self, long_side: int | None = None) -> UInt8Array:  # noqa: D102
        scale = min(1.0, (long_side or 10**9) / max(self.picture.shape))
        size = (round(self.width * scale), round(self.height * scale))
        return np.asarray(cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA), np.uint8)

    def bgr_region(  # noqa: D102
        self, left: int, top: int, right: int, bottom: int, size: tuple[int, int] | None = None
    ) -> UInt8Array:
        part = self.picture[top:bottom, left:right]
        return part if size is None else np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA))

    def bgr_warped(self, matrix: FloatArray, size: int) -> UInt8Array:  # noqa: D102
        def cut(left: int, top: int, right: int, bottom: int) -> UInt8Array:
            return self.picture[top:bottom, left:right]

        return warp_part((self.height, self.width), cut, matrix, size, 128)

    def gray_warped(self, matrix: FloatArray, size: int) -> UInt8Array:  # noqa: D102
        return warp_part((self.height, self.width), self.gray_region, matrix, size)

    def gray_region(self, left: int, top: int, right: int, bottom: int) -> UInt8Array:  # noqa: D102
        return self.gray()[top:bottom, left:right]

    def brightness_grid(  # noqa: D102
        self, rows: int, columns: int, samples: int | None = None
    ) -> UInt8Array:
        return np.asarray(cv2.resize(self.gray(), (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def put_hand(
    picture: UInt8Array,
    face: Face,
    hand: tuple[FloatArray, UInt8Array],
    amount: float,
    way: tuple[float, float],
) -> tuple[UInt8Array, float]:
    """The picture with a hand on its way to the face (``amount`` 0..1), and the covered fraction of the face."""
    image, alpha = hand
    (left, top, right, bottom), (angle, aside) = (float(v) for v in face.box), way
    width, height = right - left, bottom - top
    matrix = np.asarray(cv2.getRotationMatrix2D((80, 110), -angle, 1.75 * width / 160), np.float64)
    direction = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    centre = np.array([(left + right) / 2 + aside * width, (top + bottom) / 2])
    matrix[:, 2] += centre + direction * (1 - amount) * 1.75 * height - (80, 110)
    size = (picture.shape[1], picture.shape[0])
    cover = np.asarray(cv2.warpAffine(alpha, matrix, size))
    painted = cv2.warpAffine(image, matrix, size)
    out = np.clip(picture * (1 - cover[..., None] / 255) + painted, 0, 255).astype(np.uint8)
    ellipse = np.zeros(cover.shape, np.uint8)
    middle = (round((left + right) / 2), round((top + bottom) / 2))
    cv2.ellipse(ellipse, middle, (round(width / 2), round(height / 2)), 0, 0, 360, 255, -1)
    return out, float((cover[ellipse > 0] > 127).mean())


def measure_clip(detector: Detector, path: Path, seed: int) -> tuple[FloatArray, FloatArray]:
    """Evidence and covered fraction of each face that was found."""
    rng = np.random.default_rng(seed)
    pictures = [frame.bgr() for frame in read_frames(path)]
    scout = FaceObserver(detector)
    seen = [scout.observe(ArrayFrame(i, i / 30, picture)) for i, picture in enumerate(pictures)]
    faces = [max(found, key=lambda face: face.score) if found else None for found in seen]
    first = next((i, face) for i, face in enumerate(faces) if face is not None)
    cheek = crop_face(pictures[first[0]], first[1].box, first[1].landmarks)[26:32, 8:12].mean(axis=(0, 1))
    image, alpha = draw_hand(rng)
    skin = image.astype(np.float64) * cheek / (142, 168, 216) * rng.uniform(0.85, 1.1)
    amount, ways = np.zeros(LENGTH), [(0.0, 0.0)] * LENGTH
    for k, most in enumerate(AMOUNTS):
        way = (float(rng.uniform(-60, 60)), float(rng.uniform(-0.2, 0.2)))
        for i in range(60 + 85 * k, 100 + 85 * k):
            amount[i] = most * np.clip(min(i - 60 - 85 * k, 100 + 85 * k - i) / 8, 0, 1)
            ways[i] = way
    observer, covered = FaceObserver(detector), np.zeros(LENGTH)
    for i in range(LENGTH):
        at = abs((i + len(pictures) - 1) % (2 * len(pictures) - 2) - (len(pictures) - 1))
        picture, face = pictures[at], faces[at]
        if amount[i] > 0 and face is not None:
            picture, covered[i] = put_hand(picture, face, (skin, alpha), amount[i], ways[i])
        observer.observe(ArrayFrame(i, i / 30, picture))
    track, row = observer.finish()
    return track.measures["occlusion"][row >= 0].astype(np.float64), covered[row >= 0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    detector = load_detector()
    evidence, covered = [], []
    for path in sorted(options.folder.glob("*")):
        if "no_face" in path.name or "noface" in path.name:
            continue
        for seed in range(options.seeds):
            found = measure_clip(detector, path, seed)
            evidence.append(found[0])
            covered.append(found[1])
    value, fraction = np.concatenate(evidence), np.concatenate(covered)
    limit = Quality().max_occlusion
    for name, these in {
        "no hand": fraction == 0,
        "covered by 0.3 to 0.5": (fraction >= 0.3) & (fraction < 0.5),
        "covered by half or more": fraction >= 0.5,
    }.items():
        quantiles = np.quantile(value[these], [0.01, 0.5, 0.99, 0.997])
        print(
            f"{name:24} n {these.sum():5}  above {limit}: {(value[these] > limit).mean():.3f}  "
            f"evidence at 1, 50, 99, 99.7 %: {np.round(quantiles, 3)}"
        )


if __name__ == "__main__":
    main()
