"""The steps by which a stage's files take the places of older ones, written down in a journal.

The journal's name says which step is under way. Each step can be repeated after it was stopped anywhere.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from enicfer.io.files.portable import move


def sync(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _take_old_away(folder: Path, root: Path, new: list[str], old: list[str]) -> None:
    for name in (*new, *old):
        if os.path.lexists(root / name):
            (folder / "old" / name).parent.mkdir(parents=True, exist_ok=True)
            move(root / name, folder / "old" / name)


def _put_new_in(folder: Path, root: Path, new: list[str], old: list[str]) -> None:
    for name in new:
        if os.path.lexists(folder / "tree" / name):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            move(folder / "tree" / name, root / name)
    sync_folders(root / name for name in (*new, *old))


def _take_new_back(folder: Path, root: Path, new: list[str], old: list[str]) -> None:
    for name in new:
        if os.path.lexists(root / name) and not os.path.lexists(folder / "tree" / name):
            move(root / name, folder / "tree" / name)


def _put_old_back(folder: Path, root: Path, new: list[str], old: list[str]) -> None:
    for name in (*new, *old):
        if os.path.lexists(folder / "old" / name):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            move(folder / "old" / name, root / name)
    for name in new:
        for parent in (root / name).parents:
            if parent == root or not _remove_empty(parent):
                break


_Step = Callable[[Path, Path, list[str], list[str]], None]
_STEPS: dict[str, tuple[_Step, str | None]] = {
    "away": (_take_old_away, "in"),
    "in": (_put_new_in, None),
    "back": (_take_new_back, "restore"),
    "restore": (_put_old_back, None),
}


def find_state(folder: Path) -> str | None:
    """The step that a stage is in, or None where nothing is being swapped."""
    return next((name for name in _STEPS if (folder / f"{name}.json").exists()), None)


def advance(folder: Path, root: Path) -> None:
    """Take the steps that are left."""
    while (state := find_state(folder)) is not None:
        journal = folder / f"{state}.json"
        content = json.loads(journal.read_text(encoding="utf-8"))
        step, following = _STEPS[state]
        step(folder, root, content["new"], content["old"])
        if following is None:
            journal.unlink()
        else:
            move(journal, folder / f"{following}.json")
            sync_folder(folder)
    shutil.rmtree(folder / "old", ignore_errors=True)


def turn_back(folder: Path, root: Path) -> None:
    """Undo a swap that failed; what cannot be undone now is finished by the next process."""
    state = find_state(folder)
    if state in ("away", "in"):
        with suppress(OSError):
            move(folder / f"{state}.json", folder / "back.json")
            advance(folder, root)


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def sync_folders(paths: Iterable[Path]) -> None:
    """Wait until the names of these files are on the disk."""
    for folder in sorted({path.parent for path in paths}):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
