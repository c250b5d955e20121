"""The figure of the page on the two clocks, made by the program itself from simulated pulses."""

from pathlib import Path

import matplotlib
import numpy as np

from enicfer.config.protocol import Pulses
from enicfer.sync import Evidence, align

SLOPE, OFFSET = 1 - 200e-6, 20.0  # the recording's time at a video time: the truth


def draw_clocks(path: Path) -> None:
    """Write the figure as SVG."""
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(4)
    end = np.cumsum(1 / 30 * (1 + rng.uniform(-0.1, 0.1, 9000)))
    interval = np.diff(end, prepend=0.0)
    pulses = 20 + np.cumsum(rng.uniform(6, 14, 25))
    filmed, recorded = pulses[rng.random(25) > 0.1], pulses[rng.random(25) > 0.15]
    lit = np.zeros(end.size)
    for onset in filmed:
        light = np.minimum(end, onset + 0.2) - np.maximum(end - interval, onset)
        lit = np.maximum(lit, np.clip(light / interval, 0, 1))
    brightness = 60 + 120 * lit + rng.normal(0, 2, end.size)
    times = np.round(np.sort(np.r_[SLOPE * recorded + OFFSET, rng.uniform(20, 300, 2)]), 3)
    found = align(Evidence(end, times, brightness=brightness), Pulses(source="led"))

    with plt.rc_context({"svg.hashsalt": "enicfer", "font.size": 9}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
        left.plot(end, found.time(end), color="#0072B2", label="alignment")
        left.plot(
            found.pulse_video_time, found.pulse_time, "o", color="black", markersize=4, label="matched pulses"
        )
        for one in found.unmatched_video:
            left.axvline(one, color="#D55E00", linewidth=0.8)
        for one in found.unmatched_recording:
            left.axhline(one, color="#E69F00", linewidth=0.8)
        left.set(xlabel="video time in s", ylabel="recording's time in s", title="Pulses on both clocks")
        left.plot([], [], color="#D55E00", label="only the camera saw it")
        left.plot([], [], color="#E69F00", label="only the recording has it")
        left.legend(fontsize=7)
        bound = 1000 * found.uncertainty(end)
        right.fill_between(end, -bound, bound, color="#56B4E9", alpha=0.4, label="95 % bound")
        right.plot(end, 1000 * (found.time(end) - SLOPE * end - OFFSET), color="#D55E00", label="true error")
        right.set(xlabel="video time in s", ylabel="ms", title="How sure the time is")
        right.legend(fontsize=7)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
