"""Files that must stay as they are while they are read.

Conventions: a stamp is size, modification time, change time and inode; where stamps differ, the content decides.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from enicfer.errors import InputError


@dataclass(frozen=True)
class Noted:
    """A file as it was: its stamp, and the SHA-256 of its content in hexadecimal."""

    stamp: tuple[int, ...]
    sha256: str


def stamp_of(path: Path) -> tuple[int, ...]:
    """Size, modification time, change time and inode."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def note_file(path: Path) -> Noted:
    """Hash a file, and its stamp.

    Raises
    ------
    InputError
        If it is being written.
    """
    before = stamp_of(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if stamp_of(path)[:2] != before[:2]:
        raise _changed([path])
    return Noted(before, found)


def find_altered(noted: Mapping[Path, Noted]) -> list[Path]:
    """The files that are gone, or have another content than was noted."""
    return [path for path, was in noted.items() if _differs(path, was)]


def check_unaltered(noted: Mapping[Path, Noted]) -> None:
    """Refuse to go on with files that are not as they were noted.

    Raises
    ------
    InputError
        With their names.
    """
    if altered := find_altered(noted):
        raise _changed(altered)


@contextmanager
def read_steadily(paths: Iterable[Path]) -> Iterator[None]:
    """Refuse what was read meanwhile of files that were written meanwhile.

    Raises
    ------
    InputError
        With their names.
    """
    before = {path: stamp_of(path)[:2] for path in paths if path.exists()}
    yield
    if altered := [path for path, was in before.items() if not path.exists() or stamp_of(path)[:2] != was]:
        raise _changed(altered)


def _differs(path: Path, was: Noted) -> bool:
    try:
        return stamp_of(path) != was.stamp and note_file(path).sha256 != was.sha256
    except OSError:
        return True


def _changed(paths: list[Path]) -> InputError:
    names = ", ".join(path.name for path in paths)
    return InputError(
        f"{names} changed while it was read",
        remedy="wait until it is copied or recorded completely, then run again",
    )
