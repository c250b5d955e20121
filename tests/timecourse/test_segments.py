"""Segments: hand-made traces with known spans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.records import ExpressionTrace, Status
from enicfer.timecourse.segments import find_segments, frame_support

LABELS = ("happy", "neutral")


def trace_of(letters: str, rate: float = 10.0):
    """Trace with one letter a frame: h, n, or . for no face and o for outside the recording."""
    p = {"h": (0.9, 0.1), "n": (0.1, 0.9)}
    s = {".": Status.NO_FACE, "o": Status.OUTSIDE_RECORDING}
    time = np.arange(len(letters)) / rate
    probability = np.array([p.get(c, (np.nan, np.nan)) for c in letters], np.float32).reshape(-1, 2)
    status = np.array([s.get(c, Status.OK) for c in letters], np.uint8)
    return time, ExpressionTrace(time, probability, status, LABELS, "m")


def test_known_spans():
    time, trace = trace_of("hhhhh....nnnnn")
    table = find_segments(time, trace)
    assert table["label"].tolist() == ["happy", "lost", "neutral"]
    np.testing.assert_allclose(table["onset"], [-0.05, 0.45, 0.85])
    np.testing.assert_allclose(table["duration"], [0.5, 0.4, 0.5])
    assert table["reason"].tolist() == ["", "no_face", ""]
    np.testing.assert_allclose(table["probability"], [0.9, np.nan, 0.9], rtol=1e-6)


def test_one_frame_does_not_flicker():
    assert find_segments(*trace_of("hhhhhnhhhhh"))["label"].tolist() == ["happy"]


def test_short_spans_in_a_row_are_no_part_of_the_one_before():
    """One second of neutral is no ten: what follows flickers between an answer and none."""
    table = find_segments(*trace_of("n" * 30 + "h.." * 30 + "n" * 30, rate=30))
    assert table["label"].tolist() == ["neutral", "lost", "neutral"]
    np.testing.assert_allclose(table["duration"], [1.0, 3.0, 1.0])
    np.testing.assert_allclose(table["valid_fraction"], [1.0, 1 / 3, 1.0])


def test_a_lead_below_the_margin_changes_nothing():
    time, trace = trace_of("hhhhhnnnnn")
    trace.probability[5:] = (0.48, 0.52)
    assert find_segments(time, trace, margin=0.1)["label"].tolist() == ["happy"]
    assert find_segments(time, trace, margin=0.01)["label"].tolist() == ["happy", "neutral"]


def test_a_hole_in_the_video_ends_a_span():
    time, trace = trace_of("hhhhhhhhhh")
    time[5:] += 3
    table = find_segments(time, trace)
    assert len(table) == 2
    assert table["duration"].sum() < 1.5


def test_a_label_does_not_stay_in_force_over_a_hole():
    time, trace = trace_of("hhhhhnnnnn")
    trace.probability[5:] = (0.48, 0.52)
    time[5:] += 600
    assert find_segments(time, trace, margin=0.1)["label"].tolist() == ["happy", "neutral"]


def test_frames_outside_of_the_recording_are_in_no_span():
    table = find_segments(*trace_of("ooohhhhhooo"))
    assert table["label"].tolist() == ["happy"]


def test_no_frames():
    time, trace = trace_of("")
    assert find_segments(time, trace).empty


@given(st.text("hn.o", max_size=80))
def test_spans_are_ordered_disjoint_and_cover_every_frame_inside(letters):
    time, trace = trace_of(letters)
    table = find_segments(time, trace)
    onset, end = table["onset"].to_numpy(), (table["onset"] + table["duration"]).to_numpy()
    assert np.all(onset[1:] >= end[:-1] - 1e-9)
    inside = [t for t, c in zip(time, letters, strict=True) if c != "o"]
    assert all(np.any((onset <= t) & (t <= end)) for t in inside)
    start, stop = frame_support(time)
    if letters:
        assert (end - onset).sum() == pytest.approx((stop - start)[trace.status != 10].sum())


@given(
    st.lists(st.sampled_from([1, 2, 3]), min_size=12, max_size=200),
    st.sampled_from([60.0, 30.0, 25.0, 12.5, 2.0, 0.5]),
    st.integers(0, 2**32 - 1),
)
def test_dropped_frames_and_jitter_are_no_holes(steps, rate, seed):
    """Up to two frames dropped in a row; at low rates of analysis, none."""
    interval = np.array(steps if rate > 10 else np.ones(len(steps))) / rate
    time = np.cumsum(interval + np.random.default_rng(seed).uniform(-0.02, 0.02, interval.size) / rate)
    start, stop = frame_support(time)
    np.testing.assert_array_equal(start[1:], stop[:-1])
    assert len(find_segments(time, constant(time))) == 1


@pytest.mark.parametrize("rates", [(30, 15, 12), (15, 30), (30, 14.9), (60, 7.5, 60), (30, 2, 30), (30, 0.5)])
def test_a_camera_that_changes_its_rate_leaves_no_holes(rates):
    """Webcams slow down in dim light."""
    interval = np.concatenate([np.full(200, 1 / rate) for rate in rates])
    time = np.cumsum(interval + np.random.default_rng(0).uniform(-0.01, 0.01, interval.size) * interval)
    table = find_segments(time, constant(time))
    assert len(table) == 1
    assert table["duration"][0] == pytest.approx(
        time[-1] - time[0] + (interval[0] + interval[-1]) / 2, rel=1e-3
    )


@pytest.mark.parametrize(
    ("rate", "hole"), [(60, 0.16), (30, 0.2), (30, 1.0), (15, 0.3), (15, 60.0), (2, 2.1), (0.5, 9.0)]
)
def test_where_frames_are_missing_for_longer_is_a_hole(rate, hole):
    time = np.arange(40) / rate
    time[20:] += hole - 1 / rate
    start, stop = frame_support(time)
    assert np.flatnonzero(start[1:] != stop[:-1]).tolist() == [19]
    assert stop[19] - time[19] == pytest.approx(0.5 / rate)
    assert time[20] - start[20] == pytest.approx(0.5 / rate)
    assert len(find_segments(time, constant(time))) == 2


@given(st.lists(st.floats(0.001, 2.0), min_size=1, max_size=60))
def test_frames_stand_for_disjoint_stretches_around_them(gaps):
    time = np.cumsum(gaps)
    start, stop = frame_support(time)
    assert np.all(start <= time) and np.all(time <= stop)
    assert np.all(start[1:] >= stop[:-1])


@given(st.lists(st.tuples(st.sampled_from("hn."), st.sampled_from([1, 1, 1, 2, 3, 9])), max_size=80))
def test_spans_that_touch_differ(frames):
    _, trace = trace_of("".join(letter for letter, _ in frames))
    time = np.cumsum([steps for _, steps in frames]) / 30
    table = find_segments(time, trace)
    touch = table["onset"].to_numpy()[1:] - (table["onset"] + table["duration"]).to_numpy()[:-1] < 1e-6
    label = table["label"].to_numpy()
    assert not np.any(touch & (label[1:] == label[:-1]))


def constant(time):
    """The same face all the time."""
    probability = np.tile(np.array([0.9, 0.1], np.float32), (time.size, 1))
    return ExpressionTrace(time, probability, np.zeros(time.size, np.uint8), LABELS, "m")
