"""MEG, iEEG and NIRS: what kind of recording a file is, and its triggers, in files made by the formats' rules."""

import h5py
import mne
import numpy as np
import pytest

from enicfer.config.discovery import find_run
from enicfer.config.protocol import Protocol
from enicfer.config.runs import Run
from enicfer.errors import InputError, ProtocolError
from enicfer.io.eeg import read_eeg
from enicfer.pipeline.provenance import input_files
from enicfer.pipeline.recording import read_recording
from enicfer.records import Modality


def make(*kinds, seconds=10.0, rate=200.0):
    data = np.zeros((len(kinds), int(seconds * rate)))
    data[-1, 300:310] = 7
    info = mne.create_info([f"C{i}" for i in range(len(kinds))], rate, list(kinds))
    return mne.io.RawArray(data, info, verbose="error")


@pytest.mark.parametrize(
    "kinds, modality",
    [
        (("eeg", "eog"), Modality.EEG),
        (("mag", "grad"), Modality.MEG),
        (("mag", "eeg"), Modality.MEG),  # BIDS: EEG that MEG records at the same time belongs to the MEG
        (("seeg", "eeg"), Modality.IEEG),
        (("ecog",), Modality.IEEG),
        (("hbo", "hbr"), Modality.NIRS),
        (("fnirs_cw_amplitude",), Modality.NIRS),
        (("misc",), Modality.EEG),
    ],
)
def test_a_recording_is_called_by_its_sensors(tmp_path, kinds, modality):
    make(*kinds, "stim").save(tmp_path / "a_raw.fif", verbose="error")
    recording = read_eeg(tmp_path / "a_raw.fif")
    assert recording.modality is modality
    assert [tuple(row) for row in recording.triggers.to_numpy()] == [(1.5, "7")]


def test_in_a_data_set_it_is_called_by_its_folder(tmp_path):
    """BrainVision and EDF cannot say that their channels are iEEG."""
    (tmp_path / "ieeg").mkdir()
    make("eeg", "eeg").export(tmp_path / "ieeg" / "sub-01_task-a_ieeg.edf", verbose="error")
    assert read_eeg(tmp_path / "ieeg" / "sub-01_task-a_ieeg.edf").modality is Modality.IEEG


def write_snirf(path, times, marks):
    """A SNIRF 1.1 file by its specification: two optodes, two wavelengths, one group for each kind of mark."""
    text = h5py.string_dtype("utf-8")
    with h5py.File(path, "w") as file:
        file.create_dataset("formatVersion", data="1.1", dtype=text)
        nirs = file.create_group("nirs")
        tags = nirs.create_group("metaDataTags")
        for key, value in {
            "SubjectID": "01", "MeasurementDate": "2026-01-02", "MeasurementTime": "10:00:00Z",
            "LengthUnit": "mm", "TimeUnit": "s", "FrequencyUnit": "Hz",
        }.items():  # fmt: skip
            tags.create_dataset(key, data=value, dtype=text)
        data = nirs.create_group("data1")
        data["dataTimeSeries"] = np.full((len(times), 2), 0.5)
        data["time"] = times
        for i in (1, 2):
            channel = data.create_group(f"measurementList{i}")
            for key, value in {
                "sourceIndex": 1, "detectorIndex": 1, "wavelengthIndex": i, "dataType": 1, "dataTypeIndex": 1,
            }.items():  # fmt: skip
                channel[key] = np.int32(value)
        probe = nirs.create_group("probe")
        probe["wavelengths"] = [760.0, 850.0]
        probe["sourcePos3D"], probe["detectorPos3D"] = [[0.0, 0.0, 0.0]], [[30.0, 0.0, 0.0]]
        probe.create_dataset("sourceLabels", data=["S1"], dtype=text)
        probe.create_dataset("detectorLabels", data=["D1"], dtype=text)
        for number, (name, onsets) in enumerate(marks.items(), 1):
            stim = nirs.create_group(f"stim{number}")
            stim.create_dataset("name", data=name, dtype=text)
            stim["data"] = np.array([[onset, 2.0, 1.0] for onset in onsets])


def test_the_marks_of_a_snirf_file_are_triggers(tmp_path):
    write_snirf(tmp_path / "a.snirf", np.arange(600) / 10.0, {"happy": [3.14, 30.02], "9": [5.5]})
    recording = read_eeg(tmp_path / "a.snirf")
    assert (recording.modality, recording.sampling_rate) == (Modality.NIRS, pytest.approx(10.0))
    assert recording.duration == pytest.approx(60.0)
    found = [(round(t, 6), code) for t, code in recording.triggers.itertuples(index=False)]
    assert found == [(3.14, "happy"), (5.5, "9"), (30.02, "happy")], "not moved to a sample of 0.1 s"


@pytest.mark.parametrize("naming", ["neuromag", "bids"])
def test_a_fif_that_mne_split_is_one_recording(tmp_path, naming):
    raw = make(*["mag"] * 120, "stim", seconds=60.0)
    raw.save(tmp_path / "sub-01_task-a_raw.fif", split_size="2MB", split_naming=naming, verbose="error")
    parts = sorted(tmp_path.glob("*.fif"), key=lambda path: (len(path.name), path.name))
    assert len(parts) > 1
    (tmp_path / "camera.mp4").write_bytes(b"video")
    run = find_run(tmp_path)
    assert run.recording == parts[0]
    assert read_eeg(run.recording).duration == pytest.approx(60.0)
    assert {path.name for path in input_files(run)} >= {path.name for path in parts}


@pytest.mark.parametrize("modality", [Modality.MEG, Modality.NIRS, Modality.IEEG])
def test_a_protocol_for_one_kind_refuses_the_others(tmp_path, modality):
    make("eeg", "stim").save(tmp_path / "a_raw.fif", verbose="error")
    run = Run("task", None, (), recording=tmp_path / "a_raw.fif")
    with pytest.raises(
        ProtocolError, match=rf"p is for {modality.name}, and a_raw.fif holds EEG: .*\"eeg\" takes"
    ):
        read_recording(run, Protocol("p", "", modality))
    assert read_recording(run, Protocol("p", "", Modality.EEG)).modality is Modality.EEG


def test_what_needs_a_package_that_is_not_there_says_so(tmp_path):
    (tmp_path / "a.cdt").write_bytes(b"x" * 100)
    with pytest.raises(InputError, match=r"a\.cdt cannot be read as a recording"):
        read_eeg(tmp_path / "a.cdt")
