"""Brightness over time, from a real video."""

import numpy as np

from enicfer.config.protocol import Pulses
from enicfer.io.video.brightness import GRID, BrightnessRecorder
from enicfer.io.video.frame import Frame
from enicfer.io.video.reader import read_frames


def record(video, pulses):
    with BrightnessRecorder(pulses) as recorder:
        for frame in read_frames(video):
            recorder.add(frame)
        found = recorder.finish()
        return None if found is None else np.array(found)


def test_region_and_grid_agree(shared_data):
    video = shared_data / "video" / "single_face.mp4"
    region = (0.25, 0.25, 0.75, 0.75)
    mean = record(video, Pulses(region=region))
    grid = record(video, Pulses(region="auto"))
    assert mean.shape == (72,)
    assert grid.shape == (72, *GRID)
    rows, columns = GRID
    cells = grid[:, rows // 4 : rows * 3 // 4, columns // 4 : columns * 3 // 4].mean(axis=(1, 2))
    np.testing.assert_allclose(mean, cells, atol=1)


def test_nothing_is_recorded_where_nobody_asked(shared_data):
    video = shared_data / "video" / "single_face.mp4"
    assert record(video, None) is None
    assert record(video, Pulses(source="audio")) is None


def test_a_frame_that_did_not_decode_keeps_its_place():
    with BrightnessRecorder(Pulses(region=(0.0, 0.0, 1.0, 1.0))) as recorder:
        recorder.add(Frame(0, 0.0, None))
        assert np.isnan(recorder.finish()).tolist() == [True]
