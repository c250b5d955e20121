"""A real Dask cluster of processes on this computer."""

import os
import signal
import sys
import time
from dataclasses import replace

import pytest
from cloudpickle import register_pickle_by_value

distributed = pytest.importorskip("distributed")

from enicfer.batch.cluster import make_absolute, open_cluster  # noqa: E402
from enicfer.batch.engine import run_jobs  # noqa: E402
from enicfer.batch.jobs import Job, Options, Outcome  # noqa: E402
from enicfer.errors import InputError  # noqa: E402

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
    ) as cluster:
        yield cluster.scheduler_address


def job(name, tmp_path):
    return Job(name, None, tmp_path, Options(), {})


@pytest.mark.slow
def test_each_failure_costs_its_own_job_alone(address, tmp_path):
    names = ["fine 1", "die 2", "fine 3", "raise 4", "hang 5", "fine 6", "fine 7", "fine 8"]
    with open_cluster(address, 1) as (slots, threads):
        assert (len(slots), threads) == (2, 1)
        found = run_jobs([job(name, tmp_path) for name in names], work, failed, slots, timeout=10)
    assert {outcome.name: outcome.kind for outcome in found} == {
        "fine 1": "", "die 2": "killed", "fine 3": "", "raise 4": "unexpected", "hang 5": "time-out",
        "fine 6": "", "fine 7": "", "fine 8": "",
    }  # fmt: skip
    with open_cluster(address, 1) as (slots, _):
        assert len(slots) == 2, "the workers were replaced"


@pytest.mark.slow
def test_the_same_bytes_as_on_this_computer(address, example, tmp_path):
    from enicfer.batch.sessions import process_sessions

    session = example(short=True)
    results = {}
    for name, scheduler in (("here", None), ("there", address)):
        result = process_sessions([session], output=tmp_path / name, scheduler=scheduler)
        assert [outcome.state for outcome in result.outcomes] == ["done"], result.failed
        files = [
            path
            for path in (tmp_path / name).rglob("sub-*")
            if path.is_file() and not {".enicfer", "logs"} & set(path.parts)
        ]
        results[name] = {path.relative_to(tmp_path / name): path.read_bytes() for path in files}
    assert results["here"] == results["there"]
    again = process_sessions([session], output=tmp_path / "there", scheduler=address)
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
    given = Options(protocol="mine.toml", model="ronnet-7")
    assert make_absolute(given) == replace(given, protocol=tmp_path / "mine.toml")
