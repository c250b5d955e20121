"""Progress over many sessions: bars on a terminal, lines elsewhere; on standard error."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from enicfer.batch.jobs import Job, Outcome

MOST_BARS = 16  # workers that get a bar


class Silent:
    """Says nothing."""

    def report(self, outcome: "Outcome", ended: int, total: int) -> None:
        """A session ended."""

    def watch(self, jobs: "Sequence[Job | None]") -> None:
        """Some time has passed."""

    def close(self) -> None:
        """The work is over."""


class Lines(Silent):
    """A line for each session that ended, with the time left."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def report(self, outcome: "Outcome", ended: int, total: int) -> None:
        """Print the line."""
        left = (time.monotonic() - self._started) / ended * (total - ended)
        click.echo(f"[{ended}/{total}] {_describe(outcome)}; about {left / 60:.0f} min left", err=True)


class Bars(Silent):
    """A bar over all sessions with the time left, and one for each worker with the frames of its session.

    Parameters
    ----------
    stream
        A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._all: Any = None
        self._workers: list[Any] = []

    def report(self, outcome: "Outcome", ended: int, total: int) -> None:
        """Move the first bar; a failure is printed above the bars."""
        bar = self._overall(total)
        bar.update(ended - bar.n)
        if outcome.reason:
            bar.write(_describe(outcome), file=self._stream)

    def watch(self, jobs: "Sequence[Job | None]") -> None:
        """Move the bars of the workers."""
        from enicfer.batch.markers import BatchFolders
        from enicfer.batch.progress import read_progress

        self._overall(None)
        for place, job in enumerate(jobs[:MOST_BARS]):
            if place == len(self._workers):
                self._workers.append(self._make(1 + place, None, " frames", leave=False))
            bar = self._workers[place]
            step = read_progress(BatchFolders(job.output).stage(job.name)) if job is not None else None
            name = "idle" if job is None else job.name
            ended, total, stage = step or (0, 0, "")
            if ended < bar.n:
                bar.reset(total)  # another session, or its next stage
            bar.set_description_str(f"{name} {stage}".rstrip(), refresh=False)
            bar.bar_format = None if total else "{desc}"
            bar.n, bar.total = ended, total or None
            bar.refresh()

    def close(self) -> None:
        """Leave the first bar, and take the others away."""
        for bar in [*reversed(self._workers), *([self._all] if self._all is not None else [])]:
            bar.close()

    def _overall(self, total: int | None) -> Any:
        if self._all is None:
            self._all = self._make(0, total, " sessions", leave=True)
        if total is not None:
            self._all.total = total
        return self._all

    def _make(self, position: int, total: int | None, unit: str, *, leave: bool) -> Any:
        from tqdm import tqdm

        return tqdm(total=total, unit=unit, position=position, leave=leave, file=self._stream)


@contextmanager
def show_sessions(quiet: bool) -> Iterator[Silent]:
    """What suits the terminal, or its absence."""
    shown = Silent() if quiet else Bars(sys.stderr) if sys.stderr.isatty() else Lines()
    try:
        yield shown
    finally:
        shown.close()


def _describe(outcome: "Outcome") -> str:
    line = f"{outcome.name} {outcome.state} after {outcome.seconds:.0f} s"
    return f"{line}: {outcome.reason}" if outcome.reason else line
