"""Which files of a BIDS data set belong together, and a tree that the validator passes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from enicfer.batch.dataset import (
    Selection,
    find_dataset_sessions,
    process_dataset,
    summarise_dataset,
)
from enicfer.batch.video_table import read_video_table
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import read_protocol
from enicfer.errors import InputError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def found(folder: Path, protocol: str = "eeg-led", selection: Selection | None = None, **more):
    result = find_dataset_sessions(
        folder, read_protocol(protocol), selection or Selection(), folder / "derivatives" / "x", **more
    )
    pairs = {
        "_".join(f"{k}-{v}" for k, v in session.entities(run).items()): [video.name for video in run.videos]
        for session in result.sessions
        for run in session.runs
    }
    return pairs, {path.name: str(error) for path, error in result.lost}, result


def test_videos_are_found_by_their_entities_wherever_they_are(tmp_path):
    touch(
        tmp_path,
        "sub-01/ses-1/eeg/sub-01_ses-1_task-a_acq-low_run-1_eeg.vhdr",
        "sub-01/ses-1/beh/sub-01_ses-1_task-a_run-1_video.mp4",
        "sub-01/ses-1/eeg/sub-01_ses-1_task-b_eeg.edf",
        "sub-01/ses-1/eeg/sub-01_ses-1_task-b_split-2_video.mkv",
        "sub-01/ses-1/eeg/sub-01_ses-1_task-b_split-10_video.mkv",
        "sourcedata/sub-01/sub-01_ses-1_video.avi",
        "sub-02/eeg/sub-02_task-a_run-1_eeg.edf",
        "sub-02/eeg/sub-02_task-a_run-2_eeg.edf",
        "sourcedata/camera/sub-02_task-a_face.mp4",
        "sub-03/eeg/sub-03_task-a_eeg.edf",
        "derivatives/old/sub-03/eeg/sub-03_task-a_video.mp4",
        "sub-02/func/sub-02_task-a_bold.nii.gz",
    )
    pairs, lost, _ = found(tmp_path)
    assert pairs == {
        "sub-01_ses-1_task-a_acq-low_run-1": ["sub-01_ses-1_task-a_run-1_video.mp4"],
        "sub-01_ses-1_task-b": [
            "sub-01_ses-1_task-b_split-2_video.mkv",
            "sub-01_ses-1_task-b_split-10_video.mkv",
        ],
        "sub-02_task-a_run-1": ["sub-02_task-a_face.mp4"],
        "sub-02_task-a_run-2": ["sub-02_task-a_face.mp4"],
    }
    assert list(lost) == ["sub-03_task-a"]
    assert "sub-03_task-a_video.mp4" in lost["sub-03_task-a"]


def test_recordings_are_those_of_the_participants_own_folders(tmp_path):
    touch(
        tmp_path,
        "sub-01/eeg/sub-01_task-a_eeg.edf",
        "excluded/sub-05/eeg/sub-05_task-a_eeg.edf",
        "backup/sub-01/eeg/sub-01_task-a_eeg.edf",
        "sub-02/eeg/sub-03_task-a_eeg.edf",
        "sub-04/eeg/sub-04_eeg.edf",
        "sub-06/ses-1/eeg/sub-06_ses-1_task-a_1_eeg.edf",
        "sub-07/ses-1/eeg/sub-07_task-a_eeg.edf",
        *(f"sourcedata/sub-0{i}_video.mp4" for i in range(1, 8)),
    )
    pairs, lost, _ = found(tmp_path)
    assert list(pairs) == ["sub-01_task-a"]
    assert list(lost) == [
        "sub-03_task-a_eeg.edf", "sub-04_eeg.edf", "sub-06_ses-1_task-a_1_eeg.edf", "sub-07_task-a_eeg.edf"
    ]  # fmt: skip
    assert (
        "in sub-02/eeg" in lost["sub-03_task-a_eeg.edf"]
        and "sub-02_task-<label>" in lost["sub-03_task-a_eeg.edf"]
    )
    assert "name it sub-06_ses-1_task-<label>" in lost["sub-06_ses-1_task-a_1_eeg.edf"]
    _, lost, _ = found(tmp_path, selection=Selection(participants=("01",)))
    assert not lost


def test_links_are_followed_and_no_folder_is_looked_into_twice(tmp_path):
    data, disk = tmp_path / "data", tmp_path / "disk"
    touch(data, "sub-01/eeg/sub-01_task-a_eeg.edf")
    touch(disk, "videos/sub-01_video.mp4", "videos/sub-02_video.mp4", "sub-02/eeg/sub-02_task-a_eeg.edf")
    (data / "sourcedata").symlink_to(disk / "videos", target_is_directory=True)
    (data / "sub-02").symlink_to(disk / "sub-02", target_is_directory=True)
    (disk / "videos" / "again").symlink_to(disk / "videos", target_is_directory=True)
    pairs, lost, _ = found(data)
    assert pairs == {"sub-01_task-a": ["sub-01_video.mp4"], "sub-02_task-a": ["sub-02_video.mp4"]}
    assert not lost


def test_with_two_visits_a_video_must_say_of_which_it_is(tmp_path):
    touch(tmp_path, "sub-01/ses-1/eeg/sub-01_ses-1_task-a_eeg.edf", "sourcedata/sub-01_task-a_video.mp4")
    assert found(tmp_path)[0] == {"sub-01_ses-1_task-a": ["sub-01_task-a_video.mp4"]}
    touch(tmp_path, "sub-01/ses-2/eeg/sub-01_ses-2_task-a_eeg.edf")
    for chosen in (Selection(), Selection(sessions=("2",))):
        pairs, lost, _ = found(tmp_path, selection=chosen)
        assert not pairs and "no video of sub-01_ses-2_task-a" in lost["sub-01_ses-2_task-a"]
    touch(tmp_path, "sourcedata/sub-01_ses-2_task-a_video.mp4")
    assert found(tmp_path)[0] == {"sub-01_ses-2_task-a": ["sub-01_ses-2_task-a_video.mp4"]}


def test_a_recording_without_a_video_is_one_failure(tmp_path):
    touch(tmp_path, "sub-01/eeg/sub-01_task-a_eeg.edf")
    _, lost, result = found(tmp_path)
    assert list(lost) == ["sub-01_task-a"] and not result.sessions


def test_a_bold_series_needs_its_log_and_its_first_echo_is_taken(tmp_path):
    touch(
        tmp_path,
        "sub-01/func/sub-01_task-a_echo-1_bold.nii.gz",
        "sub-01/func/sub-01_task-a_echo-2_bold.nii.gz",
        "sub-01/func/sub-01_task-a_events.tsv",
        "sub-01/func/sub-01_task-b_bold.nii",
        "sourcedata/sub-01/sub-01_video.mp4",
        "sourcedata/sub-01/sub-01_task-a_log.txt",
    )
    pairs, lost, result = found(tmp_path, "fmri-volumes")
    assert pairs == {"sub-01_task-a": ["sub-01_video.mp4"]}
    (run,) = result.sessions[0].runs
    assert run.triggers.name == "sub-01_task-a_log.txt"
    assert run.bold.name == "sub-01_task-a_echo-1_bold.nii.gz"
    assert "no trigger log of sub-01_task-b" in lost["sub-01_task-b"]


def test_two_cameras_are_ambiguous_and_a_table_decides(tmp_path):
    touch(tmp_path, "sub-01/eeg/sub-01_task-a_eeg.edf", "sub-01/beh/sub-01_task-a_recording-left_video.mp4")
    touch(tmp_path, "sub-01/beh/sub-01_task-a_recording-right_video.mp4", "cam 1.mp4", "cam 2.mp4")
    _, lost, _ = found(tmp_path)
    assert "2 files that may be its video" in lost["sub-01_task-a"]
    assert "name each camera in its column camera" in lost["sub-01_task-a"]
    table = tmp_path / "videos.tsv"
    line = "sub-01/eeg/sub-01_task-a_eeg.edf\tcam {}.mp4\n"
    table.write_text("recording\tvideo\n" + line.format(2) + line.format(1), encoding="utf-8")
    pairs, _, _ = found(tmp_path, table=read_video_table(table, tmp_path))
    assert pairs == {"sub-01_task-a": ["cam 2.mp4", "cam 1.mp4"]}
    table.write_text("recording\tvideo\n" + line.format(7), encoding="utf-8")
    with pytest.raises(InputError, match=r"cam 7\.mp4"):
        read_video_table(table, tmp_path)


@pytest.mark.parametrize("line", ["a.edf", "a.edf\t", "\tcam.mp4", "a.edf\tcam.mp4\t\tx", " \tcam.mp4"])
def test_a_line_of_the_table_of_videos_that_is_not_whole_is_named(tmp_path, line):
    touch(tmp_path, "a.edf", "cam.mp4")
    table = tmp_path / "videos.tsv"
    table.write_text(f"recording\tvideo\na.edf\tcam.mp4\n\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"Line 4 of videos\.tsv"):
        read_video_table(table, tmp_path)


def test_a_selection_takes_labels_with_and_without_their_key(tmp_path):
    for sub in ("01", "02"):
        for task in ("a", "b"):
            touch(
                tmp_path, f"sub-{sub}/eeg/sub-{sub}_task-{task}_eeg.edf", f"sub-{sub}/eeg/sub-{sub}_video.mp4"
            )
    pairs, _, _ = found(tmp_path, selection=Selection(participants=("sub-02",), tasks=("b",)))
    assert list(pairs) == ["sub-02_task-b"]
    with pytest.raises(InputError, match=r"sub-01_task-a_eeg\.edf"):
        found(tmp_path, selection=Selection(participants=("03",)))


@pytest.fixture
def dataset(without_video, tmp_path, monkeypatch):
    """Two participants, one with two runs, in a data set; workers are this process."""
    folder = tmp_path / "bids"
    for stem in ("sub-01/ses-1/eeg/sub-01_ses-1_task-a", "sub-01/ses-1/eeg/sub-01_ses-1_task-b"):
        touch(folder, f"{stem}_eeg.edf", f"{stem}_video.mp4")
    touch(folder, "sub-02/eeg/sub-02_task-a_eeg.edf", "sub-02/beh/sub-02_task-a_video.mp4")
    monkeypatch.setattr(
        "enicfer.batch.sessions._local_slots", lambda n, threads: [without_video.InlineSlot()]
    )
    return folder


OPTIONS = ProcessingOptions(protocol="eeg-led")


@pytest.mark.slow
def test_one_task_after_the_other_gives_the_tree_of_both(dataset, without_video, tmp_path):
    process_dataset(dataset, tmp_path / "both", options=OPTIONS)
    for task in ("b", "a"):
        process_dataset(dataset, tmp_path / "each", options=OPTIONS, selection=Selection(tasks=(task,)))
    assert without_video.content(tmp_path / "each") == without_video.content(tmp_path / "both")
    assert len(list((tmp_path / "both").rglob("*_frames.h5"))) == 3


def test_a_failure_and_its_repair_leave_the_other_runs_of_the_session(dataset, without_video, tmp_path):
    output, video = tmp_path / "out", dataset / "sub-01/ses-1/eeg/sub-01_ses-1_task-a_video.mp4"
    process_dataset(dataset, output, options=OPTIONS)
    whole, good = without_video.content(output), video.read_bytes()
    only = Selection(participants=("01",), tasks=("a",))
    video.write_bytes(b"broken")
    assert process_dataset(dataset, output, options=OPTIONS, selection=only).failed
    assert without_video.content(output).keys() == whole.keys()
    video.write_bytes(good)
    process_dataset(dataset, output, options=OPTIONS, selection=only)
    assert without_video.content(output) == whole


@pytest.mark.parametrize("selection", [Selection(), Selection(tasks=("a",))])
@pytest.mark.slow
def test_results_of_a_run_whose_video_is_away_are_kept(dataset, without_video, tmp_path, selection):
    output, video = tmp_path / "out", dataset / "sub-01/ses-1/eeg/sub-01_ses-1_task-b_video.mp4"
    process_dataset(dataset, output, options=OPTIONS)
    whole = without_video.content(output)
    video.rename(tmp_path / "away.mp4")
    (dataset / "sub-01/ses-1/eeg/sub-01_ses-1_task-a_video.mp4").write_bytes(b"another")
    result = process_dataset(dataset, output, options=OPTIONS, selection=selection)
    assert {o.name: o.state for o in result.outcomes} == {
        "sub-01_ses-1": "failed", "sub-01_ses-1_task-b": "failed", "sub-02": "unchanged",
    }  # fmt: skip
    assert "has results of sub-01_ses-1_task-b" in result.failed[0].reason
    now = without_video.content(output)
    assert {name: now[name] for name in now if name.startswith("sub-")} == {
        name: whole[name] for name in whole if name.startswith("sub-")
    }
    (tmp_path / "away.mp4").rename(video)
    process_dataset(dataset, output, options=OPTIONS)
    process_dataset(dataset, tmp_path / "fresh", options=OPTIONS)
    assert without_video.content(output) == without_video.content(tmp_path / "fresh")


def test_a_session_without_its_video_needs_no_results_of_it(dataset, without_video, tmp_path):
    output, video = tmp_path / "out", dataset / "sub-01/ses-1/eeg/sub-01_ses-1_task-b_video.mp4"
    process_dataset(dataset, output, options=OPTIONS)
    video.unlink()
    for path in output.rglob("sub-01_ses-1_task-b_*"):
        path.unlink()
    result = process_dataset(dataset, output, options=OPTIONS)
    assert [o.name for o in result.failed] == ["sub-01_ses-1_task-b"]
    assert list(output.rglob("sub-01_ses-1_task-a_*_frames.h5"))


@pytest.mark.parametrize(
    ("selection", "missing"),
    [
        (Selection(participants=("01", "sub-20")), "sub-20"),
        (Selection(participants=("01", "02"), tasks=("b",)), "sub-02"),
        (Selection(sessions=("1", "3")), "ses-3"),
        (Selection(tasks=("a", "c")), "task-c"),
    ],
)
def test_a_label_that_matches_nothing_is_named(dataset, tmp_path, selection, missing):
    result = process_dataset(dataset, tmp_path / "out", options=OPTIONS, selection=selection)
    assert [outcome.name for outcome in result.failed] == [missing]
    assert "no recording" in result.failed[0].reason
    assert "done" in {outcome.state for outcome in result.outcomes}


def test_the_group_level_writes_tables_and_page_again(dataset, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(InputError, match="participant first"):
        summarise_dataset(output)
    process_dataset(dataset, output, options=OPTIONS)
    before = {
        name: (output / name).read_bytes() for name in ("group_qc.tsv", "group_trials.tsv", "group.html")
    }
    for name in before:
        (output / name).unlink()
    summarise_dataset(output)
    assert {name: (output / name).read_bytes() for name in before} == before
    assert b"sub-01_ses-1.html" in before["group.html"]


def test_the_validator_finds_nothing(dataset, tmp_path):
    output = tmp_path / "out"
    process_dataset(dataset, output, options=OPTIONS)
    validator = "from bids_validator_deno import cli; cli()"
    command = [sys.executable, "-c", validator, "--json", "--max-rows", "-1", str(output)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    issues = json.loads(out.stdout)["issues"]["issues"]
    assert [(i["code"], i.get("location")) for i in issues if i["severity"] in ("error", "warning")] == []


def test_a_failure_under_a_label_that_is_no_more_is_forgotten(without_video, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "enicfer.batch.sessions._local_slots", lambda n, threads: [without_video.InlineSlot()]
    )
    data, output = tmp_path / "bids", tmp_path / "out"
    for label in ("1", "2"):
        touch(data, f"sub-{label}/eeg/sub-{label}_task-a_eeg.edf", f"sub-{label}/beh/sub-{label}_video.mp4")
    (data / "sub-2/beh/sub-2_video.mp4").write_bytes(b"broken")
    assert len(process_dataset(data, output, options=ProcessingOptions(protocol="eeg-led")).failed) == 1
    for path in sorted(data.rglob("sub-2_*")):
        target = Path(str(path).replace("sub-2", "sub-02"))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    shutil.rmtree(data / "sub-2")
    (data / "sub-02/beh/sub-02_video.mp4").write_bytes(b"good")
    assert not process_dataset(data, output, options=ProcessingOptions(protocol="eeg-led")).failed
    assert "sub-2\t" not in (output / "group_qc.tsv").read_text(encoding="utf-8")
