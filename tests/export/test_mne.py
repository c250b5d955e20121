from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError, OutputError
from enicfer.export.bids import write_run
from enicfer.export.mne import (
    add_emotion_channels,
    add_emotion_events,
    emotion_metadata,
    expression_events,
    make_annotations,
    write_annotations,
)
from enicfer.io.eeg import read_eeg
from enicfer.io.files.names import find_results
from enicfer.io.results import read_run
from enicfer.records import ProtocolCard, Provenance, RecordingDetails, Status

SFREQ = 200.0
SECONDS = 60.0


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(seconds=SECONDS)


def make_raw(first_samp=0, meas_date=None, seconds=SECONDS, sfreq=SFREQ):
    """A recording whose first channel holds the recording's own time, so that every sample knows its place."""
    time = np.arange(int(seconds * sfreq)) / sfreq
    info = mne.create_info(["clock", "EEG"], sfreq, ["misc", "eeg"])
    raw = mne.io.RawArray(np.stack([time, np.sin(time)]), info, first_samp=first_samp, verbose="error")
    raw.set_meas_date(meas_date)
    return raw


def with_first_time(run, first_samp):
    from dataclasses import replace

    details = RecordingDetails(first_time=first_samp / SFREQ)
    return replace(run, recording=replace(run.recording, details=details))


def onsets_by_clock(raw, prefix="fer/"):
    """What the clock channel says at each annotation, read by MNE-Python's own functions."""
    events, codes = mne.events_from_annotations(raw, regexp=f"^{prefix}", verbose="error")
    clock = raw.get_data("clock")[0]
    names = {code: name for name, code in codes.items()}
    return [(clock[sample - raw.first_samp], names[code]) for sample, _, code in events]


def expected(run, start, stop, prefix="fer/"):
    segments = run.segments[run.segments["label"] != "lost"]
    onset, end = segments["onset"], segments["onset"] + segments["duration"]
    inside = (end > start) & (onset < stop)
    return [
        (max(t, start), prefix + label)
        for t, label in zip(onset[inside], segments["label"][inside], strict=True)
    ]


DATES = st.sampled_from([None, datetime(2020, 5, 17, 8, 30, tzinfo=UTC)])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first_samp=st.integers(0, 20_000),
    meas_date=DATES,
    anonymise=st.booleans(),
    crop_before=st.booleans(),
    crop=st.tuples(st.floats(0, 25), st.floats(30, 59.9)),
    resample=st.sampled_from([None, 128.0, 333.0]),
    existing=st.booleans(),
)
def test_annotations_lie_where_the_recording_says(
    run, first_samp, meas_date, anonymise, crop_before, crop, resample, existing
):
    result = with_first_time(run, first_samp)
    raw = make_raw(first_samp, meas_date)
    if existing:
        raw.set_annotations(mne.Annotations([10.0, 28.0], [0.1, 0.1], ["mine", "mine"]))
    mine = onsets_by_clock(raw, "mine")
    if anonymise and meas_date is not None:
        raw.anonymize(daysback=400, verbose="error")
    if resample:
        raw.resample(resample, verbose="error")
        raw._data[0] = raw.times  # the filter bends a ramp
    if crop_before:
        raw.crop(*crop)
        add_emotion_events(raw, result)
    else:
        add_emotion_events(raw, result)
        raw.crop(*crop)
    clock = raw.get_data("clock")[0]
    step = 1 / raw.info["sfreq"]
    start, stop = clock[0], clock[-1] + step
    found, wanted = onsets_by_clock(raw), expected(result, start, stop)
    inner = [(t, n) for t, n in wanted if start + 2 * step < t < stop - 2 * step]
    for time, name in inner:
        assert any(abs(time - t) <= 1.001 * step and n == name for t, n in found), (time, name, found)
    assert len(found) <= len(wanted) + 1
    if existing:
        kept = [t for t, _ in mine if start < t < stop - step]
        there = [t for t, _ in onsets_by_clock(raw, "mine")]
        assert all(any(abs(t - other) < 1.001 * step for other in there) for t in kept)


@settings(max_examples=15)
@given(
    first_samp=st.integers(0, 20_000), meas_date=DATES, crop=st.tuples(st.floats(0, 25), st.floats(30, 59.9))
)
def test_channels_lie_where_the_recording_says(run, first_samp, meas_date, crop):
    raw = add_emotion_channels(make_raw(first_samp, meas_date).crop(*crop), with_first_time(run, first_samp))
    clock = raw.get_data("clock")[0]
    ok = run.expression.ok
    happy = run.expression.labels.index("happy")
    wanted = np.interp(clock, run.time[ok], run.expression.probability[ok, happy])
    np.testing.assert_allclose(raw.get_data("fer_happy")[0], wanted, atol=1e-6)
    valid = raw.get_data("fer_valid")[0]
    lost = run.segments[run.segments["label"] == "lost"]
    for onset, duration in zip(lost["onset"], lost["duration"], strict=True):
        assert not valid[(clock > onset + 0.2) & (clock < onset + duration - 0.2)].any()
    assert set(np.unique(valid)) <= {0.0, 1.0}
    assert valid.mean() > 0.5


def test_channels_survive_filters_and_resampling(run):
    raw = add_emotion_channels(make_raw(), run)
    assert raw.get_channel_types(["fer_happy", "fer_valid"]) == ["misc", "misc"]
    assert np.isfinite(raw.resample(100, verbose="error").get_data()).all()


def test_channels_twice_are_refused(run):
    raw = add_emotion_channels(make_raw(), run)
    with pytest.raises(InputError, match="already has the channels fer_angry"):
        add_emotion_channels(raw, run)


def test_events_twice_are_the_same_as_once(run):
    raw = add_emotion_events(make_raw(), run)
    n = len(raw.annotations)
    assert len(add_emotion_events(raw, run).annotations) == n == len(run.segments)


def test_lost_spans_drop_epochs_only_on_request(run):
    for bad, dropped in ((False, 0), (True, 1)):
        raw = add_emotion_events(make_raw(), run, bad_lost=bad)
        lost = run.segments[run.segments["label"] == "lost"].iloc[0]
        sample = int((lost["onset"] + 0.2) * SFREQ)
        epochs = mne.Epochs(raw, np.array([[sample, 0, 1]]), tmin=0, tmax=0.5, baseline=None, verbose="error")
        assert len(epochs.drop_bad(verbose="error").drop_log) - len(epochs) == dropped


def test_extras_say_what_is_behind_an_annotation(run):
    annotations = add_emotion_events(make_raw(), run).annotations
    by_name = dict(zip(annotations.description, annotations.extras, strict=True))
    happy, lost = by_name["fer/happy"], by_name["face/lost"]
    assert happy["model"] == "ronnet-five" and 0.5 < happy["probability"] <= 1
    assert 0 < happy["time_uncertainty"] < 0.1
    assert lost["reason"] in ("no_face", "occluded") and lost["probability"] is None


def test_concatenated_runs(make_run):
    first, second = make_run(seconds=SECONDS, seed=1), make_run(seconds=SECONDS, seed=2)
    whole = mne.concatenate_raws([make_raw(), make_raw()], verbose="error")
    add_emotion_events(add_emotion_events(whole, first), second, offset=SECONDS)
    apart = mne.concatenate_raws(
        [add_emotion_events(make_raw(), first), add_emotion_events(make_raw(), second)], verbose="error"
    )
    assert spans(whole) == spans(apart)


def spans(raw):
    rows = zip(raw.annotations.onset, raw.annotations.duration, raw.annotations.description, strict=True)
    return sorted((round(t, 2), round(d, 2), str(n)) for t, d, n in rows if n.startswith(("fer/", "face/")))


@pytest.fixture(scope="module")
def of_fif(make_run):
    """Results of two FIF files whose acquisitions began at other samples, and what their files hold."""
    firsts = (5000, 1000)
    results = [with_first_time(make_run(seconds=SECONDS, seed=n + 1), s) for n, s in enumerate(firsts)]
    return results, [make_raw(first_samp) for first_samp in firsts]


@pytest.mark.parametrize("crop", [(0, None), (30.0, 100.0), (70.0, 110.0)])
def test_concatenated_files_that_began_at_different_samples(of_fif, crop):
    (first, second), raws = of_fif
    place = {"offset": SECONDS, "first_time": 5000 / SFREQ}
    apart = [add_emotion_events(raw.copy(), r) for raw, r in zip(raws, (first, second), strict=True)]
    apart = mne.concatenate_raws(apart, verbose="error").crop(*crop)
    whole = mne.concatenate_raws([raw.copy() for raw in raws], verbose="error").crop(*crop)
    if crop[0] < SECONDS:
        add_emotion_events(whole, first)
    add_emotion_events(whole, second, **place)
    assert spans(whole) == spans(apart)
    clock = whole.get_data("clock")[0]
    events = expression_events(whole, second, "happy", **place)
    starts = second.segments["onset"][second.segments["label"] == "happy"].to_numpy()
    times = clock[events[:, 0] - whole.first_samp]
    assert len(times) and all(np.abs(starts - t).min() <= 1 / SFREQ for t in times)
    here = whole.times > SECONDS - crop[0]
    happy = add_emotion_channels(whole, second, **place).get_data("fer_happy")[0]
    ok, label = second.expression.ok, second.expression.labels.index("happy")
    wanted = np.interp(clock[here], second.time[ok], second.expression.probability[ok, label])
    np.testing.assert_allclose(happy[here], wanted, atol=1e-6)


def test_metadata_of_files_that_began_at_different_samples(of_fif):
    (_, second), raws = of_fif
    whole = mne.concatenate_raws([raw.copy() for raw in raws], verbose="error").crop(45.0)
    samples = np.round((second.trials["onset"].to_numpy() + SECONDS) * SFREQ).astype(int) + 5000
    events = np.stack([samples, 0 * samples, 1 + 0 * samples], axis=1)
    epochs = mne.Epochs(whole, events, tmin=0, tmax=1, baseline=None, preload=True, verbose="error")
    table = emotion_metadata(epochs, second, offset=SECONDS, first_time=5000 / SFREQ)
    pd.testing.assert_series_equal(table["onset"], second.trials["onset"])


def test_a_place_in_concatenated_fif_files_is_not_guessed(of_fif):
    (_, second), raws = of_fif
    whole = mne.concatenate_raws([raw.copy() for raw in raws], verbose="error")
    samples = np.arange(3) * 1000 + 20_000
    events = np.stack([samples, 0 * samples, 1 + 0 * samples], axis=1)
    epochs = mne.Epochs(whole, events, tmin=0, tmax=1, baseline=None, preload=True, verbose="error")
    for function, target in ((add_emotion_events, whole), (emotion_metadata, epochs)):
        with pytest.raises(InputError, match=r"eeg\.vhdr began at 5\.000 s .* give first_time="):
            function(target, second, offset=SECONDS)


def test_save_and_load_keeps_the_onsets(run, tmp_path):
    raw = add_emotion_events(make_raw(1234, datetime(2020, 1, 1, tzinfo=UTC)), with_first_time(run, 1234))
    before = raw.annotations.onset
    raw.save(tmp_path / "all_raw.fif", verbose="error")
    again = mne.io.read_raw_fif(tmp_path / "all_raw.fif", verbose="error")
    np.testing.assert_allclose(again.annotations.onset, before, atol=1e-5)
    cropped = add_emotion_events(again.copy().set_annotations(None).crop(20, 40), with_first_time(run, 1234))
    fer = [t for t, n in onsets_by_clock(cropped) if n.startswith("fer/")]
    assert fer and min(fer) >= 20 - 1 / SFREQ


def test_split_files(run, tmp_path):
    raw = make_raw(500, sfreq=4000.0)
    raw.save(tmp_path / "long_raw.fif", split_size="3MB", verbose="error", fmt="double")
    again = mne.io.read_raw_fif(tmp_path / "long_raw.fif", verbose="error")
    assert len(again.filenames) > 1
    from dataclasses import replace

    result = replace(run, recording=replace(run.recording, details=RecordingDetails(first_time=0.125)))
    found = onsets_by_clock(add_emotion_events(again, result))
    wanted = expected(result, 0, SECONDS)
    np.testing.assert_allclose([t for t, _ in found], [t for t, _ in wanted], atol=1 / 4000)


def test_a_recording_of_another_time_is_refused(run):
    raw = make_raw(int(1e6))
    with pytest.raises(InputError, match=r"covers .* but the face was filmed from"):
        add_emotion_events(raw, run)


def test_annotation_file_holds_no_date_and_fits_the_recording(run, tmp_path):
    annotations = make_annotations(run)
    for name in ("a_annot.fif", "b_annot.fif"):
        write_annotations(tmp_path / name, annotations)
    assert (tmp_path / "a_annot.fif").read_bytes() == (tmp_path / "b_annot.fif").read_bytes()
    again = mne.read_annotations(tmp_path / "a_annot.fif")
    assert again.orig_time is None and len(again) == len(run.segments)
    np.testing.assert_allclose(again.onset, run.segments["onset"], atol=1e-5)
    assert [e["model"] for e in again.extras] == ["ronnet-five"] * len(again)
    raw = make_raw(777, datetime(2020, 1, 1, tzinfo=UTC)).set_annotations(again)
    wanted = expected(run, 0, SECONDS)
    np.testing.assert_allclose([t for t, _ in onsets_by_clock(raw)], [t for t, _ in wanted], atol=1 / SFREQ)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hed_annotations_name_the_action(run, tmp_path):
    pytest.importorskip("hed", reason="needs the optional package hedtools")
    pytest.importorskip("mne", "1.12", reason="needs MNE-Python 1.12")
    annotations = make_annotations(run, hed=True)
    strings = dict(zip(annotations.description, annotations.hed_string, strict=True))
    assert "Smile" in strings["fer/happy"] and "Happy" not in strings["fer/happy"]
    np.testing.assert_array_equal(annotations.onset, make_annotations(run).onset)
    mine = mne.HEDAnnotations([1.0], [0.1], ["mine"], ["Sensory-event"], hed_version="8.3.0")
    raw = add_emotion_events(make_raw().set_annotations(mine), run)
    assert raw.annotations.hed_string.count("Sensory-event") == 1
    assert len(raw.annotations) == 1 + len(annotations)


def test_hed_annotations_need_a_newer_mne(run, monkeypatch):
    monkeypatch.setattr(mne, "HEDAnnotations", None, raising=False)
    with pytest.raises(InputError, match=r"need MNE-Python 1\.12, and 1\.\d+.* is installed"):
        make_annotations(run, hed=True)


@pytest.mark.parametrize("first_samp", [0, 4321])
def test_metadata_follows_the_trials(run, first_samp):
    result = with_first_time(run, first_samp)
    raw = make_raw(first_samp).crop(5.0)
    samples = np.round(run.trials["onset"].to_numpy() * SFREQ).astype(int) + first_samp
    extra = np.array([int(50.5 * SFREQ) + first_samp])  # an event that is no trial
    events = np.array([[s, 0, 1] for s in sorted([*samples, *extra])])
    epochs = mne.Epochs(raw, events, tmin=0, tmax=1, baseline=None, preload=True, verbose="error")
    epochs.metadata = emotion_metadata(epochs, result)
    chosen = epochs["fer_happy_mean > 0.4"]
    assert set(chosen.metadata["trial_type"]) == {"happy"}
    assert epochs.metadata["onset"].isna().sum() == 1
    for event, onset in zip(epochs.events[:, 0], epochs.metadata["onset"], strict=True):
        assert np.isnan(onset) or abs((event - first_samp) / SFREQ - onset) <= 0.5 / SFREQ
    decimated = epochs.copy().set_annotations(None)
    decimated.metadata = None
    again = emotion_metadata(decimated.resample(50, verbose="error"), result)
    pd.testing.assert_frame_equal(again, epochs.metadata.reset_index(drop=True))


def test_metadata_keeps_what_is_there_and_refuses_other_events(run):
    raw = make_raw()
    samples = np.round(run.trials["onset"].to_numpy() * SFREQ).astype(int)
    events = np.stack([samples, 0 * samples, 1 + 0 * samples], axis=1)
    mine = pd.DataFrame({"rating": range(len(events))})
    epochs = mne.Epochs(raw, events, tmax=1, metadata=mine, baseline=None, preload=True, verbose="error")
    table = emotion_metadata(epochs, run)
    assert list(table["rating"]) == list(epochs.metadata["rating"]) and "fer_valid" in table
    events[:, 0] += int(0.3 * SFREQ)
    with pytest.raises(InputError, match="None of the"):
        emotion_metadata(mne.Epochs(raw, events, tmax=1, baseline=None, verbose="error"), run)


def epochs_at(raw, onset):
    samples = np.round(np.asarray(onset) * SFREQ).astype(int)
    events = np.stack([samples, 0 * samples, 1 + 0 * samples], axis=1)
    return mne.Epochs(raw, events, tmin=0, tmax=1, baseline=None, preload=True, verbose="error")


def test_metadata_of_several_runs_and_of_a_run_that_was_made_again(make_run):
    first, second = make_run(seconds=SECONDS, seed=1), make_run(seconds=SECONDS, seed=2)
    whole = mne.concatenate_raws([make_raw(), make_raw()], verbose="error")
    onset = np.r_[first.trials["onset"], second.trials["onset"] + SECONDS]
    epochs = epochs_at(whole, onset)
    epochs.metadata = pd.DataFrame({"rating": np.arange(len(onset))})
    epochs.metadata = emotion_metadata(epochs, first)
    epochs.metadata = emotion_metadata(epochs, second, offset=SECONDS)
    both = pd.concat([first.trials, second.trials], ignore_index=True)
    pd.testing.assert_frame_equal(epochs.metadata[list(both)].reset_index(drop=True), both)
    assert epochs.metadata["rating"].tolist() == list(range(len(onset)))
    again = replace(second, trials=second.trials.assign(fer_happy_mean=0.125))
    table = emotion_metadata(epochs, again, offset=SECONDS)
    n = len(first.trials)
    assert (table["fer_happy_mean"][n:] == 0.125).all() and list(table) == list(epochs.metadata)
    pd.testing.assert_series_equal(table["fer_happy_mean"][:n], first.trials["fer_happy_mean"])


def test_events_at_the_first_smile(run):
    raw = make_raw(321).crop(4.0)
    result = with_first_time(run, 321)
    events = expression_events(raw, result, "happy")
    clock = raw.get_data("clock")[0]
    times = clock[events[:, 0] - raw.first_samp]
    smiles = run.segments["onset"][run.segments["label"] == "happy"].to_numpy()
    happy = run.trials[run.trials["trial_type"] == "happy"]
    assert len(times) and all(np.abs(smiles - t).min() <= 1 / SFREQ for t in times)
    assert all(((t >= happy["onset"] - 0.1) & (t < happy["onset"] + 2)).any() for t in times)
    assert len(
        mne.Epochs(raw, events, tmin=0, tmax=0.5, baseline=None, preload=True, verbose="error")
    ) == len(events)
    with pytest.raises(InputError, match="no label 'bored'"):
        expression_events(raw, result, "bored")


def test_events_are_the_same_after_results_were_read_back(run, tmp_path):
    """Files have whole microseconds, so a segment may end one before the next begins."""
    rows = [(1.0000004, 1.0000004, "neutral"), (2.0000008, 1.0, "happy")]
    segments = pd.DataFrame([(*row, 0.8, 1.0, "") for row in rows], columns=run.segments.columns)
    result = replace(run, segments=segments)
    write_run(tmp_path, result)
    back = read_run(find_results(tmp_path)[0])
    now, later = (expression_events(make_raw(), one, "happy", within_trials=False) for one in (result, back))
    assert len(now) == 1 and now.tolist() == later.tolist()


def test_a_face_that_comes_back_with_an_expression_does_not_begin_it(run):
    columns = list(run.segments.columns)
    rows = [
        (1.0, 1.0, "neutral", 0.8, 1.0, ""),
        (2.0, 1.0, "happy", 0.8, 1.0, ""),
        (3.0, 1.0, "lost", np.nan, 0.0, "no_face"),
        (4.0, 1.0, "happy", 0.8, 1.0, ""),
        (6.0, 1.0, "happy", 0.8, 1.0, ""),  # after a hole in the video
    ]
    result = replace(run, segments=pd.DataFrame(rows, columns=columns))
    raw = make_raw(0)
    events = expression_events(raw, result, "happy", within_trials=False)
    assert raw.times[events[:, 0] - raw.first_samp].tolist() == [2.0]
    empty = replace(run, segments=run.segments.iloc[:0])
    assert not len(expression_events(raw, empty, "happy", within_trials=False))


@pytest.mark.parametrize(
    ("window", "smiles", "found"),
    [((1.0, 3.0), (2.3, 3.5), [3.5]), ((-0.5, 3.0), (1.7, 3.5), [1.7]), ((0.0, 3.0), (1.7, 2.3), [2.3])],
)
def test_events_are_looked_for_in_the_trial_s_window(run, window, smiles, found):
    """A trigger at 2 s; the window is the protocol's, which need not begin there."""
    rows = [(0.0, smiles[0], "neutral"), (smiles[0], 0.4, "happy")]
    rows += [(smiles[0] + 0.4, smiles[1] - smiles[0] - 0.4, "neutral"), (smiles[1], 1.0, "happy")]
    segments = pd.DataFrame([(*row, 0.8, 1.0, "") for row in rows], columns=run.segments.columns)
    trials = run.trials.iloc[:1].assign(onset=2.0, duration=window[1])
    provenance = Provenance(protocol=ProtocolCard({"trial": {"window": list(window)}}))
    result = replace(run, segments=segments, trials=trials, provenance=provenance)
    assert (expression_events(make_raw(), result, "happy")[:, 0] / SFREQ).tolist() == found


FILES = [
    "test.vhdr",
    "test.edf",
    "test_stim_channel.edf",
    "test.bdf",
    "test_egi.raw",
    "eeglab_data.set",
    "example_4.mff",
    "../xdf/minimal.xdf",
    "../xdf/clock_resets.xdf",
]


@pytest.mark.parametrize("name", FILES)
def test_real_recordings(make_run, shared_data, name):
    from dataclasses import replace

    from enicfer.io.eeg import open_raw

    file: Path = shared_data / "eeg" / name
    recording = read_eeg(file)
    result = make_run(seconds=max(20.0, recording.duration))
    result = replace(result, recording=recording)
    raw = open_raw(file)
    before = [str(d) for d in raw.annotations.description]
    add_emotion_events(raw, result)
    there = [str(d) for d in raw.annotations.description]
    assert all(there.count(d) >= before.count(d) for d in before)
    ends = raw.annotations.onset + raw.annotations.duration - raw.first_time
    mine = np.array([d.startswith(("fer/", "face/")) for d in there])
    assert mine.any() and ends[mine].max() <= raw.n_times / raw.info["sfreq"] + 1e-9
    raw = add_emotion_channels(raw, result)
    clock = raw.times
    ok = result.expression.status == Status.OK
    wanted = np.interp(clock, result.time[ok], result.expression.probability[ok, 2])
    np.testing.assert_allclose(raw.get_data("fer_happy")[0], wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["spans_annot.fif", "spans.txt"])
def test_annotations_come_back_from_files(run, tmp_path, name):
    annotations = make_annotations(run)
    write_annotations(tmp_path / name, annotations)
    again = mne.read_annotations(tmp_path / name)
    assert again.description.tolist() == annotations.description.tolist()
    np.testing.assert_allclose(again.onset, annotations.onset, atol=1e-4)
    np.testing.assert_allclose(again.duration, annotations.duration, atol=1e-4)
    with pytest.raises(OutputError, match="first annotation at 0"):
        write_annotations(tmp_path / "spans.csv", annotations)
    if name.endswith(".fif"):
        assert [dict(e) for e in again.extras] == [dict(e) for e in annotations.extras]
