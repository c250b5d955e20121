"""Real sessions through real workers, killed in the middle: the command line, end to end."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.thorough import only_thorough


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
@only_thorough
def test_the_command_line_killed_and_resumed(once, study, tmp_path):
    folder = once("batch-study", study.make_filmed_study)
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
    killed.communicate(timeout=60)
    resumed = start(folder, tmp_path / "killed")
    assert resumed.communicate(timeout=300)[0]
    assert resumed.returncode == 3
    assert study.content(tmp_path / "killed") == study.content(tmp_path / "whole")
