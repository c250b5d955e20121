"""How classifiers stand what a laboratory does to a face: each condition at three strengths.

    python benchmarks/lab_conditions.py FER2013.npz [--model ronnet-7 ...] [--part PublicTest] [--images 0]
        [--cache FOLDER] [-o benchmarks/results/lab_conditions.md]

The conditions that training may use are those of `enicfer.training.lab_conditions`, drawn anew for these images;
in place of its imitated compression stands a real encoder: the faces, as the tiles of a short clip in which each
moves a pixel a picture, go through x264 at a constant quantiser and come back. "Crop" is a frame that the tracker
puts a little beside the face. Three kinds are never used in training, and were chosen before it: a net of sponges
and wires across the face ("net"), a lamp that leaves one side of the face in shadow ("side light"), and the comb of
an interlaced camera before which the face moves ("comb").

Every image is measured under every condition and strength; pictures are rounded to whole levels, and the models
answer without the mirror image. Calibration error: 15 bins, with the model's own temperature. Coverage: the largest
part of the images that can be answered, the surest first, with 90 % of the answers right. The mean is over kinds
and strengths. FOLDER keeps the changed pictures, and what was
measured on them, for the next call.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from enicfer.models import Classifier, load_model
from enicfer.models.calibration import reliability
from enicfer.models.classifier import find_model
from enicfer.models.preprocessing import as_tensor
from enicfer.training.datasets import read_dataset
from enicfer.training.datasets.images import FaceImages
from enicfer.training.lab_conditions import CONDITIONS
from enicfer.training.metrics import abstain

STRENGTHS = (1 / 3, 2 / 3, 1.0)
PRECISION = 0.9
VERSION = 1  # of the changed pictures, for the cache
TILE, MARGIN, LENGTH = 64, 8, 4  # pixels, pixels, pictures of the clip
COLUMNS, ROWS = 13, 10  # tiles of a clip
Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def encode(images: np.ndarray, strength: float, _: np.random.Generator) -> np.ndarray:
    """Faces after H.264 at the quantisers 31, 37, 44: the last picture of a clip."""
    quantiser = round(24 + 20 * strength)
    result = np.empty_like(images)
    for start in range(0, len(images), COLUMNS * ROWS):
        chunk = images[start : start + COLUMNS * ROWS]
        wide = np.pad(chunk, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), "edge")
        wide = np.concatenate([wide, np.full((COLUMNS * ROWS - len(chunk), TILE, TILE), 128, np.uint8)])
        clip = []
        for late in range(LENGTH - 1, -1, -1):
            shifted = np.roll(wide, late, axis=2)
            clip.append(shifted.reshape(ROWS, COLUMNS, TILE, TILE).swapaxes(1, 2).reshape(ROWS * TILE, -1))
        tiles = _through_codec(clip, quantiser).reshape(ROWS, TILE, COLUMNS, TILE).swapaxes(1, 2)
        inner = tiles.reshape(-1, TILE, TILE)[: len(chunk), MARGIN:-MARGIN, MARGIN:-MARGIN]
        result[start : start + len(chunk)] = inner
    return result


def _through_codec(clip: list[np.ndarray], quantiser: int) -> np.ndarray:
    """The last grey picture of a clip after encoding and decoding."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = clip[0].shape
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 30), 30
    encoder.options = {
        "qp": str(quantiser),
        "preset": "medium",
        "bf": "0",
        "threads": "1",
        "tune": "zerolatency",
    }
    packets = []
    for number, picture in enumerate(clip):
        colourless = np.full((len(picture) // 2, picture.shape[1]), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.concatenate([picture, colourless]), format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    return frames[-1].to_ndarray()[: len(clip[0])]


def mishit(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Frames that a tracker puts beside the face: shifted, scaled and turned by up to 6 %, 8 % and 8 degrees."""
    height, width = images.shape[1:]
    result = np.empty_like(images)
    for i, image in enumerate(images):
        turn, zoom = rng.uniform(-1, 1, 2) * strength * (8, 0.08)
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1 + zoom)
        matrix[:, 2] += rng.uniform(-0.06, 0.06, 2) * strength * width
        result[i] = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return result


def wear_net(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A net of sponges on cheeks and forehead with wires between them; eyes and mouth stay free."""
    height, width = images.shape[1:]
    result, scale = images.copy(), 8  # OpenCV draws with three bits behind the point
    for image in result:
        columns = np.linspace(0.04, 0.96, round(4 + 3 * strength)) + rng.uniform(-0.03, 0.03)
        rows = np.array([0.06, 0.22, 0.6, 0.92]) + rng.uniform(-0.03, 0.03)
        points = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2) + rng.normal(
            0, 0.02, (len(columns) * 4, 2)
        )
        x, y = points.T
        mouth = (np.abs(x - 0.5) < 0.22) & (np.abs(y - 0.77) < 0.14)
        points = points[~mouth].clip(0, 1)
        pixels = np.round(points * (width, height) * scale).astype(int)
        dark, bright = int(rng.uniform(10, 80)), int(rng.uniform(140, 230))
        for first, second in pairwise(pixels):
            if abs(first[1] - second[1]) < 0.2 * height * scale:  # not across the eyes
                cv2.line(image, first.tolist(), second.tolist(), dark, 1, cv2.LINE_AA, 3)
        radius = round((0.02 + 0.025 * strength) * width * scale)
        for point in pixels.tolist():
            cv2.circle(image, point, radius, bright, -1, cv2.LINE_AA, 3)
            cv2.circle(image, point, radius // 3, dark, -1, cv2.LINE_AA, 3)
    return result


def light_from_aside(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """A lamp beside the head: the other side of the face keeps 48, 22 or 10 % of its light."""
    height, width = images.shape[1:]
    y, x = (np.mgrid[:height, :width] + 0.5) / height - 0.5
    angle = rng.choice([0, np.pi], len(images)) + rng.uniform(-0.5, 0.5, len(images))
    across = x * np.cos(angle)[:, None, None] + y * np.sin(angle)[:, None, None]
    border = rng.uniform(-0.12, 0.12, len(images))[:, None, None]
    lit = 1 / (1 + np.exp(-(across - border) / 0.06))
    left = 0.1 ** (strength**0.9)
    noise = rng.normal(0, 2, images.shape)
    return (images * (left + (1 - left) * lit) + noise).round().clip(0, 255).astype(np.uint8)


def comb(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Every second row is a field later, when the face has moved on by 1.5, 3 or 4.5 of 48 pixels."""
    width = images.shape[2]
    result = images.copy()
    for image, side in zip(result, rng.choice([-1, 1], len(images)), strict=True):
        shift = np.float64([[1, 0, side * 4.5 * strength * width / 48], [0, 1, 0]])
        later = cv2.warpAffine(image, shift, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        image[1::2] = later[1::2]
    return result


def drawn(name: str) -> Change:
    """A condition of `enicfer.training.lab_conditions` for whole arrays."""

    def change(images: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        chunks = np.array_split(images, -(-len(images) // 512))
        parts = [
            CONDITIONS[name](as_tensor(c), torch.full((len(c), 1, 1, 1), strength), generator) for c in chunks
        ]
        whole: np.ndarray = (torch.cat(parts)[:, 0] * 255).round().to(torch.uint8).numpy()
        return whole

    return change


KNOWN: dict[str, Change] = {
    **{name: drawn(name) for name in CONDITIONS if name != "compressed"},
    "H.264": encode,
    "crop": mishit,
}
UNSEEN: dict[str, Change] = {"net": wear_net, "side light": light_from_aside, "comb": comb}


@dataclass(frozen=True)
class Row:
    """One model under one condition."""

    condition: str
    strength: float
    accuracy: float
    error: float
    coverage: float


def change_all(images: np.ndarray, cache: Path | None) -> dict[tuple[str, float], np.ndarray]:
    """The images under every condition and strength; ("clean", 0) is as they are."""
    sets = {("clean", 0.0): images}
    key = hashlib.sha256(images.tobytes()).hexdigest()[:12]
    for number, (name, change) in enumerate({**KNOWN, **UNSEEN}.items()):
        for strength in STRENGTHS:
            file = cache / f"{key}-{VERSION}-{name.replace(' ', '_')}-{strength:.2f}.npy" if cache else None
            if file and file.exists():
                sets[name, strength] = np.load(file)
                continue
            rng = np.random.default_rng([number, round(strength * 3)])
            sets[name, strength] = change(images, strength, rng)
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                np.save(file, sets[name, strength])
    return sets


def measure(model: Classifier, sets: dict[tuple[str, float], np.ndarray], label: np.ndarray) -> list[Row]:
    """Accuracy, calibration error and coverage of a model on every set."""
    rows = []
    for (name, strength), images in sets.items():
        probability = model.predict(images)
        right = probability.argmax(axis=1) == label
        curve = abstain(probability, label, len(label))
        good = curve.coverage[curve.accuracy >= PRECISION]
        error = reliability(probability, label).error
        rows.append(Row(name, strength, float(right.mean()), error, float(good.max()) if len(good) else 0.0))
    return rows


def recall(
    file: Path, sets: dict[tuple[str, float], np.ndarray], faces: FaceImages, cache: Path | None
) -> list[Row]:
    """Measure a model, or read what was measured before."""
    model = load_model(file)
    if model.labels != faces.labels:
        raise SystemExit(
            f"{file} knows {', '.join(model.labels)}; models of {', '.join(faces.labels)} are compared."
        )
    key = hashlib.sha256(file.read_bytes() + faces.image.tobytes()).hexdigest()[:16]
    kept = cache / f"{key}-{VERSION}.json" if cache else None
    if kept and kept.exists():
        return [Row(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]
    rows = measure(model, sets, faces.label)
    if kept:
        kept.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
    return rows


def average(rows: Sequence[Row], kinds: Sequence[str]) -> tuple[float, float, float]:
    """Mean accuracy, greatest calibration error and mean coverage of some kinds."""
    chosen = [row for row in rows if row.condition in kinds]
    return (
        float(np.mean([row.accuracy for row in chosen])),
        max(row.error for row in chosen),
        float(np.mean([row.coverage for row in chosen])),
    )


def write_table(found: dict[str, list[Row]], images: int, part: str) -> str:
    """The table in Markdown; models side by side."""
    columns = [f"{name}: {what}" for name in found for what in ("accuracy", "calibration error", "coverage")]
    lines = [
        f"# Classifiers under laboratory conditions (`benchmarks/lab_conditions.py`, {images} images of {part})",
        "",
        "| condition | strength | " + " | ".join(columns) + " |",
        "| --- | --- |" + " --- |" * len(columns),
    ]

    def line(name: str, strength: str, values: Sequence[tuple[float, float, float]]) -> str:
        cells = [f"{a:.1%} | {e:.3f} | {c:.1%}" for a, e, c in values]
        return f"| {name} | {strength} | " + " | ".join(cells) + " |"

    for same in zip(*found.values(), strict=True):
        name = same[0].condition + (" (never trained on)" if same[0].condition in UNSEEN else "")
        values = [(row.accuracy, row.error, row.coverage) for row in same]
        lines.append(line(name, f"{same[0].strength:.2f}", values))
    for title, kinds in (("mean (error: greatest)", KNOWN), ("mean of those never trained on", UNSEEN)):
        lines.append(line(f"**{title}**", "", [average(rows, list(kinds)) for rows in found.values()]))
    lines += ["", "Coverage: part of the images answered, the surest first, with 90 % of the answers right."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Change the pictures, ask the models, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append", help="name or file; repeat for several side by side")
    parser.add_argument("--part", default="PublicTest", help="partition of the data")
    parser.add_argument("--images", type=int, default=0, help="only so many, drawn at random; 0: all")
    parser.add_argument("--cache", type=Path, help="folder for the changed pictures")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="file of the table")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    models = {Path(name).stem: find_model(name) for name in options.model or ["ronnet-7"]}
    labels = load_model().labels
    faces = read_dataset(options.data, "fer2013").only_labels(labels)
    faces = faces.select(faces.split == options.part)
    if options.images:
        faces = faces.select(np.sort(np.random.default_rng(0).permutation(len(faces))[: options.images]))
    sets = change_all(faces.image, options.cache)
    found = {name: recall(file, sets, faces, options.cache) for name, file in models.items()}
    text = write_table(found, len(faces), options.part)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
