"""Sidecars of BIDS by inheritance, and what systems and clouds leave in folders."""

import json
import unicodedata

import pytest

from enicfer.config.leftovers import find_named, is_leftover, note_leftovers
from enicfer.errors import InputError
from enicfer.io.sidecars import read_sidecars


@pytest.fixture
def bold(tmp_path):
    folder = tmp_path / "sub-01" / "ses-1" / "func"
    folder.mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text("{}")
    return folder / "sub-01_ses-1_task-x_run-1_bold.nii.gz"


def say(path, **content):
    path.write_text(json.dumps(content))


def test_the_nearest_sidecar_that_applies_goes_first(bold, tmp_path):
    say(tmp_path / "bold.json", RepetitionTime=1.0, EchoTime=0.03)
    say(tmp_path / "task-x_bold.json", RepetitionTime=1.5)
    say(tmp_path / "task-y_bold.json", RepetitionTime=9.0)
    say(tmp_path / "task-x_eeg.json", RepetitionTime=9.0)
    say(tmp_path / "._task-x_bold.json", RepetitionTime=9.0)
    said, source = read_sidecars(bold)
    assert said == {"RepetitionTime": 1.5, "EchoTime": 0.03} and source["EchoTime"].name == "bold.json"
    say(tmp_path / "sub-01" / "sub-01_task-x_bold.json", RepetitionTime=2.0)
    say(bold.parent / "sub-01_ses-1_task-x_run-2_bold.json", RepetitionTime=9.0)
    assert read_sidecars(bold)[0]["RepetitionTime"] == 2.0
    say(bold.parent / "sub-01_ses-1_task-x_run-1_bold.json", RepetitionTime=2.5)
    assert read_sidecars(bold)[0] == {"RepetitionTime": 2.5, "EchoTime": 0.03}


def test_two_sidecars_of_one_folder_that_differ_are_refused(bold, tmp_path):
    """BIDS: at most one of a folder applies; which of the two is right nobody knows."""
    say(tmp_path / "task-x_bold.json", RepetitionTime=2.0, FlipAngle=70)
    say(tmp_path / "run-1_bold.json", RepetitionTime=2.0, FlipAngle=80)
    assert read_sidecars(bold)[0]["RepetitionTime"] == 2.0
    say(tmp_path / "run-1_bold.json", RepetitionTime=3.0)
    with pytest.raises(
        InputError, match=r"run-1_bold\.json and task-x_bold\.json both apply, .* \(3\.0 and 2\.0\)"
    ):
        read_sidecars(bold)
    say(tmp_path / "task-x_run-1_bold.json", RepetitionTime=2.5)
    (tmp_path / "run-1_bold.json").unlink()
    assert read_sidecars(bold)[0]["RepetitionTime"] == 2.5, "the one with more entities is nearer"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_encodings(bold, encoding):
    text = '{"RepetitionTime": 2.0, "InstitutionName": "Universität"}'
    bold.with_name(bold.name.replace(".nii.gz", ".json")).write_bytes(text.encode(encoding))
    assert read_sidecars(bold)[0] == json.loads(text)


def test_what_is_no_object_is_refused(bold):
    for text in ("[1]", "{", '{"RepetitionTime": 2.0,}'):
        bold.with_name(bold.name.replace(".nii.gz", ".json")).write_text(text)
        with pytest.raises(InputError, match="is not a JSON object"):
            read_sidecars(bold)


def test_an_empty_sidecar_is_a_placeholder(bold):
    bold.with_name(bold.name.replace(".nii.gz", ".json")).write_text("")
    with pytest.raises(InputError, match="is empty: a cloud has not downloaded it"):
        read_sidecars(bold)


@pytest.mark.parametrize(
    "name",
    ["._cam.mp4", ".DS_Store", "desktop.ini", "Thumbs.db", "~$log.csv", ".~lock.log.csv#", "cam.mp4.part",
     "cam (Anna's conflicted copy 2024-01-01).mp4", "cam.sync-conflict-20240101-101010-ABC.mp4",
     "cam [conflicted].mp4", "cam (Case Conflict).mp4", "cam (Case Conflict 1).mp4", ".nfs00000001",
     "cam (Konfliktkopie von Anna 2024-01-01).mp4", "cam (In Konflikt stehende Kopie von Anna 2024-01-01).mp4",
     "cam (Annas widerspru\u0308chliche Kopie 2024-01-01).mp4",
     "cam (Copie en conflit de Anna 2024-01-01).mp4", "cam (Copia en conflicto de Anna 2024-01-01).mp4", ".#log.csv",
     "cam_conflict-20240101-101010.mp4", "cam (conflicted copy 2024-01-01 101010).mp4"],
)  # fmt: skip
def test_leftovers(name):
    assert is_leftover(name)


@pytest.mark.parametrize(
    "name", ["cam.mp4", "conflict.csv", "sub-01_task-conflict_eeg.vhdr", "copy.mp4", "tmp.csv", "kopie.mp4"]
)
def test_data_are_no_leftovers(name):
    assert not is_leftover(name)


@pytest.mark.parametrize(("disk", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_with_combining_marks_are_found(tmp_path, disk, asked):
    (tmp_path / unicodedata.normalize(disk, "Müller.mp4")).write_bytes(b"x")
    found = find_named(tmp_path, unicodedata.normalize(asked, "Müller.mp4"))
    assert found is not None and found.read_bytes() == b"x"
    assert find_named(tmp_path, "Muller.mp4") is None


def test_leftovers_that_could_be_data_are_counted(tmp_path):
    for name in ("cam.mp4", "._cam.mp4", "cam (conflicted copy 2024-01-01).mp4", ".DS_Store", "~$notes.docx"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "other.mp4").write_bytes(b"")
    (note,) = note_leftovers(tmp_path, (".mp4",))
    assert note.startswith("2 files of the system or of a cloud") and "._cam.mp4" in note
    (note,) = note_leftovers(tmp_path, (".mp4",), empty=True)
    assert note.startswith("3 files") and "other.mp4" in note
    assert note_leftovers(tmp_path, (".vhdr",)) == note_leftovers(tmp_path / "none", (".mp4",)) == ()
    assert note_leftovers(tmp_path, (".mp4",), "._")[0].startswith("1 file of the system")
