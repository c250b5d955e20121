import numpy as np
import pandas as pd
import pytest

from enicfer.config.protocol import Head, Quality, Trial, parse_protocol
from enicfer.errors import ProtocolError
from enicfer.records import ExpressionTrace, FaceTrack, ProtocolCard, Status
from enicfer.timecourse.head import (
    MEASURED,
    find_covered,
    find_spans,
    find_turned,
    head_columns,
    limits_of,
    measure_head,
    quality_of,
)
from enicfer.timecourse.segments import frame_support
from enicfer.timecourse.trials import summarise_trials

SEEN = (Status.OK, Status.POSE, Status.BLURRED, Status.DARK, Status.TOO_SMALL)
LOST = (Status.NO_FACE, Status.OTHER_PERSON, Status.AMBIGUOUS_PERSON, Status.OCCLUDED, Status.UNDECODABLE)


@pytest.fixture
def track():
    """Frames at irregular times with a hole in the video, poses and statuses that wander; times, faces."""

    def make(seed=0, n=600, detector="centerface"):
        rng = np.random.default_rng(seed)
        time = np.sort(np.arange(n) / 30 + rng.uniform(-0.01, 0.01, n))
        time = time[(time < 8) | (time > 9.1)]
        n = time.size
        status = np.repeat(rng.choice([*SEEN, *SEEN, *LOST], n // 7 + 1), 7)[:n].astype(np.uint8)
        wander = np.cumsum(rng.normal(0, 4, (n, 3)), axis=0) * (1, 0.3, 1)
        gone = np.isin(
            status, (Status.NO_FACE, Status.UNDECODABLE, Status.AMBIGUOUS_PERSON, Status.OTHER_PERSON)
        )
        box = np.tile(np.array([10, 10, 90, 90], np.float32), (n, 1))
        box[gone] = np.nan
        measures = {name: wander[:, i].astype(np.float32) for i, name in enumerate(("yaw", "pitch", "roll"))}
        measures["truncated"] = rng.choice([0.0, 0.6], n, p=[0.8, 0.2]).astype(np.float32)
        measures["occlusion"] = np.zeros(n, np.float32)
        for values in measures.values():
            values[gone] = np.nan
        faces = FaceTrack(
            time,
            box,
            np.full((n, 5, 2), np.nan, np.float32),
            np.where(gone, np.nan, 0.9).astype(np.float32),
            status,
            (~gone).astype(np.uint8),
            measures,
            detector,
        )
        return time, faces

    return make


def share(time, flag, low, high, step=0.0005):
    """Fraction of a window in frames that are flagged, by asking at many instants which frame stands for it."""
    start, stop = frame_support(time)
    hits = []
    for at in np.arange(low + step / 2, high, step):
        here = np.flatnonzero((start <= at) & (at < stop))
        hits.append(bool(len(here)) and bool(flag[here[0]]))
    return np.mean(hits)


@pytest.mark.parametrize("seed", range(3))
def test_fractions_and_means_of_trials_are_those_counted_by_hand(track, make_run, seed):
    time, faces = track(seed)
    limits, quality = Head(away_yaw=20.0, away_pitch=15.0, ahead_yaw=4.0, ahead_pitch=-3.0), Quality()
    found = head_columns(faces, faces.status, limits, quality, several=False)
    labels = ("happy", "neutral")
    trace = ExpressionTrace(time, np.full((time.size, 2), np.nan, np.float32), faces.status, labels, "m")
    onset = np.array([0.5, 4.0, 7.2, 12.0, 19.5])
    trials = pd.DataFrame({"onset": onset, "duration": 2.0, "trial_type": "a", "code": "1"})
    table = summarise_trials(
        trials,
        time,
        trace,
        make_run(seconds=20).alignment,
        Trial((0.0, 2.0), min_valid=0.2),
        extra=found.means,
        fractions=found.fractions,
    )
    known = np.isin(faces.status, SEEN)
    scale = MEASURED["centerface"]
    yaw, pitch = ((faces.measures[a] - scale[a][1]) / scale[a][0] for a in ("yaw", "pitch"))
    away = known & ((np.abs(yaw - 4) > 20) | (np.abs(pitch + 3) > 15))
    covered = (faces.status == Status.OCCLUDED) & (faces.measures["truncated"] < 0.5)
    assert away.any() and covered.any() and (known & ~away).any()
    for name, flag in (("fer_head_valid", known), ("fer_turned_away", away), ("fer_covered", covered)):
        counted = [share(time, flag, low, low + 2) for low in onset]
        np.testing.assert_allclose(table[name], counted, atol=0.002)
    for i, low in enumerate(onset):
        at = np.arange(low, low + 2, 0.0005)
        index = np.abs(time[None] - at[:, None]).argmin(axis=1)
        start, stop = frame_support(time)
        inside = (start[index] <= at) & (at < stop[index]) & known[index]
        mean = yaw[index[inside]].mean() if inside.mean() > 0.2 else np.nan
        assert table["fer_head_yaw_mean"][i] == pytest.approx(mean, abs=0.1, nan_ok=True)
    assert (table["fer_turned_away"] <= table["fer_head_valid"] + 1e-9).all()
    assert (table["fer_covered"] <= table["fer_invalid_occluded"] + 1e-9).all()


def test_a_pose_is_of_the_frames_in_which_the_face_is_seen(track):
    _, faces = track()
    head = measure_head(faces)
    assert (np.isfinite(head).all(axis=1) == np.isin(faces.status, SEEN)).all()
    assert np.isfinite(head[faces.status == Status.POSE]).all()  # where the angles are largest
    outside = np.full(faces.status.size, Status.OUTSIDE_RECORDING, np.uint8)
    assert (
        np.isnan(measure_head(faces, outside)).all()
        and np.isnan(find_covered(faces, Quality(), outside)).all()
    )


def test_a_detector_that_was_not_measured_gives_no_pose(track):
    _, faces = track(detector="yunet")
    assert np.isnan(measure_head(faces)).all()
    found = head_columns(faces, faces.status, Head(), Quality(), several=False)
    assert not found.means and list(found.fractions) == ["fer_covered"]


def test_several_cameras_have_no_common_zero(track):
    _, faces = track()
    found = head_columns(faces, faces.status, Head(), Quality(), several=True)
    assert not found.means and list(found.fractions) == ["fer_covered"]


def test_ahead_is_the_usual_pose_or_what_the_protocol_says():
    head = np.array([[0.0, 20.0, 0.0]] * 5 + [[0.0, 41.0, 0.0], [31.0, 20.0, 50.0], [np.nan] * 3])
    limits = Head(away_yaw=30.0, away_pitch=20.0)
    flags = find_turned(head, limits)
    np.testing.assert_array_equal(flags, [0, 0, 0, 0, 0, 1, 1, np.nan])
    flags = find_turned(head, Head(away_yaw=30.0, away_pitch=20.0, ahead_yaw=30.0, ahead_pitch=25.0))
    np.testing.assert_array_equal(flags, [0, 0, 0, 0, 0, 0, 0, np.nan])
    assert np.isnan(find_turned(head[-1:], limits)).all() and find_turned(head[:0], limits).size == 0


@pytest.mark.parametrize("seed", range(4))
def test_spans_are_those_found_on_a_raster(track, seed):
    time, _ = track(seed)
    rng = np.random.default_rng(seed)
    flag = np.repeat(rng.choice([0.0, 1.0, np.nan], time.size // 4 + 1, p=[0.3, 0.5, 0.2]), 4)[: time.size]
    flag[rng.random(time.size) < 0.1] = 0
    flag = flag.astype(np.float32)
    start, stop = frame_support(time)
    ms = np.arange(int(start[0] * 1000), int(stop[-1] * 1000) + 2) / 1000
    index = np.clip(np.searchsorted(start, ms, side="right") - 1, 0, None)
    filmed = ms < stop[index]
    on = filmed & (flag[index] == 1)

    def runs(values):
        edges = np.flatnonzero(np.diff(np.r_[0, values.astype(int), 0]))
        return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    for a, b in runs(~on):
        if a > 0 and b < len(on) and b - a < 199 and filmed[a:b].all():
            on[a:b] = True
    wanted = [(ms[a], ms[a] + (b - a) / 1000) for a, b in runs(on) if b - a >= 201]
    found = find_spans(time, flag)
    sure = found[(found["duration"] > 0.203) | (found["duration"] < 0.197)]
    assert len(wanted) > 3 and len(sure) == len(wanted) == len(found)
    np.testing.assert_allclose(found["onset"], [a for a, _ in wanted], atol=0.003)
    np.testing.assert_allclose(found["onset"] + found["duration"], [b for _, b in wanted], atol=0.003)


def test_no_frames_have_no_spans():
    assert find_spans(np.empty(0), np.empty(0, np.float32)).empty


def test_limits_are_those_of_the_protocol_with_which_a_run_was_made():
    assert limits_of(ProtocolCard({"name": "before there was head"})) == Head()
    card = ProtocolCard(
        {"head": {"away_yaw": 25, "away_pitch": 12.5, "ahead_yaw": "usual", "ahead_pitch": -4},
         "quality": {"max_truncated": 0.2}}
    )  # fmt: skip
    assert limits_of(card) == Head(25.0, 12.5, "usual", -4.0)
    assert quality_of(card).max_truncated == 0.2


def test_the_protocol_says_from_where_on_a_head_is_turned_away():
    read = parse_protocol({"modality": "eeg", "head": {"away_yaw": 20, "ahead_yaw": "usual"}}, "p", "p.toml")
    assert read.head == Head(20.0, 30.0, "usual", "usual")
    for wrong in ("straight", 120, True):
        with pytest.raises(ProtocolError, match=r"ahead_yaw .* must be (a number|\"usual\" or degrees)"):
            parse_protocol({"modality": "eeg", "head": {"ahead_yaw": wrong}}, "p", "p.toml")
