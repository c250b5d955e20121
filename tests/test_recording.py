"""Recordings: what the protocol promises and the recording lacks is said."""

from pathlib import Path

import pandas as pd
import pytest

from enicfer import recording
from enicfer.protocol import Protocol, Pulses
from enicfer.recording import find_trials, read_recording
from enicfer.records import Modality, Recording
from enicfer.session import Run

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
        "No trigger S 15 (sad), S 16 (angry) in eeg.vhdr, so there are no such trials: it has S 9, Stimulus/S 11, "
        "Stimulus/S 51.",
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
        "No trigger S 15 (sad) in events.tsv, so there are no such trials: it has S 11, S 16.",
    )
    events.write_text("nothing\n")
    assert eeg((1.0, "S 15"), events=events)[1].notes == ("One note.",), "find_trials refuses it"
