"""Real workers that die, hang and are interrupted: each costs its own job alone."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from cloudpickle import register_pickle_by_value

from enicfer.batch.engine import LocalSlot, run_jobs
from enicfer.batch.jobs import Outcome

register_pickle_by_value(sys.modules[__name__])


def work(job: str) -> Outcome:
    """What the job's name says."""
    what, _ = job.split()
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "leave":
        os._exit(7)
    if what == "hang":
        time.sleep(600)
    if what == "raise":
        raise RuntimeError("not a failure of a session")
    if what == "threads":
        import cv2

        return Outcome(job, "done", reason=f"{os.environ['OMP_NUM_THREADS']} {cv2.getNumThreads()}")
    return Outcome(job, "done", reason=str(os.getpid()))


def failed(job: str, kind: str, reason: str) -> Outcome:
    return Outcome(job, "failed", kind, reason)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.slow
def test_each_failure_costs_its_own_job_alone():
    jobs = ["fine 1", "die 2", "fine 3", "leave 4", "raise 5", "hang 6", "fine 7", "fine 8"]
    reports = []
    found = run_jobs(
        jobs, work, failed, [LocalSlot(), LocalSlot()], timeout=20, report=lambda *a: reports.append(a)
    )
    kinds = {outcome.name: outcome.kind for outcome in found}
    assert kinds == {
        "fine 1": "", "die 2": "killed", "fine 3": "", "leave 4": "killed", "raise 5": "unexpected",
        "hang 6": "time-out", "fine 7": "", "fine 8": "",
    }  # fmt: skip
    assert next(o.reason for o in found if o.name == "die 2").endswith("(SIGKILL(-9)).")
    assert [(n, total) for _, n, total in reports] == [(i, 8) for i in range(1, 9)]
    assert not any(_lives(int(outcome.reason)) for outcome in found if outcome.state == "done")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_is_kept_for_the_next_job_and_told_its_threads():
    found = run_jobs(["fine 1", "fine 2", "threads 3"], work, failed, [LocalSlot(threads=2)])
    assert found[0].reason == found[1].reason
    assert found[2].reason == "2 2"


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.slow
def test_a_worker_that_dies_while_idle_is_replaced():
    slot = LocalSlot()
    try:
        first = slot.submit(work, "fine 1").result(60)
        os.kill(int(first.reason), signal.SIGKILL)
        time.sleep(1)
        assert slot.submit(work, "fine 2").result(60).reason != first.reason
    finally:
        slot.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.slow
def test_an_end_of_the_program_is_the_end_of_its_workers(how, tmp_path):
    code = """
        import os, signal, sys, time
        from pathlib import Path
        from cloudpickle import register_pickle_by_value
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where it is ignored
        from enicfer.batch.engine import LocalSlot, run_jobs
        register_pickle_by_value(sys.modules["__main__"])
        def work(job):
            (Path(sys.argv[1] if len(sys.argv) > 1 else job) / str(os.getpid())).touch()
            time.sleep(600)
        try:
            run_jobs([sys.argv[1]] * 2, work, None, [LocalSlot(), LocalSlot()])
        except KeyboardInterrupt:
            sys.exit(130)
    """
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline and program.poll() is None:
        time.sleep(0.1)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert len(workers) == 2, program.communicate(timeout=30)
    started = time.monotonic()
    if how == signal.SIGINT:
        os.killpg(program.pid, how)  # as a terminal does
    else:
        program.kill()
    errors = program.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert time.monotonic() - started < 2
        assert program.returncode == 130, errors
    while any(map(_lives, workers)) and time.monotonic() - started < 10:
        time.sleep(0.1)
    assert not any(map(_lives, workers))
