"""A data set as mne-bids writes it: the lab's own names of conditions, and the recording's markers, both work."""

import mne
import numpy as np
import pandas as pd
import pytest

from enicfer.batch.dataset import Selection, find_dataset_sessions
from enicfer.batch.jobs import _parts
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Log, Protocol, Pulses
from enicfer.errors import InputError, ProtocolError
from enicfer.pipeline.events import list_events
from enicfer.pipeline.recording import find_trials, read_recording
from enicfer.records import Modality

NAMES = {"happy face": 11, "Stimulus/sad face": 12}
ONSETS = np.arange(8) * 2.0 + 3.0


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    mne_bids = pytest.importorskip("mne_bids")
    folder = tmp_path_factory.mktemp("bids")
    raw = mne.io.RawArray(np.zeros((2, 6000)), mne.create_info(["Fz", "Cz"], 250.0, "eeg"), verbose="error")
    codes = np.tile(list(NAMES.values()), 4)
    events = np.c_[(ONSETS * 250).astype(int), np.zeros(8, int), codes]
    path = mne_bids.BIDSPath(subject="01", task="faces", datatype="eeg", root=folder)
    mne_bids.write_raw_bids(
        raw, path, events=events, event_id=NAMES, format="BrainVision", allow_preload=True, verbose="error"
    )
    (folder / "sub-01" / "eeg" / "sub-01_task-faces_video.mp4").write_bytes(b"video")
    return folder


def trials(folder, tmp_path, conditions, log=Log()):  # noqa: B008
    protocol = Protocol("p", "", Modality.EEG, conditions, pulses=Pulses(codes=("S 1",)), log=log)
    (session,) = find_dataset_sessions(folder, protocol, Selection(), tmp_path).sessions
    (run,) = session.runs
    return find_trials(run, read_recording(run, protocol), protocol)


@pytest.mark.parametrize("table", [True, False])
def test_names_of_the_events_table_work_as_they_stand(data_set, tmp_path, table):
    written = pd.read_csv(data_set / "sub-01" / "eeg" / "sub-01_task-faces_events.tsv", sep="\t")
    names = list(dict.fromkeys(written["trial_type"])) if table else ["happy face", "sad face"]
    found = trials(data_set, tmp_path, {name: f"c{i}" for i, name in enumerate(names)})
    assert found["onset"].tolist() == pytest.approx(ONSETS, abs=0.004)
    assert found["trial_type"].tolist() == ["c0", "c1"] * 4


def test_markers_of_the_recording_still_work(data_set, tmp_path):
    vmrk = (data_set / "sub-01" / "eeg" / "sub-01_task-faces_eeg.vmrk").read_text()
    assert "S 11" in vmrk
    found = trials(data_set, tmp_path, {"S 11": "happy", "S 12": "sad"})
    assert found["onset"].tolist() == pytest.approx(ONSETS, abs=0.004)
    assert found["trial_type"].tolist() == ["happy", "sad"] * 4


def test_a_wrong_name_lists_those_of_the_table_and_of_the_recording(data_set, tmp_path):
    with pytest.raises(ProtocolError) as error:
        trials(data_set, tmp_path, {"happy faces": "a", "sad": "b"})
    said = str(error.value)
    assert "sub-01_task-faces_events.tsv or sub-01_task-faces_eeg.vhdr" in said and "protocol p" in said
    assert "happy face." in said and "Stimulus/sad face" in said and "Stimulus/S 11" in said


def test_codes_of_a_folder_are_listed_without_other_tables(data_set):
    found = list_events(data_set / "sub-01" / "eeg")
    assert [events.file.name for events in found] == [
        "sub-01_task-faces_eeg.vhdr", "sub-01_task-faces_events.tsv"
    ]  # fmt: skip
    assert {"happy face", "Stimulus/sad face", "11", "12"} == set(found[1].codes["code"])


def test_a_column_of_the_events_table_that_the_protocol_names(data_set, tmp_path):
    path = data_set / "sub-01" / "eeg" / "sub-01_task-faces_events.tsv"
    before = path.read_text()
    table = pd.read_csv(path, sep="\t").assign(emotion=["joy", "grief"] * 4)
    try:
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")
        found = trials(data_set, tmp_path, {"joy": "a", "grief": "b"}, Log(code_columns=("emotion",)))
    finally:
        path.write_text(before)
    assert found["trial_type"].tolist() == ["a", "b"] * 4


def test_files_that_a_system_left_beside_a_recording_are_counted(data_set, tmp_path):
    eeg = data_set / "sub-01" / "eeg"
    left = [eeg / f"._sub-01_task-faces_{name}" for name in ("eeg.vhdr", "video.mp4", "events.tsv")]
    protocol = Protocol("p", "", Modality.EEG, {"happy face": "a"}, pulses=Pulses(codes=("S 1",)))
    (clean,) = find_dataset_sessions(data_set, protocol, Selection(), tmp_path).sessions
    try:
        for path in left:
            path.write_bytes(b"\0\5\26\7")
        (session,) = find_dataset_sessions(data_set, protocol, Selection(), tmp_path).sessions
    finally:
        for path in left:
            path.unlink()
    (run,) = session.runs
    (note,) = run.notes
    assert note.startswith("3 files of the system or of a cloud in eeg") and left[0].name in note
    assert note in read_recording(run, protocol).notes
    options = ProcessingOptions()
    assert _parts(session, options, "") == _parts(clean, options, ""), "nothing is done again for it"


def add_recording(folder, datatype, kind, subject="01"):
    """What mne-bids writes of a recording with samples of another kind, and a video beside it."""
    mne_bids = pytest.importorskip("mne_bids")
    info = mne.create_info(["a", "b", "c"], 250.0, [kind, kind, "stim"])
    data = np.zeros((3, 6000))
    data[2, (ONSETS * 250).astype(int)] = 5
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.info["line_freq"] = 50
    path = mne_bids.BIDSPath(subject=subject, task="faces", datatype=datatype, root=folder)
    settings = {"format": "FIF" if datatype == "meg" else "BrainVision"}
    mne_bids.write_raw_bids(raw, path, allow_preload=True, verbose="error", **settings)
    place = folder / f"sub-{subject}" / datatype
    (place / f"sub-{subject}_task-faces_video.mp4").write_bytes(b"video")
    return place


def find(folder, tmp_path, modality):
    protocol = Protocol("p", "", modality, {"5": "happy"}, pulses=Pulses(codes=("9",)))
    found = find_dataset_sessions(folder, protocol, Selection(), tmp_path / "out")
    assert not found.lost
    return protocol, [run for session in found.sessions for run in session.runs]


def test_meg_as_mne_bids_writes_it(tmp_path):
    place = add_recording(tmp_path / "data", "meg", "mag")
    protocol, (run,) = find(tmp_path / "data", tmp_path, Modality.EEG)
    assert run.recording == place / "sub-01_task-faces_meg.fif"
    recording = read_recording(run, protocol)
    assert recording.modality is Modality.MEG
    assert find_trials(run, recording, protocol)["onset"].tolist() == pytest.approx(ONSETS, abs=0.004)


def test_of_several_kinds_eeg_is_taken_or_the_protocol_says_which(tmp_path):
    data = tmp_path / "data"
    add_recording(data, "meg", "mag")
    nirs = data / "sub-02" / "nirs"
    nirs.mkdir(parents=True)
    (nirs / "sub-02_task-faces_nirs.snirf").write_bytes(b"")
    (nirs / "sub-02_task-faces_video.mp4").write_bytes(b"video")
    with pytest.raises(InputError, match=r"data has recordings of MEG and NIRS: write .* modality = \"meg\""):
        find(data, tmp_path, Modality.EEG)
    for modality, end in ((Modality.MEG, "_meg.fif"), (Modality.NIRS, "_nirs.snirf")):
        _, (run,) = find(data, tmp_path, modality)
        assert run.recording.name.endswith(end)
    eeg = data / "sub-03" / "eeg"
    eeg.mkdir(parents=True)
    (eeg / "sub-03_task-faces_eeg.edf").write_bytes(b"")
    (eeg / "sub-03_task-faces_video.mp4").write_bytes(b"video")
    assert [run.recording.name for run in find(data, tmp_path, Modality.EEG)[1]] == [
        "sub-03_task-faces_eeg.edf"
    ]
