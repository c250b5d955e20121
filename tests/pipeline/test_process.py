"""The whole job on sessions whose every answer is known, and on sessions that are wrong."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace as change
from pathlib import Path

import h5py
import mne
import nibabel
import numpy as np
import pandas as pd
import pybv
import pytest

from benchmarks.example_sessions import judge
from enicfer import process_session, trace_video
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Protocol
from enicfer.config.runs import Run, Session
from enicfer.errors import AlignmentError, InputError, OutputError
from enicfer.io.video.stamps import COUNTED
from enicfer.pipeline import process as pipeline
from enicfer.pipeline.assemble import place_on_clock, replace_times
from enicfer.pipeline.observe import Observations
from enicfer.pipeline.origin import hash_inputs
from enicfer.pipeline.process import find_points
from enicfer.records import Drift, Modality, Status
from enicfer.timecourse.quality import drift_text
from enicfer.timecourse.segments import find_segments

MODALITIES = ["eeg", "fmri"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_against_the_truth(modality, processed, truth):
    found = judge(truth(modality), processed(modality))
    assert found["time_error"] < found["half_frame"]
    assert found["other_taken"] == 0
    assert found["absent_ok"] == 0
    assert found["covered_ok"] == 0
    assert found["kept"] >= 0.9
    for label in ("happy", "angry", "surprised"):
        assert found[f"{label}_gain"] > 0


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_drift_is_the_camera_s(modality, processed, truth):
    (path,) = processed(modality).rglob("*_qc.json")
    sync = json.loads(path.read_text(encoding="utf-8"))["quality"]["sync"]
    (drift,) = sync["drifts"]
    true = truth(modality)["clock"]["drift_ppm"]
    assert true > 0 and abs(drift["drift_ppm"] - true) <= drift["uncertainty_ppm"] < true
    assert sync["drift_ppm"] == drift["drift_ppm"]
    (path,) = processed(modality).rglob("*_sync.json")
    details = json.loads(path.read_text(encoding="utf-8"))["alignment"]["details"]
    assert details["pieces"][0]["drift_ppm"] == pytest.approx(drift["drift_ppm"], abs=0.1)
    (page,) = processed(modality).glob("*.html")
    assert f"<b>{drift_text(Drift(**drift)).removesuffix(' ppm')}</b>" in page.read_text(encoding="utf-8")


def test_a_face_away_outside_of_the_recording_is_no_loss(make_run):
    run = make_run(seconds=30)
    outside = (run.time < 0) | (run.time > run.recording.duration)
    status = np.where(outside, Status.NO_FACE, run.faces.status).astype(np.uint8)
    status[:3] = Status.NOT_ANALYSED
    seen = Observations(change(run.faces, status=status), change(run.expression, status=status), None)
    faces, expression, time = place_on_clock(seen, run.alignment, run.recording)
    for found in (faces.status, expression.status):
        assert (found[:3] == Status.NOT_ANALYSED).all()
        assert (found[3:][outside[3:]] == Status.OUTSIDE_RECORDING).all()
        assert (found[~outside] == status[~outside]).all()
    read = slice(3, None)
    read_only = {"video_time": expression.video_time[read], "status": expression.status[read]}
    spans = find_segments(
        time[read], change(expression, probability=expression.probability[read], **read_only)
    )
    assert spans["onset"].min() > -0.05
    assert (spans["onset"] + spans["duration"]).max() < run.recording.duration + 0.05


def test_an_earlier_trace_puts_no_frame_outside(make_run):
    """Two recordings of one video: what the first one's run left out is not outside of the second, but not read."""
    run = make_run(seconds=30)
    later = change(run.alignment, intercept=run.alignment.intercept + 2.0)
    seen = Observations(run.faces, run.expression, None)
    faces, expression, time = place_on_clock(seen, later, run.recording)
    outside = (time < 0) | (time > run.recording.duration)
    lacking = ~outside & (run.expression.status == Status.OUTSIDE_RECORDING)
    assert lacking.sum() > 50
    for found in (faces.status, expression.status):
        assert (found[outside] == Status.OUTSIDE_RECORDING).all()
        assert (found[lacking] == Status.NOT_ANALYSED).all()
    (note,) = set(faces.notes) - set(run.faces.notes)
    assert note.startswith(f"{lacking.sum()} frames within the recording") and "enicfer trace" in note
    again, _, _ = place_on_clock(seen, run.alignment, run.recording)
    assert again.notes == run.faces.notes and (again.status == run.faces.status).all()


@pytest.mark.parametrize("modality", MODALITIES)
def test_other_tools_open_the_outputs(modality, example, processed):
    output = processed(modality)
    (frames,) = output.rglob("*_frames.h5")
    with h5py.File(frames) as file:
        n = len(file["video_time"])
        for name in ("video_time", "time", "box", "score", "status", "probability"):
            assert len(file[name]) == n
            assert file[name].attrs["units"]
        labels = [str(label) for label in file["probability"].attrs["labels"]]
        ok = file["status"][()] == Status.OK
        assert np.isfinite(file["probability"][()][ok]).all()
        assert np.isnan(file["probability"][()][~ok]).all()
    (events,) = output.rglob("*_desc-enicfer_events.tsv")
    table = pd.read_csv(events, sep="\t", na_values="n/a")
    assert {"onset", "duration", "trial_type"} <= set(table.columns)
    assert {f"fer_{label}_mean" for label in labels} <= set(table.columns)
    if modality == "eeg":
        (path,) = output.rglob("*_annot.fif")
        found = set(mne.read_annotations(path).description)
        assert any(name.startswith("fer/") for name in found)
        assert "face/lost" in found
    else:
        (path,) = output.rglob("*_timeseries.tsv")
        series = pd.read_csv(path, sep="\t")
        (bold,) = example(modality).glob("*.nii*")
        assert len(series) == nibabel.load(bold).shape[3]
        assert series.notna().all().all()


def test_every_file_that_a_run_was_read_from_has_a_hash(tmp_path):
    for name in (
        "a/camera.mp4", "b/camera.mp4", "eeg.vhdr", "eeg.eeg", "marks.vmrk", "photo.jpg", "egi.mff/info.xml",
        "egi.mff/signal1.bin", "../events.tsv",
    ):  # fmt: skip
        file = tmp_path / "session" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    folder = tmp_path / "session"
    (folder / "eeg.vhdr").write_text("DataFile=eeg.eeg\nMarkerFile=marks.vmrk\n")
    videos = (folder / "a" / "camera.mp4", folder / "b" / "camera.mp4")
    run = Run("a", None, videos, recording=folder / "eeg.vhdr", events=tmp_path / "events.tsv")
    session = Session(folder, "01", None, Protocol("p", "", Modality.EEG), (run,), None, folder / "photo.jpg")
    found = hash_inputs(session, run)
    names = {"a/camera.mp4", "b/camera.mp4", "eeg.vhdr", "eeg.eeg", "marks.vmrk", "events.tsv", "photo.jpg"}
    assert set(found) == names
    assert found["b/camera.mp4"] == hashlib.sha256(b"b/camera.mp4").hexdigest()
    (folder / "marks.vmrk").write_text("one marker moved")
    after = hash_inputs(session, run)
    assert {name for name in names if after[name] != found[name]} == {"marks.vmrk"}
    egi = Run("b", None, videos[:1], recording=folder / "egi.mff")
    assert set(hash_inputs(session, egi)) == {"camera.mp4", "info.xml", "signal1.bin", "photo.jpg"}


def session_of(*runs, folder=Path("visit")):
    return Session(folder, "01", None, Protocol("p", "", Modality.NONE), runs)


def test_a_face_is_looked_for_in_the_video_in_which_it_is_pointed_at():
    """Runs may share a video; a point on the command line does not say in which of several it is."""
    shared, own = (Path("a.mp4"),), (Path("b.mp4"),)
    one, two = (3, 1.0, 2.0), (9, 3.0, 4.0)
    first, second = Run("a", "1", shared, faces=(one,)), Run("a", "2", shared, faces=(one, two))
    third = Run("b", None, own)
    assert find_points(session_of(first, second, third), ()) == {shared: (one, two), own: ()}
    assert find_points(session_of(first, second), [(5, 6.0, 7.0)]) == {shared: ((5, 6.0, 7.0),)}
    with pytest.raises(InputError, match=r"visit has 2 \(a.mp4, b.mp4\): say in session.toml in which run"):
        find_points(session_of(first, second, third), [two])
    # Where the faces come from elsewhere, nobody is looked for.
    imported = change(third, trace=Path("c.csv"))
    assert find_points(session_of(first, imported), [two])[shared] == (two,)


def test_a_photo_that_is_given_goes_before_the_session_s(tmp_path, monkeypatch):
    def stop(session, faces):
        raise InputError(session.face_photo.name)

    monkeypatch.setattr(pipeline, "find_points", stop)
    session = change(session_of(folder=tmp_path), face_photo=tmp_path / "old.jpg")
    with pytest.raises(InputError, match=r"new\.jpg"):
        process_session(session, ProcessingOptions(face_photo=tmp_path / "new.jpg"))


def test_with_the_camera_s_own_times_the_video_may_lack_some(make_run, tmp_path):
    made = make_run(seconds=20)
    log = tmp_path / "times.csv"
    pd.DataFrame({"time_s": made.faces.video_time}).to_csv(log, index=False)
    seen = Observations(change(made.faces, notes=(COUNTED, "Another.")), made.expression, None)
    run = Run("faces", None, (Path("a.avi"),))
    assert replace_times(run, seen).faces.notes[:2] == (COUNTED, "Another.")
    notes = replace_times(change(run, frame_times=log), seen).faces.notes
    assert COUNTED not in notes and notes[0] == "Another."


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_input_same_bytes(example, processed, tmp_path):
    process_session(example("eeg", short=True), output=tmp_path / "again")
    assert content(tmp_path / "again") == content(processed("eeg", short=True))


def test_nothing_in_the_outputs_names_a_folder_of_this_machine(example, processed):
    for path in processed("eeg", short=True).rglob("*"):
        if path.is_file():
            assert str(example("eeg", short=True).parent).encode() not in path.read_bytes()


def copy_of(session: Path, target: Path) -> Path:
    shutil.copytree(session, target, ignore=shutil.ignore_patterns("derivatives", "truth.json"))
    return target


def replace(folder: Path, old: str, new: str) -> None:
    settings = folder / "session.toml"
    text = settings.read_text(encoding="utf-8")
    assert old in text
    settings.write_text(text.replace(old, new), encoding="utf-8")


def test_an_output_that_is_there_is_not_touched(example, processed, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(processed("eeg", short=True), output)
    before = content(output)
    with pytest.raises(OutputError, match="overwrite=True"):
        process_session(example("eeg", short=True), output=output)
    assert content(output) == before


def test_a_folder_with_other_things_is_not_written_to(example, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="no enicfer results"):
        process_session(example("eeg", short=True), output=tmp_path)


def test_codes_that_never_occur(example, tmp_path):
    folder = copy_of(example("eeg", short=True), tmp_path / "s")
    (folder / "own.toml").write_text(
        'modality = "eeg"\n[conditions]\n"S 99" = "x"\n[pulses]\ncodes = ["S 1"]\n'
    )
    with pytest.raises(InputError, match=r"S 99.*S 11"):
        process_session(folder, ProcessingOptions(protocol=folder / "own.toml"))
    (folder / "own.toml").write_text('modality = "eeg"\n[pulses]\ncodes = ["S 77"]\n')
    with pytest.raises(InputError, match=r"S 77.*S 11"):
        process_session(folder, ProcessingOptions(protocol=folder / "own.toml"))
    assert not (folder / "derivatives").exists()


def test_a_recording_of_another_session_has_no_common_pulses(example, tmp_path):
    folder = copy_of(example("eeg", 0, short=True), tmp_path / "s")
    for path in example("eeg", 1, short=True).glob("eeg.*"):
        shutil.copy(path, folder)
    with pytest.raises(AlignmentError):
        process_session(folder)
    assert not (folder / "derivatives").exists()


def write_part(raw: mne.io.BaseRaw, start: float, stop: float, folder: Path, name: str) -> None:
    """A piece of a recording as a BrainVision file of its own, whose first sample is time 0."""
    part = raw.copy().crop(start, stop)
    rate = int(part.info["sfreq"])
    events = [
        {
            "onset": round((onset - part.first_time) * rate),
            "duration": 1,
            "description": int(code.split("S")[-1]),
        }
        for onset, code in zip(part.annotations.onset, part.annotations.description, strict=True)
        if code.startswith("Stimulus") and 0 <= onset - part.first_time < part.times[-1]
    ]
    pybv.write_brainvision(
        data=part.get_data(),
        sfreq=rate,
        ch_names=part.ch_names,
        fname_base=name,
        folder_out=folder,
        events=events,
    )


def test_one_video_over_two_recordings(example, truth, tmp_path):
    """The camera ran through while the EEG was stopped and started again: each run has its own clock."""
    raw = mne.io.read_raw(example("eeg") / "eeg.vhdr", preload=True, verbose="error")
    settings = 'participant = "01"\nprotocol = "eeg-led"\n'
    starts = (0.0, 30.0)
    for number, (start, stop) in enumerate(zip(starts, (30.0, raw.times[-1]), strict=True), 1):
        write_part(raw, start, stop, tmp_path, f"part{number}")
        settings += f'[[run]]\ntask = "faces"\nrun = {number}\nvideo = "camera.mp4"\n'
        settings += f'recording = "part{number}.vhdr"\n'
    shutil.copy(example("eeg") / "camera.mp4", tmp_path)
    (tmp_path / "session.toml").write_text(settings, encoding="utf-8")
    true_time = np.array([frame["time"] for frame in truth("eeg")["frames"]])
    half_frame = np.median(np.diff(true_time)) / 2
    result = process_session(tmp_path)
    assert len(result.runs) == 2
    for run, start in zip(result.runs, starts, strict=True):
        inside = (run.time >= 0) & (run.time <= run.recording.duration)
        assert np.abs(run.time - (true_time - start))[inside].max() < half_frame
        assert run.quality.n_trials_valid >= 7
    assert sum(len(run.trials) for run in result.runs) == len(truth("eeg")["trials"])


@pytest.mark.parametrize("broken", ["video", "trace"])
def test_what_cannot_be_read_is_refused_before_the_models_are_loaded(example, tmp_path, monkeypatch, broken):
    folder = copy_of(example("eeg", short=True), tmp_path / "session")
    monkeypatch.setattr(
        "enicfer.pipeline.process.load_models", lambda *a: pytest.fail("the models were loaded")
    )
    if broken == "video":
        content = (folder / "camera.mp4").read_bytes()
        (folder / "camera.mp4").unlink()
        (folder / "camera.mp4").write_bytes(content[: len(content) // 2])  # its index is at the end
    else:
        (folder / "trace.h5").write_bytes(b"no trace")
        settings = folder / "session.toml"
        text = settings.read_text(encoding="utf-8")
        settings.unlink()
        settings.write_text(text + 'trace = "trace.h5"\n', encoding="utf-8")
    with pytest.raises(InputError, match={"video": r"camera\.mp4", "trace": r"trace\.h5"}[broken]):
        process_session(folder)


def test_spaces_and_other_letters_in_paths(example, tmp_path):
    folder = copy_of(example("eeg", short=True), tmp_path / "sess ion 01 é 子")
    out = subprocess.run(
        [sys.executable, "-m", "enicfer.cli.main", "process-session", str(folder)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert out.returncode == 0, out.stderr
    assert "trials" in out.stdout
    assert (folder / "derivatives" / "enicfer" / "dataset_description.json").is_file()


def test_a_truncated_video_gives_what_decodes(shared_data, tmp_path):
    """Matroska can be read from the beginning; an MP4 that was cut has no index and is refused."""
    video = shared_data / "video" / "signer_again.mkv"
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    faces, expression = trace_video(cut)
    assert 20 < expression.ok.size < 77
    assert expression.ok.mean() > 0.9
    assert any("cut short" in note for note in faces.notes)
    video = shared_data / "video" / "single_face.mp4"
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    with pytest.raises(InputError, match=r"cut\.mp4.*complete"):
        trace_video(tmp_path / "cut.mp4")


def test_a_video_without_a_face(shared_data, tmp_path):
    out = tmp_path / "trace.tsv"
    faces, expression = trace_video(shared_data / "video" / "no_face.mp4", output=out)
    assert not expression.ok.any()
    assert np.isnan(expression.probability).all()
    assert any("No face" in note for note in faces.notes)
    table = pd.read_csv(out, sep="\t", na_values="n/a")
    assert (table["status"] == "no_face").all()


def test_a_video_that_is_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4"):
        trace_video(tmp_path / "a.mp4", output=tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()


def test_a_lower_analysis_rate(example, tmp_path):
    """Fewer frames are valid, those stand for their time, and nothing is made up in between."""
    from enicfer.io.results import read_run

    process_session(example("eeg", short=True), ProcessingOptions(analysis_rate=5), output=tmp_path / "out")
    run = read_run(tmp_path / "out")
    left = run.expression.status == Status.NOT_ANALYSED
    assert 0.75 < left.mean() < 0.88
    assert np.isnan(run.expression.probability[left]).all()
    assert (run.faces.status != Status.NOT_ANALYSED).all()
    assert np.isfinite(run.faces.box[left & (run.faces.status == Status.OK)]).all()
    (physio,) = (tmp_path / "out").rglob("*_desc-enicfer_physio.json")
    assert '"SamplingFrequency": 5' in physio.read_text(encoding="utf-8")
    assert run.quality.n_trials_valid >= run.quality.n_trials - 1
    assert run.trials["fer_valid"].median() > 0.95
    assert run.trials["fer_invalid_not_analysed"].max() == 0


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.pipeline.process.probe_video", lambda _: pytest.fail("looked at"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"trace\.h5 cannot be written"):
        trace_video(tmp_path / "video.mp4", output=tmp_path / "file" / "trace.h5")
