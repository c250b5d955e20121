r"""Reviews on disk: one file of JSON lines for each coder and session, to which lines are only ever added.

``<output>/reviews/sub-01_ses-01_coder-Anna.jsonl`` has one entry (`enicfer.records.review.ReviewEntry`) a line, in
UTF-8. An entry is on the disk before it counts as written. A last line that is not whole is one that a process was
stopped at: it never counted, which is told (`ReviewLog.note`), and the next entry takes its place. Every coder has a
file of their own, so that two on a network drive never write into one; two servers of one coder take turns by a lock.
"""

import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from enicfer.errors import InputError, OutputError, option
from enicfer.io.files.names import REVIEWS
from enicfer.io.files.portable import lock_file
from enicfer.io.files.swap import sync_folder
from enicfer.records.review import KINDS, ReviewEntry

PATIENCE = 10.0  # s to wait for another process that writes
UNFINISHED = 0.1  # s after which a file that ends within a line is read again
LONGEST_NAME = 80  # letters of a coder's name
_LABEL = re.compile(r"[A-Za-z0-9]{1,40}")
_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int | None: (int,),
    float | None: (int, float),
    tuple[int, ...]: (list,),
}
_FACTS = {entry.name: _TYPES[entry.type] for entry in fields(ReviewEntry)}


def coder_label(name: str) -> str:
    """The part of a file's name that stands for a coder: letters and digits, other names with a hash.

    Raises
    ------
    InputError
        If the name is empty, too long, or holds a line end.
    """
    plain = " ".join(name.split())
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise InputError(
            f"The coder's name must have 1 to {LONGEST_NAME} letters in one line",
            remedy=f"give {option('coder', '--coder NAME')}, such as Anna",
        )
    if _LABEL.fullmatch(plain):
        return plain
    kept = "".join(re.findall(r"[A-Za-z0-9]", plain))[:30]
    return f"{kept}x{sha256(plain.encode('utf-8')).hexdigest()[:8]}"


def review_path(output: Path, session: str, coder: str) -> Path:
    """File of a coder's review of a session, which is named by its stem (``sub-01_ses-01``)."""
    return output / REVIEWS / f"{session}_coder-{coder_label(coder)}.jsonl"


def find_reviews(output: Path, session: str) -> list[Path]:
    """Reviews of a session by all coders, sorted."""
    return sorted(path for path in (output / REVIEWS).glob(f"{session}_coder-*.jsonl") if path.is_file())


def new_entry(coder: str, run: str, kind: str, **facts: Any) -> ReviewEntry:
    """An entry of now, with an id of its own."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ReviewEntry(uuid4().hex[:12], now, coder, run, kind, **facts)


def entry_text(entry: ReviewEntry) -> dict[str, Any]:
    """What is stored of an entry: the facts that it has."""
    return {name: value for name, value in asdict(entry).items() if value not in (None, "", ())}


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
    for wait in (UNFINISHED, 0.0):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return ReviewLog()
        except OSError as error:
            raise InputError(f"{path.name} cannot be read: {error.strerror or error}.") from None
        entries, whole = _parse(data, path)
        if whole == len(data):
            return ReviewLog(entries)
        time.sleep(wait)  # another process may be writing it now
    note = (
        f"{path.name} ends with half an entry, which was being written when the program was stopped or the disk was "
        "full: it does not count. Say it again in enicfer review."
    )
    return ReviewLog(entries, note)


def add_entry(path: Path, make: Callable[[Sequence[ReviewEntry]], ReviewEntry]) -> ReviewEntry:
    """Add an entry, which is on the disk when this returns.

    Parameters
    ----------
    path
        The file; it is made where it is missing, with its folder.
    make
        Makes the entry from those that are there; what it raises is passed on, and nothing is written.

    Raises
    ------
    InputError
        If the file is damaged.
    OutputError
        If it cannot be written: the disk is full, say. Then nothing of the entry stays.
    """
    try:
        fresh = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        _wait_for_lock(file, path)
        data = _read_all(file)
        entries, whole = _parse(data, path)
        entry = make(entries)
        line = json.dumps(entry_text(entry), ensure_ascii=False, allow_nan=False) + "\n"
        start = b"" if not whole or data[:whole].endswith(b"\n") else b"\n"
        try:
            _write_at(file, whole, start + line.encode("utf-8"))
            if fresh:
                sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(file, whole)
            raise _unwritten(path, error) from None
        return entry
    finally:
        os.close(file)


def _unwritten(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"The review cannot be written to {path.parent} ({error.strerror or error}): make room or make the folder "
        "writable; what was said last is not stored."
    )


def _wait_for_lock(file: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while lock_file(file) is None:
        if time.monotonic() > end:
            raise OutputError(
                f"Another process has been writing {path.name} for {PATIENCE:.0f} s: end it, and say it again."
            )
        time.sleep(0.02)


def _read_all(file: int) -> bytes:
    parts = []
    os.lseek(file, 0, os.SEEK_SET)
    while part := os.read(file, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write_at(file: int, place: int, data: bytes) -> None:
    os.ftruncate(file, place)  # what a stopped process left of a line
    os.lseek(file, place, os.SEEK_SET)
    while data:
        data = data[os.write(file, data) :]
    os.fsync(file)


def _parse(data: bytes, path: Path) -> tuple[tuple[ReviewEntry, ...], int]:
    """The entries, and the length in bytes of what is whole."""
    entries: list[ReviewEntry] = []
    place = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        last = place + len(line) == len(data)
        if line.strip():
            try:
                entries.append(_entry(line))
            except (ValueError, RecursionError):
                if last and not line.endswith(b"\n"):
                    return tuple(entries), place
                raise InputError(
                    f"Line {number} of {path.name} is no entry of a review: repair it, or remove the line."
                ) from None
        place += len(line)
    return tuple(entries), place


def _entry(line: bytes) -> ReviewEntry:
    content = json.loads(line.decode("utf-8"))
    if not isinstance(content, Mapping) or not {"id", "at", "coder", "run", "kind"} <= content.keys():
        raise ValueError("no entry")
    facts = {name: value for name, value in content.items() if name in _FACTS}
    for name, value in facts.items():
        if not isinstance(value, _FACTS[name]) or not _is_plain(value):
            raise ValueError(f"{name} is of another kind")
        if isinstance(value, list):
            facts[name] = tuple(value)
    if facts["kind"] not in KINDS:
        raise ValueError("no kind of entry")
    return ReviewEntry(**facts)


def _is_plain(value: Any) -> bool:
    """Whether it is text, a finite number, or a list of whole numbers."""
    if isinstance(value, list):
        return all(isinstance(part, int) and not isinstance(part, bool) for part in value)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return number or isinstance(value, str)
