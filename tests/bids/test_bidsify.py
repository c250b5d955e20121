"""A session folder as a BIDS data set: times, trials, videos and their privacy, validity, nothing by halves."""

import json
import os
import shutil
import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import mne
import nibabel
import numpy as np
import pandas as pd
import pytest

from enicfer import process_dataset, process_session, read_result
from enicfer.bids import session as module
from enicfer.bids.session import bidsify_session
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import read_protocol
from enicfer.config.runs import Run
from enicfer.errors import AlignmentError, InputError, OutputError
from enicfer.io.files.atomic import files_below
from enicfer.pipeline.recording import find_trials, read_recording
from enicfer.privacy.share_check import check_share
from enicfer.synthetic import write_example_session
from tests.batch.study import SCENE
from tests.pipeline.test_publish import validate

mne_bids = pytest.importorskip("mne_bids")
BOUND = 0.2  # s; the small videos have 12 frames a second
STEM = "sub-01_task-faces"


def tell(raw, folder=""):
    return pd.read_csv(
        raw / "sub-01" / folder / f"{'sub-01_scans' if not folder else f'{STEM}_events'}.tsv", sep="\t"
    )


def acquired(raw):
    """File -> when its first sample was taken, as another program reads the table."""
    table = tell(raw)
    return {
        Path(name).name: datetime.fromisoformat(time.removesuffix("Z"))
        for name, time in zip(table["filename"], table["acq_time"], strict=True)
    }


def offset(raw, ending):
    times = acquired(raw)
    (video,) = (time for name, time in times.items() if "video." in name)
    (recording,) = (time for name, time in times.items() if name.endswith(ending))
    return (video - recording).total_seconds()


@pytest.fixture(scope="module")
def session(once):
    scene = replace(SCENE, participant_size=(90.0, 100.0))
    return (
        once("bidsify-session", lambda folder: write_example_session(folder / "s", "eeg", 0, scene=scene))
        / "s"
    )


@pytest.fixture(scope="module")
def results(once, session):
    options = ProcessingOptions(max_uncertainty=BOUND, analysis_rate=3.0)
    return (
        once("bidsify-results", lambda folder: process_session(session, options, output=folder / "out"))
        / "out"
    )


@pytest.fixture(scope="module")
def aligned(session):
    from enicfer.config.session import read_session

    return module.align_runs(read_session(session), BOUND)


@pytest.fixture
def known(aligned, monkeypatch):
    """The session's clocks are related once."""
    monkeypatch.setattr(module, "align_runs", lambda session, bound, progress: aligned)


@pytest.fixture(scope="module")
def raw(once, session, results):
    return (
        once(
            "bidsify-raw",
            lambda folder: bidsify_session(
                session, folder / "raw", faces="keep", results=results, max_uncertainty=BOUND
            ),
        )
        / "raw"
    )


def test_times_of_the_table_of_scans_are_the_alignment_and_the_truth(raw, session, results):
    (run,) = read_result(results).runs
    first = float(run.faces.video_time[0])
    assert offset(raw, "_eeg.vhdr") == pytest.approx(float(run.alignment.time(first)), abs=2e-6)
    truth = json.loads((session / "truth.json").read_text())
    about = json.loads((raw / "sub-01" / "beh" / f"{STEM}_video.json").read_text())
    clock = truth["clock"]
    for segment in about["ClockSegments"]:
        at = segment["VideoTime"]
        assert segment["RecordingTime"] == pytest.approx(clock["slope"] * at + clock["intercept"], abs=0.05)
    assert about["StartTime"] == pytest.approx(offset(raw, "_eeg.vhdr"), abs=1e-6)
    video = np.linspace(first, float(run.faces.video_time[-1]), 50)
    (segment,) = about["ClockSegments"]
    there = segment["RecordingTime"] + segment["Rate"] * (video - segment["VideoTime"])
    np.testing.assert_allclose(there, run.alignment.time(video), atol=1e-6)


def test_the_video_is_the_video_and_only_its_owner_can_read_it(raw, session):
    path = raw / "sub-01" / "beh" / f"{STEM}_video.mp4"
    assert path.read_bytes() == (session / "camera.mp4").read_bytes()
    assert os.name == "nt" or stat.S_IMODE(path.stat().st_mode) == 0o600
    about = json.loads(path.with_suffix(".json").read_text())
    truth = json.loads((session / "truth.json").read_text())
    stamps = [frame["video_time"] for frame in truth["frames"]]
    assert (about["ImageWidth"], about["ImageHeight"], about["VideoCodec"]) == (320, 240, "h264")
    assert about["VideoFrameCount"] == len(stamps)
    assert about["VideoFrameRate"] == pytest.approx((len(stamps) - 1) / (stamps[-1] - stamps[0]))
    assert "DeidentificationMethod" not in about
    found = [finding.file for finding in check_share(raw) if finding.what == "recording of sound or pictures"]
    assert found == [f"sub-01/beh/{STEM}_video.mp4"]


def test_the_recording_is_read_as_bids_has_it(raw, session):
    path = mne_bids.BIDSPath(subject="01", task="faces", datatype="eeg", root=raw)
    again = mne_bids.read_raw_bids(path, verbose="error")
    source = mne.io.read_raw_brainvision(session / "eeg.vhdr", verbose="error")
    np.testing.assert_array_equal(again.get_data(), source.get_data())
    table = tell(raw, "eeg")
    trials = {t["condition"]: t["onset"] for t in json.loads((session / "truth.json").read_text())["trials"]}
    rows = table.dropna(subset="trial_type")
    assert dict(zip(rows["trial_type"], rows["onset"], strict=True)) == pytest.approx(trials, abs=0.002)
    np.testing.assert_allclose(table["sample"] / 500.0, table["onset"], atol=0.001)
    assert len(table) == len(source.annotations) and table["onset"].is_monotonic_increasing


def test_events_carry_the_results_in_the_rows_of_trials(raw, results):
    table, (run,) = tell(raw, "eeg"), read_result(results).runs
    rows = table.dropna(subset="trial_type").reset_index(drop=True)
    columns = [name for name in run.trials if name.startswith("fer_")]
    assert "fer_happy_mean" in columns and set(columns) <= set(table)
    pd.testing.assert_frame_equal(rows[columns], run.trials[columns], check_dtype=False, atol=1e-6, rtol=0)
    others = table[table["trial_type"].isna()]
    assert others[columns].isna().all(axis=None)
    about = json.loads((raw / "sub-01" / "eeg" / f"{STEM}_events.json").read_text())
    assert set(table.columns) <= set(about)


def test_the_data_set_processed_gives_the_same_values_as_the_session(raw, results, tmp_path):
    options = ProcessingOptions(protocol="eeg-led", max_uncertainty=BOUND, analysis_rate=3.0)
    done = process_dataset(raw, tmp_path / "out", options=options)
    assert [outcome.state for outcome in done.outcomes] == ["done"]
    (ours,), (source,) = read_result(tmp_path / "out").runs, read_result(results).runs
    assert source.trials["fer_valid"].max() > 0.5
    pd.testing.assert_frame_equal(ours.trials, source.trials)


def test_the_validator_misses_only_what_the_lab_alone_knows(raw):
    found = validate(raw)
    assert {code for _, code, _, _ in found} <= {
        "JSON_KEY_RECOMMENDED", "SIDECAR_KEY_RECOMMENDED", "TOO_FEW_AUTHORS"
    }  # fmt: skip
    assert {severity for severity, *_ in found} == {"warning"}


def test_lines_of_bidsignore_skip_names_of_the_draft_alone(raw, tmp_path):
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / ".bidsignore").unlink()
    found = {(code, place) for _, code, place, _ in validate(tmp_path / "raw") if "RECOMMENDED" not in code}
    beh = f"/sub-01/beh/{STEM}_video"
    assert {place for _, place in found if "video" in place} == {f"{beh}.mp4", f"{beh}.json"}


def test_nothing_is_done_without_a_word_on_the_faces(session, tmp_path):
    with pytest.raises(InputError, match=r"nothing was said of it: give faces=\"cover\" for a copy"):
        bidsify_session(session, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_run_that_is_there_is_not_replaced_unless_told(raw, session, known, tmp_path):
    target = tmp_path / "raw"
    shutil.copytree(raw, target)
    before = {name: (target / name).read_bytes() for name in files_below(target)}
    with pytest.raises(OutputError, match=r"already has sub-01/beh/.*overwrite=True"):
        bidsify_session(session, target, faces="keep")
    assert {name: (target / name).read_bytes() for name in files_below(target)} == before
    (target / "sub-01" / "beh" / f"{STEM}_split-1_video.mkv").write_bytes(b"older")
    table = target / "participants.tsv"
    table.write_text("participant_id\tgroup\nsub-01\tpatient\nsub-02\tcontrol\n")
    scans = target / "sub-01" / "sub-01_scans.tsv"
    scans.write_text(
        "filename\tacq_time\tnote\n"
        f"beh/{STEM}_split-1_video.mkv\t1925-01-01T00:00:00\tx\nanat/sub-01_T1w.nii\tn/a\tkept\n"
    )
    done = bidsify_session(session, target, faces="keep", overwrite=True)
    assert not (target / "sub-01" / "beh" / f"{STEM}_split-1_video.mkv").exists()
    assert table.read_text() == "participant_id\tgroup\nsub-01\tpatient\nsub-02\tcontrol\n"
    rows = [line.split("\t") for line in scans.read_text().splitlines()]
    assert [row[0] for row in rows[1:]] == [
        "anat/sub-01_T1w.nii", f"beh/{STEM}_video.mp4", f"eeg/{STEM}_eeg.vhdr"
    ]  # fmt: skip
    assert rows[1] == ["anat/sub-01_T1w.nii", "n/a", "kept"] and rows[2][2] == "n/a"
    assert "fer_happy_mean" not in tell(target, "eeg") and done.notes == ()


def test_another_participant_joins_and_the_first_stays(raw, session, known, tmp_path):
    target = tmp_path / "raw"
    shutil.copytree(raw, target)
    before = {name: (target / name).read_bytes() for name in files_below(target)}
    other = tmp_path / "s"
    shutil.copytree(session, other)
    toml = (other / "session.toml").read_text().replace('"01"', '"02"')
    (other / "session.toml").write_text(toml)
    bidsify_session(other, target, faces="keep")
    after = {name: (target / name).read_bytes() for name in files_below(target)}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"participants.tsv"}
    assert [line.split("\t")[0] for line in (target / "participants.tsv").read_text().splitlines()] == [
        "participant_id", "sub-01", "sub-02"
    ]  # fmt: skip


def change(session, tmp_path, old, new):
    folder = tmp_path / "changed"
    shutil.copytree(session, folder)
    toml = (folder / "session.toml").read_text()
    assert old in toml
    (folder / "session.toml").write_text(toml.replace(old, new))
    (folder / "times.csv").write_text("0\n")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            'task = "faces"',
            'task = "faces"\nframe_times = "times.csv"',
            "times of camera.mp4 are in times.csv",
        ),
        ('task = "faces"', 'task = "faces"\nrun = "a"', "The run 'a' has a name, and BIDS wants a number"),
        ('recording = "eeg.vhdr"', "", "is a video alone|needs an EEG recording"),
    ],
)
def test_what_a_data_set_cannot_hold_is_refused(session, tmp_path, old, new, sentence):
    with pytest.raises((InputError, Exception), match=sentence) as error:
        bidsify_session(change(session, tmp_path, old, new), tmp_path / "raw", faces="keep")
    assert type(error.value).__module__ == "enicfer.errors"
    assert not (tmp_path / "raw").exists()


def test_what_stays_behind_is_called_as_in_the_session_file():
    run = Run("faces", None, (), events=Path("a.tsv"), xdf=Path("a.xdf"), faces=((0, 1.0, 1.0),))
    said = [note.partition(" stays behind")[0] for note in module._left_behind(run)]
    assert said == ["xdf of task-faces", "face of task-faces"], "the trials of an events table go along"


def test_a_session_that_cannot_be_aligned_leaves_nothing(session, tmp_path, monkeypatch):
    def refuse(*_):
        raise AlignmentError("The clocks cannot be related", remedy="x")

    monkeypatch.setattr(module, "align_runs", refuse)
    with pytest.raises(AlignmentError):
        bidsify_session(session, tmp_path / "raw", faces="keep")
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("kind", ["derivative", "other things"])
def test_a_folder_that_is_no_data_set_of_recordings_is_refused(session, tmp_path, kind):
    name, text = ("a.txt", "x") if kind == "other things" else (
        "dataset_description.json", '{"Name": "x", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}'
    )  # fmt: skip
    (tmp_path / name).write_text(text)
    with pytest.raises(
        OutputError, match="of the type derivative" if kind == "derivative" else "is no BIDS data set"
    ):
        bidsify_session(session, tmp_path, faces="keep")
    assert files_below(tmp_path) == [name]


def test_a_copy_that_lost_its_triggers_is_refused(session, known, tmp_path, monkeypatch):
    from enicfer.bids import recording

    def without_markers(header):
        markers = header.with_suffix(".vmrk")
        lines = markers.read_text().splitlines()
        markers.write_text("\n".join(line for line in lines if ",S  1," not in line) + "\n")
        header.write_text(header.read_text().replace(f"{header.stem}.{header.stem}", f"{header.stem}.eeg"))

    monkeypatch.setattr(recording, "_point_to_own_files", without_markers)
    with pytest.raises(
        InputError, match=r"None of the pulse codes|The pulses in .*_eeg.vhdr are not those of eeg.vhdr"
    ):
        bidsify_session(session, tmp_path / "raw", faces="keep")
    assert not (tmp_path / "raw").exists()


def test_results_of_other_trials_are_refused(session, known, make_run, tmp_path, monkeypatch):
    from enicfer.pipeline.publish import write_outputs

    monkeypatch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: [])
    write_outputs(make_run(entities={"sub": "01", "task": "faces"}), tmp_path / "out")
    with pytest.raises(InputError, match=r"The results have \d+ trials of task-faces, and not the 4"):
        bidsify_session(session, tmp_path / "raw", faces="keep", results=tmp_path / "out")
    assert not (tmp_path / "raw").exists()


@pytest.fixture(scope="module")
def scanned(once):
    return (
        once("bidsify-scanned", lambda folder: write_example_session(folder / "s", "fmri", 0, scene=SCENE))
        / "s"
    )


def test_a_bold_series_goes_with_its_log_and_without_faces(scanned, tmp_path, monkeypatch):
    """The covered copy is of a video from which faces are taken by another function, tested by itself."""
    from enicfer.bids import video
    from enicfer.config.session import read_session

    session, target = scanned, tmp_path / "raw"

    def cover(source, output, progress=None):
        shutil.copyfile(source, output)
        return 10, 9

    monkeypatch.setattr(video, "deidentify_video", cover)
    done = bidsify_session(session, target, faces="cover", max_uncertainty=BOUND)
    assert done.notes == (f"{STEM}_video.mp4: a face is covered in 9 of 10 frames; look at it.",)
    image, source = (
        nibabel.load(path) for path in (target / f"sub-01/func/{STEM}_bold.nii.gz", session / "bold.nii")
    )
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(source.dataobj))
    said = json.loads((target / f"sub-01/func/{STEM}_bold.json").read_text())
    assert said["TaskName"] == "faces" and said["RepetitionTime"] == 2.0
    assert (
        "painted over"
        in json.loads((target / f"sub-01/beh/{STEM}_video.json").read_text())["DeidentificationMethod"][0]
    )
    assert offset(target, "_bold.nii.gz") == pytest.approx(
        json.loads((session / "truth.json").read_text())["frames"][0]["time"], abs=0.05
    )
    protocol = read_protocol("fmri-volumes")
    from enicfer.batch.dataset import Selection, find_dataset_sessions

    found = find_dataset_sessions(target, protocol, Selection(), tmp_path / "out")
    assert found.lost == []
    ((run,), own) = found.sessions[0].runs, read_session(session).runs[0]
    ours, theirs = (find_trials(r, read_recording(r, protocol), protocol) for r in (run, own))
    pd.testing.assert_frame_equal(ours, theirs)
    assert {severity for severity, *_ in validate(target)} <= {"warning"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "nothing was said of it: give --deidentify for a copy"),
        (["--deidentify", "--with-faces"], "exclude each other"),
    ],
)
def test_the_command_line_wants_one_word_on_the_faces(
    session, tmp_path, capsys, monkeypatch, options, sentence
):
    from enicfer.cli.main import main

    monkeypatch.setattr("sys.argv", ["enicfer", "bidsify", str(session), str(tmp_path / "raw"), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (1, 2) and sentence in capsys.readouterr().err
    assert not (tmp_path / "raw").exists()
