"""Batches and traces: rows stay in order, and only valid frames get probabilities."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.pipeline.classify import CropClassifier, Pace, make_trace
from enicfer.records import FaceTrack, Status


class Mean:
    """A classifier whose first probability is the crop's mean grey value / 255."""

    labels = ("happy", "neutral")
    name = "mean"

    def predict(self, crops):
        p = crops.mean(axis=(1, 2)) / 255
        return np.c_[p, 1 - p].astype(np.float32)


@given(st.lists(st.integers(0, 255), max_size=200))
def test_rows_are_in_the_order_of_the_crops(values):
    crops = CropClassifier(Mean())
    for value in values:
        crops.add(np.full((4, 4), value, np.uint8))
    probability = crops.finish()
    assert probability.shape == (len(values), 2)
    np.testing.assert_allclose(probability[:, 0], np.array(values) / 255, atol=1e-6)


def test_only_valid_frames_have_an_answer():
    status = np.array([Status.OK, Status.NO_FACE, Status.POSE, Status.OK], np.uint8)
    n = status.size
    faces = FaceTrack(
        np.arange(n) / 30.0,
        np.zeros((n, 4), np.float32),
        np.zeros((n, 5, 2), np.float32),
        np.ones(n, np.float32),
        status,
        np.ones(n, np.uint8),
        {},
        "none",
    )
    probability = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], np.float32)
    model = SimpleNamespace(labels=("happy", "neutral"), name="m")
    trace = make_trace(faces, np.array([2, -1, 1, 0]), probability, model)
    np.testing.assert_array_equal(trace.probability[[0, 3]], probability[[2, 0]])
    assert np.isnan(trace.probability[[1, 2]]).all()
    assert trace.labels == ("happy", "neutral")
    assert trace.ok.tolist() == [True, False, False, True]


def test_a_model_that_fails_is_not_hidden():
    class Broken(Mean):
        def predict(self, crops):
            raise RuntimeError("broken")

    crops = CropClassifier(Broken())
    crops.add(np.zeros((4, 4), np.uint8))
    with pytest.raises(RuntimeError, match="broken"):
        crops.finish()


def test_skipped_crops_have_no_probabilities_but_keep_their_place():
    crops = CropClassifier(Mean())
    for i in range(150):
        if i % 3:
            crops.skip()
        else:
            crops.add(np.full((4, 4), i, np.uint8))
    probability = crops.finish()
    np.testing.assert_allclose(probability[::3, 0], np.arange(0, 150, 3) / 255, atol=1e-6)
    assert np.isnan(np.delete(probability, np.s_[::3], axis=0)).all()


@given(st.floats(0.5, 200), st.floats(5, 120), st.floats(-5, 1e5))
def test_the_pace_is_kept_and_no_frame_that_is_due_is_left_out(rate, camera, start):
    rng = np.random.default_rng(1)
    time = start + np.cumsum(rng.uniform(0.8, 1.2, 300) / camera)
    pace = Pace(rate)
    wanted = np.array([pace.wants(t) for t in time])
    np.testing.assert_array_equal(pace.read, wanted)
    assert wanted[0]
    assert wanted.sum() <= (time[-1] - time[0]) * rate + 2
    assert np.diff(time[wanted]).max() <= 1 / rate + 2.5 / camera


def test_without_a_rate_every_frame_is_read():
    pace = Pace(0.0)
    assert all(pace.wants(t) for t in (0.0, 0.0, 1.0, 1.0))


def test_frames_between_are_not_analysed():
    n = 4
    status = np.array([Status.OK, Status.OK, Status.NO_FACE, Status.OK], np.uint8)
    faces = FaceTrack(
        np.arange(n) / 30.0,
        np.zeros((n, 4), np.float32),
        np.zeros((n, 5, 2), np.float32),
        np.ones(n, np.float32),
        status,
        np.ones(n, np.uint8),
        {},
        "none",
    )
    probability = np.array([[0.1, 0.9], [np.nan, np.nan], [0.3, 0.7]], np.float32)
    read = np.array([True, False, False, True])
    trace = make_trace(
        faces, np.array([0, 1, -1, 2]), probability, SimpleNamespace(labels="ab", name="m"), read
    )
    assert trace.status.tolist() == [Status.OK, Status.NOT_ANALYSED, Status.NOT_ANALYSED, Status.OK]
    np.testing.assert_array_equal(trace.probability[[0, 3]], probability[[0, 2]])
    assert np.isnan(trace.probability[[1, 2]]).all()


@given(st.lists(st.floats(0.001, 0.5), min_size=3, max_size=60), st.floats(0.5, 50), st.data())
def test_the_pace_goes_on_over_a_seam(steps, rate, data):
    time = 3.0 + np.cumsum(steps)
    at = data.draw(st.integers(1, len(time) - 1))
    whole, first, second = Pace(rate), Pace(rate), Pace(rate, (time[0], time[at - 1]))
    for t in time:
        whole.wants(t)
    for part, times in ((first, time[:at]), (second, time[at:])):
        for t in times:
            part.wants(t)
    first.join(second)
    np.testing.assert_array_equal(first.read, whole.read)


@given(st.lists(st.integers(-1, 255), max_size=150), st.data())
def test_crops_of_parts_are_joined_in_order(values, data):
    at = data.draw(st.integers(0, len(values)))
    joined = CropClassifier(Mean())
    for part in (values[:at], values[at:]):
        crops = CropClassifier(Mean())
        for value in part:
            if value < 0:
                crops.skip()
            else:
                crops.add(np.full((4, 4), value, np.uint8))
        joined.join(crops)
    expected = np.array([np.nan if v < 0 else v / 255 for v in values], np.float32)
    np.testing.assert_allclose(joined.finish()[:, 0], expected, atol=1e-6)
