"""What ``enicfer doctor`` says of an installation, and that its self-test fails where something does not work."""

import getpass
import os
import platform
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.main import COMMANDS, TASKS, cli
from enicfer.doctor import facts, selftest


def run(*arguments):
    return CliRunner().invoke(cli, ["doctor", *arguments])


def test_it_lists_what_is_there_and_tests_it():
    answer = run()
    assert answer.exit_code == 0, answer.output
    said = dict(re.findall(r"^(\w+): +(.+)$", answer.output, re.M))
    assert said["Python"].endswith(platform.python_version())
    assert f"numpy {np.__version__}" in said["Packages"]
    assert said["Detectors"].startswith("centerface (there)")
    assert answer.output.count("  ok ") == len(selftest.CHECKS)
    assert answer.output.rstrip().endswith("All of it works.")


def test_it_tells_no_name_and_no_place():
    answer = run("--no-test").output
    private = {getpass.getuser(), platform.node(), str(Path.home()), str(Path.cwd()), os.sep + "tmp"}
    assert not {word for word in private if len(word) > 4 and word in answer}
    assert "Self-test" not in answer


def test_a_package_that_is_missing_and_one_that_is_broken_are_told(monkeypatch):
    def find(name):
        return None if name == "pyxdf" else "1.0"

    def fail():
        raise ImportError("libGL.so.1 in /home/anna: cannot open")

    monkeypatch.setattr(facts, "_version", find)
    monkeypatch.setitem(facts.FACTS, "Video", fail)
    answer = run("--no-test").output
    assert "pyxdf MISSING" in answer and "numpy 1.0" in answer
    assert re.search(r"Video: +cannot be said: ImportError$", answer, re.M)


def test_extras_name_what_they_lack(monkeypatch):
    monkeypatch.setattr(facts, "_version", lambda name: None if name == "uvicorn" else "1.0")
    extras = facts.list_extras()
    assert extras["review"] == ("uvicorn",) and extras["bids"] == ()
    assert not {"dev", "test", "fuzz"} & extras.keys()


class _Blind:
    def detect(self, picture):
        return ()


class _Sad:
    labels = ("happy", "sad")

    def predict(self, crops):
        return np.array([[0.2, 0.8]])


@pytest.mark.parametrize(
    ("place", "what", "problem"),
    [
        ("enicfer.faces.detectors.load_detector", lambda: _Blind(), "One face is in the picture, and 0"),
        ("enicfer.models.load_model", lambda name: _Sad(), "A smile was taken for sad"),
        ("enicfer.io.video.reader.read_frames", lambda path: iter(()), "25 frames were filmed and 0 read"),
        ("enicfer.sync.align", lambda *given: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_does_not_work_fails_and_the_rest_is_tried(monkeypatch, place, what, problem):
    monkeypatch.setattr(place, what)
    answer = run()
    assert answer.exit_code == 1
    assert answer.output.count("FAILED") == 1 and problem in answer.output
    assert answer.output.count("  ok ") == len(selftest.CHECKS) - 1
    assert "1 of 5 checks failed" in answer.output


def test_a_wrong_clock_is_seen(monkeypatch, tmp_path):
    from enicfer.sync import align

    def late(evidence, pulses):
        found = align(evidence, pulses)
        object.__setattr__(found, "intercept", found.intercept + 0.02)
        return found

    monkeypatch.setattr("enicfer.sync.align", late)
    assert re.fullmatch(r"The clocks are wrong by 2\d\.\d ms\.", selftest.check_clocks(tmp_path))


def test_help_has_every_command_under_one_task():
    listed = [name for lines in TASKS.values() for name in lines]
    assert sorted(listed) == sorted(COMMANDS)
    answer = CliRunner().invoke(cli, ["--help"]).output
    assert all(re.search(rf"^  {name}  ", answer, re.M) for name in COMMANDS)
    assert all(re.search(rf"^{task}:$", answer, re.M) for task in TASKS)
