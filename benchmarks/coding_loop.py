"""The whole loop of coding with coders made up, again and again, and whether the classifier's accuracy is found.

    python benchmarks/coding_loop.py --seeds 100 --jobs 2

Eight children, each with a video and the results of a classifier. In each seed the truth is drawn anew: children
and expressions differ in how often the classifier is right. Then frames are drawn (`sample`), two coders code all of
them, and one person decides where they disagree, all by what the server of `enicfer code` stores with. Coders err by
expression and by child, and mistake an expression for its neighbour most of the time. `manifest` cuts the faces out,
and the numbers are those of `evaluate`, for a model that answers what the classifier said.

Two truths are known here: the accuracy over all valid frames of these children, and that over children in general,
of whom these are a sample. Written to ``benchmarks/results/coding_loop.csv`` is in how many seeds each is within the
interval of 95 % that is for it, with the mean error and the mean widths.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from enicfer.coding import desk, manifest, rated, sampling, serve
from enicfer.coding.manifest import write_manifest
from enicfer.coding.plan import read_plan
from enicfer.coding.sampling import SamplingOptions, sample_frames
from enicfer.coding.serve import CodingTask, open_desk
from enicfer.export.bids import write_run
from enicfer.expressions import FIVE
from enicfer.io.results import read_run
from enicfer.io.video.reader import read_frames
from enicfer.models.pictures import Pictures
from enicfer.pipeline.provenance import hash_file
from enicfer.records import FloatArray
from enicfer.review.study import Study
from enicfer.training.datasets import read_dataset
from enicfer.training.evaluation import evaluate_model
from tests.factory import make_run
from tests.numbered import SIZE, write

RESULTS = Path(__file__).with_name("results") / "coding_loop.csv"
CHILDREN, FRAMES = 8, 750
OPTIONS = SamplingOptions(n=240, distance=0.3)
BLOCK = 12  # frames in a row with one truth
ABLE = (14.0, 6.0)  # beta distribution of how often the classifier is right in a child
LABELS = tuple(str(label) for label in FIVE)
NEIGHBOUR = {"angry": "sad", "fearful": "angry", "sad": "neutral", "neutral": "sad", "happy": "neutral"}
ERROR = {
    "angry": 0.2,
    "fearful": 0.25,
    "sad": 0.2,
    "neutral": 0.1,
    "happy": 0.04,
}  # of a coder, by the true expression
CANNOT = 0.03  # of the faces, for each coder


@dataclass(frozen=True)
class Found:
    """What one seed gave."""

    seed: int
    truth: float
    general: float
    estimate: float
    low: float
    high: float
    general_low: float
    general_high: float

    @property
    def covers(self) -> bool:
        """Whether the accuracy over these children's frames is within the interval."""
        return self.low <= self.truth <= self.high

    @property
    def covers_in_general(self) -> bool:
        """Whether that over children in general is."""
        return self.general_low <= self.general <= self.general_high


def film_children(folder: Path) -> Path:
    """Children with a video each, and the results of a classifier, in ``folder/lab``."""
    video = write(folder / "clip.mkv", FRAMES, options={"preset": "ultrafast", "x264-params": "keyint=25"})
    times = np.array([frame.video_time for frame in read_frames(video)])
    for number in range(1, CHILDREN + 1):
        place = folder / "lab" / f"s{number}"
        place.mkdir(parents=True)
        shutil.copy(video, place / "camera.mkv")
        entities = {"sub": f"{number:02}", "ses": "1", "task": "faces"}
        run = make_run(seconds=40.0, n_trials=12, seed=number, entities=entities)
        faces, expression = run.faces, run.expression
        parts = ("landmarks", "score", "status", "n_faces")
        run = replace(
            run,
            faces=replace(
                faces,
                video_time=times,
                box=np.tile(np.array([0, 0, *SIZE], np.float32), (FRAMES, 1)),
                measures={name: values[:FRAMES] for name, values in faces.measures.items()},
                **{part: getattr(faces, part)[:FRAMES] for part in parts},
            ),
            expression=replace(
                expression,
                video_time=times,
                probability=expression.probability[:FRAMES],
                status=expression.status[:FRAMES],
            ),
            time=run.alignment.time(times),
            quality=replace(run.quality, n_frames=FRAMES),
            provenance=replace(run.provenance, inputs={"camera.mkv": hash_file(place / "camera.mkv")}),
        )
        output = place / "derivatives" / "enicfer"
        write_run(output, run)
        (output / "dataset_description.json").write_text("{}", encoding="utf-8")
    video.unlink()
    return folder / "lab"


def draw_truth(
    said: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Run -> true expression of each frame where the classifier said ``said``, alike for `BLOCK` frames.

    Also expression that the classifier says -> how often it is right then in children in general.
    """
    ease = dict(zip(LABELS, rng.uniform(-0.15, 0.15, len(LABELS)), strict=True))
    truth = {}
    for name, own in said.items():
        child = rng.beta(*ABLE)
        states = rng.random(-(-own.size // BLOCK)).repeat(BLOCK)[: own.size]
        others = rng.integers(1, len(LABELS), -(-own.size // BLOCK)).repeat(BLOCK)[: own.size]
        right = states < np.array([child + ease[label] for label in own])
        codes = np.array([LABELS.index(label) for label in own])
        codes = np.where(right, codes, (codes + others) % len(LABELS))
        truth[name] = np.array(LABELS, object)[codes]
    many = stats.beta.ppf((np.arange(2000) + 0.5) / 2000, *ABLE)
    return truth, {label: float(np.minimum(many + more, 1).mean()) for label, more in ease.items()}


class MadeUpCoder:
    """Sees the truth, and errs by expression and child."""

    def __init__(self, rng: np.random.Generator, runs: Mapping[str, np.ndarray], more: float = 1.0) -> None:
        self.rng, self.truth = rng, runs
        self.child = {name: more * rng.uniform(0.5, 1.5) for name in runs}

    def look(self, run: str, frame: int) -> dict[str, str]:
        """What is said of a face."""
        true = self.truth[run][frame]
        if self.rng.random() < CANNOT:
            return {"reason": "blurred"}
        if self.rng.random() >= ERROR[true] * self.child[run]:
            return {"category": true}
        others = [label for label in LABELS if label != true]
        near = self.rng.random() < 0.6
        return {"category": NEIGHBOUR[true] if near else others[self.rng.integers(len(others))]}


class Repeater:
    """A model that answers what the classifier said of each frame."""

    name, temperature, labels = "classifier", 1.0, LABELS
    pictures, metadata = Pictures(), {}

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers

    def logits(self, image: np.ndarray, flip: bool) -> FloatArray:
        """One for the answer, 0 for all others."""
        return np.eye(len(LABELS))[self.answers]


def code(lab: Path, coder: str, look: Any, **task: Any) -> None:
    """Code all that a coder is asked, with what the server stores with."""
    asked, _ = open_desk([lab], CodingTask(coder, **task), lambda text: None)
    for item in asked.items.values():
        asked.store(item, look(item.run.name, item.number))


def try_seed(lab: Path, folder: Path, seed: int) -> Found:
    """The loop once, from the plan to the numbers of `evaluate`."""
    rng = np.random.default_rng(seed)
    results = {run.name: read_run(run.frames) for run in Study([lab]).runs.values()}
    said = {
        name: np.array(LABELS, object)[np.nan_to_num(one.expression.probability).argmax(axis=1)]
        for name, one in results.items()
    }
    truth, general = draw_truth(said, rng)
    valid = {name: one.expression.ok for name, one in results.items()}
    right = np.concatenate([(said[name] == truth[name])[valid[name]] for name in said])
    expected = np.mean([general[label] for name in said for label in said[name][valid[name]]])
    for old in lab.rglob("codings"):
        shutil.rmtree(old)
    plan = folder / "plan.json"
    sample_frames([lab], replace(OPTIONS, seed=seed), output=plan, overwrite=True)
    for name in ("Anna", "Ben"):
        code(lab, name, MadeUpCoder(rng, truth).look, plan=plan)
    code(lab, "Cleo", MadeUpCoder(rng, truth, more=0.3).look, mode="adjudicate")
    made = write_manifest([lab], folder / "crops", plan=plan, overwrite=(folder / "crops").exists())
    faces = read_dataset(made.folder / "manifest.csv", "manifest")
    answers = []
    for file in faces.file.tolist():
        name, _, frame = Path(file).stem.rpartition("_frame-")
        answers.append(LABELS.index(said[name][int(frame)]))
    summary = evaluate_model(Repeater(answers), faces).summary
    names = ("frames", "frames_low", "frames_high", "children_low", "children_high")
    numbers = [float(summary[f"accuracy_all_{name}"]) for name in names]
    assert read_plan(plan).population == right.size
    return Found(seed, float(right.mean()), float(expected), *numbers)


def read_once() -> None:
    """Let the results of a run, which are the same in every seed, be read once."""
    kept = cache(read_run)
    for module in (desk, manifest, rated, sampling, serve):
        module.read_run = kept  # type: ignore[attr-defined]


def try_seeds(folder: Path, seeds: range) -> list[Found]:
    """The loop with each of these seeds, in a copy of the study of its own."""
    read_once()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        lab = Path(shutil.copytree(folder / "lab", Path(place) / "lab"))
        found = []
        for seed in seeds:
            found.append(try_seed(lab, Path(place), seed))
            print(found[-1], found[-1].covers, flush=True)
        return found


def summarize(found: list[Found]) -> list[tuple[str, float]]:
    """The numbers that are written."""
    errors = np.array([one.estimate - one.truth for one in found])
    return [
        ("seeds", len(found)),
        ("accuracy over all valid frames within the interval", sum(one.covers for one in found)),
        ("accuracy in children in general within the interval", sum(one.covers_in_general for one in found)),
        ("mean error", round(float(errors.mean()), 4)),
        ("standard deviation of the error", round(float(errors.std()), 4)),
        ("mean width of the first interval", round(float(np.mean([one.high - one.low for one in found])), 4)),
        (
            "mean width of the second interval",
            round(float(np.mean([one.general_high - one.general_low for one in found])), 4),
        ),
    ]


def main() -> None:
    """Try the seeds, and write what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    parts = [range(first, asked.seeds, asked.jobs) for first in range(asked.jobs)]
    with tempfile.TemporaryDirectory() as place, ProcessPoolExecutor(asked.jobs) as pool:
        film_children(Path(place))
        found = [one for part in pool.map(partial(try_seeds, Path(place)), parts) for one in part]
    rows = summarize(sorted(found, key=lambda one: one.seed))
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("measure", "value"), *rows])
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
