"""Smoothing, baseline and abstention: beside the probabilities, never instead of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.config.protocol import TraceSettings, parse_protocol
from enicfer.errors import ProtocolError
from enicfer.export.physio import physio_table, physioevents_table
from enicfer.io.files.names import output_path
from enicfer.io.results import read_run
from enicfer.pipeline.publish import write_outputs
from enicfer.records import ExpressionTrace, Modality, Status
from enicfer.timecourse.smoothing import find_uncertain, rest_mean, running_quantile, smooth


def bump(time, at, width=0.4):
    """A trace that is happy around one time, with a lost stretch at 3 s."""
    happy = (0.1 + 0.8 * np.exp(-(((time - at) / width) ** 2))).astype(np.float32)
    probability = np.stack([happy, 1 - happy], axis=1)
    status = np.where((time > 3) & (time < 3.5), Status.NO_FACE, Status.OK).astype(np.uint8)
    probability[status != Status.OK] = np.nan
    return ExpressionTrace(time, probability, status, ("happy", "neutral"), "m")


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.6))
def test_smoothing_shifts_nothing(seed, width):
    """At irregular times, a symmetric bump keeps its place, rows sum to 1 and nothing leaves the range."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, 5, 200))
    trace = bump(time, 1.5)
    smoothed = smooth(time, trace, width)
    ok = trace.ok
    assert np.isfinite(smoothed[ok]).all() and np.isnan(smoothed[~ok]).all()
    np.testing.assert_allclose(smoothed[ok].sum(axis=1), 1, atol=1e-5)
    assert smoothed[ok].min() >= trace.probability[ok].min() - 1e-6
    assert smoothed[ok].max() <= trace.probability[ok].max() + 1e-6
    mirrored = replace(trace, probability=trace.probability[::-1], status=trace.status[::-1])
    back = smooth(5 - time[::-1], mirrored, width)[::-1]
    np.testing.assert_allclose(back, smoothed, atol=1e-5)


def test_smoothing_takes_flicker_away_and_keeps_the_peak():
    time = np.arange(0, 6, 1 / 30)
    trace = bump(time, 2.0)
    noisy = trace.probability + np.random.default_rng(0).normal(0, 0.05, time.size)[:, None] * [1, -1]
    smoothed = smooth(time, replace(trace, probability=noisy.astype(np.float32)), 0.3)
    ok = trace.ok
    before, after = (np.abs(p - trace.probability)[ok].mean() for p in (noisy, smoothed))
    assert after < 0.6 * before
    assert time[np.nanargmax(smoothed[:, 0])] == pytest.approx(2.0, abs=0.1)


def test_a_gaussian_does_not_reach_beyond_three_standard_deviations():
    time = np.array([0.0, 1.0, 2.0])
    trace = bump(time, 1.0)
    np.testing.assert_array_equal(smooth(time, trace, 0.5), trace.probability)


def test_baselines():
    time = np.arange(0, 300, 0.1)
    slow = 0.2 + 0.001 * time
    probability = np.stack([slow, 1 - slow], axis=1).astype(np.float32)
    probability[::7] = np.nan
    rest = rest_mean(time, probability, (0.0, 100.0))
    np.testing.assert_allclose(rest[:, 0], 0.25, atol=1e-3)
    running = running_quantile(time, probability, 0.5, 60.0)
    middle = (time > 40) & (time < 260)
    np.testing.assert_allclose(running[middle, 0], slow[middle], atol=2e-3)
    assert np.isnan(rest_mean(time, probability, (400.0, 500.0))).all()
    probability[1000:2000] = np.nan
    assert np.isnan(running_quantile(time, probability, 0.5, 20.0)[1200:1800]).all()


def test_uncertain_is_neither_yes_nor_no_without_an_answer():
    probability = np.array([[0.6, 0.4], [0.55, 0.45], [np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(find_uncertain(probability, 0.58), [0, 1, np.nan])


def test_everything_is_off_unless_asked_for(make_run):
    plain = make_run()
    assert plain.time_course.smoothed is plain.time_course.baseline is plain.time_course.uncertain is None
    assert list(physio_table(plain)[0])[-2:] == ["status", "other_person_present"]
    description = physio_table(plain)[1]["Description"]
    assert "no gap is filled" in description and "moothed" not in description
    assert not any("relative" in name or name == "fer_uncertain" for name in plain.trials)


def test_on_disk_beside_the_raw_ones(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: [])
    run = make_run(
        settings=TraceSettings(
            smoothing=0.3, min_probability=0.7, relative_to="quantile", quantile_window=20.0
        )
    )
    write_outputs(run, tmp_path / "out")
    again = read_run(tmp_path / "out")
    np.testing.assert_array_equal(again.expression.probability, run.expression.probability)
    for name in ("smoothed", "baseline", "uncertain"):
        np.testing.assert_array_equal(getattr(again.time_course, name), getattr(run.time_course, name))
    assert again.time_course.about == run.time_course.about
    table, sidecar = physio_table(again)
    ok = table["happy"].notna()
    assert set(table.loc[ok, "uncertain"]) == {0, 1}
    assert (table.loc[ok, "happy_smoothed"] != table.loc[ok, "happy"]).any()
    for word in ("zero phase", "quantile 0.5", "below 0.7"):
        assert word in sidecar["Description"]
    assert "uncertain" in set(physioevents_table(again)[0]["trial_type"])
    assert (again.trials["fer_uncertain"].dropna() <= 1).all()
    text = (
        output_path(tmp_path / "out", run.entities, Modality.EEG, "events").with_suffix(".json").read_text()
    )
    assert '"fer_happy_relative"' in text and "Column of the table of events that was given" not in text


def test_a_relative_probability_can_be_undone(make_run):
    run = make_run(settings=TraceSettings(relative_to=(0.0, 20.0)))
    table, _ = physio_table(run)
    level = run.time_course.baseline[0, run.expression.labels.index("happy")]
    ok = table["happy"].notna()
    np.testing.assert_allclose(table["happy_relative"][ok] + level, table["happy"][ok], atol=1e-6)


def test_uncertain_segments_and_trials(make_run):
    run = make_run(settings=TraceSettings(min_probability=0.999))
    assert set(run.segments["label"]) == {"uncertain", "lost"}
    assert set(run.trials["fer_dominant"].dropna()) == {"uncertain"}
    assert run.segments.loc[run.segments["label"] == "uncertain", "probability"].isna().all()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("smoothing", -1),
        ("min_probability", 60),
        ("relative_to", "rest"),
        ("relative_to", [5, 1]),
        ("quantile", 2),
        ("analysis_rate", -5),
    ],
)
def test_impossible_settings_are_refused(key, value):
    with pytest.raises(ProtocolError, match=rf"\[expression\] {key} is"):
        parse_protocol({"modality": "eeg", "expression": {key: value}}, "p", "p.toml")


def test_settings_are_read():
    content = {"smoothing": 0.2, "relative_to": [0, 60], "min_probability": 0.5}
    protocol = parse_protocol({"modality": "eeg", "expression": content}, "p", "p.toml")
    assert protocol.expression == TraceSettings(smoothing=0.2, relative_to=(0.0, 60.0), min_probability=0.5)


def test_somebody_else_in_the_picture(make_run):
    run = make_run()
    n = run.time.size
    faces = replace(
        run.faces,
        n_faces=np.where(np.arange(n) < 100, 2, run.faces.n_faces).astype(np.uint8),
        status=run.faces.status,
    )
    present = faces.other_person_present
    assert (present[:100] == 1).all() and (present[100:] == 0).all()
    other = np.full(n, Status.OTHER_PERSON, np.uint8)
    alone = replace(faces, box=np.full_like(faces.box, np.nan), n_faces=np.ones(n, np.uint8), status=other)
    assert (alone.other_person_present == 1).all()
    unsure = replace(alone, status=np.full(n, Status.AMBIGUOUS_PERSON, np.uint8))
    assert np.isnan(unsure.other_person_present).all()
    broken = replace(alone, status=np.full(n, Status.UNDECODABLE, np.uint8))
    assert np.isnan(broken.other_person_present).all()
    assert (run.trials["fer_other_person_present"].dropna() == 0).all()
    table, sidecar = physio_table(replace(run, faces=faces))
    assert set(sidecar["other_person_present"]["Levels"]) == {"0", "1"}
    assert set(table["other_person_present"].dropna()) <= {0, 1}
