"""Session folders: what is found, and what is refused in one sentence."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from enicfer.config.session import _RunTable, _SessionFile, read_session
from enicfer.errors import InputError, ProtocolError

SETTINGS = """
participant = "01"
session = "02"
protocol = "eeg-led"

[[run]]
task = "faces"
video = "camera.mkv"
recording = "eeg.vhdr"
"""


def make(folder, *names, settings=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    if settings:
        (folder / "session.toml").write_text(settings, "utf-8")
    return folder


def test_settings(tmp_path):
    folder = make(tmp_path / "ein Ordner ü", "camera.mkv", "eeg.vhdr", settings=SETTINGS)
    session = read_session(folder)
    (run,) = session.runs
    assert session.entities(run) == {"sub": "01", "ses": "02", "task": "faces"}
    assert run.videos == (folder / "camera.mkv",)
    assert run.recording == folder / "eeg.vhdr"
    assert session.protocol.name == "eeg-led"


def test_two_runs_may_share_a_video(tmp_path):
    second = '[[run]]\ntask = "faces"\nrun = 2\nvideo = "camera.mkv"\nrecording = "eeg2.vhdr"\n'
    settings = SETTINGS.replace('task = "faces"', 'task = "faces"\nrun = 1') + second
    folder = make(tmp_path, "camera.mkv", "eeg.vhdr", "eeg2.vhdr", settings=settings)
    session = read_session(folder)
    assert [session.entities(run)["run"] for run in session.runs] == ["1", "2"]
    assert session.runs[0].videos == session.runs[1].videos


@pytest.mark.parametrize("value", ['"120:310,205.5"', '["120:310,205.5"]'])
def test_a_face_is_pointed_at_in_its_run(tmp_path, value):
    folder = make(tmp_path, "camera.mkv", "eeg.vhdr", settings=SETTINGS + f"face = {value}\n")
    assert read_session(folder).runs[0].faces == ((120, 310.0, 205.5),)


def test_a_protocol_file_beside_the_settings(tmp_path):
    folder = make(tmp_path, "camera.mkv", "eeg.vhdr", settings=SETTINGS.replace("eeg-led", "own.toml"))
    (folder / "own.toml").write_text('modality = "eeg"\n', "utf-8")
    assert read_session(folder).protocol.name == "own"


def test_a_folder_of_a_visit_is_of_the_participant_above_it(tmp_path):
    for name in ("01", "02"):
        folder = make(tmp_path / f"sub-{name}" / "ses-1", "a.mp4", "x.edf")
        session = read_session(folder, "eeg-led")
        assert (session.participant, session.session) == (name, "1")
    session = read_session(make(tmp_path / "sub-03" / "morning", "a.mp4", "x.edf"), "eeg-led")
    assert (session.participant, session.session) == ("morning", None)


def test_settings_under_another_name_are_no_reason_to_guess(tmp_path):
    folder = make(tmp_path / "s1", "a.mp4", "x.edf", "session.toml.txt")
    with pytest.raises(InputError, match=r"s1 has session\.toml\.txt where session\.toml is expected"):
        read_session(folder, "eeg-led")


def test_discovery(tmp_path):
    folder = make(tmp_path / "sub-07_ses-b", "a.mp4", "x.vhdr", "x.eeg", "x.vmrk")
    session = read_session(folder, "eeg-led")
    assert (session.participant, session.session) == ("07", "b")
    assert session.runs[0].recording == folder / "x.vhdr"


@pytest.mark.parametrize(
    ("names", "protocol", "words"),
    [
        ((), "eeg-led", ["no video", "empty"]),
        (("x.vhdr",), "eeg-led", ["no video", "x.vhdr"]),
        (("a.mp4",), "eeg-led", ["no recording"]),
        (("a.mp4", "b.mov", "x.vhdr"), "eeg-led", ["2 videos", "a.mp4", "b.mov", "session.toml"]),
        (("a.mp4", "x.vhdr", "y.edf"), "eeg-led", ["2 recordings", "y.edf", "session.toml"]),
        (("a.mp4", "x.vhdr", "b.nii"), "eeg-led", ["BOLD"]),
        (("a.mp4", "b.nii.gz"), "fmri-volumes", ["no trigger log"]),
        (("a.mp4", "x.vhdr"), None, ["give protocol with one of", "eeg-led"]),
        (("a.mp4", "x.vhdr"), "fmri-volumes", ["fmri-volumes", "BOLD"]),
    ],
)
def test_ambiguous_folders(tmp_path, names, protocol, words):
    with pytest.raises(InputError) as caught:
        read_session(make(tmp_path, *names), protocol)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('participant = "01"', "", ["needs participant"]),
        ('participant = "01"', 'participant = "0_1"', ["letters and digits"]),
        ('session = "02"', 'sesion = "02"', ["sesion", "allowed", "participant_region"]),
        ("camera.mkv", "other.mkv", ["other.mkv", "not in the folder"]),
        ("recording", "record", ["record", "allowed"]),
        ('"eeg-led"', "3", ["protocol", "eeg-led"]),
        ("[[run]]", "[run]", ["[[run]]"]),
        ('task = "faces"', 'task = "a b"', ["task", "letters and digits"]),
        ('task = "faces"', 'face = ["120:310"]', ["[[run]] 1 face", "'120:310'", "FRAME:X,Y"]),
        ('task = "faces"', 'face = "1:2,3"\ntrace = "eeg.vhdr"', ["[[run]] 1 has a trace", "remove one"]),
    ],
)
def test_wrong_settings(tmp_path, old, new, words):
    assert old in SETTINGS
    folder = make(tmp_path, "camera.mkv", "eeg.vhdr", settings=SETTINGS.replace(old, new))
    with pytest.raises(ProtocolError) as caught:
        read_session(folder)
    assert all(word in str(caught.value) for word in words)


def test_runs_need_their_own_names(tmp_path):
    twice = SETTINGS + SETTINGS[SETTINGS.index("[[run]]") :]
    with pytest.raises(ProtocolError, match="2 runs are called task-faces"):
        read_session(make(tmp_path, "camera.mkv", "eeg.vhdr", settings=twice))


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="no session folder"):
        read_session(tmp_path / "nothing")


def test_a_photo_of_the_participant_is_looked_up_in_the_folder(example, tmp_path):
    source = example("eeg", short=True)
    for path in source.iterdir():
        if path.is_file() and path.name != "session.toml":
            (tmp_path / path.name).symlink_to(path)
    text = (source / "session.toml").read_text(encoding="utf-8")
    (tmp_path / "session.toml").write_text('face_photo = "child.jpg"\n' + text, encoding="utf-8")
    with pytest.raises(ProtocolError, match=r"face_photo is 'child\.jpg': it is not in the folder"):
        read_session(tmp_path)
    (tmp_path / "child.jpg").touch()
    assert read_session(tmp_path).face_photo == tmp_path / "child.jpg"


def test_every_key_is_in_the_docs():
    text = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")
    shown = text.split("```toml\n")[1].split("```")[0].replace("\n# ", "\n")
    example = tomllib.loads(shown)
    (run,) = example.pop("run")
    assert {*example, "run"} == set([f.name for f in fields(_SessionFile)])
    assert set(run) == set([f.name for f in fields(_RunTable)])


def test_files_that_were_passed_over_in_a_folder_without_settings_are_counted(tmp_path):
    folder = make(
        tmp_path / "sub-07", "a.mp4", "x.edf", "._a.mp4", "x (conflicted copy 2024-01-01).edf", ".DS_Store"
    )
    for name in ("a.mp4", "x.edf"):
        (folder / name).write_bytes(b"x")
    (folder / "later.mp4").write_bytes(b"")
    (run,) = read_session(folder, "eeg-led").runs
    assert run.videos[0].name == "a.mp4" and run.recording.name == "x.edf"
    (note,) = run.notes
    assert note.startswith("3 files of the system or of a cloud in sub-07") and "later.mp4" in note
    for name in ("._a.mp4", "x (conflicted copy 2024-01-01).edf", "later.mp4"):
        (folder / name).unlink()
    assert read_session(folder, "eeg-led").runs[0].notes == ()
