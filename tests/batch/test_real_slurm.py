"""A real SLURM of one node; `slurm_node.sh` beside this file sets it up."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from enicfer.batch.jobs import find_sessions
from enicfer.batch.sessions import process_sessions
from enicfer.batch.slurm import make_slurm_script
from enicfer.config.options import ExecutionOptions, ProcessingOptions
from tests.thorough import only_thorough

CONFIGURATION = Path(os.environ.get("SLURM_CONF", f"{tempfile.gettempdir()}/enicfer-slurm/slurm.conf"))
OPTIONS = ProcessingOptions(max_uncertainty=0.2)


def find_slurm() -> bool:
    if shutil.which("sbatch") is None or not CONFIGURATION.exists():
        return False
    os.environ["SLURM_CONF"] = str(CONFIGURATION)
    return subprocess.run(["sinfo"], capture_output=True, timeout=60, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_slurm(), reason="no SLURM here: bash tests/batch/slurm_node.sh start"),
    # Threads of Dask's own clean up after the test that began them.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def filmed(once, study) -> Path:
    return once("batch-study", study.make_filmed_study)


@pytest.fixture(autouse=True)
def alone(tmp_path_factory) -> Iterator[None]:
    """One test at a time on the node."""
    base = tmp_path_factory.getbasetemp()
    with FileLock(
        (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "slurm.lock", timeout=1800
    ):
        yield


@pytest.fixture(scope="module")
def undisturbed(once, filmed, study) -> dict[str, str]:
    """What the study gives on this computer without SLURM."""
    output = once("slurm-here", lambda folder: process_sessions([filmed], output=folder, options=OPTIONS))
    (output / ".done").unlink(missing_ok=True)
    return study.content(output)


def with_program() -> dict[str, str]:
    """The environment, with `enicfer` on its path."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def submit(script: Path, *options: str) -> str:
    command = ["sbatch", "--parsable", *options, str(script)]
    done = subprocess.run(
        command,
        cwd=script.parent,
        env=with_program(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout.strip()


def state_of(job: str) -> str:
    shown = subprocess.run(
        ["scontrol", "show", "job", job], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    return shown.split("JobState=")[1].split()[0]


def wait_until(happened, seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, f"not within {seconds:g} s"
        time.sleep(0.1)


def test_a_job_array_with_a_task_killed_in_the_middle(filmed, undisturbed, study, tmp_path):
    text = make_slurm_script(
        find_sessions([filmed]),
        tmp_path / "out",
        ["--max-uncertainty", "0.2"],
        tasks=3,
        cores=1,
        memory="500M",
    )
    script = tmp_path / "job.sh"
    script.write_text(text, encoding="utf-8")
    job = submit(script)
    wait_until(lambda: (tmp_path / "out" / ".enicfer").is_dir())
    time.sleep(random.Random(2).uniform(0.3, 1.0))
    first = f"{job}_0"
    assert state_of(first) == "RUNNING"
    subprocess.run(["scancel", "--full", "--signal=KILL", first], timeout=60, check=True)
    wait_until(
        lambda: not subprocess.run(["squeue", "-h"], capture_output=True, timeout=60, check=True).stdout
    )
    assert state_of(first) == "CANCELLED"
    partial = study.content(tmp_path / "out")
    assert not any("sub-01" in name for name in partial), "nothing half-written is among the results"

    submit(script, "--wait")
    last = subprocess.run(
        ["bash", script], env=with_program(), capture_output=True, text=True, timeout=300, check=False
    )
    assert last.returncode == 3, last.stderr
    assert "0 done, 2 unchanged, 1 failed" in last.stdout
    assert study.content(tmp_path / "out") == undisturbed


@only_thorough
def test_dask_workers_from_slurm_with_one_killed_in_the_middle(
    filmed, undisturbed, study, tmp_path, monkeypatch
):
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    monkeypatch.chdir(tmp_path)  # SLURM writes its logs here
    output = tmp_path / "out"
    settings = {
        "jobqueue.slurm.cores": 1, "jobqueue.slurm.processes": 1, "jobqueue.slurm.memory": "1500MB",
        "jobqueue.slurm.log-directory": str(tmp_path), "jobqueue.slurm.local-directory": str(tmp_path),
        "jobqueue.slurm.interface": "lo",
    }  # fmt: skip
    results = []

    def run(**more) -> None:
        with dask.config.set(settings):
            results.append(
                process_sessions(
                    [filmed],
                    output=output,
                    options=OPTIONS,
                    execution=ExecutionOptions(n_jobs=2, scheduler="slurm", **more),
                )
            )

    thread = threading.Thread(target=run)
    thread.start()
    busy: list[psutil.Process] = []
    wait_until(lambda: busy.extend(working()) or busy)
    os.kill(busy[0].pid, signal.SIGKILL)
    thread.join(300)
    assert not thread.is_alive()
    states = {outcome.name: (outcome.state, outcome.kind) for outcome in results[0].outcomes}
    assert sum(kind == "killed" for _, kind in states.values()) == 1, states
    assert len(states) == 3
    run(retry_failed=True)
    assert sorted(outcome.state for outcome in results[1].outcomes) == ["done", "failed", "unchanged"]
    assert study.content(output) == undisturbed
    wait_until(
        lambda: not subprocess.run(["squeue", "-h"], capture_output=True, timeout=60, check=True).stdout
    )


def working() -> list[psutil.Process]:
    """Workers (not their nannies) of SLURM's jobs that have a video open."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "spawn_main" in " ".join(process.info["cmdline"] or ()) and "SLURM_JOB_ID" in environment(process):
            found += [process for file in opened(process) if file.endswith("camera.mp4")]
    return found


def environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def opened(process: psutil.Process) -> list[str]:
    try:
        return [file.path for file in process.open_files()]
    except psutil.Error:
        return []
