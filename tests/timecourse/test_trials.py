"""Trials: hand-made traces with known answers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.config.protocol import Protocol, Trial
from enicfer.errors import InputError
from enicfer.records import Alignment, ExpressionTrace, Modality, Status
from enicfer.timecourse.segments import find_segments
from enicfer.timecourse.trials import build_trials, select_codes, summarise_trials

LABELS = ("happy", "neutral")


def alignment(uncertainty=0.01):
    one = np.ones(1)
    none = np.empty(0)
    return Alignment(
        -np.inf * one, 0 * one, one, 0 * one, np.zeros((1, 3)), one, uncertainty * one,
        none, none, none, none, none, "anchors",
    )  # fmt: skip


def triggers(*pairs):
    return pd.DataFrame(pairs, columns=["onset", "code"])


def test_codes_match_with_and_without_their_type():
    table = triggers((0.0, "Stimulus/S 1"), (1.0, "S 1"), (2.0, "S 11"), (3.0, "Response/S 1x"))
    assert select_codes(table, ["S  1"])["onset"].tolist() == [1.0]
    assert select_codes(table[table["code"] != "S 1"], ["S  1"])["onset"].tolist() == [0.0]
    assert select_codes(table, ["Stimulus/S 1"])["onset"].tolist() == [0.0]


def test_a_code_that_may_mean_several_is_no_guess():
    """PsychoPy names the condition with each component of its row: the fixation cross is not the face."""
    table = triggers((10.0, "fixation/happy"), (11.0, "face/happy"), (12.0, "face/5"), (13.0, "5"))
    with pytest.raises(InputError, match=r"happy .* may be face/happy, fixation/happy: write"):
        select_codes(table, ["happy"])
    assert select_codes(table, ["face/happy", "5"])["onset"].tolist() == [11.0, 13.0]


def test_build_trials():
    protocol = Protocol("p", "", Modality.EEG, {"S 1": "happy", "7": "calm"}, Trial((0.0, 1.5)))
    trials = build_trials(triggers((0.5, "Stimulus/S 1"), (1.0, "x"), (2.0, "7")), protocol, "eeg.vhdr")
    assert trials["trial_type"].tolist() == ["happy", "calm"]
    assert trials["duration"].tolist() == [1.5, 1.5]


def test_codes_that_never_occur_are_listed():
    protocol = Protocol("p", "", Modality.EEG, {"S 1": "happy"})
    with pytest.raises(InputError, match=r"S 1.*eeg\.vhdr.*it has S 8, S 9"):
        build_trials(triggers((0.5, "S 9"), (1.0, "S 8")), protocol, "eeg.vhdr")
    with pytest.raises(InputError, match="no triggers at all"):
        build_trials(triggers(), protocol, "eeg.vhdr")


def test_no_conditions_no_trials():
    assert build_trials(triggers((0.5, "S 9")), Protocol("p", "", Modality.EEG), "x").empty


def test_known_answers():
    """Happy rises from 0.2 to 0.8 at 1 s; the trial at 1 s lasts 1 s, with a baseline of 0.5 s."""
    time = np.arange(0, 3, 0.01) + 0.005
    happy = np.where(time < 1, 0.2, 0.8)
    happy[150] = 0.9
    status = np.zeros(time.size, np.uint8)
    trace = ExpressionTrace(time, np.c_[happy, 1 - happy].astype(np.float32), status, LABELS, "m")
    trial = Trial((0.0, 1.0), (-0.5, 0.0))
    trials = pd.DataFrame({"onset": [1.0], "duration": [1.0], "trial_type": ["a"], "code": ["1"]})
    (row,) = summarise_trials(trials, time, trace, alignment(), trial).to_dict("records")
    assert row["fer_valid"] == pytest.approx(1)
    assert row["fer_happy_mean"] == pytest.approx(0.801)
    assert row["fer_happy_peak"] == pytest.approx(0.9)
    assert row["fer_happy_latency"] == pytest.approx(0.505)
    assert row["fer_happy_auc"] == pytest.approx(0.801)
    assert row["fer_happy_dwell"] == pytest.approx(1.0)
    assert row["fer_happy_change"] == pytest.approx(0.601)
    assert row["fer_happy_onset"] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(row["fer_happy_offset"])  # it lasts longer than the window
    assert np.isnan(row["fer_neutral_onset"])
    assert row["fer_neutral_change"] == pytest.approx(-0.601)
    assert row["fer_dominant"] == "happy"
    assert row["fer_time_uncertainty"] == pytest.approx(0.01)


def test_an_expression_that_wavers_ends_once():
    """0.6, then 0.4 (above the level at which it is gone), then 0.2: shown from 0.3 s to 0.7 s."""
    time = np.arange(0, 1, 0.01) + 0.005
    happy = np.select([time < 0.3, time < 0.5, time < 0.7], [0.1, 0.6, 0.4], 0.2)
    trace = ExpressionTrace(
        time, np.c_[happy, 1 - happy].astype(np.float32), np.zeros(time.size, np.uint8), LABELS, "m"
    )
    trials = pd.DataFrame({"onset": [0.0], "duration": [1.0], "trial_type": ["a"], "code": ["1"]})
    (row,) = summarise_trials(trials, time, trace, alignment(), Trial((0.0, 1.0))).to_dict("records")
    assert row["fer_happy_onset"] == pytest.approx(0.3)
    assert row["fer_happy_offset"] == pytest.approx(0.7)


@pytest.mark.parametrize(("earlier", "onset"), [(0.6, np.nan), (0.4, 0.2), (0.1, 0.2)])
def test_an_expression_that_wavers_before_a_window_is_no_onset(earlier, onset):
    """0.4 does not end what was shown before, so that the next 0.6 is the same expression."""
    time = np.arange(-1, 1, 0.01) + 0.005
    happy = np.select([time < -0.6, time < -0.3, time < 0.2, time < 0.7], [0.1, earlier, 0.4, 0.6], 0.1)
    trace = ExpressionTrace(
        time, np.c_[happy, 1 - happy].astype(np.float32), np.zeros(time.size, np.uint8), LABELS, "m"
    )
    trials = pd.DataFrame({"onset": [0.0], "duration": [1.0], "trial_type": ["a"], "code": ["1"]})
    (row,) = summarise_trials(trials, time, trace, alignment(), Trial((0.0, 1.0))).to_dict("records")
    found = row["fer_happy_onset"], row["fer_happy_offset"]
    np.testing.assert_allclose(found, (onset, 0.7), atol=1e-6)


@pytest.mark.parametrize(
    ("shown", "lost", "onset", "offset"),
    [
        ((-0.5, 3.0), (), np.nan, np.nan),
        ((-0.5, 0.7), (), -0.5, 0.7),
        ((0.2, 0.7), (0.0, 0.1), 0.2, 0.7),
        ((-0.5, 0.7), (0.0, 0.3), np.nan, 0.7),  # the face comes back with it
        ((0.2, 3.0), (0.5, 0.6), 0.2, np.nan),  # the face is lost with it
        ((0.2, 0.5), (0.5, 0.6), 0.2, np.nan),
    ],
)
def test_what_is_not_seen_to_begin_or_end_is_not_said_to(shown, lost, onset, offset):
    """The window is from 0 to 1 s; an expression that is shown before it did not begin in it."""
    time = np.arange(-1, 3, 0.01) + 0.005
    happy = np.where((time > shown[0]) & (time < shown[1]), 0.9, 0.1)
    status = np.zeros(time.size, np.uint8)
    if lost:
        status[(time > lost[0]) & (time < lost[1])] = Status.NO_FACE
    probability = np.c_[happy, 1 - happy].astype(np.float32)
    probability[status != 0] = np.nan
    trace = ExpressionTrace(time, probability, status, LABELS, "m")
    trials = pd.DataFrame({"onset": [0.0], "duration": [1.0], "trial_type": ["a"], "code": ["1"]})
    (row,) = summarise_trials(trials, time, trace, alignment(), Trial((0.0, 1.0))).to_dict("records")
    found = row["fer_happy_onset"], row["fer_happy_offset"]
    np.testing.assert_allclose(found, (onset if shown[0] >= 0 else np.nan, offset), atol=1e-6)


def test_too_few_valid_frames_give_no_numbers_but_reasons():
    time = np.arange(0, 2, 0.01)
    status = np.where(time < 0.8, Status.NO_FACE, Status.OK).astype(np.uint8)
    probability = np.full((time.size, 2), 0.5, np.float32)
    probability[status != 0] = np.nan
    trace = ExpressionTrace(time, probability, status, LABELS, "m")
    trials = pd.DataFrame({"onset": [0.0], "duration": [1.0], "trial_type": ["a"], "code": ["1"]})
    (row,) = summarise_trials(trials, time, trace, alignment(), Trial((0.0, 1.0))).to_dict("records")
    assert row["fer_valid"] == pytest.approx(0.205, abs=0.01)
    assert row["fer_invalid_no_face"] == pytest.approx(0.795, abs=0.01)
    assert np.isnan(row["fer_happy_mean"])
    assert row["fer_dominant"] is None
    assert "fer_happy_change" not in row


@given(st.lists(st.floats(0.005, 0.4), min_size=2, max_size=60), st.floats(-2, 20), st.data())
def test_fractions_sum_to_one(gaps, onset, data):
    time = np.cumsum(gaps)
    status = np.array(
        data.draw(st.lists(st.sampled_from(list(Status)), min_size=time.size, max_size=time.size))
    )
    probability = np.full((time.size, 2), 0.5, np.float32)
    probability[status != 0] = np.nan
    trace = ExpressionTrace(time, probability, status.astype(np.uint8), LABELS, "m")
    trials = pd.DataFrame({"onset": [onset], "duration": [2.0], "trial_type": ["a"], "code": ["1"]})
    row = summarise_trials(trials, time, trace, alignment(), Trial()).iloc[0]
    parts = [row[c] for c in row.index if c == "fer_valid" or c.startswith("fer_invalid_")]
    assert sum(parts) == pytest.approx(1)
    assert min(parts) >= 0


@pytest.mark.parametrize("loss", ["none", "dropped", "video", "face"])
def test_onset_and_offset_are_seen_at_any_frame_rate(loss):
    """A smile from 0.5 to 1.5 s, after the camera slowed from 30 to 15 frames a second."""
    rng = np.random.default_rng(0)
    time = np.cumsum(np.r_[np.full(1800, 1 / 30), np.full(600, 1 / 15)] + rng.normal(0, 0.0005, 2400))
    if loss == "dropped":
        time = np.delete(time, rng.choice(time.size, 70, replace=False))
    onset = np.arange(62.0, 96, 4)
    since = (time[:, None] - onset[None]).T
    happy = np.where(((since > 0.5) & (since < 1.5)).any(axis=0), 0.9, 0.1)
    away = ((since > 0.3) & (since < 0.7)).any(axis=0)  # in which it begins
    status = np.where(away & (loss == "face"), Status.NO_FACE, Status.OK).astype(np.uint8)
    probability = np.c_[happy, 1 - happy].astype(np.float32)
    probability[status != 0] = np.nan
    keep = ~away | (loss != "video")
    trace = ExpressionTrace(time[keep], probability[keep], status[keep], LABELS, "m")
    trials = pd.DataFrame({"onset": onset, "duration": 2.0, "trial_type": "a", "code": "1"})
    table = summarise_trials(trials, time[keep], trace, alignment(), Trial((0.0, 2.0)))
    np.testing.assert_allclose(table["fer_happy_offset"], 1.5, atol=0.08)
    if loss in ("none", "dropped"):
        np.testing.assert_allclose(table["fer_valid"], 1.0)
        np.testing.assert_allclose(table["fer_happy_onset"], 0.5, atol=0.08)
    else:
        assert table["fer_happy_onset"].isna().all()
        reason = "no_video" if loss == "video" else "no_face"
        np.testing.assert_allclose(table[f"fer_invalid_{reason}"], 0.2, atol=0.05)


@pytest.mark.parametrize("place", [1, 150, -2])
def test_frames_that_last_no_time_count_nowhere(place):
    """300 frames with the stamp of one: only its first and last stand for some time."""
    time = np.r_[np.arange(0, 10, 1 / 30), np.full(300, 10.0)]
    p = np.tile([0.1, 0.9], (len(time), 1)).astype(np.float32)
    p[300:][place] = 0.99, 0.01
    status = np.zeros(len(time), np.uint8)
    table = pd.DataFrame({"onset": [9.0], "duration": [2.0], "trial_type": ["a"], "code": ["a"]})
    trace = ExpressionTrace(time, p, status, LABELS, "m")
    extra = {"other": p[:, 0]}
    settings = Trial((0.0, 2.0), (-1.0, 0.0), 0.2)
    (row,) = summarise_trials(table, time, trace, alignment(), settings, extra=extra).to_dict("records")
    assert row["fer_happy_peak"] == pytest.approx(0.1) and row["fer_neutral_peak"] == pytest.approx(0.9)
    assert row["fer_happy_mean"] == pytest.approx(0.1) and row["other"] == pytest.approx(0.1)
    assert row["fer_happy_latency"] <= 1 and np.isnan(row["fer_happy_onset"])
    segments = find_segments(time, trace)
    assert segments["label"].tolist() == ["neutral"]
    assert segments["probability"][0] == pytest.approx(0.9) and segments["valid_fraction"][0] == 1
