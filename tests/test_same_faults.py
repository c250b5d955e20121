"""`enicfer align` and `enicfer process-session` find the same faults, and say the same of them."""

import re
import shutil

import av
import pytest

from enicfer import align_session, process_session
from enicfer.errors import AlignmentError, EnicferError
from enicfer.synthetic import write_example_session
from tests.batch.study import SCENE

EEG = """
modality = "eeg"
[conditions]
"S 11" = "happy"
"S 12" = "angry"
"S 13" = "surprised"
"S 14" = "neutral"
[trial]
window = [0.0, 2.0]
[pulses]
source = "led"
codes = ["S 1"]
"""
FMRI = """
modality = "fmri"
[conditions]
happy = "happy"
[trial]
window = [0.0, 2.0]
[pulses]
source = "led"
codes = ["sync"]
[scanner]
volume_codes = ["5"]
"""
EVENTS = "onset\tduration\ttrial_type\n"

# What is changed (file -> text that is replaced, and by what; "" begins a new file), and what both must say.
FAULTS = {
    "an ambiguous code": (
        "eeg",
        {"eeg.vmrk": ("Mk6=Stimulus,S 12", "Mk6=Response,S 11")},
        r"S 11.*Response/S 11.*Stimulus/S 11",
    ),
    "a wrong code of a pulse": (
        "eeg",
        {"p.toml": ('["S 1"]', '["S 7"]')},
        r"None of the pulse codes \(S 7\)",
    ),
    "wrong conditions": (
        "eeg",
        {"p.toml": ('"S 1', '"S 9')},
        r"None of the .*occurs in eeg\.vhdr|None of the pulse codes",
    ),
    "a table without codes": (
        "eeg",
        {"e.tsv": ("", "onset\temotion\n1\thappy\n")},
        "its columns are onset, emotion",
    ),
    "a table without onsets": ("eeg", {"e.tsv": ("", "trial_type\thm\nS 11\t1\n")}, "none is a time"),
    "a table without rows": ("eeg", {"e.tsv": ("", EVENTS)}, "and it has no other"),
    "onsets in ms": (
        "eeg",
        {"e.tsv": ("", EVENTS + "2800\t0\tS 11\n9000\t0\tS 12\n")},
        "in ms instead of s",
    ),
    "trials after the end": ("eeg", {"e.tsv": ("", EVENTS + "90\t0\tS 11\n")}, "1 of 1 trials"),
    "an open quotation mark": (
        "eeg",
        {"e.tsv": ("", EVENTS + '1\t0\t"S 11\n2\t0\tS 12\n')},
        "Line 2 of e.tsv",
    ),
    "a thousand with a comma": ("eeg", {"e.tsv": ("", EVENTS + "1,000.5\t0\tS 11\n")}, r"[Ll]ine 2"),
    "a code beyond the conditions of a table": ("eeg", {"e.tsv": ("", EVENTS + "1\t0\tjoy\n")}, "it has joy"),
    "no marker file": ("eeg", {"eeg.vmrk": None}, r"The marker file 'eeg\.vmrk' of eeg\.vhdr is missing"),
    "a wrong code of a volume": ("fmri", {"p.toml": ('["5"]', '["6"]')}, r"None of the volume codes \(6\)"),
    "a wrong code of a log's pulse": ("fmri", {"p.toml": ('"sync"', '"snyc"')}, "pulse codes .*faces.log"),
    "wrong conditions of a log": (
        "fmri",
        {"p.toml": ('happy = "', 'joy = "')},
        r"joy.*occurs in .*faces\.log",
    ),
    "another repetition time": ("fmri", {"p.toml": ('["5"]', '["5"]\nrepetition_time = 1.0')}, "2"),
    "columns that the log lacks": (
        "fmri",
        {"p.toml": ("[scanner]", '[log]\nonset_column = "Begin"\ncode_columns = ["Code"]\n[scanner]')},
        "no column Begin",
    ),
    "an unknown key": ("eeg", {"p.toml": ("source =", "sorce =")}, "sorce"),
    "a file that is not there": ("eeg", {"session.toml": ("eeg.vhdr", "eeg2.vhdr")}, "nearest: eeg.vhdr"),
}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions")
    for modality, protocol in (("eeg", EEG), ("fmri", FMRI)):
        write_example_session(folder / modality, modality, 0, scene=SCENE)
        (folder / modality / "p.toml").write_text(protocol)
        settings = folder / modality / "session.toml"
        settings.write_text(
            settings.read_text().replace("eeg-led", "p.toml").replace("fmri-volumes", "p.toml")
        )
    return folder


def copy(sessions, modality, tmp_path, changes):
    folder = tmp_path / "session"
    shutil.copytree(sessions / modality, folder)
    for name, change in changes.items():
        file = folder / name
        if change is None:
            file.unlink()
        elif change[0]:
            text = file.read_text()
            assert change[0] in text
            file.write_text(text.replace(*change))
        else:
            file.write_text(change[1])
            settings = folder / "session.toml"
            settings.write_text(settings.read_text() + f'events = "{name}"\n')
    return folder


def listen(command, folder, output):
    try:
        command(folder, output=output)
    except EnicferError as error:
        return type(error), str(error)
    return None, ""


@pytest.mark.parametrize("fault", FAULTS)
def test_both_commands_say_the_same(sessions, tmp_path, fault):
    modality, changes, said = FAULTS[fault]
    folder = copy(sessions, modality, tmp_path, changes)
    aligned = listen(align_session, folder, tmp_path / "a")
    processed = listen(process_session, folder, tmp_path / "b")
    assert aligned == processed
    assert re.search(said, aligned[1]), aligned[1]
    assert not (tmp_path / "b").exists() or not list((tmp_path / "b").rglob("*.html"))


def test_the_protocol_s_limit_is_kept_by_both(sessions, tmp_path):
    """The faces come from a table, so that nobody looks for them in the video."""
    with av.open(str(sessions / "eeg" / "camera.mp4")) as container:
        count = sum(1 for _ in container.decode(video=0))
    rows = "".join(f"{i},0.9,0.5,0.5\n" for i in range(count))
    for name, limit, refused in (("strict", 0.0001, True), ("lax", 0.5, False)):
        changes = {"p.toml": ("[pulses]", f"[pulses]\nmax_uncertainty = {limit}")}
        folder = copy(sessions, "eeg", tmp_path / name, changes)
        (folder / "faces.csv").write_text(f"frame,FaceScore,happiness,neutral\n{rows}")
        settings = folder / "session.toml"
        settings.write_text(settings.read_text() + 'trace = "faces.csv"\n')
        found = [
            listen(command, folder, tmp_path / name / command.__name__)
            for command in (align_session, process_session)
        ]
        if refused:
            assert found[0][0] is found[1][0] is AlignmentError and found[0] == found[1]
            assert "more than the 0.1 ms that are allowed" in found[0][1]
        else:
            assert found == [(None, "")] * 2
