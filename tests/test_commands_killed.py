"""Commands as users call them, killed at a few moments; `benchmarks/commands.py` tries all moments of all."""

import sys

import pytest

from tests.clean import call_clean
from tests.commands_killed import COMMANDS

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc"),
    pytest.mark.slow,
]
KILLS = 2
# Those that take less than a second; the others publish in the same way, which test_killed.py tries whole.
QUICK = (
    "import",
    "apply",
    "cache",
    "forget",
    "models add",
    "models fetch",
    "process-dataset group",
    "dataset check",
    "import-coding",
)


def test_killed_anywhere_the_same_command_makes_it_whole(tmp_path):
    wrong = call_clean("tests.commands_killed:kill_some", str(tmp_path), QUICK, KILLS)
    assert wrong == {name: [] for name in QUICK}


def test_the_commands_that_write_are_there():
    from enicfer.cli.main import COMMANDS as EVERY

    silent = {
        "slurm-script",
        "share-check",
        "events",
        "protocols",
        "codebooks",
        "doctor",
        "review",
        "code",
    }  # print only, or serve
    assert {one.arguments[0] for one in COMMANDS.values()} == set(EVERY) - silent
