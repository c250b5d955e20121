"""``enicfer review`` as it is typed: what it serves, and what it refuses in one sentence."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.errors import EnicferError, InputError
from enicfer.io.review_log import review_path
from enicfer.pipeline.publish import write_outputs
from enicfer.review import open_review
from enicfer.review.serve import listen

RUN = "from enicfer.cli.main import main; main()"


def refused(*arguments):
    with pytest.raises(EnicferError) as caught:
        CliRunner().invoke(cli, ["review", *map(str, arguments)], catch_exceptions=False)
    text = caught.value.for_command_line()
    assert text.endswith(".") and "\n" not in text
    assert caught.value.exit_code == (2 if "--coder" in text else 1)
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
    for name in ("", "  ", "Anna\nB", "Anna\x1b[1m", "x" * 81):
        assert "1 to 80 letters in one line" in refused(plain, "--no-browser", f"--coder={name}")
    alone, session = tmp_path / "alone", tmp_path / "session"
    for folder in (alone, session / "video"):
        folder.mkdir(parents=True)
        (folder / "camera.mp4").write_bytes(b"")
    assert "write session.toml beside the video, run enicfer process-session" in refused(
        alone, "--no-browser"
    )
    (session / "session.toml").write_text('participant = "01"\nsession = "01"\n', encoding="utf-8")
    for folder in (session, session / "video"):
        assert f"run enicfer process-session {session} first" in refused(folder, "--no-browser")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "another --port" in refused(plain, "--no-browser", "--port", other.getsockname()[1])
    monkeypatch.setattr("enicfer.review.serve.find_spec", lambda name: None)
    assert "pip install 'enicfer[review]'" in refused(plain, "--no-browser")


def test_what_cannot_be_written_beside_is_opened_to_be_read(plain, make_run, tmp_path, monkeypatch):
    """A study on a disk that is read-only, with results of its own, and other results that are not."""
    from enicfer.io.files.places import try_writing
    from enicfer.review import serve as module

    write_outputs([make_run(entities={"sub": "02", "task": "faces"})], tmp_path / "mine")

    def closed(folders):
        if tuple(folders)[-1] == plain / "out":
            raise OSError(30, "Read-only file system")
        try_writing(folders)

    monkeypatch.setattr(module, "try_writing", closed)
    monkeypatch.setattr(module, "_serve", lambda desk, listening, tell: desks.append(desk))
    desks, said = [], []
    open_review([plain, tmp_path / "mine"], coder="Anna", note=said.append)
    (sentence,) = said
    assert sentence.endswith(".") and "Read-only file system" in sentence and "--output DIR" in sentence
    assert str(plain / "out" / "reviews") in sentence
    desk = desks[0]
    study = desk.describe_study()
    assert study["notes"] == [sentence] and not study["read_only"]
    shown = {run.entities["sub"]: desk.describe_run(run) for run in desk.study.runs.values()}
    assert shown["01"]["read_only"] and shown["01"]["read_only_why"] == sentence
    assert not shown["02"]["read_only"] and shown["02"]["read_only_why"] == ""
    desks.clear()
    open_review([plain], coder="Anna", note=said.append)
    assert desks[0].describe_study()["read_only"]


def test_nothing_is_stored_where_nothing_can_be_written(plain, serve):
    with serve(plain, closed={plain / "out": "It is on a disk that is read-only."}) as client:
        answer = client.post(f"{client.run()}/review", {"kind": "signoff", "name": "Anna"})
        assert answer.status_code == 403
        assert answer.json() == {"error": "It is on a disk that is read-only.", "kind": "read_only"}
        assert not client.get(f"{client.run()}/review").json()["can_undo"]
    assert not (plain / "out" / "reviews").exists()


def test_half_an_entry_is_said_where_the_review_starts_and_on_the_page(plain, serve, monkeypatch):
    from enicfer.review import serve as module

    path = review_path(plain / "out", "sub-01_ses-01", "Anna")
    with serve(plain) as client:
        mark = {"kind": "mark", "frame": 3, "note": "kept"}
        client.post(f"{client.run()}/review", mark)
        path.write_bytes(path.read_bytes() + b'{"id": "0123456789ab", "at": "2026-11')
        note = client.get(f"{client.run()}/review").json()["notes"][0]
        assert "sub-01_ses-01_coder-Anna.jsonl ends with half an entry" in note and note.endswith(".")
        assert client.get("/api/study").json()["notes"] == [note]
        said = []
        monkeypatch.setattr(module, "_serve", lambda desk, listening, tell: None)
        open_review([plain], coder="Anna", note=said.append)
        assert said == [note]
        answer = client.post(f"{client.run()}/review", {**mark, "frame": 4, "note": "next"}).json()
        assert [entry["note"] for entry in answer["review"]["marks"]] == ["kept", "next"]
        assert answer["review"]["notes"] == []
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["note"] for line in lines] == ["kept", "next"]


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
