"""Jobs to workers, and what becomes of each; a worker that dies or hangs costs its own job alone.

Each slot is a process pool of one worker. So it is always known whose session a dead worker was doing, and a
session that takes too long can be stopped without harm to the others. Workers are loky's: fresh processes on
every system, told before they start how many threads their libraries may use.
"""

import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any, Protocol

from enicfer.batch.jobs import Job, Outcome
from enicfer.batch.work import strip_folders
from enicfer.errors import InputError

Work = Callable[[Job], Outcome]
Failed = Callable[[Job, str, str], Outcome]
Report = Callable[[Outcome, int, int], None]
Watch = Callable[[Sequence[Job | None]], None]
# After these a worker is not trusted with another session: HDF5, for one, can crash long after a full disk.
_UNTRUSTED = ("files", "output", "memory", "unexpected", "killed")
_TICK = 0.5  # s; a wait without end cannot be interrupted on Windows
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Slot(Protocol):
    """A place where one job at a time is done."""

    def submit(self, work: Work, job: Job) -> "Future[Outcome] | None":
        """Begin a job; None if there is no worker for it now."""
        ...

    def stop(self) -> None:
        """End what runs here, at once; the slot can be used again."""
        ...


class LocalSlot:
    """A worker process on this computer, made when it is needed.

    Parameters
    ----------
    threads
        Threads that the worker's libraries may use.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._pool: Any = None

    def submit(self, work: Work, job: Job) -> "Future[Outcome]":
        """Begin a job, in the worker that is there or in a new one."""
        if self._pool is None:
            self._pool = self._make_pool()
        try:
            future: Future[Outcome] = self._pool.submit(work, job)
        except BrokenExecutor:  # the worker died while it had nothing to do
            self.stop()
            self._pool = self._make_pool()
            future = self._pool.submit(work, job)
        return future

    def _make_pool(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        settings = dict.fromkeys(_THREAD_SETTINGS, str(self.threads))
        return ProcessPoolExecutor(
            max_workers=1, initializer=prepare_worker, initargs=(self.threads, os.getpid()), env=settings
        )

    def stop(self) -> None:
        """Kill the worker."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None


def prepare_worker(threads: int, parent: int) -> None:
    """Limit the threads, leave Ctrl-C to the parent, and end with it, however it ends."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(threads)
    if hasattr(os, "getppid") and os.name == "posix":
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def run_jobs(
    jobs: Iterable[Job],
    work: Work,
    failed: Failed,
    slots: Sequence[Slot],
    *,
    timeout: float | None = None,
    report: Report | None = None,
    watch: Watch | None = None,
) -> list[Outcome]:
    """Do all jobs; in the order in which they end.

    Parameters
    ----------
    jobs
        What is to be done.
    work
        Does one job in a worker; importable by name.
    failed
        Called as ``failed(job, kind, reason)`` for a job whose worker died or was stopped.
    slots
        Where jobs are done, one at a time in each.
    timeout
        Longest time in s for one job, or None.
    report
        Called as ``report(outcome, n_ended, n_in_all)``.
    watch
        Called twice a second with the job that is done in each slot, None where there is none.

    Raises
    ------
    InputError
        If there is no place any more where jobs are done; those that did not end are left as they were.
    KeyboardInterrupt
        After every worker was stopped.
    """
    waiting, free = deque(jobs), list(slots)
    running: dict[Future[Outcome], tuple[Slot, Job, float]] = {}
    outcomes: list[Outcome] = []
    total = len(waiting)

    def end(future: "Future[Outcome]", outcome: Outcome) -> None:
        free.append(running.pop(future)[0])
        outcomes.append(outcome)
        if report is not None:
            report(outcome, len(outcomes), total)

    try:
        while waiting or running:
            while waiting and free:
                future = free[-1].submit(work, waiting[0])
                if future is None:
                    break
                running[future] = (free.pop(), waiting.popleft(), time.monotonic())
            if not running:
                time.sleep(_TICK)
            for future in wait(running, timeout=_TICK, return_when=FIRST_COMPLETED).done:
                slot, job, _ = running[future]
                outcome = _result(future, job, failed)
                if outcome.kind in _UNTRUSTED:
                    slot.stop()
                end(future, outcome)
            if watch is not None:
                there = {id(slot): job for slot, job, _ in running.values()}
                watch([there.get(id(slot)) for slot in slots])
            for future, (slot, job, started) in list(running.items()):
                late = timeout is not None and time.monotonic() - started > timeout
                if late and not future.done():
                    slot.stop()
                    end(future, failed(job, "time-out", f"It took longer than the {timeout:g} s allowed."))
    except InputError as error:
        raise InputError(
            f"{error} {len(outcomes)} of {total} sessions had ended.", remedy="the same command does the rest"
        ) from None
    finally:
        for slot in slots:
            slot.stop()
    return outcomes


def _result(future: "Future[Outcome]", job: Job, failed: Failed) -> Outcome:
    try:
        return future.result()
    except InputError:  # not the session's: what does the jobs is gone
        raise
    except BrokenExecutor as error:
        codes = re.search(r"exit codes of the workers are (\{.*\})", str(error))
        detail = f" ({codes[1].strip('{}')})" if codes else ""
        return failed(job, "killed", f"Its process ended without an answer{detail}.")
    except Exception as error:  # a job never raises: this is what surrounds it
        return failed(job, "unexpected", f"{type(error).__name__}: {strip_folders(str(error))}")
