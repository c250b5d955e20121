"""Whether histogram equalisation (CLAHE) would help in low light: detection and classification, with and without.

    python benchmarks/low_light.py VIDEO_FOLDER FER.npz [-o benchmarks/results]

Pictures are darkened in linear light with the noise of a small sensor (photon and read noise), or lit from one
side. Detection is counted on every 20th frame of the videos, against what the detector finds in the undisturbed
picture; accuracy is that of `ronnet-7` on PublicTest.
"""

import argparse
from pathlib import Path

import av
import cv2
import numpy as np

from enicfer.faces.detectors import load_detector
from enicfer.faces.detectors.base import intersection_over_union
from enicfer.models import load_model
from enicfer.training.datasets import read_dataset

LIGHTS = {"as it is": 1.0, "15 %": 0.15, "5 %": 0.05, "3 %": 0.03, "side light": 0.0}
CLIPS = (0.0, 2.0, 4.0)  # 0: no CLAHE
PER_VIDEO = 8


def dim(picture: np.ndarray, light: float, rng: np.random.Generator) -> np.ndarray:
    """The picture with so much of its light, or (0) with light that falls off by 95 % from left to right."""
    gain: float | np.ndarray = light
    if light == 0:
        gain = np.geomspace(1, 0.05, picture.shape[1])
        gain = gain[:, None] if picture.ndim == 3 else gain
    elif light == 1:
        return picture
    linear = (picture / 255.0) ** 2.2 * gain
    linear = linear + rng.normal(0, 1, picture.shape) * np.sqrt(linear * 8e-4 + 1.2e-3**2)
    return np.clip(np.round(np.clip(linear, 0, 1) ** (1 / 2.2) * 255), 0, 255).astype(np.uint8)


def equalise(picture: np.ndarray, clip: float) -> np.ndarray:
    """CLAHE of the brightness, with this clip limit."""
    if not clip:
        return picture
    clahe = cv2.createCLAHE(clip, (4, 4))
    if picture.ndim == 2:
        return clahe.apply(picture)
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    lab[..., 0] = clahe.apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)


def read_pictures(folder: Path, long_side: int) -> list[np.ndarray]:
    """Frames of all videos, as small as the detector takes them."""
    found = []
    for path in sorted(folder.glob("*.m*")):
        with av.open(str(path)) as container:
            frames = (f for i, f in enumerate(container.decode(video=0)) if i % 20 == 0)
            for _, frame in zip(range(PER_VIDEO), frames, strict=False):
                scale = long_side / max(frame.width, frame.height)
                size = round(frame.width * scale), round(frame.height * scale)
                found.append(cv2.resize(frame.to_ndarray(format="bgr24"), size, interpolation=cv2.INTER_AREA))
    return found


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("fer", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    detector, model = load_detector(), load_model("ronnet-7")
    pictures = read_pictures(given.videos, detector.long_side)
    faces = [(p, d.box[[0]]) for p in pictures if len(d := detector.detect(p)) and d.score[0] > 0.5]
    data = read_dataset(given.fer, "fer2013").only_labels(model.labels)
    data = data.select(data.split == "PublicTest")
    rows = []
    for name, light in LIGHTS.items():
        for clip in CLIPS:
            rng = np.random.default_rng(0)
            found = [detector.detect(equalise(dim(p, light, rng), clip)) for p, _ in faces]
            hit = [
                bool(len(d)) and bool((intersection_over_union(d.box[d.score > 0.5], box) > 0.5).any())
                for d, (_, box) in zip(found, faces, strict=True)
            ]
            crops = np.stack([equalise(dim(image, light, rng), clip) for image in data.image])
            right = np.mean(model.predict(crops).argmax(1) == data.label)
            rows.append((name, f"{clip:g}" if clip else "none", f"{np.mean(hit):.3f}", f"{right:.3f}"))
            print(*rows[-1], sep=" | ", flush=True)
    lines = [
        f"# CLAHE in low light: {len(faces)} frames with a face, {len(data)} images (`benchmarks/low_light.py`)",
        "",
        "| light | clip limit | faces found | accuracy |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "low_light.md").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
