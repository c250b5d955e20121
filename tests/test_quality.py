"""Quality: counts that add up, and warnings that name the reason."""

from dataclasses import replace

import numpy as np
import pytest

from enicfer.protocol import Pulses
from enicfer.quality import assess_quality, drift_text, find_warnings, summarise_alignment
from enicfer.records import Alignment, Status
from enicfer.sync import Evidence, align


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
    assert found["residual_rms"] == found["residual_max"] == 0.003
    assert found["n_unmatched_recording"] == 1
    assert found["max_uncertainty"] == 0.004
    (drift,) = found["drifts"]
    assert drift["camera_ppm"] == pytest.approx(-120, abs=0.1)  # the recording is fast, so the camera is slow
    assert drift_text(drift) == "-120.0 ± 0.0 ppm"
    assert drift_text({"camera_ppm": -120.4, "uncertainty_ppm": 3.4}) == "-120 ± 3 ppm"


VIDEO = np.arange(0, 60, 1 / 30)


def test_what_one_marker_does_not_measure_is_missing():
    evidence = Evidence(video_time=VIDEO, pulse_time=np.array([3.0]))
    found = summarise_alignment(align(evidence, Pulses(source="start", codes=("S 9",))), VIDEO)
    assert found["n_matched"] == 1
    assert found["residual_rms"] is found["residual_max"] is found["drift_ppm"] is None
    assert found["drifts"] == []
    assert found["max_uncertainty"] > 1 / 30


@pytest.mark.parametrize("n", [2, 3])
def test_a_line_through_all_of_its_anchors_has_no_residual(n):
    anchors = tuple((v, v * (1 - 120e-6) - 3) for v in np.linspace(5.0, 45.0, n).tolist())
    evidence = Evidence(video_time=VIDEO, pulse_time=np.empty(0))
    found = summarise_alignment(align(evidence, Pulses(source="anchors", anchors=anchors)), VIDEO)
    assert (found["residual_rms"] is None) == (n == 2)
    (drift,) = found["drifts"]
    assert drift["camera_ppm"] == pytest.approx(120, abs=0.1)
    assert drift["uncertainty_ppm"] > 1000


def test_without_a_frame_in_the_recording_no_uncertainty_is_stated():
    alignment = align(
        Evidence(video_time=VIDEO, pulse_time=np.array([3.0])), Pulses(source="start", codes=("S 9",))
    )
    assert summarise_alignment(alignment, np.empty(0))["max_uncertainty"] is None


def test_frames_outside_of_the_recording_count_for_nothing_whatever_they_show(make_run):
    run = make_run()
    status = run.expression.status.copy()
    outside = status == Status.OUTSIDE_RECORDING
    assert outside.any()
    status[outside] = Status.NO_FACE  # as where nobody sat there yet
    found = assess_quality(
        run.faces, replace(run.expression, status=status), run.alignment, run.time, run.segments, run.trials,
        run.recording.duration,
    )  # fmt: skip
    assert found["n_frames_inside"] == (~outside).sum()
    assert found["valid_fraction"] == run.quality["valid_fraction"]


def test_trials_are_counted_by_condition(make_run):
    run = make_run(n_trials=7)
    dominant = run.trials["fer_dominant"].astype(object)
    dominant[0] = None
    found = assess_quality(
        run.faces, run.expression, run.alignment, run.time, run.segments, run.trials.assign(fer_dominant=dominant),
        run.recording.duration,
    )  # fmt: skip
    assert list(found["conditions"]) == ["happy", "neutral"]
    assert [count["n_trials"] for count in found["conditions"].values()] == [4, 3]
    assert sum(count["n_trials_valid"] for count in found["conditions"].values()) == found["n_trials_valid"]
    assert found["conditions"]["happy"]["n_trials_valid"] < 4
