"""Sampling: the irregular trace at other times."""

from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest

from enicfer.config.protocol import Trial
from enicfer.export.fmri import landmark_speed, timeseries_table
from enicfer.export.mne import add_emotion_channels
from enicfer.export.physio import physio_table, physioevents_table
from enicfer.records import ExpressionTrace, Modality, Status, select_frames
from enicfer.timecourse.sampling import frame_at, interpolate, sample_values, trial_courses
from enicfer.timecourse.segments import find_segments
from enicfer.timecourse.trials import summarise_trials


def thinned(run, keep):
    """The run with some of its frames."""
    return replace(
        run,
        time=run.time[keep],
        expression=select_frames(run.expression, keep),
        faces=select_frames(run.faces, keep),
    )


def slowed(run):
    """The camera takes every second frame from 20 s on."""
    return thinned(run, (run.time < 20) | (np.arange(run.time.size) % 2 == 0))


def test_a_camera_that_slows_down_leaves_no_gaps(make_run):
    run = slowed(make_run())
    time = np.arange(0.5, 59.5, 0.01)
    frame = frame_at(run, time)
    assert (frame >= 0).all()
    assert np.abs(run.time[frame] - time).max() < 0.08
    _, valid = interpolate(run, time)
    np.testing.assert_array_equal(valid, run.expression.ok[frame])
    valid_trials = run.trials["fer_valid"].to_numpy() == 1
    assert np.isfinite(trial_courses(run, 0.0, 2.0)[1][valid_trials]).all()


def test_frames_that_were_not_analysed_take_no_part(make_run):
    """Tables and courses are those of the frames whose expression was read, as in the files."""
    run = make_run(Modality.FMRI)
    skipped = np.arange(run.time.size) % 6 != 0
    trace = run.expression
    trace = replace(
        trace,
        status=np.where(skipped, Status.NOT_ANALYSED, trace.status).astype(np.uint8),
        probability=np.where(skipped[:, None], np.nan, trace.probability).astype(np.float32),
    )
    paced = replace(run, expression=trace)
    for make in (timeseries_table, physio_table):
        table, sidecar = make(paced)
        wanted, wanted_sidecar = make(paced.analysed)
        pd.testing.assert_frame_equal(table, wanted)
        assert sidecar == wanted_sidecar
    assert timeseries_table(paced)[0]["fer_valid"][:3].min() > 0.9
    np.testing.assert_array_equal(
        trial_courses(paced, 0.0, 2.0)[1], trial_courses(paced.analysed, 0.0, 2.0)[1]
    )


def test_movement_is_known_wherever_frames_follow_each_other(make_run):
    """Also where the camera takes a third or less of its usual frames."""
    run = make_run(Modality.FMRI)
    every = np.arange(run.time.size)
    slow = thinned(run, (run.time < 40) | (every % 4 == 0))
    _, known = landmark_speed(slow)
    seen = slow.expression.status != Status.NO_FACE
    np.testing.assert_array_equal(known[1:], seen[1:] & seen[:-1])


def test_volumes_without_frames_stay_without(make_run):
    run = make_run(Modality.FMRI)
    holed = thinned(run, (run.time < 10) | (run.time > 16))
    table, _ = timeseries_table(holed)
    tr = run.recording.repetition_time
    start = np.arange(len(table)) * tr
    assert (table["fer_valid"][(start > 10.1) & (start + tr < 15.9)] == 0).all()
    assert not table.isna().any().any()


SMILES, EVERY, RISE, HELD = 240, 2.0, 0.3, 0.6  # how many, s from one to the next, s to come or go, s in full


def smiling(make_run, phase, rate=30.0):
    """Smiles at known times, filmed at a varying rate by a camera whose frames lie ``phase`` s beside the grid.

    Returns the run and the times (s) at which each smile is half there, coming and going.
    """
    time = np.arange(0, SMILES * EVERY + 2, 1 / rate) + phase
    slow = (time > 100) & (time < 140) & (np.arange(time.size) % 2 == 1)
    time = time[~slow]
    time[(time > 200) & (time < 240)] += 0.003 * np.sin(np.arange(((time > 200) & (time < 240)).sum()))
    begin = EVERY * (np.arange(SMILES) + 0.5) + (np.arange(SMILES) * 0.618034 % 1) * 2 / rate  # every phase
    since = time[:, None] - begin
    rise = np.clip(since / RISE, 0, 1) - np.clip((since - RISE - HELD) / RISE, 0, 1)
    happy = rise.sum(axis=1)
    base = make_run(Modality.EEG, n_trials=2)
    trace = ExpressionTrace(
        time,
        np.stack([happy, 1 - happy], axis=1).astype(np.float32),
        np.zeros(time.size, np.uint8),
        ("happy", "neutral"),
        "a",
    )
    onset = pd.DataFrame({"onset": begin - 0.4, "duration": 2.0, "trial_type": "x", "code": "x"})
    faces = select_frames(base.faces, np.resize(np.arange(base.time.size), time.size))
    run = replace(
        base,
        recording=replace(base.recording, duration=SMILES * EVERY + 1),
        time=time,
        faces=replace(faces, video_time=time, status=trace.status),
        expression=trace,
        segments=find_segments(time, trace, margin=0.0),
        trials=summarise_trials(onset, time, trace, base.alignment, Trial((0.0, 2.0))),
        time_course=type(base.time_course)(),
    )
    return run, begin + RISE / 2, begin + RISE + HELD + RISE / 2


def crossings(time, value):
    """Times at which ``value`` rises to a half and falls to it, linear between the points."""
    above = value >= 0.5
    i = np.flatnonzero(above[1:] != above[:-1])
    at = time[i] + (0.5 - value[i]) / (value[i + 1] - value[i]) * (time[i + 1] - time[i])
    return at[~above[i]], at[above[i]]


@pytest.mark.parametrize("phase", [0.0, 0.004, 0.014, 0.0166, 0.03])
def test_grid_channels_and_events_are_where_the_smiles_were(make_run, phase):
    """All within 1 ms of the truth on average, whatever the phase of the camera's frames against the grid."""
    run, coming, going = smiling(make_run, phase)
    table, sidecar = physio_table(run)
    raw = mne.io.RawArray(
        np.zeros((1, 250 * (SMILES * 2 + 1))), mne.create_info(["a"], 250.0, "eeg"), verbose=0
    )
    raw.set_meas_date(None)
    add_emotion_channels(raw, run)
    grid = crossings(table["timestamp"].to_numpy(), table["happy"].to_numpy())
    channel = crossings(raw.times, raw.get_data(["fer_happy"])[0])
    for found in (grid, channel):
        np.testing.assert_allclose(found[0], coming, atol=0.004)  # a corner of the ramp between two frames
        assert abs(np.mean(found[0] - coming)) < 5e-4 and abs(np.mean(found[1] - going)) < 5e-4
    spans = physioevents_table(run)[0]
    spans = spans[spans["trial_type"] == "happy"]
    onset = spans["onset"].to_numpy()
    assert abs(np.mean(onset - coming)) < 1e-3
    assert abs(np.mean(onset + spans["duration"] - going)) < 1e-3
    shown = (run.trials["onset"] + run.trials["fer_happy_onset"]).to_numpy()
    assert abs(np.mean(shown - coming)) < 1e-3
    assert sidecar["SamplingFrequency"] == 30 and table["happy"][1:].between(0, 1).all()


def test_no_value_is_made_up_beside_a_gap(make_run):
    """Values between frames are linear; those beside an invalid frame, or a hole, are the frame's own."""
    run = make_run()
    time = np.sort(np.r_[np.random.default_rng(0).uniform(-1, 61, 4000), run.time, run.time[1:] - 1e-9])
    values, frame = sample_values(run, time, run.expression.probability)
    known = np.isfinite(values).all(axis=1)
    np.testing.assert_array_equal(known, (frame >= 0) & run.expression.ok[frame])
    np.testing.assert_array_equal(frame, frame_at(run, time))
    np.testing.assert_allclose(values[known].sum(axis=1), 1, atol=1e-6)
    p = run.expression.probability.astype(np.float64)
    for i in np.flatnonzero(known)[::7]:
        after = int(np.searchsorted(run.time, time[i], side="right"))
        pair = p[after - 1 : after + 1]
        if len(pair) == 2 and np.isfinite(pair).all() and run.time[after] - run.time[after - 1] < 0.15:
            part = (time[i] - run.time[after - 1]) / (run.time[after] - run.time[after - 1])
            np.testing.assert_allclose(values[i], pair[0] + part * (pair[1] - pair[0]), atol=1e-12)
        else:
            np.testing.assert_allclose(values[i], p[frame[i]])


def test_few_frames_are_sampled(make_run):
    run = make_run()
    for count in (0, 1, 2):
        few = thinned(run, np.arange(200, 200 + count))
        values, frame = sample_values(few, np.array([-5.0, run.time[200], 99.0]), few.expression.probability)
        assert values.shape == (3, 5) and (frame[[0, 2]] == -1).all()
        assert np.isnan(values[[0, 2]]).all() and np.isfinite(values[1]).all() == (count > 0)
