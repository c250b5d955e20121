"""Every command with places and names that cannot be: a sentence, and nothing is changed."""

import sys

import pytest

from enicfer.cli.main import COMMANDS
from tests.clean import call_clean
from tests.every_command import CHEAP, EVERY
from tests.thorough import THOROUGH

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc"),
    pytest.mark.slow,
]


def test_every_command_is_there():
    assert {arguments[0] for arguments in EVERY.values()} == set(COMMANDS)


@pytest.mark.parametrize("part", range(2 if THOROUGH else 1))
def test_a_place_or_a_name_that_cannot_be_is_one_sentence(part, tmp_path):
    names = list(EVERY)[part::2] if THOROUGH else list(EVERY)
    asked = {name: CHEAP if THOROUGH else [CHEAP[i % len(CHEAP)]] for i, name in enumerate(names)}
    assert not call_clean("tests.every_command:attempt_all", str(tmp_path), asked)
