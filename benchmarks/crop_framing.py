"""Measure how FER2013 frames its faces: where box and landmarks lie in its pictures.

`enicfer.faces.crop.REFERENCE` and `REFERENCE_BOX` are these medians, made symmetric. The pictures (48 x 48) are
enlarged to 96 px and padded by 16 px, because their faces fill them; the default detector then sees about two
thirds of the faces' surroundings that it is used to.

    python benchmarks/crop_framing.py FER2013.npz [--count 1500] [--seed 0]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from enicfer.faces.crop import REFERENCE, REFERENCE_BOX
from enicfer.faces.detectors import Detector, load_detector
from enicfer.records import Float32Array, UInt8Array

SIDE, SCALE, PAD = 48, 2, 16


def find_face(detector: Detector, image: UInt8Array) -> tuple[Float32Array, Float32Array] | None:
    """Box (4,) and landmarks (5, 2) of the best face, as fractions of the picture's side."""
    large = cv2.resize(image, (SCALE * SIDE, SCALE * SIDE), interpolation=cv2.INTER_CUBIC)
    padded = cv2.copyMakeBorder(large, PAD, PAD, PAD, PAD, cv2.BORDER_REPLICATE)
    found = detector.detect(np.asarray(cv2.cvtColor(padded, cv2.COLOR_GRAY2BGR), np.uint8))
    if not len(found):
        return None
    fraction = found.place(1.0, -PAD, -PAD).place(1 / (SCALE * SIDE))
    return fraction.box[0], fraction.landmarks[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with np.load(options.data) as data:
        images = data["image"]
    chosen = np.random.default_rng(options.seed).choice(len(images), options.count, replace=False)
    detector = load_detector()
    found = [face for face in (find_face(detector, images[i]) for i in chosen) if face is not None]
    boxes, points = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    names = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")
    print(f"faces found in {len(found)} of {options.count} pictures ({len(found) / options.count:.1%})")
    print("fractions of the side: median, interquartile range, in use")
    spread = np.subtract(*np.percentile(boxes, [75, 25], axis=0))
    for i, side in enumerate(("left", "top", "right", "bottom")):
        print(f"  box {side:20} {np.median(boxes[:, i]):6.3f} {spread[i]:6.3f} {REFERENCE_BOX[i]:6.3f}")
    spread = np.subtract(*np.percentile(points, [75, 25], axis=0))
    for i, name in enumerate(names):
        for j, axis in enumerate("xy"):
            middle = np.median(points[:, i, j])
            print(f"  {name:22} {axis} {middle:6.3f} {spread[i, j]:6.3f} {REFERENCE[i, j]:6.3f}")


if __name__ == "__main__":
    main()
