"""Which sessions there are, and what their results depend on besides the content of files."""

import os
from pathlib import Path

import pytest

from enicfer.batch import jobs
from enicfer.batch.jobs import find_left_out, find_sessions, read_sessions
from enicfer.batch.markers import stamp_files
from enicfer.batch.plan import make_plan
from enicfer.batch.sessions import collect_sessions, default_output
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import read_protocol
from enicfer.config.runs import Run, Session
from enicfer.errors import InputError

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


def names(folders: list[Path], below: Path) -> list[str]:
    return [folder.relative_to(below).as_posix() for folder in folders]


def test_linked_session_folders_are_found_once_and_loops_end(study, tmp_path):
    study.make_study(tmp_path / "raw", 2)
    study.make_study(tmp_path / "study", 1)
    folder = tmp_path / "study"
    (folder / "linked").symlink_to(tmp_path / "raw" / "s2", target_is_directory=True)
    for link, target in {"again": "s1", "loop": ".", "up": "..", "gone": "x"}.items():
        (folder / link).symlink_to(target, target_is_directory=True)
    assert names(find_sessions([folder]), folder) == ["linked", "s1"]
    assert find_left_out([folder]) == []


def test_folders_of_a_study_that_look_like_sessions_are_named(study, tmp_path):
    folders = study.make_study(tmp_path / "study", 4)
    (folders[1] / "session.toml").rename(folders[1] / "session.toml.txt")
    (folders[2] / "session.toml").unlink()
    places = (
        folders[3] / "camera",
        *(tmp_path / "study" / name for name in (".old", "notes", "derivatives/x")),
    )
    for place in places:
        place.mkdir(parents=True)
        (place / ("a.mp4" if place.name != "notes" else "a.txt")).write_bytes(b"x")
    assert names(find_sessions([tmp_path / "study"]), tmp_path / "study") == ["s1", "s4"]
    left = {path.name: str(error) for path, error in find_left_out([tmp_path / "study"])}
    assert left.keys() == {"s2", "s3"}
    assert "session.toml.txt" in left["s2"]
    assert "no session.toml" in left["s3"]
    _, unread, _ = collect_sessions([tmp_path / "study"], None, ProcessingOptions(protocol="eeg-led"))
    assert [path.name for path, _ in unread] == ["s2", "s3"]
    _, unread = read_sessions([folders[1]], "eeg-led")
    assert "session.toml.txt" in str(unread[0][1])


def test_a_folder_that_cannot_be_read_is_named_and_stops_nothing(study, tmp_path, monkeypatch):
    folders = study.make_study(tmp_path / "study", 3)
    scan, read = os.scandir, jobs.read_session

    def refused(call):
        def answer(path, *arguments):
            if Path(path) == folders[1]:
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *arguments)

        return answer

    monkeypatch.setattr(os, "scandir", refused(scan))
    monkeypatch.setattr(jobs, "read_session", refused(read))
    for given in ([tmp_path / "study"], folders):
        sessions, unread, _ = collect_sessions(given, None, ProcessingOptions())
        assert [session.participant for session in sessions] == ["01", "03"]
        assert [(path.name, str(error)) for path, error in unread] == [
            ("s2", "s2 cannot be read: Permission denied; allow reading it, or leave the folder out.")
        ]


def test_the_outputs_beside_the_sessions_are_no_session(without_video, tmp_path):
    folders = without_video.make_study(tmp_path / "study", 2)
    without_video.run_study(tmp_path / "study", tmp_path / "study" / "derivatives" / "enicfer")
    given = sorted((tmp_path / "study").iterdir())
    assert find_sessions(given) == folders
    assert find_sessions([*folders, tmp_path / "study/derivatives/enicfer"]) == folders
    assert find_left_out([tmp_path / "study"]) == []


def test_sessions_on_two_drives_need_an_output(monkeypatch):
    def refuse(paths):
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", refuse)
    with pytest.raises(InputError, match="give output to say"):
        default_output([Path("a"), Path("b")], [Path("a"), Path("b")])


def test_outputs_stay_where_they_are_when_more_sessions_come(study, tmp_path):
    top = tmp_path / "study"
    first = study.make_study(top / "sub-01", 1)
    assert collect_sessions([top], None, ProcessingOptions())[2] == top / "derivatives" / "enicfer"
    study.make_study(top / "sub-02", 1)
    assert collect_sessions([top], None, ProcessingOptions())[2] == top / "derivatives" / "enicfer"
    assert (
        collect_sessions(first, None, ProcessingOptions())[2] == first[0].parent / "derivatives" / "enicfer"
    )


def test_links_to_other_disks_do_not_move_the_outputs(study, tmp_path):
    (session,) = study.make_study(tmp_path / "disk", 1)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "s1").symlink_to(session, target_is_directory=True)
    target = collect_sessions([tmp_path / "study" / "s1"], None, ProcessingOptions())[2]
    assert target == tmp_path / "study" / "derivatives" / "enicfer"


def test_folders_that_cannot_be_read_are_named_with_their_participant(study, tmp_path):
    for i in (1, 2):
        folder = tmp_path / "study" / f"sub-0{i}" / "ses-01"
        folder.mkdir(parents=True)
        (folder / "session.toml").write_text("participant =", encoding="utf-8")
    sessions, unread, output = collect_sessions([tmp_path / "study"], tmp_path / "out", ProcessingOptions())
    found = make_plan(sessions, unread, output, ProcessingOptions()).settled
    assert [outcome.name for outcome in found] == ["sub-01/ses-01", "sub-02/ses-01"]
    assert [outcome.entities for outcome in found] == [{"sub": f"0{i}", "ses": "01"} for i in (1, 2)]


def test_plain_files_beside_sessions_are_passed_over(tmp_path):
    """As a shell gives them for ``study/*``."""
    for name in ("a", "b"):
        (tmp_path / "study" / name).mkdir(parents=True)
        (tmp_path / "study" / name / "session.toml").touch()
    (tmp_path / "study" / "notes.txt").touch()
    given = sorted((tmp_path / "study").iterdir())
    assert find_sessions(given) == [tmp_path / "study" / "a", tmp_path / "study" / "b"]
    assert find_left_out(given) == []
    assert default_output(given, find_sessions(given)) == tmp_path / "study" / "derivatives" / "enicfer"
    with pytest.raises(InputError, match="no folder"):
        find_sessions([*given, tmp_path / "study" / "none"])


def test_folders_of_the_system_are_no_sessions(tmp_path):
    study = tmp_path / "study"
    for name in ("a", "$RECYCLE.BIN/old", "__MACOSX/a", "@eaDir", "lost+found", "System Volume Information"):
        (study / name).mkdir(parents=True)
    for name in ("#snapshot/a", "@Recycle/a", "@Recently-Snapshot/a", "Network Trash Folder/a"):
        (study / name).mkdir(parents=True)
        (study / name / "session.toml").write_text('participant = "01"\n', encoding="utf-8")
    for name in ("a", "$RECYCLE.BIN/old", "__MACOSX/a"):
        (study / name / "session.toml").write_text('participant = "01"\n', encoding="utf-8")
    assert find_sessions(sorted(study.iterdir())) == [study / "a"]
    assert find_sessions([study]) == [study / "a"]
