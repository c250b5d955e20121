"""What Windows does otherwise, simulated: files that are open elsewhere, and its locks."""

import builtins
import errno
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from enicfer.errors import OutputError
from enicfer.io.files import portable
from enicfer.io.files.atomic import STAGES, replacing
from enicfer.io.files.portable import TRIES, lock_file, lock_folder, move

SHARING, DENIED = 32, 5


def refuse(times, number):
    """A ``Path.replace`` that fails so many times as on Windows, and then works."""
    replace, calls = Path.replace, [0]

    def refusing(self, target):
        calls[0] += 1
        if calls[0] <= times:
            error = PermissionError(13, "in use", str(target))
            error.winerror = number
            raise error
        return replace(self, target)

    return refusing, calls


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    pauses = []
    monkeypatch.setattr(portable.time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize("number", [SHARING, DENIED, 33])
def test_a_file_that_is_open_for_a_moment_is_replaced_later(tmp_path, monkeypatch, waited, number):
    (tmp_path / "a").write_text("old")
    refusing, calls = refuse(3, number)
    monkeypatch.setattr(Path, "replace", refusing)
    with replacing(tmp_path / "a") as partial:
        partial.write_text("new")
    assert (tmp_path / "a").read_text() == "new"
    assert calls[0] == 4 and waited == [portable.PAUSE] * 3


def test_a_file_that_stays_open_keeps_what_it_has(tmp_path, monkeypatch, waited):
    (tmp_path / "a").write_text("old")
    refusing, calls = refuse(10**6, SHARING)
    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(OutputError, match="a cannot be written"), replacing(tmp_path / "a") as partial:
        partial.write_text("new")
    assert (tmp_path / "a").read_text() == "old" and not (tmp_path / STAGES).exists()
    assert calls[0] == TRIES and sum(waited) < 5


def test_another_refusal_is_not_tried_again(tmp_path, monkeypatch, waited):
    (tmp_path / "b").write_text("new")
    refusing, calls = refuse(1, None)
    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(PermissionError):
        move(tmp_path / "b", tmp_path / "a")
    assert calls[0] == 1 and not waited


@pytest.fixture
def windows(monkeypatch):
    """A Python without fcntl, with an msvcrt whose locks are in ``locked``."""
    real = builtins.__import__

    def without(name, *arguments, **settings):
        if name == "fcntl":
            raise ImportError(name)
        return real(name, *arguments, **settings)

    locked = {}

    def locking(number, how, length):
        assert (how, length) == (2, 1)
        if locked.get("broken"):
            raise OSError(errno.EINVAL, "no locks")
        if locked.get("taken"):
            raise OSError(errno.EACCES, "taken")
        locked["mine"] = number

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(builtins, "__import__", without)
    return locked


def test_locks_of_windows(windows):
    assert lock_file(7) is True and windows["mine"] == 7
    windows["taken"] = True
    assert lock_file(7) is None
    windows["broken"] = True
    assert lock_file(7) is False
    assert lock_folder(7) is False and lock_folder(7, shared=True) is False


def test_files_are_published_with_locks_of_windows(windows, tmp_path):
    with replacing(tmp_path / "a") as partial:
        partial.write_text("new")
    assert (tmp_path / "a").read_text() == "new" and not (tmp_path / STAGES).exists()
