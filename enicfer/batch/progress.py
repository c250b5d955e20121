"""How far each worker is: a line in a small file, which the parent reads while it waits.

The workers of a cluster share the outputs with the parent, and nothing else. The file lies where the tree of the
session is put together, and goes with it.
"""

import contextlib
import time
from pathlib import Path

from enicfer.records import Progress

PERIOD = 1.0  # s between two lines
_NAME = "progress"


def progress_writer(stage: Path) -> Progress:
    """A function to be called as ``progress(frames_done, frames_in_all, stage)``; it writes now and then."""
    last = -PERIOD

    def write(ended: int, total: int, stage_name: str) -> None:
        nonlocal last
        if time.monotonic() - last < PERIOD:
            return
        last = time.monotonic()
        with contextlib.suppress(OSError):  # a full disk ends the work elsewhere, with a reason
            (stage / _NAME).write_text(f"{ended} {total} {stage_name}", encoding="utf-8")

    return write


def read_progress(stage: Path) -> tuple[int, int, str] | None:
    """Frames done, frames in all and what is done with them; None before it began and after it ended."""
    try:
        ended, total, name = (stage / _NAME).read_text(encoding="utf-8").split(" ", 2)
        return int(ended), int(total), name
    except (OSError, ValueError):  # not there, or caught while it is written
        return None
