"""Texts that go into tables and logs name no folder of the computer."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enicfer.batch.work import _KINDS, ADVICE, strip_folders
from enicfer.io.files.atomic import staged
from enicfer.privacy.text import PATTERNS as _PATTERNS


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("/home/ada/study/camera.mkv is empty", "camera.mkv is empty"),
        ("[Errno 28] No space: '/mnt/x/a.h5' -> '/mnt/x/b.h5'", "[Errno 28] No space: 'a.h5' -> 'b.h5'"),
        (r"C:\Users\ada\a.edf and D:/x/y.edf", "a.edf and y.edf"),
        ("see https://example.org/a/b, 3/4, sub-01/x.edf", "see https://example.org/a/b, 3/4, sub-01/x.edf"),
        ("slope 1.5 s/s in [left, top] </a>", "slope 1.5 s/s in [left, top] </a>"),
    ],
)  # fmt: skip
def test_known_texts(text, stripped):
    assert strip_folders(text) == stripped


def test_given_folders_may_have_blanks():
    folder = Path("/mnt/my study/séance 1")
    assert strip_folders(f"{folder / 'eeg.vhdr'} is empty", (folder,)) == "séance 1/eeg.vhdr is empty"


NAMES = st.text("abcXYZ019_-", min_size=1, max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=5), st.sampled_from(["/home", "/mnt", "C:", "/tmp"]))
def test_no_absolute_path_is_left(parts, root):
    text = strip_folders(f"cannot read '{'/'.join([root, *parts, 'file.h5'])}': no such file")
    assert text == "cannot read 'file.h5': no such file"
    assert not _PATTERNS["absolute path"].search(text)


def test_every_kind_of_failure_has_its_advice():
    assert {kind for _, kind in _KINDS} | {"killed", "time-out"} == set(ADVICE)


def test_a_file_whose_old_name_means_the_new_one_stays(tmp_path):
    (tmp_path / "task-faces").write_text("new")
    (tmp_path / "task-Faces").hardlink_to(tmp_path / "task-faces")  # as where capitals make no difference
    (tmp_path / "task-Rest").write_text("old")
    (tmp_path / "task-rest").write_text("new")
    with staged(tmp_path) as stage:
        for name in ("task-faces", "task-rest"):
            (stage.tree / name).write_text("new")
        stage.publish(remove=["task-Faces", "task-Rest", "task-gone"])
    assert {path.name for path in tmp_path.iterdir()} == {"task-faces", "task-Faces", "task-rest"}


def test_a_failure_is_noted_though_an_input_has_vanished(without_video, tmp_path, monkeypatch):
    folders = without_video.make_study(tmp_path / "study", 2)

    def lose(session, *given, **settings):
        if session.participant == "02":
            folders[1].rename(tmp_path / "away")
        return without_video.process_without_video(session, *given, **settings)

    monkeypatch.setattr("enicfer.pipeline.process.process_session", lose)
    (failed,) = without_video.run_study(tmp_path / "study", tmp_path / "out").failed
    assert failed.name == "sub-02"
    assert "\tsub-02\tfailed\tfiles\t" in (tmp_path / "out" / "group_qc.tsv").read_text(encoding="utf-8")


def test_results_are_on_the_disk_before_their_marker_says_so(without_video, tmp_path, monkeypatch):
    without_video.make_study(tmp_path / "study", 1)
    synced = set()
    monkeypatch.setattr(os, "fsync", lambda file: synced.add(os.fstat(file).st_ino))
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("sub-01*") if path.is_file() and path.suffix != ".log"]
    assert len(files) > 5
    assert {path.name for path in files if path.stat().st_ino not in synced} <= {"sub-01.lock"}
