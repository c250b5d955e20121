"""Run something in a process of its own, and measure how long it takes and how much memory it adds.

Nothing here waits for ever: what forks a process with threads can stand still in the child, where a lock is held by a
thread that is not there.
"""

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from enicfer.errors import EnicferError

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
PATIENCE = 60.0  # s of the clock for a child


@dataclass(frozen=True)
class Outcome:
    """What came of it: ``said`` is the sentence, "" if there was a result, or what else was raised.

    ``seconds`` of the processor; ``megabytes`` by which the process grew at most.
    """

    said: str
    seconds: float
    megabytes: float
    refused: bool


def run_limited(action: Callable[[], Any], most: int = 4 << 30, seconds: float = PATIENCE) -> Outcome:
    """Do ``action`` in a fork that may add ``most`` bytes of addresses; no error but `EnicferError` is an answer.

    Raises
    ------
    AssertionError
        If it has not ended after so many ``seconds`` of the clock; it is killed then.
    """
    import resource

    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read)
        code = 3
        os.write(write, f"{_resident()}\n".encode())
        try:
            limit = _pages(0) * _PAGE + most
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
            resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
            try:
                action()
                said, code = "", 0
            except EnicferError as error:
                said, code = str(error), 1
            except BaseException as error:
                said = f"{type(error).__name__}: {error}"
            os.write(write, said.encode("utf-8", "replace")[:60000])
        finally:
            os._exit(code)
    os.close(write)
    end = time.monotonic() + seconds
    said = read_all(read, pid, end).decode("utf-8", "replace")
    resident, _, said = said.partition("\n")
    status, usage = _wait(pid, end)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        said = f"ended with {code}: {said}"
    seconds = usage.ru_utime + usage.ru_stime
    return Outcome(said, seconds, usage.ru_maxrss / 1024 - int(resident) / 2**20, code == 1)


def wait_for(pid: int, seconds: float = PATIENCE) -> int:
    """Exit code of a child (negative: its signal), which is killed after so many ``seconds`` of the clock.

    Raises
    ------
    AssertionError
        If it had to be killed.
    """
    return os.waitstatus_to_exitcode(_wait(pid, time.monotonic() + seconds)[0])


def read_all(pipe: int, pid: int, end: float) -> bytes:
    """All that a child writes into a pipe, which is closed then; it is killed where the pipe is open at ``end``."""
    found = bytearray()
    with os.fdopen(pipe, "rb", buffering=0) as file:
        while select.select([file], [], [], max(end - time.monotonic(), 0))[0]:
            if not (block := file.read(1 << 16)):
                return bytes(found)
            found += block
    _give_up(pid)


def _wait(pid: int, end: float) -> tuple[int, Any]:
    pause = 0.0005
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage
        if time.monotonic() > end:
            _give_up(pid)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def _give_up(pid: int) -> NoReturn:
    os.kill(pid, signal.SIGKILL)
    os.wait4(pid, 0)
    raise AssertionError(
        "A child process stood still: it had not ended when its time was over, and was killed."
    )


def _pages(field: int) -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[field])


def _resident() -> int:
    return _pages(1) * _PAGE
