import mne
import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import EnicferError
from enicfer.io.results import read_run


def call(*arguments):
    return CliRunner().invoke(cli, ["apply", *map(str, arguments)], catch_exceptions=True)


def test_the_recording_gets_events_and_channels_and_keeps_its_own(processed, example, tmp_path):
    source, output = example(short=True) / "eeg.vhdr", tmp_path / "out" / "child_raw.fif"
    answer = call(processed(short=True), source, "-o", output)
    assert answer.exit_code == 0, answer.output
    assert "emotion annotations" in answer.output
    result, before = read_run(processed(short=True)), mne.io.read_raw(source, verbose="error")
    raw = mne.io.read_raw(output, verbose="error")
    assert raw.times[-1] == before.times[-1]
    assert set(before.annotations.description) < set(raw.annotations.description)
    shown = result.segments[result.segments["label"] != "lost"]
    onsets = [a["onset"] - raw.first_time for a in raw.annotations if a["description"].startswith("fer/")]
    np.testing.assert_allclose(onsets, shown["onset"], atol=1 / raw.info["sfreq"])
    assert [name for name in raw.ch_names if name not in before.ch_names] == [
        *(f"fer_{label}" for label in result.expression.labels), "fer_valid",
        "fer_head_yaw", "fer_head_pitch", "fer_head_roll", "fer_head_valid",
    ]  # fmt: skip
    first = before.get_data(picks=[0])
    np.testing.assert_allclose(raw.get_data(picks=[0]), first, rtol=1e-6, atol=1e-6 * np.abs(first).max())


def test_a_cropped_copy_gets_what_belongs_to_it(processed, example, tmp_path):
    raw = mne.io.read_raw(example(short=True) / "eeg.vhdr", preload=True, verbose="error").crop(5.0)
    copy = tmp_path / "cropped_raw.fif"
    raw.save(copy, verbose="error")
    answer = call(processed(short=True), copy, "-o", tmp_path / "out_raw.fif", "--no-channels", "--bad-lost")
    assert answer.exit_code == 0, answer.output
    assert "made from eeg.vhdr" in answer.output
    result = read_run(processed(short=True))
    lost = int((result.segments["label"] == "lost").sum())
    assert f", {lost} BAD_face_lost among them. Look at" in answer.output
    told = mne.io.read_raw(tmp_path / "out_raw.fif", verbose="error")
    assert told.ch_names == raw.ch_names
    last = result.segments[result.segments["label"] != "lost"].iloc[-1]
    onset = [a["onset"] for a in told.annotations if a["description"].startswith("fer/")][-1]
    # The copy's first sample is number 5 x sfreq of the recording; annotations count from number 0.
    assert onset == pytest.approx(last["onset"], abs=1 / told.info["sfreq"])


def test_how_many_trials_are_marked_as_rejected_is_said(processed, example, tmp_path):
    from dataclasses import replace

    from enicfer.pipeline.publish import write_outputs

    result, source = read_run(processed(short=True)), example(short=True) / "eeg.vhdr"
    asked = ("--bad-review", "--no-channels", "--overwrite")
    answer = call(processed(short=True), source, "-o", tmp_path / "a_raw.fif", *asked)
    assert ", 0 BAD_review among them." in answer.output
    said = [*["rejected"] * 2, *[None] * (len(result.trials) - 2)]
    trials = result.trials.assign(fer_reviewed=said, fer_review_reason=[text and "yawn" for text in said])
    write_outputs(replace(result, trials=trials.astype({"fer_reviewed": "str"})), tmp_path / "reviewed")
    answer = call(tmp_path / "reviewed", source, "-o", tmp_path / "a_raw.fif", *asked)
    assert answer.exit_code == 0 and ", 2 BAD_review among them. Look at" in answer.output
    told = mne.io.read_raw(tmp_path / "a_raw.fif", verbose="error").annotations.description
    assert sum(name == "BAD_review" for name in told) == 2


def test_same_bytes_twice(processed, example, tmp_path):
    outputs = [tmp_path / name / "a_raw.fif" for name in ("first", "second")]
    for output in outputs:
        assert call(processed(short=True), example(short=True) / "eeg.vhdr", "-o", output).exit_code == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert [path.name for path in outputs[0].parent.iterdir()] == ["a_raw.fif"]


def test_nothing_is_overwritten_and_names_are_checked(processed, example, tmp_path):
    source, output = example(short=True) / "eeg.vhdr", tmp_path / "a_raw.fif"
    output.write_text("precious", encoding="utf-8")
    answer = call(processed(short=True), source, "-o", output)
    assert isinstance(answer.exception, EnicferError) and "is there already" in str(answer.exception)
    assert output.read_text(encoding="utf-8") == "precious"
    answer = call(processed(short=True), source, "-o", tmp_path / "a.edf")
    assert isinstance(answer.exception, EnicferError) and "_raw.fif" in str(answer.exception)
    assert call(processed(short=True), source, "-o", output, "--overwrite", "--no-channels").exit_code == 0
    assert mne.io.read_raw(output, verbose="error").n_times > 0


def test_another_recording_is_refused(processed, tmp_path):
    info = mne.create_info(1, 100.0, "eeg")
    mne.io.RawArray(np.zeros((1, 100)), info, first_samp=10**6, verbose="error").save(
        tmp_path / "x_raw.fif", verbose="error"
    )
    answer = call(processed(short=True), tmp_path / "x_raw.fif", "-o", tmp_path / "out_raw.fif")
    assert isinstance(answer.exception, EnicferError) and "give the recording" in str(answer.exception)
    assert not (tmp_path / "out_raw.fif").exists()


def test_a_recording_without_a_date_stays_so(processed, example, tmp_path):
    assert (
        call(processed(short=True), example(short=True) / "eeg.vhdr", "-o", tmp_path / "a_raw.fif").exit_code
        == 0
    )
    before = mne.io.read_raw(example(short=True) / "eeg.vhdr", verbose="error")
    after = mne.io.read_raw(tmp_path / "a_raw.fif", verbose="error")
    assert after.info["meas_date"] == before.info["meas_date"]


def test_the_recording_of_another_child_with_the_same_name_is_refused(processed, example, tmp_path):
    """It has the same triggers at other times: here the recording's second half, as if it were the first."""
    raw = mne.io.read_raw(example(short=True) / "eeg.vhdr", preload=True, verbose="error")
    start = float(raw.annotations.onset[len(raw.annotations) // 2]) - 1.234
    other = mne.io.RawArray(raw.copy().crop(start).get_data(), raw.info, verbose="error")
    later = raw.annotations.onset > start
    other.set_annotations(
        mne.Annotations(
            raw.annotations.onset[later] - start,
            0.0,
            raw.annotations.description[later],
        )
    )
    path = tmp_path / "eeg.vhdr"
    mne.export.export_raw(path, other, verbose="error")
    answer = call(processed(short=True), path, "-o", tmp_path / "out_raw.fif")
    assert isinstance(answer.exception, EnicferError) and "triggers are where they are in" in str(
        answer.exception
    )
    assert not (tmp_path / "out_raw.fif").exists()


def test_a_recording_without_triggers_or_changed_is_named(processed, example, tmp_path):
    raw = mne.io.read_raw(example(short=True) / "eeg.vhdr", preload=True, verbose="error")
    mne.export.export_raw(tmp_path / "eeg.vhdr", raw.set_annotations(None), verbose="error")
    answer = call(processed(short=True), tmp_path / "eeg.vhdr", "-o", tmp_path / "out_raw.fif")
    assert answer.exit_code == 0, answer.output
    assert "not as they were when the result was made: eeg.vhdr, eeg.eeg" in answer.output
    assert "has no trigger that eeg.vhdr had" in answer.output
    same = call(processed(short=True), example(short=True) / "eeg.vhdr", "-o", tmp_path / "same_raw.fif")
    assert "note" not in same.output
