"""Reviews on disk: nothing that counted as written is lost, nothing else is there."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from enicfer.errors import InputError, OutputError
from enicfer.io.review_log import (
    add_entry,
    coder_label,
    find_reviews,
    new_entry,
    read_log,
    read_review,
    review_path,
)

RUN = "sub-01_task-faces"


def add(path, note):
    return add_entry(path, lambda known: new_entry("Anna", RUN, "mark", frame=1, note=note))


@pytest.fixture
def path(tmp_path):
    return review_path(tmp_path, "sub-01", "Anna")


def test_entries_come_back_in_their_order(path, tmp_path):
    written = [add(path, note) for note in ("a", 'ה\u2028\n\t"', "ß" * 2000)]
    assert read_review(path) == tuple(written)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["note"] for line in lines[:-1]] == ["a", 'ה\u2028\n\t"', "ß" * 2000]
    assert lines[-1] == ""
    assert find_reviews(tmp_path, "sub-01") == [path]
    assert find_reviews(tmp_path, "sub-0") == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_never_was(path, cut):
    kept = add(path, "kept")
    whole = path.read_bytes()
    add(path, "torn")
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    assert read_review(path) == (kept,)
    assert "sub-01_coder-Anna.jsonl ends with half an entry" in read_log(path).note
    later = add(path, "later")
    assert read_log(path).note == ""
    assert read_review(path) == (kept, later)
    assert path.read_bytes().startswith(whole)


def test_a_last_line_whose_end_an_editor_took_away_counts(path):
    kept = add(path, "kept")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert read_review(path) == (kept,)
    assert read_log(path).note == ""
    assert (*read_review(path), add(path, "later")) == read_review(path)


@pytest.mark.parametrize("wrong", [b"{", b"[]", b'{"id": 3}', b"\xff", b"[" * 100_000])
def test_a_damaged_line_within_is_named(path, wrong):
    add(path, "a")
    path.write_bytes(wrong + b"\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"Line 1 of sub-01_coder-Anna.jsonl is no entry"):
        read_review(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="Line 1"):
        add(path, "b")
    assert path.read_bytes() == before


WRITER = """
import sys
from pathlib import Path
from enicfer.io.review_log import add_entry, new_entry
number = 0
while True:
    note = f"{sys.argv[2]}-{number}-" + "x" * 3000
    add_entry(Path(sys.argv[1]), lambda known: new_entry("Anna", "r", "mark", frame=number, note=note))
    print(number, flush=True)
    number += 1
"""


def writer(path, name):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_a_kill_loses_nothing_that_was_acknowledged(path):
    for round_ in range(4):
        process = writer(path, f"r{round_}")
        told = []
        try:
            end = time.monotonic() + 30
            while len(told) < 15 + 7 * round_ and time.monotonic() < end:
                told.append(int(process.stdout.readline()))
        finally:
            process.send_signal(signal.SIGKILL)
            rest, _ = process.communicate(timeout=30)
        told += [int(line) for line in rest.split("\n")[:-1]]
        notes = {entry.note.rsplit("-", 1)[0] for entry in read_review(path)}
        assert len(told) >= 15
        assert {f"r{round_}-{number}" for number in told} <= notes


def test_two_processes_of_one_coder_take_turns(path):
    processes = [writer(path, name) for name in ("a", "b")]
    told = {}
    try:
        for name, process in zip("ab", processes, strict=True):
            told[name] = [int(process.stdout.readline()) for _ in range(25)]
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=30)
    notes = {entry.note.rsplit("-", 1)[0] for entry in read_review(path)}
    assert {f"{name}-{number}" for name in told for number in told[name]} <= notes


def test_a_full_disk_is_said_and_nothing_is_half_written(path):
    kept = add(path, "kept")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
        with pytest.raises(OutputError, match=r"review cannot be written .*what was said last is not stored"):
            add(path, "x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert read_review(path) == (kept,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        add(review_path(tmp_path, "sub-01", "Anna"), "a")


def test_names_of_coders_are_safe_names_of_files():
    names = ["Anna", "anna b", "Jörg Müller", "דנה", "../../etc/passwd", "a/b", ".", "con", "=1+1", "x" * 80]
    labels = [coder_label(name) for name in names]
    assert len({label.casefold() for label in labels}) == len(names)
    assert all(label.isascii() and label.isalnum() and len(label) <= 40 for label in labels)
    assert coder_label(" anna  b ") == coder_label("anna b")
    for wrong in ("", "  ", "a\nb", "a\n", "a\tb", "a\u2028b", "a\x00", "x" * 81):
        with pytest.raises(InputError, match="1 to 80 letters"):
            coder_label(wrong)
