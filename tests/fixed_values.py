"""Write what fixed arrays give to a file: ``python tests/fixed_values.py FILE``.

Probabilities of the shipped classifier, an LED's onsets, the relation of the clocks, and the trials of a made-up run.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from enicfer.models.classifier import load_model
from enicfer.sync.led import find_led_onsets
from tests.factory import make_run


def main(path: str) -> None:
    """Compute all and write it."""
    rng = np.random.default_rng(5)
    classifier = load_model()
    size = classifier.input_size
    y, x = np.mgrid[:size, :size] / size
    smooth = [128 + 100 * np.sin(a * x + b) * np.cos(c * y) for a, b, c in rng.uniform(1, 9, (24, 3))]
    crops = np.concatenate([np.array(smooth), rng.uniform(0, 255, (8, size, size))]).astype(np.uint8)
    run = make_run(seed=3)
    frames = np.arange(0, 60, 1 / 30)
    lit = (np.sin(frames * 2.1) + np.sin(frames * 0.83) > 0.9).astype(float)
    onsets = find_led_onsets(frames, 40 + 150 * lit + rng.normal(0, 1, frames.size))
    np.savez(
        path,
        probability=classifier.predict(crops),
        relation=[run.alignment.time(np.array([0.0]))[0], run.alignment.time(np.array([60.0]))[0]],
        time=run.time,
        onsets=onsets.time,
        trials=run.trials.select_dtypes("number").to_numpy(),
    )


if __name__ == "__main__":
    main(sys.argv[1])
