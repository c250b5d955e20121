"""What differs between Windows, macOS and Linux, in one place: locks, files that are open elsewhere, names.

Conventions: ``system`` is `os.name`; tests give another one.
"""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path

from enicfer.errors import OutputError

# Names of devices, with any ending.
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
FORBIDDEN = '<>:"|?*'
TRIES, PAUSE = 10, 0.1  # s: a virus scanner or an index has a new file open for a moment
_IN_USE = (5, 32, 33)  # Windows: access denied, sharing violation, lock violation


def move(source: Path, target: Path) -> None:
    """Rename a file over another one; on Windows again, while another program has one of them open."""
    for attempt in range(TRIES):
        try:
            source.replace(target)
            return
        except PermissionError as error:
            if attempt == TRIES - 1 or getattr(error, "winerror", None) not in _IN_USE:
                raise
            time.sleep(PAUSE)


def check_name(name: str, system: str = os.name) -> None:
    """Refuse a name that Windows gives to a device, changes or cannot have, there.

    Raises
    ------
    OutputError
        With what is wrong.
    """
    if system != "nt":
        return
    stem = name.split(".")[0].rstrip(" ").casefold()
    if stem in RESERVED:
        raise OutputError(f"{name} is the name of a device on Windows", remedy="give another name")
    if name != name.rstrip(". "):
        raise OutputError(
            f"{name!r} ends with a point or a space, which Windows removes", remedy="give another name"
        )
    if wrong := sorted({letter for letter in name if letter in FORBIDDEN or ord(letter) < 32}):
        raise OutputError(
            f"{name!r} has {' '.join(map(repr, wrong))}, which no name on Windows may have",
            remedy="choose another name",
        )


def find_collisions(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of different names that are one file where capitals make no difference (Windows, macOS)."""
    first: dict[str, str] = {}
    return [(known, name) for name in names if (known := first.setdefault(name.casefold(), name)) != name]


def lock_file(number: int) -> bool | None:
    """Lock an open file: True if it is locked now, None if a process has it, False where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(number)
    return _flock(number, fcntl.LOCK_EX)


def lock_folder(number: int, shared: bool = False) -> bool | None:
    """As `lock_file`, for an open folder, which several readers can share."""
    try:
        import fcntl
    except ImportError:  # Windows opens no folders
        return False
    return _flock(number, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def _flock(number: int, how: int) -> bool | None:
    import fcntl

    try:
        fcntl.flock(number, how | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else False
    return True


def _lock_on_windows(number: int) -> bool | None:
    import msvcrt

    try:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError as error:
        return None if error.errno in (errno.EACCES, errno.EDEADLK) else False
    return True
