"""
A face detector of your own
===========================

A detector is a class with one method. This one brightens dark pictures before it looks; yours may call any
network. It is compared with the default on the same frames, and then used for a whole video.
"""

# slow: 60 s

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import enicfer
from enicfer.faces.detectors import DETECTORS, load_detector
from enicfer.faces.detectors.files import FILES
from enicfer.io.video.reader import read_frames
from enicfer.synthetic import SyntheticScene

folder = Path("short-session")
if not folder.exists():
    scene = SyntheticScene(trials_per_condition=1, absences=(1.5,), visits=1)
    enicfer.write_example_session(folder, modality="eeg", seed=0, scene=scene)


# %%
# The class
# ---------
# ``detect`` takes a picture (height, width, 3), blue-green-red, and gives boxes, five landmarks and scores.
# Several threads may ask at once.
class Brightening:
    """CenterFace on pictures whose grey values are raised."""

    name = "brightening"
    long_side = 320
    region_side = 80

    def __init__(self, weights=None, min_score=0.35, threads=1):
        self._inner = load_detector("centerface", min_score=min_score, threads=threads)
        self._table = np.round(255 * (np.arange(256) / 255) ** 0.4).astype(np.uint8)

    def detect(self, bgr):
        """Find the faces of a picture."""
        return self._inner.detect(self._table[bgr])


# %%
# Make it known
# -------------
# Two entries: how it is made, and which files of weights it reads (none of its own here), so that results
# know what they depend on.
DETECTORS["brightening"] = Brightening
FILES["brightening"] = lambda weights: {}

# %%
# The two on the same frames, as they are and with little light
# -------------------------------------------------------------
frames = [np.array(frame.bgr()) for i, frame in enumerate(read_frames(folder / "camera.mp4")) if i % 25 == 0]
light = [1.0, 0.1, 0.03, 0.02, 0.01, 0.005]
found = {name: [] for name in ("centerface", "brightening")}
rng = np.random.default_rng(0)
for part in light:
    dark = [
        np.clip(frame * part + rng.normal(0, 1, frame.shape), 0, 255).astype(np.uint8) for frame in frames
    ]
    for name, counts in found.items():
        detector = load_detector(name)
        counts.append(np.mean([len(detector.detect(picture[::2, ::2])) > 0 for picture in dark]))
figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for (name, counts), marker in zip(found.items(), "os", strict=True):
    ax.semilogx(light, counts, marker=marker, label=name, color={"o": "#0072B2", "s": "#E69F00"}[marker])
ax.set(
    title="Frames with a face, by the light",
    xlabel="part of the light",
    ylabel="fraction",
    ylim=(-0.05, 1.05),
)
ax.legend()

# %%
# A whole video
# -------------
# Every result names its detector.
options = enicfer.ProcessingOptions(detector="brightening", overwrite=True)
result = enicfer.process_session(folder, options, output="with-own-detector")
print(
    result.runs[0].provenance.detector, f"{result.runs[0].quality.valid_fraction:.0%} of the frames are valid"
)
