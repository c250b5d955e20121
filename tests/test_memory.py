"""Memory does not grow with the length of the video, but for a small row a frame."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from benchmarks.memory import repeat_clip, write_clip
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Pulses, Quality
from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.detectors import load_detector
from enicfer.faces.observe import FaceObserver
from enicfer.faces.rows import Signatures
from enicfer.io.video.brightness import GRID
from enicfer.io.video.parts import cut_recording
from enicfer.pipeline.observe import load_models, observe_video
from tests.thorough import only_thorough

THRICE = """
import resource, sys
from enicfer.pipeline.process import trace_video
for video in sys.argv[1:]:
    faces, trace = trace_video(video)
    print(trace.status.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.slow
def test_a_longer_video_takes_no_more_memory(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv")
    short, long = (repeat_clip(clip, tmp_path / f"{n}.mkv", n) for n in (20, 120))
    root = Path(__file__).parents[1]
    out = subprocess.run(
        [sys.executable, "-c", THRICE, str(short), str(short), str(long)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        timeout=300,
    )
    # The second time everything is loaded and every buffer has its size.
    _, (few, before), (many, after) = (map(int, line.split()) for line in out.stdout.splitlines())
    assert (few, many) == (600, 3600)
    # What threads leave behind must not lie between what they use again: that once grew by 290 MB here, and 3,000
    # pictures of 192 x 144 would be 250 MB in colour.
    assert after - before < 10_000


@only_thorough
def test_what_may_show_an_led_does_not_wait_in_memory(tmp_path):
    """A grid is 3 kB a frame: all of them would be 650 MB for two hours."""
    video = repeat_clip(write_clip(tmp_path / "clip.mkv"), tmp_path / "long.mkv", 60)
    assert len(cut_recording([video])) >= 10
    tools = load_models(ProcessingOptions(), Quality())
    peaks = []
    for pulses in (None, Pulses("led", region="auto")):
        tracemalloc.start()
        try:
            seen = observe_video((video,), tools, pulses, threads=1)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert seen.brightness.nbytes == 1800 * np.prod(GRID)
    assert peaks[1] - peaks[0] < seen.brightness.nbytes / 4


def test_what_is_kept_of_hours_is_small():
    """The peak of the last step, in bytes a frame: two hours must stay below 100 MB."""
    observer = FaceObserver(load_detector())
    rng = np.random.default_rng(0)
    signature = rng.integers(60, 200, SIGNATURE).astype(np.uint8)
    box = np.array([200, 100, 300, 220], np.float32)
    landmarks = np.array([[230, 150], [270, 150], [250, 175], [235, 195], [265, 195]], np.float32)
    for i in range(40_000):
        observer._frames.append((i / 30, True, 1, (640, 480)))
        observer._rows.append((i, i // 3000, box, landmarks, 0.9, 60.0, 100.0, 0.0))
        observer._signatures.append(signature + np.uint8(i % 5))
    observer._size = (640, 480)
    tracemalloc.start()
    try:
        track, _ = observer.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert track.status.size == 40_000
    fixed = 40e6  # blocks of constant size
    assert (peak - fixed) / 40_000 < 300


def test_signatures_come_back_from_their_file():
    rng = np.random.default_rng(1)
    known = rng.integers(0, 256, (10_000, SIGNATURE)).astype(np.uint8)
    kept = Signatures()
    for row in known:
        kept.append(row)
    index = rng.choice(10_000, 5000, replace=False)
    np.testing.assert_array_equal(kept[index], known[index])
    np.testing.assert_array_equal(kept[::7], known[::7])
    some = kept.select(np.sort(index))
    np.testing.assert_array_equal(some[100:300], known[np.sort(index)][100:300])
    np.testing.assert_array_equal(some.select(np.array([3, 1]))[:], known[np.sort(index)[[3, 1]]])
    group = rng.integers(0, 9, 10_000)
    expected = [known[group == i].mean(axis=0) for i in range(9)]
    np.testing.assert_allclose(kept.mean_of(group, 9), expected)
    kept.append(known[0])
    assert len(kept) == 10_001 and (kept[10_000:] == known[:1]).all()
