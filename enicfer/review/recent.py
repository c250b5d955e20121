"""What was made last of a few runs is kept, until their files change."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from enicfer.io.files.names import HIDDEN
from enicfer.review.study import ReviewRun

T = TypeVar("T")


class Recent(Generic[T]):
    """What was made last of a few runs, each in one state; one thread makes it, the others wait.

    Parameters
    ----------
    most
        Of how many.
    is_over
        Whether what was made is to be made anew.
    drop
        Called with what is not kept any more.
    """

    def __init__(
        self,
        most: int,
        is_over: Callable[[T], bool] = lambda made: False,
        drop: Callable[[T], None] = lambda made: None,
    ) -> None:
        self._most, self._lock = most, Lock()
        self._is_over, self._drop = is_over, drop
        self._made: OrderedDict[tuple[object, ...], T] = OrderedDict()

    def get(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What is there for ``key``, or what ``make`` gives."""
        with self._lock:
            if key not in self._made or self._is_over(self._made[key]):
                self._made[key] = make()
            self._made.move_to_end(key)
            while len(self._made) > self._most:
                self._drop(self._made.popitem(last=False)[1])
            return self._made[key]


def version_of(run: ReviewRun) -> str:
    """What changes with the results of a run: text that says nothing else; "" where they are gone."""
    try:
        about = run.frames.stat()
    except OSError:
        return ""
    return sha256(f"{about.st_mtime_ns} {about.st_size} {about.st_ino}".encode()).hexdigest()[:12]


def state_of(run: ReviewRun) -> tuple[str, float]:
    """A run, and the time of its results: 0 where they are gone."""
    return run.id, run.frames.stat().st_mtime if run.frames.is_file() else 0.0


def state_of_records(run: ReviewRun) -> float:
    """The time at which a record of all faces was last added or removed below a run's outputs; 0 for never."""
    folder = run.output / HIDDEN / "seen"
    return folder.stat().st_mtime if folder.is_dir() else 0.0
