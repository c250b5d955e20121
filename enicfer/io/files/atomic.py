"""Files that appear whole or not at all: one file, or a whole tree of them.

What is written waits in a hidden folder, ``.partial/<random>`` in the folder that it is for. One file is then renamed
(`replacing`). Several are swapped by a journal (`Stage.publish`): the journal is written, every older file is moved
away, every new one is moved in, and the journal is removed. So a folder never shows files of two results at once, and
what a process left that was killed is finished (with a journal) or removed (without one) by the next that writes
there or reads results: see `settle`.

Conventions: a stage belongs to a living process while its file ``lock`` is locked. The folder itself is locked while
stages are made, swapped or settled, and, shared, while results are read. On a disk without locks, stages
younger than `YOUNG` s are left alone.
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from enicfer.errors import MAKE_ROOM, OutputError
from enicfer.io.files.portable import lock_file, lock_folder, move
from enicfer.io.files.swap import advance, find_state, sync, sync_folder, sync_folders, turn_back

STAGES = ".partial"  # hidden, in every folder that is being written to
YOUNG = 3600.0
PATIENCE = 60.0  # s to wait for another process that swaps files
_LOCK = "lock"


class Stage:
    """Files that wait to be published into ``root``; they are written below ``tree``."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.tree = root, folder, folder / "tree"

    def publish(self, files: Sequence[str] | None = None, remove: Iterable[str] = ()) -> list[Path]:
        """Put files into their places, all or none.

        Parameters
        ----------
        files
            Names below ``tree``, with ``/``; None for all.
        remove
            Names below ``root`` of older files that go at the same instant.

        Returns
        -------
        list of Path
            The files in their places, sorted.

        Raises
        ------
        OSError
            If one cannot be put there; then all is as it was.
        """
        names = sorted(files_below(self.tree) if files is None else files)
        for name in names:
            sync(self.tree / name)
        with _locked(self.root):
            _settle(self.root, alone=True, own=self.folder)
            journal = self._compare(names, remove)
            if any(journal.values()):
                text = json.dumps(journal, ensure_ascii=False)
                draft = self.folder / "draft.json"
                draft.write_text(text, encoding="utf-8")
                sync(draft)
                sync_folders(self.tree / name for name in names)
                move(draft, self.folder / "away.json")
                sync_folder(self.folder)
                try:
                    advance(self.folder, self.root)
                except BaseException:
                    turn_back(self.folder, self.root)
                    raise
        return [self.root / name for name in names]

    def _compare(self, names: Sequence[str], remove: Iterable[str]) -> dict[str, list[str]]:
        """What is to be moved: a file that is there already, byte by byte, stays."""
        for name in names:
            if (self.root / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.root / name))
        new = [name for name in names if not _same(self.tree / name, self.root / name)]
        kept = {name.casefold(): self.root / name for name in set(names) - set(new)}
        old = []
        for name in sorted(set(remove) - set(names)):
            path, twin = self.root / name, kept.get(name.casefold())
            # Where capitals make no difference, an old name may be that of a file that stays.
            if os.path.lexists(path) and not (twin is not None and path.samefile(twin)):
                old.append(name)
        return {"new": new, "old": old}


@contextmanager
def staged(root: Path, make: bool = False) -> Iterator[Stage]:
    """A stage for files of ``root``, which is removed at the end, with all that was not published.

    Parameters
    ----------
    root
        The folder that the files are for.
    make
        Make it, with those above, where it is missing; nothing of them stays if nothing is published.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    made = [folder for folder in (root, *root.parents) if make and not folder.exists()]
    if make:
        root.mkdir(parents=True, exist_ok=True)
    folder: Path | None = None
    lock = -1
    try:
        folder, lock = _open_stage(root)
        yield Stage(root, folder)
    finally:
        if folder is not None:
            idle = find_state(folder) is None
            if idle:
                shutil.rmtree(folder / "tree", ignore_errors=True)
            os.close(lock)  # Windows removes no file that is open
            if idle:
                shutil.rmtree(folder, ignore_errors=True)
        for empty in (root / STAGES, *made):
            with suppress(OSError):
                empty.rmdir()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary place for a file, which replaces ``path`` if all went well.

    The place is nobody else's: of several writers the last one's file stays. It is on the disk before it is renamed,
    so that after a power failure there is the old file or the new one.

    Raises
    ------
    OutputError
        If the file cannot be written there.
    """
    try:
        with staged(path.parent) as stage:
            partial = stage.tree / path.name
            yield partial
            sync(partial)
            move(partial, path)
    except OSError as error:
        raise OutputError(
            f"{path.name} cannot be written in {path.parent}: {error.strerror or error}",
            place=path,
            remedy=MAKE_ROOM,
        ) from None


def settle(root: Path) -> None:
    """Finish or remove what processes left in ``root`` that were stopped; what others are writing stays.

    Raises
    ------
    OutputError
        If results were being swapped, and that cannot be finished here.
    """
    if not os.path.isdir(root / STAGES):  # noqa: PTH112  says no to any name that cannot be
        return
    with _locked(root) as alone:
        try:
            _settle(root, alone)
        except OSError as error:
            raise OutputError(
                f"A command was stopped while it put results into {root}, and this cannot be "
                f"finished ({error.strerror or error})",
                remedy="make the folder writable and run the same command again",
            ) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Settle the results that ``path`` belongs to, and let nobody swap them while they are read.

    Raises
    ------
    OutputError
        See `settle`.
    """
    root = find_root(path)
    if root is None:
        yield
        return
    settle(root)
    with _locked(root, shared=True):
        yield


def find_root(path: Path) -> Path | None:
    """The folder, at ``path`` or up to five above, with the results that a file or folder is part of."""
    place = path.absolute()
    for folder in (place, *place.parents)[:6]:
        named = (STAGES, "dataset_description.json")
        if any(os.path.exists(folder / name) for name in named):  # noqa: PTH110
            return folder
    return None


def files_below(folder: Path) -> list[str]:
    """Names with ``/`` of the files below a folder, sorted, without those in stages."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if STAGES not in path.parts)


def is_visible(path: Path, folder: Path) -> bool:
    """Whether no name between ``folder`` and ``path`` is hidden: a stage, or what a batch keeps for itself."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _open_stage(root: Path) -> tuple[Path, int]:
    """Make a stage with its lock, after what others left has been settled."""
    with _locked(root) as alone:
        if (root / STAGES).is_dir():
            _settle(root, alone)
        for attempt in range(5):
            folder = root / STAGES / uuid4().hex[:12]
            try:
                (root / STAGES).mkdir(exist_ok=True)
                folder.mkdir(mode=0o700)
                break
            except FileNotFoundError:  # another process has just removed the empty folder of stages
                if attempt == 4 or not root.is_dir():
                    raise
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        lock_file(lock)
        (folder / "tree").mkdir()
    return folder, lock


@contextmanager
def _locked(root: Path, shared: bool = False) -> Iterator[bool]:
    """Lock a folder; False where that is not possible."""
    try:
        folder = os.open(root, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        end = time.monotonic() + PATIENCE
        while (had := lock_folder(folder, shared)) is None:
            if time.monotonic() > end:
                raise OutputError(
                    f"Another process has been putting results into {root} for {PATIENCE:.0f} s",
                    remedy="wait for it to end",
                )
            time.sleep(0.02)
        yield had
    finally:
        os.close(folder)


def _settle(root: Path, alone: bool, own: Path | None = None) -> None:
    for folder in sorted((root / STAGES).iterdir()):
        if folder == own or not folder.is_dir() or _is_alive(folder, alone):
            continue
        if find_state(folder) is not None:
            advance(folder, root)
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        (root / STAGES).rmdir()


def _is_alive(folder: Path, alone: bool) -> bool:
    """Whether a process has the stage; ``alone``: nobody can be making one just now."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except FileNotFoundError:
        return not alone and _is_young(folder)
    except OSError:  # somebody else's
        return True
    try:
        had = lock_file(lock)
        return had is None or (had is False and _is_young(folder))
    finally:
        os.close(lock)


def _is_young(folder: Path) -> bool:
    try:
        return abs(time.time() - folder.stat().st_mtime) < YOUNG
    except OSError:
        return False


def _same(a: Path, b: Path) -> bool:
    """Whether two files have the same bytes."""
    try:
        if not b.is_file() or a.stat().st_size != b.stat().st_size:
            return False
        with a.open("rb") as one, b.open("rb") as other:
            while block := one.read(1 << 20):
                if block != other.read(1 << 20):
                    return False
        return True
    except OSError:
        return False
