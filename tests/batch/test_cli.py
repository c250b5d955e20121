"""The commands: what they print, and with which code they leave."""

import re

import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import InputError


@pytest.fixture
def run(without_video, monkeypatch):
    monkeypatch.setattr(
        "enicfer.batch.sessions._local_slots", lambda n, threads: [without_video.InlineSlot()]
    )
    return lambda *arguments: CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)


@pytest.mark.slow
def test_many_sessions(run, study, tmp_path):
    folders = study.make_study(tmp_path / "study", 2)
    command = ("process-sessions", tmp_path / "study", "--output", tmp_path / "out")
    dry = run(*command, "--dry-run")
    assert dry.exit_code == 3  # the study's files are no real recordings
    assert not (tmp_path / "out").exists()
    first = run(*command)
    assert first.exit_code == 0
    assert "[2/2] sub-02 done" in first.stderr
    assert "2 done, 0 unchanged, 0 failed" in first.stdout
    assert "\n             " not in first.stdout, "warnings are counted, not listed"
    verbose = run(*command, "--verbose", "--overwrite")
    assert verbose.stdout.count("\n             ") == sum(
        int(count) for count in re.findall(r"(\d+) warnings?", verbose.stdout)
    )
    dry = run(*command, "--dry-run")
    assert dry.exit_code == 0
    assert "0 of 2 sessions would be done." in dry.stdout
    (folders[0] / "camera.mkv").write_bytes(b"broken")
    quiet = run(*command, "--quiet")
    assert quiet.exit_code == 3
    assert quiet.stdout == ""
    assert len(quiet.stderr.splitlines()) == 1
    again = run(*command)
    assert "was not tried again" in again.stdout
    (folders[0] / "camera.mkv").write_bytes(b"repaired")
    assert "again: inputs changed" in run(*command).stdout


def test_a_data_set(run, tmp_path):
    for name in ("eeg/sub-01_task-a_eeg.edf", "eeg/sub-01_task-b_eeg.edf", "beh/sub-01_task-a_video.mp4"):
        (tmp_path / "bids/sub-01" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bids/sub-01" / name).write_bytes(name.encode())
    command = ("process-dataset", tmp_path / "bids", tmp_path / "out")
    done = run(*command, "participant", "--protocol", "eeg-led")
    assert done.exit_code == 3
    assert "sub-01_task-b: There is no video of sub-01_task-b" in done.stdout
    row = (tmp_path / "out" / "group_qc.tsv").read_text(encoding="utf-8").splitlines()[-1]
    assert row.startswith("sub-01\tn/a\tb\tn/a\tsub-01_task-b\tfailed")
    chosen = run(
        *command, "participant", "--protocol", "eeg-led", "--task", "a", "--participant-label", "sub-01"
    )
    assert chosen.exit_code == 0
    group = run(*command, "group")
    assert group.exit_code == 0
    assert "group_qc.tsv" in group.stdout


@pytest.mark.parametrize(
    "options",
    [("--dry-run",), ("--participant-label", "01"), ("--n-jobs", "1"), ("--overwrite", "--task", "a")],
)
def test_the_group_level_refuses_options_that_are_not_for_it(run, study, tmp_path, options):
    study.make_study(tmp_path / "study", 1)
    run("process-sessions", tmp_path / "study", "--output", tmp_path / "out")
    (tmp_path / "out" / "group_qc.tsv").unlink()
    with pytest.raises(InputError, match="only for the level participant") as caught:
        run("process-dataset", tmp_path / "study", tmp_path / "out", "group", *options)
    assert {name for name in options if name.startswith("--")} <= set(
        re.findall(r"--[a-z-]+", str(caught.value))
    )
    assert not (tmp_path / "out" / "group_qc.tsv").exists()
    assert run("process-dataset", tmp_path / "study", tmp_path / "out", "group", "--quiet").exit_code == 0


def test_share_check(run, tmp_path):
    (tmp_path / "a.tsv").write_text("recorded 2020-02-03\n", encoding="utf-8")
    found = run("share-check", tmp_path, "--name", "Ada")
    assert found.exit_code == 1
    assert "a.tsv: date: 2020-02-03" in found.stdout
    (tmp_path / "a.tsv").write_text("1.0\n", encoding="utf-8")
    assert run("share-check", tmp_path).exit_code == 0


def test_slurm_script(run, study, tmp_path):
    study.make_study(tmp_path / "study", 3)
    text = run(
        "slurm-script", tmp_path / "study", "--output", tmp_path / "out", "--options", "--protocol eeg-led"
    )
    assert text.stdout.startswith("#!/bin/bash\n")
    assert "--array=0-2" in text.stdout
    assert text.stdout.rstrip().endswith("--n-jobs 1 --protocol eeg-led")
