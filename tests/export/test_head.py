"""The pose of the head in every table, the spans that drop epochs, and nothing else changed by them."""

import json
from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import InputError
from enicfer.export.columns import describe_columns
from enicfer.export.fmri import confound_columns, timeseries_table
from enicfer.export.mne import add_emotion_channels, add_emotion_events, make_annotations
from enicfer.export.physio import physio_table
from enicfer.io.results import read_run
from enicfer.records import Modality, Status
from enicfer.timecourse.head import MEASURED
from enicfer.timecourse.segments import frame_support

HEAD = ["fer_head_yaw", "fer_head_pitch", "fer_head_roll", "fer_head_valid"]


@pytest.fixture
def turning(make_run):
    """A run whose head turns to a side and back, twice in 60 s; looks up and down; the face is covered for 2 s."""

    def make(modality=Modality.EEG, detector="centerface"):
        run = make_run(modality)
        true = np.stack(
            [50 * np.sin(run.time / 5), 12 * np.cos(run.time / 7), np.full(run.time.size, 3.0)], axis=1
        )
        names = ("yaw", "pitch", "roll")
        scale = MEASURED["centerface"]
        measures = {
            name: (true[:, i] * scale[name][0] + scale[name][1]).astype(np.float32)
            for i, name in enumerate(names)
        }
        zero = np.zeros(run.time.size, np.float32)
        measures |= {"truncated": zero, "occlusion": zero}
        lost = np.isnan(run.faces.box[:, 0])
        for values in measures.values():
            values[lost] = np.nan
        status = run.faces.status.copy()
        status[(np.abs(true[:, 0]) > 45) & (status == Status.OK)] = Status.POSE
        probability = run.expression.probability.copy()
        probability[status != Status.OK] = np.nan
        others = np.where((run.time > 50) & (run.time < 53), run.faces.n_faces + 1, run.faces.n_faces)
        faces = replace(
            run.faces, measures=measures, status=status, detector=detector, n_faces=others.astype(np.uint8)
        )
        trace = replace(run.expression, status=status, probability=probability)
        known = ~np.isin(status, (Status.NO_FACE, Status.OCCLUDED, Status.OUTSIDE_RECORDING))
        return replace(run, faces=faces, expression=trace), true, known

    return make


def bare(run):
    """The run of a detector whose poses were not measured."""
    return replace(run, faces=replace(run.faces, detector="something"))


def test_volumes_have_the_mean_pose_and_confounds_stay_what_they_were(turning):
    run, true, known = turning(Modality.FMRI)
    table, about = timeseries_table(run, convolve=True)
    plain, before = timeseries_table(bare(run), convolve=True)
    pd.testing.assert_frame_equal(table.drop(columns=HEAD), plain)
    assert about["ConfoundColumns"] == before["ConfoundColumns"] and "HeadPoseColumns" not in before
    assert about["HeadPoseColumns"] == ["fer_head_yaw", "fer_head_pitch", "fer_head_valid"]  # roll stays 3
    both = [*about["ConfoundColumns"], *about["HeadPoseColumns"]]
    assert set(confound_columns(table[both])) == set(both)
    assert not table.isna().any().any()
    start, stop = frame_support(run.time)
    for volume in range(len(table)):
        weight = np.clip(np.minimum(stop, 2 * volume + 2) - np.maximum(start, 2 * volume), 0, None) * known
        assert table["fer_head_valid"][volume] == pytest.approx(weight.sum() / 2, abs=1e-6)
        if weight.sum() > 0:
            mean = weight @ true / weight.sum()
            np.testing.assert_allclose(table.loc[volume, HEAD[:3]].astype(float), mean, atol=1e-3)
    assert table["fer_head_yaw"].abs().max() > 48  # also where the head is turned too far for an expression


def test_a_regular_grid_has_the_pose_where_it_is_known(turning):
    run, _, known = turning()
    table, about = physio_table(run)
    plain, _ = physio_table(bare(run))
    names = ["head_yaw", "head_pitch", "head_roll"]
    pd.testing.assert_frame_equal(table.drop(columns=names), plain)
    assert list(table)[-3:] == names == about["Columns"][-3:] and about["head_yaw"]["Units"] == "deg"
    at = np.abs(run.time[None] - table["timestamp"].to_numpy()[:, None]).argmin(axis=1)
    lost = ~known[at]
    assert table["head_yaw"].isna()[lost].mean() > 0.9
    seen = table["head_yaw"].notna().to_numpy()
    expected = 50 * np.sin(table["timestamp"] / 5)
    np.testing.assert_allclose(table["head_yaw"][seen], expected[seen], atol=0.4)


def test_the_recording_gets_channels_of_the_pose(turning):
    run, _, _ = turning()
    info = mne.create_info(["Cz"], 100.0, "eeg")
    raw = add_emotion_channels(mne.io.RawArray(np.zeros((1, 6000)), info, verbose="error"), run)
    assert raw.ch_names[-4:] == HEAD and set(raw.copy().pick(HEAD).get_channel_types()) == {"misc"}
    yaw, valid = raw.get_data(["fer_head_yaw", "fer_head_valid"])
    np.testing.assert_allclose(yaw[valid == 1], 50 * np.sin(raw.times / 5)[valid == 1], atol=0.4)
    assert 0.9 < valid.mean() < 1 and np.isfinite(yaw).all()
    plain = mne.io.RawArray(np.zeros((1, 6000)), info, verbose="error")
    add_emotion_channels(plain, run, head_pose=False)
    assert plain.ch_names == raw.ch_names[:-4]
    np.testing.assert_array_equal(plain.get_data(), raw.get_data(plain.ch_names))
    other = add_emotion_channels(mne.io.RawArray(np.zeros((1, 6000)), info, verbose="error"), bare(run))
    assert other.ch_names == plain.ch_names


@pytest.mark.parametrize("name", ["turned_away", "covered", "other_person"])
def test_epochs_are_dropped_only_where_it_was_asked_for(turning, name):
    run, true, known = turning()
    flags = {
        "turned_away": known & (np.abs(true[:, 0]) > 30),
        "covered": (run.faces.status == Status.OCCLUDED),
        "other_person": (run.time > 50) & (run.time < 53),
    }
    second = np.arange(1, 58)
    hit = np.array([flags[name][(run.time > s + 0.05) & (run.time < s + 0.45)].any() for s in second])
    near = np.array([flags[name][(run.time > s - 0.2) & (run.time < s + 0.7)].any() for s in second])
    assert hit.any() and not near.all()
    info = mne.create_info(["Cz"], 250.0, "eeg")
    raw = mne.io.RawArray(np.zeros((1, 250 * 60)), info, verbose="error")
    events = np.stack([second * 250, np.zeros_like(second), np.ones_like(second)], axis=1)
    options = {"tmin": 0, "tmax": 0.5, "baseline": None, "preload": True, "verbose": "error"}
    add_emotion_events(raw, run)
    assert len(mne.Epochs(raw, events, **options)) == len(events)
    for _ in range(2):  # a second call adds nothing
        add_emotion_events(raw, run, bad=[name])
    dropped = np.array([bool(log) for log in mne.Epochs(raw, events, **options).drop_log])
    assert dropped[hit].all() and not dropped[~near].any()
    assert len(mne.Epochs(raw, events, reject_by_annotation=False, **options)) == len(events)
    found = [a for a in raw.annotations if a["description"] == f"BAD_{name}"]
    assert found and all(a["duration"] >= 0.2 for a in found)
    assert len(found) == sum(make_annotations(run, bad=[name]).description == f"BAD_{name}")
    assert make_annotations(run, bad=name) == make_annotations(run, bad=[name])
    assert all(a["extras"]["time_uncertainty"] > 0 for a in found)


def test_what_a_run_does_not_tell_is_refused(turning):
    run, _, _ = turning()
    with pytest.raises(InputError, match=r"no spans 'gaze': choose from turned_away, covered, other_person"):
        make_annotations(run, bad=["gaze"])
    with pytest.raises(InputError, match=r"does not tell where BAD_turned_away is \(from something\)"):
        make_annotations(bare(run), bad=["turned_away"])
    assert "BAD_covered" in make_annotations(bare(run), bad=["covered"]).description


def test_every_column_is_described():
    names = [
        "fer_head_yaw_mean",
        "fer_head_pitch",
        "head_roll",
        "fer_head_valid",
        "fer_turned_away",
        "fer_covered",
    ]
    about = describe_columns(names, ("happy",))
    assert all("table of events" not in about[name]["Description"] for name in names)
    assert all("{" not in about[name]["Description"] for name in names)
    assert [about[name]["Units"] for name in names] == ["deg", "deg", "deg", "1", "1", "1"]
    assert "the zero differs between people" in about["fer_head_pitch"]["Description"]
    assert "not gaze" in about["fer_turned_away"]["Description"]


def test_the_example_session_tells_how_the_head_is_turned(processed, example, tmp_path):
    run = read_run(processed())
    trials = run.trials
    fractions = trials[["fer_head_valid", "fer_turned_away", "fer_covered"]]
    assert fractions.notna().all().all() and ((fractions >= 0) & (fractions <= 1)).all().all()
    assert (fractions["fer_turned_away"] <= fractions["fer_head_valid"]).all()
    assert (fractions["fer_head_valid"] >= trials["fer_valid"] - 1e-6).all()  # a valid frame has a pose
    assert trials["fer_head_yaw_mean"].abs().max() < 45 and trials["fer_head_yaw_mean"].std() > 0.5
    output = tmp_path / "bad_raw.fif"
    asked = ("--bad", "other_person", "--bad", "turned_away", "--no-channels")
    arguments = ["apply", str(processed()), str(example() / "eeg.vhdr"), "-o", str(output), *asked]
    answer = CliRunner().invoke(cli, arguments)
    assert answer.exit_code == 0, answer.output
    names = [str(name) for name in mne.read_annotations(output).description]
    count = names.count("BAD_other_person")
    assert (
        count > 0
        and f"{count} BAD_other_person and {names.count('BAD_turned_away')} BAD_turned_away" in answer.output
    )


def test_the_example_in_the_scanner_has_the_pose_of_each_volume(processed):
    (file,) = processed("fmri").rglob("*_timeseries.tsv")
    table = pd.read_csv(file, sep="\t")
    about = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert not table[HEAD].isna().any().any() and table["fer_head_valid"].between(0, 1).all()
    assert set(about["HeadPoseColumns"]) <= set(HEAD) and not set(about["ConfoundColumns"]) & set(HEAD)
    assert all(about[name]["Description"] for name in HEAD)
