"""How exactly a face is located: against known courses, and in real clips against itself.

A photograph of a face (scikit-image's astronaut), `size` px high as the detector's box has it, stands still or moves
over a still room; every frame goes through 4:2:0 pixels as a decoder gives them. In percent of the face (the square
root of the box's area), of all frames in which it has been seen:

- ``box_step``: largest step of the box's middle or of a side from one frame to the next, mean over the frames
  (a still face; aimed at: 0.3), and ``box_step_max`` of all frames;
- ``head_motion``: as `enicfer.export.fmri.landmark_speed`, distances between the eyes per second (0.03);
- ``box_error``, ``error``: root mean square of box and landmarks less the known course and a constant (0.5);
- ``gain``, ``lag``: of the landmarks by regression on the course and its speed (0.97 to 1.03; 0 frames). Turns and
  growth count with half a face as their lever.

Of each real clip: ``one_of_two``, the landmarks' displacement over one frame as a share of that over two, where that
is more than 1 % of the face (pure movement gives 0.5, noise alone 1; aimed at: 0.65); and ``flicker``, the mean
absolute difference of probabilities of neighbouring frames, and of frames two apart (``flicker_two``).

A row that the output has already, of the same program, is not measured again.

    python benchmarks/localisation.py [--clips FOLDER] [--quick] [--output FILE]
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd

from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Quality
from enicfer.faces.detectors import Detector, load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.io.video.frame import Frame
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.classify import CropClassifier
from enicfer.pipeline.observe import load_models
from enicfer.pipeline.provenance import SEEING, hash_program
from enicfer.records import FaceTrack, Float32Array, FloatArray, UInt8Array
from enicfer.synthetic.portraits import load_portrait

RESULTS = Path(__file__).parent / "results" / "localisation.csv"
RATE, FRAMES, QUICK = 30.0, 300, 75
SIZES = (40, 60, 100, 160, 250)
GRAIN = 4.0  # standard deviation of the noise, of 255
FINE = 2  # pictures are drawn so many times as large and scaled down, so that nothing aliases
HIGH = 182.0  # px of the portrait that the detector's box is high

# A course gives shift (x, y) in faces, turn in radians, and the logarithm of growth at a time in s.
Pose = tuple[float, float, float, float]
COURSES: dict[str, Callable[[float], Pose]] = {
    "still": lambda t: (0.0, 0.0, 0.0, 0.0),
    "shift": lambda t: (0.5 * np.sin(2 * np.pi * 0.5 * t), 0.2 * np.sin(2 * np.pi * 0.37 * t), 0.0, 0.0),
    "fast shift": lambda t: (0.3 * np.sin(2 * np.pi * 1.5 * t), 0.0, 0.0, 0.0),
    "slow shift": lambda t: (0.2 * np.sin(2 * np.pi * 0.1 * t), 0.1 * np.sin(2 * np.pi * 0.13 * t), 0.0, 0.0),
    "turn": lambda t: (0.0, 0.0, np.radians(15) * np.sin(2 * np.pi * 0.5 * t), 0.0),
    "growth": lambda t: (0.0, 0.0, 0.0, 0.25 * np.sin(2 * np.pi * 0.4 * t)),
}


@dataclass(frozen=True)
class Case:
    """One clip: which course, how high the face is in px, and whether there is noise."""

    course: str
    size: int
    noise: bool

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{self.course}, {self.size} px" + (", noise" if self.noise else "")


def make_cases(quick: bool) -> list[Case]:
    """All clips; with ``quick`` one of each kind."""
    if quick:
        return [Case(course, 100, course == "still") for course in COURSES] + [Case("still", 40, True)]
    return [Case(course, size, noise) for course in COURSES for size in SIZES for noise in (False, True)]


@cache
def draw_room(width: int, height: int) -> UInt8Array:
    """A room with edges and texture, (h, w, 3)."""
    rng = np.random.default_rng(1)
    picture = np.full((height, width, 3), 140.0)
    for sigma, depth in ((60, 40), (12, 14), (3, 6)):
        picture += _unit(cv2.GaussianBlur(rng.normal(0, 1, picture.shape), (0, 0), sigma)) * depth
    picture[:, :: max(40, width // 12)] -= 40
    return np.clip(picture, 0, 255).astype(np.uint8)


def _unit(values: Any) -> Any:
    return values / values.std()


def draw_clip(case: Case, n_frames: int) -> Iterator[tuple[Frame, Pose]]:
    """Frames, and where the face is in them."""
    portrait = load_portrait("astronaut")
    width, height = max(320, 4 * case.size // 2 * 2), max(240, 7 * case.size // 4 * 2)
    room = cv2.resize(draw_room(width, height), (FINE * width, FINE * height))
    # About as large as it is drawn, because a warp does not average.
    image, alpha, shrunk = portrait.image, portrait.alpha, 1.0
    while case.size * FINE / HIGH < 0.7 * shrunk:
        image, alpha = (
            cv2.resize(part, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA) for part in (image, alpha)
        )
        shrunk = image.shape[1] / portrait.image.shape[1]
    rng = np.random.default_rng(0)
    for i in range(n_frames):
        x, y, turn, growth = COURSES[case.course](i / RATE)
        scale = np.exp(growth) * case.size * FINE / HIGH
        rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = FINE * np.array([width / 2 + x * case.size, 0.45 * height + y * case.size])
        matrix = np.hstack([rotation / shrunk, (middle - rotation @ portrait.centre)[:, None]])
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # warpAffine counts pixel centres as whole numbers
        size = (FINE * width, FINE * height)
        person, cover = (
            cv2.warpAffine(part, matrix, size, flags=cv2.INTER_LINEAR) for part in (image, alpha)
        )
        share = cover[..., None].astype(np.float32) / 255
        drawn = cv2.resize(room * (1 - share) + person * share, (width, height), interpolation=cv2.INTER_AREA)
        if case.noise:
            drawn = drawn + rng.normal(0, GRAIN, drawn.shape)
        picture = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
        planes = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        yield Frame(i, i / RATE, planes), (x * case.size, y * case.size, turn, growth)


def follow(case: Case, n_frames: int, detector: Detector | None = None) -> tuple[FaceTrack, FloatArray]:
    """The face as it was followed, and its course (n, 4): px, px, radians, logarithm."""
    observer, course = FaceObserver(detector or load_detector()), []
    for frame, pose in draw_clip(case, n_frames):
        observer.observe(frame)
        course.append(pose)
    return observer.finish()[0], np.array(course)


def measure(track: FaceTrack, course: FloatArray) -> dict[str, float]:
    """Steps, errors, gain and lag of a track; see the module."""
    box, points = track.box.astype(np.float64), track.landmarks.astype(np.float64)
    seen = np.isfinite(box).all(axis=1)
    if not seen.all():
        raise ValueError(f"the face was seen in {seen.mean():.1%} of the frames only")
    middle, side = (box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]
    size = float(np.median(np.sqrt(side.prod(axis=1))))
    step = np.abs(np.diff(np.hstack([middle, box]), axis=0)).max(axis=1) / size * 100
    centre = points.mean(axis=1)
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    speed = np.linalg.norm(np.diff(centre, axis=0), axis=1) / eyes[1:] * RATE
    found = {"box_step": step.mean(), "box_step_max": step.max(), "head_motion": speed.mean()}
    if not np.ptp(course, axis=0).any():
        return found
    # What the landmarks did, as shift, turn and growth in px of the edge; the box tells shift and growth.
    shape = (points - centre[:, None]) @ (1, 1j)
    turned = (shape * np.conj(shape[0])).sum(axis=1)
    lever = size / 2
    by_points = np.column_stack([centre, lever * np.angle(turned), lever * np.log(np.abs(turned))])
    by_box = np.column_stack([middle, lever * np.log(np.sqrt(side.prod(axis=1)))])
    true = course * (1, 1, lever, lever)
    # A head that turns or grows about its middle also shifts the landmarks' centre, by what the drawing knows.
    lies = _lies_beside(centre, course)
    by_points[:, :2] -= lies
    by_box[:, :2] -= _lies_beside(middle, course) if not course[:, 2].any() else middle - middle.mean(axis=0)
    gain, lag = _regress(by_points, true)
    return {
        **found,
        "error": _rms(by_points - true) / size * 100,
        "box_error": _rms(by_box - true[:, [0, 1, 3]]) / size * 100,
        "gain": gain,
        "lag": lag,
    }


def _lies_beside(point: FloatArray, course: FloatArray) -> FloatArray:
    """What a point fixed to the head moves, less the head's shift, where it lies best: (n, 2)."""
    x, y, turn, growth = course.T
    factor = np.exp(growth + 1j * turn)
    shifted = point @ (1, 1j) - (x + 1j * y)
    moves = factor - factor.mean()
    if not np.abs(moves).any():
        return np.zeros_like(point)
    offset = (moves.conj() * shifted).sum() / (np.abs(moves) ** 2).sum()
    fixed = offset * factor
    return np.column_stack([fixed.real, fixed.imag])


def _rms(error: FloatArray) -> float:
    """Root mean square of the size of (n, k) errors, less their means."""
    return float(np.sqrt(((error - error.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _regress(measured: FloatArray, true: FloatArray) -> tuple[float, float]:
    """Gain, and lag in frames, of all columns that move."""
    speed = np.gradient(true, axis=0)
    parts = [(p - p.mean(axis=0)).ravel() for p in (true, speed, measured)]
    gain, early = np.linalg.lstsq(np.column_stack(parts[:2]), parts[2], rcond=None)[0]
    return float(gain), float(-early / gain)


def watch(path: Path) -> tuple[FaceTrack, Float32Array]:
    """The participant of a real clip, and the probabilities of every frame, NaN where the face was not seen."""
    models = load_models(ProcessingOptions(), Quality())
    observer = FaceObserver(models.detector, models.quality, models.model.input_size, models.model.channels)
    crops = CropClassifier(models.model)
    for frame in read_frames(path):
        for face in observer.observe(frame):
            crops.add(face.crop)
    track, row = observer.finish()
    probability = crops.finish()
    return track, np.where(row[:, None] >= 0, probability[row], np.nan).astype(np.float32)


def measure_clip(track: FaceTrack, probability: Float32Array) -> dict[str, float]:
    """Displacement over one and two frames, and flicker, where the face was seen in all three."""
    centre = track.landmarks.mean(axis=1).astype(np.float64)
    size = np.sqrt((track.box[:, 2:] - track.box[:, :2]).prod(axis=1))
    one, two = (
        np.linalg.norm(np.diff(centre, axis=0), axis=1),
        np.linalg.norm(centre[2:] - centre[:-2], axis=1),
    )
    one = (one[1:] + one[:-1]) / 2
    moves = two > 0.01 * size[2:]  # NaN does not
    flicker = [
        np.nanmean(np.abs(probability[2:] - probability[i : len(probability) - 2 + i])) for i in (1, 0)
    ]
    return {
        "moving": float(moves.mean()),
        "one_of_two": float(one[moves].sum() / two[moves].sum()) if moves.any() else np.nan,
        "flicker": float(flicker[0]),
        "flicker_two": float(flicker[1]),
    }


def main() -> None:
    """Measure what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, help="folder of real clips")
    parser.add_argument("--quick", action="store_true", help=f"one clip of each kind, {QUICK} frames")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    n_frames = QUICK if options.quick else FRAMES
    program = hash_program(("faces/**/*.py", "io/video/*.py"), SEEING)[:12]
    table = pd.read_csv(options.output) if options.output.exists() else pd.DataFrame()
    rows = [row for row in table.to_dict("records") if row["program"] == program]
    done = {(row["clip"], row["frames"]) for row in rows}
    todo: list[tuple[str, int, Callable[[], dict[str, float]]]] = [
        (case.name, n_frames, lambda case=case: measure(*follow(case, n_frames)))
        for case in make_cases(options.quick)
    ]
    for path in sorted(options.clips.iterdir()) if options.clips else ():
        if "no" not in path.stem.split("_"):
            todo.append((path.name, 0, lambda path=path: measure_clip(*watch(path))))
    for name, count, run in todo:
        if (name, count) not in done:
            rows.append({"program": program, "clip": name, "frames": count, **run()})
            print(
                {key: round(v, 4) if isinstance(v, float) else v for key, v in rows[-1].items()}, flush=True
            )
            options.output.parent.mkdir(exist_ok=True)
            pd.DataFrame(rows).round(4).to_csv(options.output, index=False, lineterminator="\n")
    print(pd.DataFrame(rows).round(3).drop(columns="program").to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
