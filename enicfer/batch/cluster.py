"""The same jobs on a Dask cluster, one session at a time in each of its workers.

A worker that dies, or is stopped because its session takes too long, costs that session alone: its nanny starts
another, which takes its place. Workers must see the files under the same paths as this computer. That a worker or
the scheduler itself is missing is never the outcome of a session.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from enicfer.batch.engine import Slot, Work
from enicfer.batch.jobs import Job, Outcome
from enicfer.config.options import ProcessingOptions
from enicfer.errors import InputError

# What dask-jobqueue calls them; sizes of jobs, queues and accounts come from its own configuration (jobqueue.yaml).
QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster"}
PATIENCE = 600.0  # s that a queue may take to give a first worker, or that the cluster may have none
_TICK = 0.5


def _missing() -> InputError:
    return InputError(
        "The command needs Dask for --dask-scheduler",
        remedy="pip install 'enicfer[cluster]', on the workers as well",
    )


def ask_workers(client: Any) -> dict[str, dict[str, Any]]:
    """What the scheduler says now of each worker; the client's own ``scheduler_info`` may be old and cut short."""
    try:
        if client.status == "running":
            found: dict[str, dict[str, Any]] = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
            return found
    except (OSError, AttributeError, RuntimeError):  # it closes meanwhile
        pass
    raise InputError("The Dask scheduler is gone", remedy="start another one")


class Cluster:
    """Workers of a Dask scheduler, each lent to one session at a time."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._busy: dict[str, tuple[Any, Future[Outcome]]] = {}
        self._stale: set[str] = set()  # to be replaced before their next job
        self._dying: set[str] = set()
        self._change = threading.RLock()
        self._last_seen = time.monotonic()  # when there was a worker
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def workers(self) -> dict[str, int]:
        """Address of each worker that is there and can be replaced, and its number of threads.

        Raises
        ------
        InputError
            If the scheduler is gone, or has had no worker for a long time.
        """
        there = ask_workers(self.client)
        found = {address: int(about["nthreads"]) for address, about in there.items() if about["nanny"]}
        with self._change:
            if found.keys() - self._stale - self._dying:
                self._last_seen = time.monotonic()
            elif time.monotonic() - self._last_seen > PATIENCE:
                raise InputError(
                    f"The Dask scheduler has had no worker for {PATIENCE:g} s",
                    remedy="check that the workers are running",
                )
        return found

    def submit(self, work: Work, job: Job) -> "tuple[str, Future[Outcome]] | None":
        """Begin a job in a worker that has nothing to do; None where there is none."""
        address = self._take()
        if address is None:
            return None
        answer: Future[Outcome] = Future()
        task = self.client.submit(
            do_in_worker, work, job, pure=False, workers=[address], allow_other_workers=False
        )
        with self._change:
            self._busy[address] = (task, answer)
        task.add_done_callback(lambda done: self._pass_on(address, done, answer))
        return address, answer

    def stop(self, address: str) -> None:
        """Have the worker replaced: at once if it works, else before its next job."""
        with self._change:
            task, answer = self._busy.pop(address, (None, None))
            self._stale.add(address)
        if task is not None and answer is not None:
            task.cancel()
            with contextlib.suppress(InputError):  # the scheduler took the worker with it
                self._restart()
            if not answer.done():
                answer.set_exception(BrokenExecutor("stopped"))

    def close(self) -> None:
        """Leave the workers as they are."""
        self._over.set()

    def _take(self) -> str | None:
        self._restart()
        with self._change:
            for address in self.workers():
                if address not in self._busy.keys() | self._stale | self._dying:
                    self._busy[address] = (None, Future())  # lent; the task follows
                    return address
        return None

    def _restart(self) -> None:
        """Have the nannies kill what is stale, and begin others; Dask's own restart may close the nanny as well."""
        with self._change:
            there = set(self.workers())
            stale = self._stale & there
            self._dying = (self._dying & there) | stale
            self._stale.clear()
        if stale:
            with contextlib.suppress(OSError, KeyError, ValueError):  # it has gone by itself meanwhile
                self.client.run(kill_worker, workers=sorted(stale), nanny=True, on_error="ignore")

    def _pass_on(self, address: str, done: Any, answer: "Future[Outcome]") -> None:
        with self._change:
            if self._busy.get(address, (None, None))[1] is not answer:
                return
            del self._busy[address]
        if done.cancelled():
            answer.set_exception(self._why_cancelled())
        elif (error := done.exception()) is not None:
            killed = type(error).__name__ == "KilledWorker"
            answer.set_exception(BrokenExecutor(str(error)) if killed else error)
        else:
            answer.set_result(done.result())

    def _why_cancelled(self) -> Exception:
        try:
            self.workers()
        except InputError as error:
            return error
        return BrokenExecutor("cancelled")

    def _watch(self) -> None:
        """End the jobs of workers that are gone: their tasks would wait for them for ever."""
        while not self._over.wait(_TICK):
            with contextlib.suppress(Exception):  # the scheduler may be gone at the end
                there = self.workers()
                with self._change:
                    gone = [(a, *self._busy.pop(a)) for a in list(self._busy) if a not in there]
                for _, task, answer in gone:
                    if task is not None:
                        task.cancel()
                    if not answer.done():
                        answer.set_exception(BrokenExecutor("its worker is gone"))


class ClusterSlot:
    """A place where one job at a time is done, somewhere on the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._address = ""

    def submit(self, work: Work, job: Job) -> "Future[Outcome] | None":
        """Begin a job, if a worker is there for it."""
        self._address, answer = self._cluster.submit(work, job) or ("", None)
        return answer

    def stop(self) -> None:
        """End what runs here; its worker is replaced."""
        if self._address:
            self._cluster.stop(self._address)
            self._address = ""


def kill_worker(dask_worker: Any) -> None:
    """Kill the worker of a nanny, which begins another then."""
    os.kill(dask_worker.pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has but the other


def do_in_worker(work: Work, job: Job) -> Outcome:
    """Do a job in a worker of the cluster, with no more threads than it was given."""
    import cv2
    import torch

    cv2.setNumThreads(job.threads)
    torch.set_num_threads(job.threads)
    return work(job)


@contextlib.contextmanager
def open_cluster(scheduler: str, n_jobs: int) -> Iterator[tuple[Sequence[Slot], int]]:
    """Slots on a cluster, and the threads of each.

    Parameters
    ----------
    scheduler
        Address of a running scheduler (``tcp://host:8786``), or one of `QUEUES`, whose workers are then asked for
        and given back at the end.
    n_jobs
        Number of workers to ask a queue for; of a running scheduler all workers are used.

    Raises
    ------
    InputError
        Without Dask, or if there is no scheduler or no worker, or a worker that nobody would replace.
    """
    try:
        from distributed import Client
    except ImportError:
        raise _missing() from None
    with contextlib.ExitStack() as stack:
        if scheduler in QUEUES:
            try:
                import dask_jobqueue
            except ImportError:
                raise _missing() from None
            try:
                queue = stack.enter_context(
                    getattr(dask_jobqueue, QUEUES[scheduler])(
                        scheduler_options={"dashboard_address": ":0"}  # several people share a login node
                    )
                )
                queue.scale(jobs=max(n_jobs, 1))
            except (ValueError, OSError, RuntimeError) as error:
                raise InputError(
                    f"Dask cannot ask {scheduler} for workers ({error})",
                    remedy="set cores and memory in its jobqueue.yaml",
                ) from None
            where: Any = queue
        else:
            where = scheduler
        try:
            client = stack.enter_context(Client(where, timeout=10, set_as_default=False))
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"There is no Dask scheduler at {scheduler} ({type(error).__name__})",
                remedy=f"give the address that `dask scheduler` printed, or one of {', '.join(QUEUES)}",
            ) from None
        try:
            client.wait_for_workers(1, timeout=PATIENCE if scheduler in QUEUES else 10)
        except TimeoutError:
            raise InputError(
                f"The Dask scheduler {scheduler} has no workers",
                remedy=f"start some with `dask worker {scheduler}`",
            ) from None
        _check_nannies(ask_workers(client).values(), scheduler)
        cluster = Cluster(client)
        stack.callback(cluster.close)
        threads = cluster.workers()
        count = max(n_jobs, 1) if scheduler in QUEUES else len(threads)
        yield [ClusterSlot(cluster) for _ in range(count)], min(threads.values())


def _check_nannies(workers: Collection[Any], scheduler: str) -> None:
    bare = sum(not about["nanny"] for about in workers)
    if bare:
        raise InputError(
            f"{bare} of its {len(workers)} workers at the Dask scheduler {scheduler} run without "
            "a nanny; nobody would replace one that dies or hangs",
            remedy="leave out --no-nanny where they are started",
        )


def make_absolute(options: ProcessingOptions) -> ProcessingOptions:
    """The same options for a process that runs in another folder."""
    names = {
        "protocol": options.protocol,
        "model": options.model,
        "detector_weights": options.detector_weights,
    }
    found = {
        name: Path(value).absolute()
        for name, value in names.items()
        if value is not None and Path(value).exists()
    }
    return replace(options, **found)  # type: ignore[arg-type]
