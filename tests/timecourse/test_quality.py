"""Quality: counts that add up, and warnings that name the reason."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from enicfer.config.protocol import Protocol, Pulses, Trial
from enicfer.records import (
    Alignment,
    ClockQuality,
    Drift,
    Modality,
    RunQuality,
    Status,
    VideoHoles,
    select_frames,
)
from enicfer.sync import Evidence, align
from enicfer.timecourse.quality import (
    assess_quality,
    drift_text,
    find_holes,
    find_warnings,
    summarise_alignment,
)
from enicfer.timecourse.trials import build_trials, summarise_trials

CLOCK = ClockQuality("led", 3, 0, 0, 0.001, 0.002, 0.0, (), 0.004)
GOOD = RunQuality(
    100, {s.label: 100 * (s is Status.OK) for s in Status}, 100, 1.0, 30.0, 120.0, 0.0, VideoHoles(0, 0.0, 0.0, None),
    4, 4, {}, {}, {}, CLOCK,
)  # fmt: skip


def quality(**changes):
    return replace(GOOD, **changes)


def test_a_good_run_has_no_warnings():
    assert find_warnings(quality(), 0.5) == []


def test_no_face_at_all_is_said_by_the_face_track_alone():
    status = {s.label: 0 for s in Status} | {"no_face": 100}
    nothing = quality(status=status, valid_fraction=0.0, n_trials=0, n_trials_valid=0)
    assert find_warnings(nothing, 0.5) == []


def test_reasons_are_named():
    status = {s.label: 0 for s in Status} | {"ok": 20, "pose": 50, "undecodable": 30}
    lost = {"pose": 2, "no_video": 1}
    texts = find_warnings(quality(status=status, valid_fraction=0.2, n_trials_valid=1, trials_lost=lost), 0.5)
    assert any("pose 50" in text for text in texts)
    assert any(
        "3 of 4 trials" in text and "(pose 2, no_video 1; no_video: the video has" in text for text in texts
    )


def test_trials_without_video_are_not_blamed_on_the_face(make_run):
    """A recording that goes on after the camera: the face was seen in every frame that there is."""
    run = make_run()
    end = float(np.nanmax(run.time))
    protocol = Protocol("p", "", Modality.EEG, {"a": "a"}, Trial((0.0, 2.0)))
    onsets = np.array([10.0, end - 0.5, end + 5, end + 9])
    trials = build_trials(pd.DataFrame({"onset": onsets, "code": "a"}), protocol, "log")
    trace = replace(run.expression, status=np.zeros_like(run.expression.status))
    trace = replace(trace, probability=np.full_like(trace.probability, 0.2))
    table = summarise_trials(trials, run.time, trace, run.alignment, protocol.trial)
    found = assess_quality(run.faces, trace, run.alignment, run.time, run.segments, table, end + 20)
    assert found.trials_lost == {"no_video": 3} and found.n_trials_valid == 1
    (text,) = (text for text in find_warnings(found, 0.5) if "trials" in text)
    assert "valid frames" not in text and "the video has no frames there" in text


def test_a_hole_in_the_video_is_measured_and_said():
    """30 frames a second with one frame missing at 2 s, half a second at 5 s and 0.2 s at 8 s."""
    time = np.arange(300) / 30
    gone = (np.arange(300) == 60) | ((time >= 5) & (time < 5.5)) | ((time >= 8) & (time < 8.2))
    holes = find_holes(time[~gone])
    assert holes.count == 2
    assert holes.total == pytest.approx(0.7, abs=1e-3)
    assert holes.longest == pytest.approx(0.5, abs=1e-3)
    assert holes.longest_start == pytest.approx(5 - 0.5 / 30, abs=1e-3)
    (text,) = find_warnings(quality(video_holes=holes), 0.5)
    assert "0.70 s in 2 places, the longest 0.50 s from 4.98 s" in text
    assert find_holes(time[np.arange(300) != 60]).count == find_holes(time[:1]).count == 0


def test_alignment_in_numbers():
    one = np.ones(1)
    alignment = Alignment(
        -np.inf * one, 0 * one, 1.000120 * one, 3 * one, np.zeros((1, 3)), one, 0.004 * one,
        np.arange(3.0), np.arange(3.0), np.array([0.003, -0.003, 0.003]), np.empty(0), np.array([9.0]), "led",
    )  # fmt: skip
    found = summarise_alignment(alignment, np.arange(10.0))
    assert found.drift_ppm == pytest.approx(-120.0, abs=0.1)
    assert found.residual_rms == found.residual_max == 0.003
    assert found.n_unmatched_recording == 1
    assert found.max_uncertainty == 0.004
    (drift,) = found.drifts
    assert drift.drift_ppm == pytest.approx(-120, abs=0.1)  # the recording is fast, so the camera is slow
    assert drift_text(drift) == "-120.0 ± 0.0 ppm"
    assert drift_text(Drift(None, -120.4, 3.4)) == "-120 ± 3 ppm"


VIDEO = np.arange(0, 60, 1 / 30)


def test_what_one_marker_does_not_measure_is_missing():
    evidence = Evidence(video_time=VIDEO, pulse_time=np.array([3.0]))
    found = summarise_alignment(align(evidence, Pulses(source="start", codes=("S 9",))), VIDEO)
    assert found.n_matched == 1
    assert found.residual_rms is found.residual_max is found.drift_ppm is None
    assert found.drifts == ()
    assert found.max_uncertainty > 1 / 30


@pytest.mark.parametrize("n", [2, 3])
def test_a_line_through_all_of_its_anchors_has_no_residual(n):
    anchors = tuple((v, v * (1 - 120e-6) - 3) for v in np.linspace(5.0, 45.0, n).tolist())
    evidence = Evidence(video_time=VIDEO, pulse_time=np.empty(0))
    found = summarise_alignment(align(evidence, Pulses(source="anchors", anchors=anchors)), VIDEO)
    assert (found.residual_rms is None) == (n == 2)
    (drift,) = found.drifts
    assert drift.drift_ppm == pytest.approx(120, abs=0.1)
    assert drift.uncertainty_ppm > 1000


def test_without_a_frame_in_the_recording_no_uncertainty_is_stated():
    alignment = align(
        Evidence(video_time=VIDEO, pulse_time=np.array([3.0])), Pulses(source="start", codes=("S 9",))
    )
    assert summarise_alignment(alignment, np.empty(0)).max_uncertainty is None


def test_frames_outside_of_the_recording_count_for_nothing(make_run):
    run = make_run()
    status = run.expression.status.copy()
    outside = status == Status.OUTSIDE_RECORDING
    assert outside.any()
    status[outside] = Status.NO_FACE  # as where nobody sat there yet
    found = assess_quality(
        run.faces, replace(run.expression, status=status), run.alignment, run.time, run.segments, run.trials,
        run.recording.duration,
    )  # fmt: skip
    assert found.n_frames_inside == (~outside).sum()
    assert found.valid_fraction == run.quality.valid_fraction


def test_trials_are_counted_by_condition(make_run):
    run = make_run(n_trials=7)
    dominant = run.trials["fer_dominant"].astype(object)
    dominant[0] = None
    found = assess_quality(
        run.faces, run.expression, run.alignment, run.time, run.segments, run.trials.assign(fer_dominant=dominant),
        run.recording.duration,
    )  # fmt: skip
    assert list(found.conditions) == ["happy", "neutral"]
    assert [count.n_trials for count in found.conditions.values()] == [4, 3]
    assert sum(count.n_trials_valid for count in found.conditions.values()) == found.n_trials_valid
    assert found.conditions["happy"].n_trials_valid < 4


def test_frames_that_last_no_time_are_no_part_of_the_valid_fraction(make_run):
    run = make_run(seconds=20.0)
    pick = np.sort(np.r_[np.arange(run.time.size), np.full(500, 300)])
    faces, trace = select_frames(run.faces, pick), select_frames(run.expression, pick)
    trace.status[310:700] = Status.NO_FACE  # all but the first and the last of those at one instant
    found = assess_quality(
        faces, trace, run.alignment, run.time[pick], run.segments, run.trials, run.recording.duration
    )
    assert found.n_frames == run.time.size + 500
    assert found.valid_fraction == pytest.approx(run.quality.valid_fraction, abs=2e-3)
