"""Reviews on disk: ``<output>/reviews/sub-01_ses-01_coder-Anna.jsonl``, as `enicfer.io.entry_log` has it.

An entry is an `enicfer.records.review.ReviewEntry`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enicfer.io.entry_log import EntryLog, coder_label, entry_text, find_logs, log_path, new_id, time_of_day
from enicfer.io.files.names import REVIEWS
from enicfer.records.review import KINDS, ReviewEntry

__all__ = [
    "ReviewLog",
    "add_entry",
    "coder_label",
    "entry_text",
    "find_reviews",
    "new_entry",
    "read_log",
    "read_review",
    "review_path",
]

_LOG = EntryLog(ReviewEntry, KINDS, "review")


def review_path(output: Path, session: str, coder: str) -> Path:
    """File of a coder's review of a session, which is named by its stem (``sub-01_ses-01``)."""
    return log_path(output / REVIEWS, session, coder)


def find_reviews(output: Path, session: str) -> list[Path]:
    """Reviews of a session by all coders, sorted."""
    return find_logs(output / REVIEWS, session)


def new_entry(coder: str, run: str, kind: str, **facts: Any) -> ReviewEntry:
    """An entry of now, with an id of its own."""
    return ReviewEntry(new_id(), time_of_day(), coder, run, kind, **facts)


@dataclass(frozen=True)
class ReviewLog:
    """What a file of a review holds.

    Attributes
    ----------
    entries
        All entries in their order.
    note
        A sentence where the file ends with half an entry, which does not count; else "".
    """

    entries: tuple[ReviewEntry, ...] = ()
    note: str = ""


def read_review(path: Path) -> tuple[ReviewEntry, ...]:
    """All entries of a file in their order; none where there is no file. Errors as `read_log`."""
    return read_log(path).entries


def read_log(path: Path) -> ReviewLog:
    """All entries of a file, and what is wrong with it; nothing where there is no file.

    Raises
    ------
    InputError
        If it cannot be read, or a line before the last one is no entry.
    """
    entries, torn = _LOG.read_torn(path)
    note = (
        f"{path.name} ends with half an entry, which was being written when the program was stopped or the disk was "
        "full: it does not count. Say it again in enicfer review."
    )
    return ReviewLog(entries, note if torn else "")


def add_entry(path: Path, make: Callable[[Sequence[ReviewEntry]], ReviewEntry]) -> ReviewEntry:
    """Add an entry, which is on the disk when this returns; see `enicfer.io.entry_log.EntryLog.add`.

    Raises
    ------
    InputError
        If the file is damaged.
    OutputError
        If it cannot be written: the disk is full, say. Then nothing of the entry stays.
    """
    return _LOG.add(path, lambda known: (make(known),))[0]
