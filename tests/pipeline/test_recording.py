"""Recordings: what the protocol promises and the recording lacks is said."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from enicfer.config.protocol import Protocol, Pulses
from enicfer.config.runs import Run
from enicfer.config.session import read_session
from enicfer.errors import InputError, ProtocolError
from enicfer.pipeline import recording
from enicfer.pipeline.recording import find_pulses, find_trials, read_recording
from enicfer.records import Modality, Recording

CONDITIONS = {"S 11": "happy", "S 15": "sad", "S 16": "angry"}
PROTOCOL = Protocol("p", "", Modality.EEG, CONDITIONS, pulses=Pulses(codes=("S 9",)))


@pytest.fixture
def eeg(monkeypatch, tmp_path):
    """Makes a run with an EEG recording of these triggers, and reads it."""

    def read(*pairs, protocol=PROTOCOL, events=None):
        triggers = pd.DataFrame(pairs, columns=["onset", "code"])
        found = Recording(Modality.EEG, Path("eeg.vhdr"), 60.0, triggers, notes=("One note.",))
        monkeypatch.setattr(recording, "read_eeg", lambda path: found)
        run = Run(task="faces", run="1", videos=(), recording=Path("eeg.vhdr"), events=events)
        return run, read_recording(run, protocol)

    return read


def test_conditions_without_a_trial_are_named(eeg):
    run, found = eeg((1.0, "Stimulus/S 11"), (2.0, "Stimulus/S 51"), (3.0, "S 9"))
    assert found.notes == (
        "One note.",
        "No trigger S 15 (sad), S 16 (angry) of the protocol p in eeg.vhdr, so there are no such trials: it has S 9, "
        "Stimulus/S 11, Stimulus/S 51.",
    )
    assert len(find_trials(run, found, PROTOCOL)) == 1


def test_all_conditions_or_none_need_no_note(eeg):
    assert eeg((1.0, "S 11"), (2.0, "S 15"), (3.0, "S 16"))[1].notes == ("One note.",)
    assert eeg((1.0, "S 9"), protocol=Protocol("p", "", Modality.EEG))[1].notes == ("One note.",)
    assert eeg((1.0, "S 9"))[1].notes == ("One note.",), "find_trials refuses it"


def test_trials_of_an_events_file_are_looked_for_there(eeg, tmp_path):
    events = tmp_path / "events.tsv"
    events.write_text("onset\tduration\ttrial_type\n1.0\t2\tS 11\n3.0\t2\tS 16\n")
    _, found = eeg((1.0, "S 15"), events=events)
    assert found.notes[1:] == (
        "No trigger S 15 (sad) of the protocol p in events.tsv, so there are no such trials: it has S 11, S 16.",
    )
    events.write_text("nothing\n")
    assert eeg((1.0, "S 15"), events=events)[1].notes == ("One note.",), "find_trials refuses it"


def test_trials_outside_of_the_recording_are_said(eeg, tmp_path):
    events = tmp_path / "events.tsv"
    events.write_text("onset\tduration\ttrial_type\n1.0\t2\tS 11\n75\t2\tS 15\n80\t2\tS 16\n")
    _, found = eeg(events=events)
    assert "2 of 3 trials of events.tsv lie outside of the recording, which lasts 60.0 s" in found.notes[1]
    assert "75.0 to 80.0 s" in found.notes[1]
    events.write_text("onset\tduration\ttrial_type\n8000\t2000\tS 11\n12000\t2000\tS 15\n")
    run, found = eeg(events=events)
    with pytest.raises(
        InputError, match=r"2 of 2 trials .* 8000\.0 to 12000\.0 s; are they in ms instead of s"
    ):
        find_trials(run, found, PROTOCOL)
    events.write_text("onset\tduration\ttrial_type\n-90\t2\tS 11\n")
    run, found = eeg(events=events)
    with pytest.raises(InputError, match=r"1 of 1 trials .*onsets in s from the start"):
        find_trials(run, found, PROTOCOL)


def test_a_wrong_code_names_the_protocol_and_what_is_near(eeg):
    run, found = eeg(*[(float(k), f"Z {k}") for k in range(30)], (31.0, "S 111"))
    with pytest.raises(ProtocolError, match=r"protocol p .* in eeg\.vhdr: it has S 111, .*31 codes in all"):
        find_trials(run, found, PROTOCOL)
    with pytest.raises(ProtocolError, match=r"pulse codes \(S 9\) of the protocol p occurs in eeg\.vhdr"):
        find_pulses(found, PROTOCOL)
    log = replace(found, log=Path("task.csv"), file=Path("bold.nii"))
    with pytest.raises(ProtocolError, match=r"occurs in task\.csv"):
        find_pulses(log, PROTOCOL)


def test_a_lost_marker_file_is_said_and_not_the_protocol(example, tmp_path):
    folder = tmp_path / "session"
    shutil.copytree(example("eeg", short=True), folder)
    (folder / "eeg.vmrk").unlink()
    session = read_session(folder)
    recording = read_recording(session.runs[0], session.protocol)
    for look in (
        lambda: find_trials(session.runs[0], recording, session.protocol),
        lambda: find_pulses(recording, session.protocol),
    ):
        with pytest.raises(InputError, match=r"eeg\.vhdr has no triggers at all\. .*eeg\.vmrk"):
            look()
