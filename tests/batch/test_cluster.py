"""A real Dask cluster of processes on this computer."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from cloudpickle import register_pickle_by_value

distributed = pytest.importorskip("distributed")

from enicfer.batch import cluster  # noqa: E402
from enicfer.batch.cluster import Cluster, ClusterSlot, make_absolute, open_cluster  # noqa: E402
from enicfer.batch.engine import run_jobs  # noqa: E402
from enicfer.batch.jobs import Job, Outcome  # noqa: E402
from enicfer.config.options import ExecutionOptions, ProcessingOptions  # noqa: E402
from enicfer.errors import InputError  # noqa: E402
from tests.thorough import only_thorough  # noqa: E402

register_pickle_by_value(sys.modules[__name__])
# Threads of Dask's own clean up after the test that began them.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL"),
]


def work(job):
    """What the job's name says."""
    what, _ = job.name.split()
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(600)
    if what == "raise":
        raise RuntimeError("not a failure of a session")
    return Outcome(job.name, "done", reason=f"{os.getpid()} {job.threads}")


def failed(job, kind, reason):
    return Outcome(job.name, "failed", kind, reason)


@pytest.fixture(scope="module")
def address():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as here:
        yield here.scheduler_address


def job(name, tmp_path):
    return Job(name, None, tmp_path, ProcessingOptions(), {})


class Few:
    """A client whose queue granted one worker, which takes some time for each job."""

    def __init__(self, seconds, workers=("tcp://1",)):
        self.status, self.seconds, self.there = "running", seconds, list(workers)
        self.scheduler = self

    def sync(self, ask, **settings):
        return ask(**settings)

    def identity(self, n_workers):
        return {"workers": {name: {"nthreads": 1, "nanny": f"{name}:nanny"} for name in self.there}}

    def submit(self, do, work, job, **_):
        task = Future()

        def answer():
            time.sleep(self.seconds)
            task.set_result(work(job))

        threading.Thread(target=answer, daemon=True).start()
        return task

    def run(self, *_, **__):
        pass


def run_with(client, names, tmp_path, **settings):
    lent = Cluster(client)
    slots = [ClusterSlot(lent) for _ in range(3)]
    try:
        return run_jobs([job(name, tmp_path) for name in names], work, failed, slots, **settings)
    finally:
        lent.close()


def test_fewer_workers_than_asked_for_are_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    times = []
    found = run_with(
        Few(3), ["fine 1", "fine 2", "fine 3"], tmp_path, watch=lambda _: times.append(time.monotonic())
    )
    assert [(outcome.name, outcome.state) for outcome in found] == [(f"fine {i}", "done") for i in (1, 2, 3)]
    assert max(b - a for a, b in pairwise(times)) < 2.5, "the main loop never waits"


def test_no_worker_for_long_ends_the_run_and_marks_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    client = Few(0)
    with pytest.raises(InputError, match=r"no worker for 1 s.* [12] of 3 sessions had ended.*same command"):
        # A second may have begun before the first one's end is told.
        run_with(client, ["fine 1", "fine 2", "fine 3"], tmp_path, report=lambda *_: client.there.clear())


def test_a_worker_without_a_nanny_is_refused():
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as here,
        pytest.raises(InputError, match=r"1 of its 1 workers .*without a nanny.* leave out --no-nanny"),
        open_cluster(here.scheduler_address, 1),
    ):
        pass


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_one_sentence(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m"]
    there = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}  # where `work` is
    scheduler = subprocess.Popen(
        [*command, "distributed.cli.dask_scheduler", "--host", where, "--no-dashboard"]
    )
    worker = subprocess.Popen(
        [*command, "distributed.cli.dask_worker", where, "--nthreads", "1", "--no-dashboard"],
        cwd=tmp_path,
        env=there,
    )
    marked = []

    def leave(outcome, ended, total):
        threading.Timer(1, scheduler.kill).start()  # in the middle of the next session

    def fail(job, kind, reason):
        marked.append(reason)
        return failed(job, kind, reason)

    names = ["fine 1", "hang 2", "fine 3"]
    try:
        with (
            pytest.raises(InputError, match=r"scheduler is gone.* 1 of 3 sessions had ended"),
            open_cluster(where, 1) as (slots, _),
        ):
            run_jobs([job(name, tmp_path) for name in names], work, fail, slots, report=leave)
    finally:
        scheduler.kill()
        worker.terminate()
        scheduler.wait(60)
        worker.wait(60)
    assert not marked, "what the scheduler took with it did not fail by itself"


@pytest.mark.slow
@only_thorough
def test_each_failure_costs_its_own_job_alone(address, tmp_path):
    names = ["fine 1", "die 2", "fine 3", "raise 4", "hang 5", "fine 6", "fine 7", "fine 8"]
    with open_cluster(address, 1) as (slots, threads):
        assert (len(slots), threads) == (2, 1)
        found = run_jobs([job(name, tmp_path) for name in names], work, failed, slots, timeout=20)
    assert {outcome.name: outcome.kind for outcome in found} == {
        "fine 1": "", "die 2": "killed", "fine 3": "", "raise 4": "unexpected", "hang 5": "time-out",
        "fine 6": "", "fine 7": "", "fine 8": "",
    }  # fmt: skip
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)  # the workers are replaced


@pytest.mark.slow
def test_the_same_bytes_as_on_this_computer(address, example, tmp_path):
    from enicfer.batch.sessions import process_sessions

    session = example(short=True)
    results = {}
    for name, scheduler in (("here", None), ("there", address)):
        result = process_sessions(
            [session], output=tmp_path / name, execution=ExecutionOptions(scheduler=scheduler)
        )
        assert [outcome.state for outcome in result.outcomes] == ["done"], result.failed
        files = [
            path
            for path in (tmp_path / name).rglob("sub-*")
            if path.is_file() and not {".enicfer", "logs"} & set(path.parts)
        ]
        results[name] = {path.relative_to(tmp_path / name): path.read_bytes() for path in files}
    assert results["here"] == results["there"]
    again = process_sessions(
        [session], output=tmp_path / "there", execution=ExecutionOptions(scheduler=address)
    )
    assert [outcome.state for outcome in again.outcomes] == ["unchanged"]


def test_no_scheduler_is_one_sentence():
    with (
        pytest.raises(InputError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1 .*or one of slurm"),
        open_cluster("tcp://127.0.0.1:1", 1),
    ):
        pass


def test_options_hold_in_another_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    given = ProcessingOptions(protocol="mine.toml", model="ronnet-7")
    assert make_absolute(given) == replace(given, protocol=tmp_path / "mine.toml")
