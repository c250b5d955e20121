"""What the face detectors cost, and what following faces costs with each of them.

Prints CPU milliseconds, medians over interleaved repetitions: one pass over the whole picture (scaled down to
the detector's size), one over a region, and `FaceObserver` per frame of a clip, with the share of frames in
which the whole picture was searched. The clip is decoded before.

    python benchmarks/detectors.py VIDEO [--yunet FILE] [--repeat N]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from enicfer.faces.detectors import Detector, load_detector
from enicfer.faces.observe import FULL_EVERY, FaceObserver
from enicfer.io.video.frame import Frame
from enicfer.io.video.reader import read_frames


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call in this thread."""
    start = time.thread_time()
    work()
    return 1e3 * (time.thread_time() - start)


def observe(detector: Detector, frames: list[Frame], full_every: int) -> FaceObserver:
    """Follow the faces of a clip."""
    observer = FaceObserver(detector, full_every=full_every)
    for frame in frames:
        observer.observe(frame)
    observer.finish()
    return observer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--yunet", type=Path)
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    frames = list(read_frames(options.video, threads=1))
    for frame in frames:
        frame.gray()
    detectors = [load_detector()] + ([load_detector("yunet", options.yunet)] if options.yunet else [])
    shares: dict[str, float] = {}
    costs: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.repeat):
        for detector in detectors:
            whole = frames[0].bgr(detector.long_side)
            region = np.ascontiguousarray(whole[: detector.region_side, : detector.region_side])
            todo: dict[str, Callable[[], object]] = {
                "whole picture": lambda d=detector, p=whole: d.detect(p),  # type: ignore[misc]
                "region": lambda d=detector, p=region: d.detect(p),  # type: ignore[misc]
            }
            for name, work in todo.items():
                costs.setdefault((detector.name, name), []).append(milliseconds(work))
            for every in (1, FULL_EVERY):
                start = time.thread_time()
                observer = observe(detector, frames, every)
                spent = 1e3 * (time.thread_time() - start) / len(frames)
                costs.setdefault((detector.name, f"observer, search every {every}"), []).append(spent)
                shares[f"{detector.name} {every}"] = observer.searches / len(frames)
    print(f"{options.video.name}: {len(frames)} frames, {frames[0].width} x {frames[0].height}")
    for (detector_name, name), values in costs.items():
        print(f"{detector_name:12} {name:26} {np.median(values):7.2f} ms")
    for name, share in shares.items():
        print(f"pictures searched for new faces, {name}: {share:.2f} a frame")


if __name__ == "__main__":
    main()
