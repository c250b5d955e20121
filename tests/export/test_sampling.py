"""Sampling: the irregular trace at other times."""

from dataclasses import replace

import numpy as np
import pandas as pd

from enicfer.export.fmri import landmark_speed, timeseries_table
from enicfer.export.physio import physio_table
from enicfer.export.sampling import frame_at, interpolate, trial_courses
from enicfer.records import Modality, Status, select_frames


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
