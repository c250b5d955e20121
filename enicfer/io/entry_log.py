r"""What people say, on disk: one file of JSON lines for each coder and session, to which lines are only ever added.

``sub-01_ses-01_coder-Anna.jsonl`` has one entry a line, in UTF-8. An entry is on the disk before it counts as
written. A last line that is not whole is one that a process was stopped at: it never counted, and the next entry
takes its place. Every coder has a file of their own, so that two on a network drive never write into one; two
servers of one coder take turns by a lock.

Entries are frozen dataclasses whose fields are text, a number or None, or whole numbers; what a file holds besides is
passed over.
"""

import json
import math
import os
import random
import re
import time
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import uuid4

from enicfer.errors import InputError, OutputError, option
from enicfer.io.files.portable import lock_file
from enicfer.io.files.swap import sync_folder

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

UNFINISHED = 0.1  # s after which a file that ends within a line is read again
PATIENCE = 10.0  # s to wait for another process that writes
POLL = (0.001, 0.01)  # s between two looks at its lock; at random, so that nobody always comes too late
LONGEST_NAME = 80  # letters of a coder's name
_LABEL = re.compile(r"[A-Za-z0-9]{1,40}")
_TYPES: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int | None: (int,),
    float | None: (int, float),
    tuple[int, ...]: (list,),
}
_NEEDED = {"id", "at", "coder", "run", "kind"}

E = TypeVar("E", bound="DataclassInstance")


def coder_label(name: str) -> str:
    """The part of a file's name that stands for a coder: letters and digits, other names with a hash.

    Raises
    ------
    InputError
        If the name is empty, too long, or holds a line end or a control character.
    """
    plain = " ".join(name.split())
    broken = any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in name)
    if not plain or len(plain) > LONGEST_NAME or broken or not plain.isprintable():
        raise InputError(
            f"The coder's name must have 1 to {LONGEST_NAME} letters in one line",
            remedy=f"give {option('coder', '--coder NAME')}, such as Anna",
        )
    if _LABEL.fullmatch(plain):
        return plain
    kept = "".join(re.findall(r"[A-Za-z0-9]", plain))[:30]
    return f"{kept}x{sha256(plain.encode('utf-8')).hexdigest()[:8]}"


def log_path(folder: Path, session: str, coder: str) -> Path:
    """A coder's file for a session, which is named by its stem (``sub-01_ses-01``)."""
    return folder / f"{session}_coder-{coder_label(coder)}.jsonl"


def find_logs(folder: Path, session: str) -> list[Path]:
    """The files of all coders for a session, sorted."""
    return sorted(path for path in folder.glob(f"{session}_coder-*.jsonl") if path.is_file())


def new_id() -> str:
    """A name that no other entry has."""
    return uuid4().hex[:12]


def time_of_day() -> str:
    """Now, in UTC: ``2026-11-29T12:00:00.000Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry_text(entry: "DataclassInstance") -> dict[str, Any]:
    """What is stored of an entry: the facts that it has."""
    return {name: value for name, value in asdict(entry).items() if value not in (None, "", ())}


@dataclass(frozen=True)
class EntryLog(Generic[E]):
    """Files of entries of one sort.

    Attributes
    ----------
    entry
        The dataclass of an entry; it has ``id``, ``at``, ``coder``, ``run`` and ``kind``.
    kinds
        What ``kind`` can be.
    word
        What a file is called in messages, such as ``review``.
    """

    entry: type[E]
    kinds: Collection[str]
    word: str

    def read(self, path: Path) -> tuple[E, ...]:
        """All entries of a file in their order; none where there is no file.

        Raises
        ------
        InputError
            If it cannot be read, or a line before the last one is no entry.
        """
        return self.read_torn(path)[0]

    def read_torn(self, path: Path) -> tuple[tuple[E, ...], bool]:
        """All entries of a file, and whether half a line follows them, at which a process was stopped.

        Raises
        ------
        InputError
            If it cannot be read, or a line before the last one is no entry.
        """
        entries: tuple[E, ...] = ()
        for wait in (UNFINISHED, 0.0):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return (), False
            except OSError as error:
                raise InputError(
                    f"{path.name} cannot be read: {error.strerror or error}",
                    place=path,
                    remedy="allow reading it",
                ) from None
            entries, whole = self._parse(data, path)
            if whole == len(data):
                return entries, False
            time.sleep(wait)  # another process may be writing it now
        return entries, True

    def add(self, path: Path, make: Callable[[Sequence[E]], Sequence[E]]) -> tuple[E, ...]:
        """Add entries, which are on the disk when this returns, all or none.

        Parameters
        ----------
        path
            The file; it is made where it is missing, with its folder.
        make
            Makes the entries from those that are there; what it raises is passed on, and nothing is written.

        Raises
        ------
        InputError
            If the file is damaged.
        OutputError
            If it cannot be written: the disk is full, say. Then nothing of the entries stays.
        """
        try:
            fresh = not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise self._unwritten(path, error) from None
        try:
            _wait_for_lock(file, path)
            data = _read_all(file)
            known, whole = self._parse(data, path)
            entries = tuple(make(known))
            lines = [json.dumps(entry_text(e), ensure_ascii=False, allow_nan=False) + "\n" for e in entries]
            start = b"" if not whole or data[:whole].endswith(b"\n") else b"\n"
            try:
                _write_at(file, whole, start + "".join(lines).encode("utf-8"))
                if fresh:
                    sync_folder(path.parent)
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(file, whole)
                raise self._unwritten(path, error) from None
            return entries
        finally:
            os.close(file)

    def _unwritten(self, path: Path, error: OSError) -> OutputError:
        return OutputError(
            f"The {self.word} cannot be written to {path.parent} ({error.strerror or error}), and "
            "what was said last is not stored",
            place=path.parent,
            remedy="make room or make the folder writable",
        )

    def _parse(self, data: bytes, path: Path) -> tuple[tuple[E, ...], int]:
        """The entries, and the length in bytes of what is whole."""
        types = {entry.name: _TYPES[entry.type] for entry in fields(self.entry)}
        entries: list[E] = []
        place = 0
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            last = place + len(line) == len(data)
            if line.strip():
                try:
                    entries.append(self.entry(**_facts(line, types, self.kinds)))
                except (ValueError, RecursionError):
                    if last and not line.endswith(b"\n"):
                        return tuple(entries), place
                    raise InputError(
                        f"Line {number} of {path.name} is no entry of a {self.word}",
                        place=path,
                        remedy="repair it, or remove the line",
                    ) from None
            place += len(line)
        return tuple(entries), place


def _wait_for_lock(file: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while lock_file(file) is None:
        if time.monotonic() > end:
            raise OutputError(
                f"Another process has been writing {path.name} for {PATIENCE:.0f} s",
                place=path,
                remedy="end it, and say it again",
            )
        time.sleep(random.uniform(*POLL))


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


def _facts(line: bytes, types: Mapping[str, tuple[type, ...]], kinds: Collection[str]) -> dict[str, Any]:
    content = json.loads(line.decode("utf-8"))
    if not isinstance(content, Mapping) or not content.keys() >= _NEEDED:
        raise ValueError("no entry")
    facts = {name: value for name, value in content.items() if name in types}
    for name, value in facts.items():
        if not isinstance(value, types[name]) or not _is_plain(value):
            raise ValueError(f"{name} is of another kind")
        if isinstance(value, list):
            facts[name] = tuple(value)
    if facts["kind"] not in kinds:
        raise ValueError("no kind of entry")
    return facts


def _is_plain(value: Any) -> bool:
    """Whether it is text, a finite number, or a list of whole numbers."""
    if isinstance(value, list):
        return all(isinstance(part, int) and not isinstance(part, bool) for part in value)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return number or isinstance(value, str)
