"""The command line as a user meets it: help, one sentence for an error, exit codes."""

import io
import subprocess
import sys
import time

import click
import pytest

from enicfer.cli import main


def enicfer(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "enicfer.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=120,
        check=False,
    )


def test_help_lists_every_command_and_is_quick():
    begin = time.perf_counter()
    out = enicfer("--help")
    assert out.returncode == 0
    assert "process-session" in out.stdout
    assert time.perf_counter() - begin < 20  # a loaded machine; torch alone would take several seconds


@pytest.mark.parametrize(
    "command", ["process-session", "trace", "align", "example-session", "protocols", "models"]
)
def test_every_command_explains_itself(command):
    out = enicfer(command, "--help")
    assert out.returncode == 0
    assert "Usage" in out.stdout


def test_protocols():
    out = enicfer("protocols")
    assert out.returncode == 0
    assert out.stdout.count("ok ") >= 3


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["process-session", "nothing here"], "no session folder"),
        (["process-session", "."], "no video"),
        (["trace", "nothing.mp4", "-o", "out.tsv"], "no video"),
        (["trace", "nothing.mp4", "-o", "out.xlsx"], ".h5, .tsv or .tsv.gz"),
        (["trace", "nothing.mp4", "-o", "out.tsv", "--face", "here"], "FRAME:X,Y"),
        (["protocols", "nothing.toml"], "nothing"),
    ],
)
def test_an_error_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["enicfer", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    out = capsys.readouterr()
    assert ended.value.code == 1
    assert word in out.out + out.err
    assert "Traceback" not in out.err
    assert len(out.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_error_of_a_process_of_its_own_is_one_sentence(tmp_path):
    out = enicfer("process-session", "nothing here", cwd=tmp_path)
    assert out.returncode == 1
    assert "no session folder" in out.stdout + out.stderr
    assert "Traceback" not in out.stderr
    assert len(out.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_letters_that_an_output_lacks_are_written_otherwise(monkeypatch):
    """As on Windows, where the output is redirected to a file."""
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding="cp1252"))
    monkeypatch.setattr(main, "cli", lambda *_, **__: click.echo("done \u0141ucja, Zo\u00eb"))
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert not ended.value.code
    sys.stdout.flush()
    assert content.getvalue().decode("cp1252").strip() == "done \\u0141ucja, Zo\u00eb"
