"""Real sessions through real workers, killed in the middle: the command line, end to end."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from enicfer.example.scene import Scene

SCENE = Scene(
    width=320, height=240, trials_per_condition=1, absences=(), covers=0, visits=0, participant_size=(40.0, 50.0),
    examiner_size=(30.0, 40.0), frame_rate=(11.0, 13.0), missing_pulses=0, extra_pulses=0, dropped=0.0,
)  # fmt: skip


def make(folder: Path) -> None:
    """Two good sessions and a broken one."""
    from enicfer.example import write_example_session

    write_example_session(folder / "s1", "eeg", 0, scene=SCENE)
    for i in (2, 3):
        shutil.copytree(folder / "s1", folder / f"s{i}")
        settings = folder / f"s{i}" / "session.toml"
        settings.write_text(
            settings.read_text(encoding="utf-8").replace('participant = "01"', f'participant = "{i:02}"'),
            encoding="utf-8",
        )
    video = folder / "s2" / "camera.mp4"
    video.write_bytes(video.read_bytes() + bytes(8))  # another content, so that it is watched on its own
    (folder / "s3" / "camera.mp4").write_bytes(b"no video")


def start(study: Path, output: Path, *more: str) -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "enicfer.cli.main",
        "process-sessions",
        str(study),
        "--output",
        str(output),
    ]
    return subprocess.Popen(
        [*command, "--n-jobs", "2", "--max-uncertainty", "0.2", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_the_command_line_killed_and_resumed(once, study, tmp_path):
    folder = once("batch-study", make)
    began = time.monotonic()
    whole = start(folder, tmp_path / "whole")
    text, errors = whole.communicate(timeout=300)
    took = time.monotonic() - began
    assert whole.returncode == 3, errors
    assert "2 done, 0 unchanged, 1 failed" in text
    assert "[3/3]" in errors
    table = pd.read_csv(tmp_path / "whole" / "group_qc.tsv", sep="\t").set_index("source")
    assert "camera.mp4" in table["reason"]["sub-03"]

    moment = random.Random(1).uniform(0.4, 0.8) * took
    killed = start(folder, tmp_path / "killed")
    time.sleep(moment)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    resumed = start(folder, tmp_path / "killed")
    assert resumed.communicate(timeout=300)[0]
    assert resumed.returncode == 3
    assert study.content(tmp_path / "killed") == study.content(tmp_path / "whole")
