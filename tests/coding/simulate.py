"""Coders made up for a study: each sees a true category and errs as often as is said."""

import numpy as np

from enicfer.coding.store import write_codings
from enicfer.config.codebook import read_codebook
from enicfer.io.results import read_run
from enicfer.review.study import Study

BOOK = read_codebook("expressions")


_READ = {}  # run -> its result, which is the same in every copy of the study


def runs_of(folder):
    """The runs of a study with their results, by name."""
    found = sorted(Study([folder]).runs.values(), key=lambda one: one.name)
    for run in found:
        if run.name not in _READ:
            _READ[run.name] = read_run(run.frames)
    return [(run, _READ[run.name]) for run in found]


def write_frames(folder, coder, codes, **further):
    """Codes of frames: run's place -> frame -> category, or the reason for none behind ``!``."""
    for place, (run, result) in enumerate(runs_of(folder)):
        contents = [
            {"kind": "frame", "frame": int(frame), **_said(said), **further}
            for frame, said in codes.get(place, {}).items()
        ]
        if contents:
            write_codings(run, result, coder, BOOK, contents)


def _said(said):
    return {"reason": said[1:]} if said.startswith("!") else {"category": said}


def draw_frames(folder, n, error, seed, truth_seed=0, start=150):
    """Codes of ``n`` frames of each run: the same truth for all, errors of this coder."""
    rng = np.random.default_rng(seed)
    found = {}
    for place in range(len(runs_of(folder))):
        truth = np.random.default_rng((truth_seed, place)).integers(0, 3, n)
        wrong = rng.random(n) < error
        codes = np.where(wrong, (truth + rng.integers(1, 3, n)) % 3, truth)
        found[place] = {start + 3 * i: ("happy", "sad", "neutral")[c] for i, c in enumerate(codes)}
    return found
