"""Which sessions there are, and what their results depend on besides the content of files."""

import os
from pathlib import Path

import pytest

from enicfer.batch.markers import stamp_files
from enicfer.protocol import read_protocol
from enicfer.session import Run, Session

SWAPPED = """
participant = "01"
protocol = "eeg-led"
[[run]]
task = "faces"
run = 1
video = {0}
recording = "a/eeg.vhdr"
[[run]]
task = "faces"
run = 2
video = {1}
recording = "b/eeg.vhdr"
"""


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (('"b/video.mp4"', '"a/video.mp4"'), ('"a/video.mp4"', '"b/video.mp4"')),
        (('["b/video.mp4", "a/video.mp4"]', '"c.mp4"'), ('["a/video.mp4", "b/video.mp4"]', '"c.mp4"')),
    ],
    ids=["videos of two runs", "parts of one video"],
)
def test_files_of_one_name_that_change_places_are_a_change(without_video, tmp_path, wrong, right):
    folder = tmp_path / "study" / "s1"
    for name in "ab":
        (folder / name).mkdir(parents=True)
        (folder / name / "video.mp4").write_bytes(name.encode())
        (folder / name / "eeg.vhdr").write_text("DataFile=eeg.eeg\n", encoding="utf-8")
        (folder / name / "eeg.eeg").write_bytes(name.encode())
    (folder / "c.mp4").write_bytes(b"c")
    settings = folder / "session.toml"
    settings.write_text(SWAPPED.format(*wrong), encoding="utf-8")
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    settings.write_text(SWAPPED.format(*right), encoding="utf-8")
    (outcome,) = without_video.run_study(tmp_path / "study", tmp_path / "out").outcomes
    assert (outcome.state, outcome.changes) == ("done", ("session",))
    without_video.run_study(tmp_path / "study", tmp_path / "fresh")
    assert without_video.content(tmp_path / "out") == without_video.content(tmp_path / "fresh")


def test_files_of_one_name_on_another_drive_are_two(tmp_path, monkeypatch):
    videos = tuple(tmp_path / name / "video.mp4" for name in "ab")
    for video in videos:
        video.parent.mkdir()
        video.write_bytes(video.parent.name.encode())
    session = Session(tmp_path, "01", None, read_protocol("eeg-led"), (Run("a", None, videos),))

    def refuse(path: Path, start: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", refuse)
    assert len(stamp_files(session)) == 2
