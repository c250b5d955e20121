"""No test waits for ever for a process or a lock."""

import ast
import os
import sys
import time
from pathlib import Path

import pytest

from tests.limits import run_limited, wait_for

HERE = Path(__file__).parent
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")
LIMITED = {"run", "check_call", "check_output", "call", "FileLock", "SoftFileLock"}  # with ``timeout``
WAITING = {"communicate", "wait"}  # with ``timeout``, or as the first argument of ``wait``
FORBIDDEN = {"waitpid", "wait3", "wait4"}  # but in limits.py


def find_endless(text):
    """Lines and names of calls that can wait for ever."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        of = getattr(getattr(node.func, "value", None), "id", "")
        limited = any(word.arg == "timeout" for word in node.keywords)
        if name in LIMITED and (of == "subprocess" or "Lock" in name) and not limited:
            yield node.lineno, name
        if name in WAITING and not limited and not node.args:
            yield node.lineno, name
        if name in FORBIDDEN:
            yield node.lineno, name


def test_every_wait_has_a_limit():
    files = [path for path in HERE.rglob("*.py") if path.name != "limits.py"]
    found = [
        f"{path.name}:{line} {name}"
        for path in files
        for line, name in find_endless(path.read_text(encoding="utf-8"))
    ]
    assert len(files) > 100 and not found


def test_waits_without_a_limit_are_found():
    text = "import subprocess, os\nsubprocess.run([])\np.communicate()\np.wait()\nFileLock('a')\nos.waitpid(1, 0)\n"
    assert [name for _, name in find_endless(text)] == ["run", "communicate", "wait", "FileLock", "waitpid"]
    fine = "subprocess.run([], timeout=3)\np.communicate(timeout=3)\np.wait(3)\nFileLock('a', timeout=3)\nrun()\n"
    assert not list(find_endless(fine))


@posix
def test_a_child_that_stands_still_is_killed():
    began = time.monotonic()
    with pytest.raises(AssertionError, match="stood still"):
        run_limited(lambda: time.sleep(600), seconds=0.5)
    pid = os.fork()
    if not pid:
        time.sleep(600)
    with pytest.raises(AssertionError, match="stood still"):
        wait_for(pid, 0.3)
    assert time.monotonic() - began < 10
