"""Results are swapped whole: killed before any renaming or syncing, the next process makes old or new of it."""

import os
import signal
import sys
from pathlib import Path

import pytest

from enicfer.io.files.atomic import STAGES, files_below, settle, staged
from tests.limits import wait_for

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")
OLD = {"a": "1", "sub/b": "1", "sub/gone": "1", "same": "0"}
NEW = {"a": "2", "sub/b": "2", "new/c": "2", "same": "0"}


def fill(folder, content):
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder):
    return {name: (folder / name).read_text() for name in files_below(folder)}


def publish(root):
    with staged(root) as stage:
        fill(stage.tree, NEW)
        stage.publish(remove=["sub/gone"])


def die_at(call):
    """Kill this process at the ``call``-th system call that changes a folder or a file."""
    count = [0]

    def counting(do):
        def counted(*arguments, **settings):
            count[0] += 1
            if count[0] == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return do(*arguments, **settings)

        return counted

    for name in ("rename", "replace", "fsync", "mkdir", "unlink", "rmdir", "open"):
        setattr(os, name, counting(getattr(os, name)))


def in_child(action):
    pid = os.fork()
    if not pid:
        try:
            action()
        finally:
            os._exit(0)
    return wait_for(pid)


@posix
@pytest.mark.slow
def test_killed_anywhere_the_next_makes_it_whole(tmp_path):
    call, seen = 0, set()
    while True:
        call += 1
        root = tmp_path / str(call)
        fill(root, OLD)

        def disturbed(root=root, call=call):
            die_at(call)
            publish(root)

        died = in_child(disturbed)
        shown = {text for name, text in content(root).items() if name in ("a", "sub/b", "new/c", "sub/gone")}
        assert len(shown) <= 1, f"files of two results after call {call}"
        settle(root)
        after = content(root)
        assert after in (OLD, NEW), call
        assert not (root / STAGES).exists()
        seen.add(after == NEW)
        publish(root)
        assert content(root) == NEW
        if died == 0:
            break
    assert call > 20 and seen == {True, False}


def test_a_failure_leaves_all_as_it_was(tmp_path, monkeypatch):
    fill(tmp_path, OLD)
    replace = Path.replace

    def refuse(self, target):
        if Path(target) == tmp_path / "sub" / "b" and STAGES in self.parts and "tree" in self.parts:
            raise PermissionError(13, "in use", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        publish(tmp_path)
    assert content(tmp_path) == OLD and not (tmp_path / "new").exists() and not (tmp_path / STAGES).exists()


def test_what_another_process_is_writing_stays(tmp_path):
    with staged(tmp_path) as stage:
        (stage.tree / "a").write_text("x")
        settle(tmp_path)
        assert (stage.tree / "a").exists()
