"""Quality: counts that add up, and warnings that name the reason."""

import numpy as np
import pandas as pd

from enicfer.quality import find_warnings, summarise_alignment
from enicfer.records import Alignment, Status


def quality(**changes):
    status = {s.label: 0 for s in Status}
    status["ok"] = 100
    found = {"n_frames": 100, "status": status, "valid_fraction": 1.0, "n_trials": 4, "n_trials_valid": 4}
    return found | changes


def test_a_good_run_has_no_warnings():
    assert find_warnings(quality(), 0.5) == []


def test_no_face_at_all_is_said_by_the_face_track_alone():
    status = {s.label: 0 for s in Status} | {"no_face": 100}
    nothing = quality(status=status, valid_fraction=0.0, n_trials=0, n_trials_valid=0)
    assert find_warnings(nothing, 0.5) == []


def test_reasons_are_named():
    status = {s.label: 0 for s in Status} | {"ok": 20, "pose": 50, "undecodable": 30}
    texts = find_warnings(quality(status=status, valid_fraction=0.2, n_trials_valid=1), 0.5)
    assert any("pose 50" in text for text in texts)
    assert any("3 of 4 trials" in text for text in texts)


def test_alignment_in_numbers():
    one = np.ones(1)
    alignment = Alignment(
        -np.inf * one, 0 * one, 1.000120 * one, 3 * one, np.zeros((1, 3)), one, 0.004 * one,
        np.arange(3.0), np.arange(3.0), np.array([0.003, -0.003, 0.003]), np.empty(0), np.array([9.0]), "led",
    )  # fmt: skip
    found = summarise_alignment(alignment, np.arange(10.0))
    assert found["drift_ppm"] == 120.0
    assert found["residual_rms"] == 0.003
    assert found["n_unmatched_recording"] == 1
    assert found["max_uncertainty"] == 0.004
    assert pd.isna(found["drift_ppm"]) is False
