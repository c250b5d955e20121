"""What nobody foresaw is one sentence; streams that are closed or full are no reason to hang or to lose results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from enicfer.cli.faults import explain

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
HEAD = "import sys; sys.argv = ['enicfer', *sys.argv[1:]]; from enicfer.cli import main as m; import click;"


def run_broken(code, *arguments, **settings):
    """Run the command line with ``protocols`` replaced by something that fails."""
    text = f"{HEAD}\n@click.command()\ndef broken():\n    {code}\n"
    text += "m.LazyGroup.get_command = lambda *a: broken\nm.main()"
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **settings,
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 / 0", "fault of enicfer (ZeroDivisionError: division by zero)"),
        ("raise MemoryError", "memory is not enough"),
        ("raise RuntimeError('DefaultCPUAllocator: not enough memory: you tried')", "memory is not enough"),
        ("open('/' + 'a' * 300)", "name too long"),
        ("raise RecursionError('maximum recursion depth exceeded')", "fault of enicfer (RecursionError"),
        ("raise m.EnicferError('a' * 1_000_000)", "aaa ... aaa"),
        ("raise KeyError('a')", "fault of enicfer (KeyError: 'a')"),
    ],
)
@posix
def test_anything_is_one_sentence(tmp_path, code, words):
    done = run_broken(code, "protocols", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 1 and words.lower() in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
    logs = list(tmp_path.glob("enicfer-fault-*.log"))
    assert len(logs) == ("fault of" in words)
    for log in logs:
        assert "Traceback" in log.read_text() and str(log) in done.stderr and log.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize("arguments", [("--debug", "protocols"), ("protocols", "--debug")])
def test_debug_shows_the_traceback(arguments):
    done = run_broken("1 / 0", *arguments)
    assert done.returncode == 1 and "Traceback" in done.stderr and "ZeroDivisionError" in done.stderr


@posix
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams(tmp_path, closed):
    command = f"exec {sys.executable} -m enicfer.cli.main trace nothing.mp4 -o out.tsv {closed}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["protocols"]])
def test_full_output(arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "enicfer.cli.main", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1 and "cannot be written (No space left" in done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_a_log_that_cannot_be_written_is_not_named(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert "--debug" in explain(ValueError("x"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["align", "s", "--output", "file/x"],
        ["process-session", "s", "--output", "file/x"],
        ["trace", "s/v.mp4", "-o", "file/x.h5"],
        ["import", "t.csv", "-o", "file/x.h5"],
        ["deidentify", "s/v.mp4", "-o", "file/x.mp4"],
        ["example-session", "file/x"],
        ["saliency", "s/v.mp4", "-o", "file/x"],
        ["saliency-compare", "a", "b", "-o", "file/x"],
        ["train", "ronnet-7", "-o", "file/x"],
        ["evaluate", "ronnet-7", "data", "-o", "file/x"],
        ["cross-evaluate", "-m", "ronnet-7", "-d", "data", "-o", "file/x.csv"],
        ["process-sessions", "s", "--output", "file/x"],
        ["apply", "s", "r.vhdr", "-o", "file/x_raw.fif"],
    ],
)
def test_an_output_below_a_file_is_one_sentence(tmp_path, arguments, monkeypatch, capsys):
    """Also where the input is missing or wrong: whichever is said first, it is a sentence."""
    from enicfer.cli.main import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("precious")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "v.mp4").write_bytes(b"no video")
    monkeypatch.setattr(sys, "argv", ["enicfer", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code not in (0, None) and "Traceback" not in said and "fault of" not in said, said
    assert (tmp_path / "file").read_text() == "precious"


@posix
def test_a_reader_that_has_seen_enough_ends_a_command_quietly(tmp_path):
    lines = "".join(f"{i}.5,code {i}\n" for i in range(3000))
    (tmp_path / "log.csv").write_text(f"time,code\n{lines}", encoding="utf-8")
    command = f"{sys.executable} -m enicfer.cli.main events log.csv | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "log.csv\n141\n" and done.stderr == "Starting events ...\n"


@posix
def test_an_exit_code_of_a_command_stays():
    done = run_broken("sys.exit(3)", "protocols")
    assert done.returncode == 3
