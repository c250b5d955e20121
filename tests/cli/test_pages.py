"""Errors on the command line end with a page that is there; completion needs no command's module."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from enicfer.cli import main
from enicfer.cli.pages import BY_COMMAND, BY_KIND, DOCS, FIRST, find_page
from enicfer.errors import AlignmentError, InputError, OutputError

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({*BY_COMMAND.values(), *BY_KIND.values(), FIRST})


def anchors(text):
    """The anchors of headings, as GitHub and Sphinx with MyST make them."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_and_its_heading_is_there(page):
    name, _, anchor = page.partition("#")
    text = (ROOT / DOCS / name).read_text(encoding="utf-8")
    assert not anchor or anchor in anchors(text)


def test_every_command_has_a_page():
    assert BY_COMMAND.keys() == main.COMMANDS.keys()


def test_the_kind_of_error_goes_before_the_command():
    assert find_page(AlignmentError("a"), ["export"]) == DOCS + BY_KIND[AlignmentError]
    assert find_page(InputError("a"), ["export", "x"]) == DOCS + BY_COMMAND["export"]
    assert find_page(OutputError("a"), ["x"]) == DOCS + FIRST


def test_an_error_ends_with_its_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["enicfer", "events", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Error: ") and last.endswith(f". See {DOCS}{BY_COMMAND['events']}.")


COMPLETE = """
import os, sys
os.environ.update(COMP_WORDS="enicfer sh", COMP_CWORD="{at}", _ENICFER_COMPLETE="{shell}_complete")
sys.argv = ["enicfer"]
from enicfer.cli.main import main
try:
    main()
finally:
    print(sorted(n for n in sys.modules if n.startswith("enicfer.cli.")), file=sys.stderr)
"""


@pytest.mark.parametrize(("shell", "at"), [("bash", "1"), ("zsh", "1"), ("fish", "sh")])
def test_completion_names_the_commands_and_imports_none(shell, at):
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE.format(shell=shell, at=at)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "share-check" in done.stdout and "review" not in done.stdout, done.stderr
    assert "enicfer.cli.main" in done.stderr and "enicfer.cli.share_check" not in done.stderr
