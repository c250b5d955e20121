"""Frames per second of the whole pipeline and of its stages, against decoding alone and against `fer`.

The shared clips are put one after the other, brought to each size (with bars, not stretched), given a sensor's grain
and coded as H.264: once with as few bits as the pictures need, and once with about as many as telephones write,
because the more bits, the longer decoding takes. Then every stage runs on the same files in turns, so that a machine
that slows down slows all of them:

- ``decode``: PyAV decodes and nothing else;
- ``faces``: decoding, finding and following faces; ``faces, yunet``: with the other detector, if it has weights;
- ``whole``: what ``enicfer trace`` does, every face of every frame classified; ``whole, 5 Hz``: at that rate;
- ``fer``: the package of that name on every frame, if it is installed.

Prints a Markdown table of medians, and writes it as CSV: frames/s, multiples of real time (30 frames/s), the share
of decoding's speed in the same round, and CPU seconds for a minute of video. Then start-up time and memory.

Of a short video the last part, which one thread watches alone, is a larger share. Rows of sizes that are not measured
stay in the CSV.

    python benchmarks/throughput.py FOLDER_OF_CLIPS [--frames 1800] [--rounds 5] [--threads 1 2] [--yunet FILE]
        [--sizes 1280 640]
"""

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd

from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Quality
from enicfer.errors import EnicferError
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.observe import LoadedModels, load_models, observe_video

RESULTS = Path(__file__).parent / "results" / "throughput.csv"
RATE = 30
GRAIN = 3.0  # standard deviation, of 255
# Width, height, and bits per second of a telephone's camera: 60 MB and 15 MB a minute.
SIZES = ((1280, 720, 8_000_000), (640, 480, 2_000_000))
START_UP = (
    "import enicfer; from enicfer.pipeline.observe import load_models; from enicfer.config.protocol import Quality; "
    + ("load_models(ProcessingOptions(), Quality())")
)
Stage = Callable[[Path, int], int]


def write_scaled(
    clips: list[Path], path: Path, size: tuple[int, int], n_frames: int, bit_rate: int | None = None
) -> None:
    """All clips in turn, as often as needed for ``n_frames``, within ``size``; at a constant quality or bit rate."""
    pictures = chain.from_iterable(_pictures(clip, size) for clip in cycle(clips))
    with av.open(str(path), "w") as container:
        quality = {"crf": "23"} if bit_rate is None else {}
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "medium", **quality})
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        rng = np.random.default_rng(0)
        grain = rng.normal(0, GRAIN, (16, size[1], size[0], 1))
        for picture in islice(pictures, n_frames):
            picture = np.clip(picture + grain[rng.integers(16)], 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def _pictures(clip: Path, size: tuple[int, int]) -> Iterator[np.ndarray]:
    import cv2

    for frame in read_frames(clip):
        scale = min(size[0] / frame.width, size[1] / frame.height)
        width, height = round(frame.width * scale), round(frame.height * scale)
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        picture[top : top + height, left : left + width] = cv2.resize(frame.bgr(), (width, height))
        yield picture


def decode(path: Path, threads: int) -> int:
    """Decode with PyAV and nothing else."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        return sum(1 for _ in container.decode(stream))


def follow_faces(tools: LoadedModels, detector: Any) -> Stage:
    """Stage that finds and follows faces."""

    def run(path: Path, threads: int) -> int:
        observer = FaceObserver(detector, tools.quality, tools.model.input_size, tools.model.channels)
        n = sum(1 for frame in read_frames(path, threads) if observer.observe(frame) is not None)
        observer.finish()
        return n

    return run


def trace(tools: LoadedModels) -> Stage:
    """Stage that does everything."""
    return lambda path, threads: observe_video((path,), tools, None, None, threads).faces.status.size


def use_fer() -> Stage:
    """Stage that gives every frame to the package ``fer``, with its default detector."""
    try:
        from fer.fer import FER
    except ImportError:
        from fer import FER
    classifier = FER()

    def run(path: Path, threads: int) -> int:
        n = 0
        for n, frame in enumerate(read_frames(path, threads), 1):  # noqa: B007
            classifier.detect_emotions(frame.bgr())
        return n

    return run


def make_stages(yunet: Path | None) -> dict[str, Stage]:
    """The stages by name."""
    from dataclasses import replace

    tools = load_models(ProcessingOptions(), Quality())
    stages = {"decode": decode, "faces": follow_faces(tools, tools.detector)}
    whole = {"whole": trace(tools), "whole, 5 Hz": trace(replace(tools, analysis_rate=5.0))}
    try:
        other = load_detector("yunet", yunet)
        stages["faces, yunet"] = follow_faces(tools, other)
        whole["whole, yunet"] = trace(replace(tools, detector=other))
    except EnicferError as error:
        print(f"Without YuNet: {error}", file=sys.stderr)
    stages |= whole
    if importlib.util.find_spec("fer"):
        stages["fer"] = use_fer()
    return stages


def measure(stage: Stage, path: Path, threads: int) -> tuple[float, float]:
    """Frames per second, and CPU seconds per frame (of all threads)."""
    import torch

    torch.set_num_threads(threads)
    wall, cpu = time.perf_counter(), time.process_time()
    n = stage(path, threads)
    return n / (time.perf_counter() - wall), (time.process_time() - cpu) / n


def compare(path: Path, stages: dict[str, Stage], threads: int, rounds: int) -> list[dict[str, Any]]:
    """Run all stages in turns; one row of medians each. A round that is not counted goes first."""
    speed: dict[str, list[float]] = {name: [] for name in stages}
    cost: dict[str, list[float]] = {name: [] for name in stages}
    for turn in range(rounds + 1):
        for name, stage in stages.items():
            if turn > 1 and name == "fer":  # as slow as it is, two rounds are enough
                continue
            fps, cpu = measure(stage, path, threads)
            if turn or name == "fer":
                speed[name].append(fps)
                cost[name].append(cpu)
    alone = np.array(speed["decode"])
    return [
        {
            "stage": name,
            "threads": threads,
            "frames_per_s": round(float(np.median(fps)), 1),
            "real_time": round(float(np.median(fps)) / RATE, 2),
            "of_decode": round(float(np.median(np.array(fps) / alone[: len(fps)])), 3),
            "cpu_s_per_minute": round(60 * RATE * float(np.median(cost[name])), 2),
        }
        for name, fps in speed.items()
    ]


def to_markdown(table: pd.DataFrame) -> str:
    """The table in Markdown."""
    rows = [table.columns, ["---"] * table.shape[1], *table.astype(str).to_numpy()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def time_start_up() -> float:
    """Seconds until a new process has imported everything and loaded the models."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", START_UP], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", type=int, default=1800)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--yunet", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[size[0] for size in SIZES], help="widths")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    clips = sorted(p for p in options.clips.iterdir() if p.suffix in (".mkv", ".mp4", ".mov"))
    stages = make_stages(options.yunet)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for width, height, camera in (size for size in SIZES if size[0] in options.sizes):
            for bit_rate in (None, camera):
                path = Path(folder) / f"{width}-{bit_rate}.mp4"
                write_scaled(clips, path, (width, height), options.frames, bit_rate)
                mbit = round(path.stat().st_size * 8e-6 / options.frames * RATE, 1)
                for threads in options.threads:
                    found = compare(path, stages, threads, options.rounds)
                    clip = {"size": f"{width} x {height}", "mbit_per_s": mbit, "frames": options.frames}
                    rows += [{**clip, **row} for row in found]
                    print(to_markdown(pd.DataFrame(rows[-len(found) :])), flush=True)
    options.output.parent.mkdir(exist_ok=True)
    table = pd.DataFrame(rows)
    if options.output.exists():
        before = pd.read_csv(options.output)
        table = pd.concat([before[~before["size"].isin(table["size"])], table], ignore_index=True)
    table.to_csv(options.output, index=False, lineterminator="\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(f"\nStart-up {time_start_up():.1f} s, highest resident memory {peak:.0f} MB.")


if __name__ == "__main__":
    main()
