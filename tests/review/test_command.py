"""``enicfer review`` as it is typed: what it serves, and what it refuses in one sentence."""

import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import EnicferError, InputError, OutputError
from enicfer.review import open_review
from enicfer.review.serve import listen

RUN = "from enicfer.cli.main import main; main()"


def refused(*arguments):
    with pytest.raises(EnicferError) as caught:
        CliRunner().invoke(cli, ["review", *map(str, arguments)], catch_exceptions=False)
    text = caught.value.for_command_line()
    assert text.endswith(".") and "\n" not in text
    return text


def test_it_serves_until_it_is_interrupted(plain):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "review", str(plain), "--no-browser", "--coder", "Jörg"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    try:
        assert process.stdout.readline() == "Starting review ...\n"
        link = process.stdout.readline().removeprefix("Review at ").strip()
        assert "good for once" in process.stdout.readline()
        with httpx.Client(timeout=60, trust_env=False) as http:
            assert http.get(link).status_code == 200
            study = http.get(f"{link.split('/?')[0]}/api/study").json()
        assert study["coder"] == "Jörg" and len(study["runs"]) == 1
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == 0 and said == ""


def test_what_cannot_be_is_refused_in_a_sentence(plain, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    assert "There is no folder" in refused(tmp_path / "nothing", "--no-browser")
    assert "There are no results of enicfer below" in refused(tmp_path / "empty", "--no-browser")
    assert "1 to 80 letters" in refused(plain, "--no-browser", "--coder", "x" * 81)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "another --port" in refused(plain, "--no-browser", "--port", other.getsockname()[1])
    monkeypatch.setattr("enicfer.review.serve.find_spec", lambda name: None)
    assert "pip install 'enicfer[review]'" in refused(plain, "--no-browser")


def test_where_reviews_cannot_be_written_looking_is_offered(plain, monkeypatch):
    def full(folders):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("enicfer.review.serve.try_writing", full)
    with pytest.raises(OutputError, match=r"Read-only file system.*give read_only=True"):
        open_review([plain], coder="Anna")


def test_clean_removes_the_small_videos_alone(plain, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = {path for path in plain.rglob("*") if path.is_file()}
    folder = plain / "out" / ".enicfer" / "proxies"
    folder.mkdir(parents=True)
    (folder / "sub-01.mp4").write_bytes(b"x")
    found = CliRunner().invoke(cli, ["review", str(plain), "--clean"], catch_exceptions=False)
    assert found.exit_code == 0 and str(folder) in found.output
    assert {path for path in plain.rglob("*") if path.is_file()} == before


def test_the_socket_is_this_machine_s_alone():
    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        with pytest.raises(InputError):
            listening.listen()
            listen(listening.getsockname()[1])
