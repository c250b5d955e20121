"""Results are replaced by better ones of the same runs, and by nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from enicfer.batch.dataset import Selection, collect_dataset, process_dataset, summarise_dataset
from enicfer.batch.sessions import run_sessions
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import list_protocols

EEG = ProcessingOptions(protocol="eeg-led")
A, B = Selection(tasks=("a",)), Selection(tasks=("b",))


@pytest.fixture
def dataset(without_video, tmp_path, monkeypatch) -> Path:
    """One participant with two EEG recordings and a BOLD series; workers are this process."""
    folder = tmp_path / "bids"
    stems = [f"sub-01/eeg/sub-01_task-{task}" for task in "ab"]
    names = [f"{stem}_{kind}" for stem in stems for kind in ("eeg.edf", "video.mp4")]
    names += ["sub-01/func/sub-01_task-a_bold.nii.gz", "sourcedata/sub-01_task-a_log.tsv"]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    monkeypatch.setattr(
        "enicfer.batch.sessions._local_slots", lambda n, threads: [without_video.InlineSlot()]
    )
    return folder


def other_modality(folder: Path, output: Path) -> Callable:
    process_dataset(folder, output, options=EEG)
    return lambda: process_dataset(folder, output, options=ProcessingOptions(protocol="fmri-volumes"))


def other_task_at_the_same_time(folder: Path, output: Path) -> Callable:
    found = collect_dataset(folder, output, EEG, B)  # before the first is done
    process_dataset(folder, output, options=EEG, selection=A)
    return lambda: run_sessions(found.sessions, found.lost, output, EEG)


def recording_away(folder: Path, output: Path) -> Callable:
    process_dataset(folder, output, options=EEG)
    (folder / "sub-01/eeg/sub-01_task-b_eeg.edf").unlink()
    return lambda: process_dataset(folder, output, options=EEG)


def other_protocol(folder: Path, output: Path) -> Callable:
    text = list_protocols()["eeg-led"].read_text(encoding="utf-8")
    other = folder.with_name("other.toml")
    other.write_text(text.replace("min_valid = 0.5 ", "min_valid = 0.25 "), encoding="utf-8")
    process_dataset(folder, output, options=EEG, selection=A)
    return lambda: process_dataset(folder, output, options=ProcessingOptions(protocol=other), selection=B)


@pytest.mark.parametrize(
    "change", [other_modality, other_task_at_the_same_time, recording_away, other_protocol]
)
def test_results_of_runs_that_a_command_does_not_have_stay(dataset, without_video, tmp_path, change):
    output = tmp_path / "out"
    again = change(dataset, output)
    before, rows = without_video.content(output), (output / "group_trials.tsv").read_bytes()
    for _ in range(2):
        (failed,) = again().failed
        assert failed.name == "sub-01"
        assert "has results of sub-01_task-" in failed.reason
        now = without_video.content(output)
        assert {n: h for n, h in before.items() if n.startswith("sub-")} == {
            n: h for n, h in now.items() if n.startswith("sub-")
        }
        assert (output / "group_trials.tsv").read_bytes() == rows
        assert "sub-01_task-" in (output / "group_qc.tsv").read_text(encoding="utf-8")
        if change is other_task_at_the_same_time:
            break
    if change is other_task_at_the_same_time:  # now it is known what is there
        assert not process_dataset(dataset, output, options=EEG, selection=B).failed
        assert len(list(output.rglob("*_frames.h5"))) == 2


@pytest.fixture
def corrected(without_video, tmp_path):
    """A processed study, and a file of its first session that another command wrote since."""
    without_video.make_study(tmp_path / "study", 2)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    (file,) = (tmp_path / "out").rglob("sub-01*_events.tsv")
    table = pd.read_csv(file, sep="\t", keep_default_na=False)
    table.head(len(table) - 1).to_csv(file, sep="\t", index=False)
    return without_video, tmp_path / "study", tmp_path / "out", file


def test_results_of_another_command_are_refused_every_time(corrected):
    study, folder, output, file = corrected
    made = file.read_bytes()
    shutil.rmtree(output / ".enicfer")
    for retry in (False, True, False):
        failed = study.run_study(folder, output, retry_failed=retry).failed
        assert [outcome.name for outcome in failed] == ["sub-01", "sub-02"]
        assert "--overwrite" in failed[0].advice
        assert "--retry-failed" not in failed[0].advice
        assert file.read_bytes() == made
    assert not study.run_study(folder, output, options=ProcessingOptions(overwrite=True)).failed
    assert file.read_bytes() != made


@pytest.mark.parametrize("change", [None, "inputs"])
def test_corrected_results_are_kept_and_stay_in_the_tables(corrected, change):
    study, folder, output, file = corrected
    made = file.read_bytes()
    if change:
        (folder / "s1" / "camera.mkv").write_bytes(b"another")
    for retry in (False, True):
        (failed,) = study.run_study(folder, output, retry_failed=retry).failed
        assert failed.name == "sub-01"
        assert "changed" in failed.reason
        assert file.read_bytes() == made
    summarise_dataset(output)
    table = pd.read_csv(output / "group_qc.tsv", sep="\t", keep_default_na=False).set_index("source")
    assert table["state"].to_dict() == {"sub-01": "done", "sub-02": "done"}
    assert "another command" in table["warnings"]["sub-01"]
    assert "another command" not in table["warnings"]["sub-02"]
    trials = pd.read_csv(output / "group_trials.tsv", sep="\t")
    assert sum(trials["participant_id"] == "sub-01") == len(made.splitlines()) - 1
    assert not study.run_study(folder, output, options=ProcessingOptions(overwrite=True)).failed
    assert file.read_bytes() != made


def test_a_failed_session_that_another_command_did_is_done(without_video, tmp_path):
    (folder,) = without_video.make_study(tmp_path / "study", 1)
    (folder / "camera.mkv").write_bytes(b"broken")
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    (folder / "camera.mkv").write_bytes(b"good")
    page = tmp_path / "out" / "sub-01.html"
    page.write_text("made by another command", encoding="utf-8")
    (failed,) = without_video.run_study(tmp_path / "study", tmp_path / "out").failed
    assert "another command" in failed.reason
    assert page.read_text(encoding="utf-8") == "made by another command"
    table = pd.read_csv(tmp_path / "out" / "group_qc.tsv", sep="\t")
    assert table["kind"].to_list() == ["foreign"]


def test_results_of_another_child_under_the_same_label_are_refused(without_video, tmp_path):
    study, output = tmp_path / "study", tmp_path / "out"
    first, second = without_video.make_study(study, 2)
    settings = second / "session.toml"
    settings.write_text(settings.read_text().replace('"02"', '"01"'))
    assert not without_video.run_study(first, output).failed
    made = without_video.content(output / "sub-01")
    for retry in (False, True):
        (failed,) = without_video.run_study(second, output, retry_failed=retry).failed
        assert "made of other files, in the folder s1" in failed.reason
        assert without_video.content(output / "sub-01") == made
    (second / "camera.mkv").unlink()  # what is wrong with it does not make the results its own
    assert without_video.run_study(second, output).failed
    (second / "camera.mkv").write_bytes(b"video 2")
    assert without_video.run_study(second, output).failed
    assert without_video.run_study(first, output).outcomes[0].state == "unchanged"
    assert not without_video.run_study(second, output, options=ProcessingOptions(overwrite=True)).failed
    assert without_video.content(output / "sub-01") != made


def test_a_folder_that_was_renamed_is_the_same_session(without_video, tmp_path):
    (session,) = without_video.make_study(tmp_path / "study", 1)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    renamed = session.rename(session.with_name("visit"))
    (outcome,) = without_video.run_study(renamed, tmp_path / "out").outcomes
    assert outcome.state == "unchanged"


def test_another_command_s_runs_are_not_removed(dataset, without_video, tmp_path):
    process_dataset(dataset, tmp_path / "out", options=EEG)
    made = without_video.content(tmp_path / "out" / "sub-01")
    (session,) = without_video.make_study(tmp_path / "study", 1)
    for options in (ProcessingOptions(), ProcessingOptions(overwrite=True)):
        (failed,) = without_video.run_study(session, tmp_path / "out", options=options).failed
        assert "has results of sub-01_task-" in failed.reason
        assert without_video.content(tmp_path / "out" / "sub-01") == made
