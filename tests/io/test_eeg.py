"""EEG files written by other software, and what is refused."""

import mne
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import open_raw, read_eeg


@pytest.mark.parametrize(
    ("name", "rate", "duration", "first"),
    [
        ("test.vhdr", 1000.0, 7.9, (0.486, "Stimulus/S253")),
        ("test.edf", 512.0, 6.0, (0.0, "start")),
        ("test_stim_channel.edf", 200.0, 600.0, (0.495, "82496")),
        ("test.bdf", 2048.0, 1.0, (589 / 2048, "128")),
        ("test_egi.raw", 250.0, 0.308, (0.076, "TRSP")),
        ("eeglab_data.set", 128.0, 238.3125, (1.000068, "square")),
        ("example_4.mff", 1000.0, 0.06, (0.01, "SPK1")),
    ],
)
def test_real_recordings(shared_data, name, rate, duration, first):
    recording = read_eeg(shared_data / "eeg" / name)
    assert recording.sampling_rate == rate
    assert recording.duration == pytest.approx(duration, abs=1e-3)
    assert recording.triggers["onset"].is_monotonic_increasing
    onset, code = recording.triggers.iloc[0]
    assert onset == pytest.approx(first[0], abs=1e-6)
    assert code == first[1]


def test_times_count_from_the_first_sample_of_a_cropped_file(tmp_path):
    info = mne.create_info(["a", "STI"], 100.0, ["eeg", "stim"])
    data = np.zeros((2, 1000))
    data[1, [300, 600]] = 5, 7
    raw = mne.io.RawArray(data, info, first_samp=250, verbose="error")
    raw.set_meas_date(0)
    raw.set_annotations(mne.Annotations(4.0 + raw.first_time, 0, "x", orig_time=raw.info["meas_date"]))
    raw.crop(2.0, 8.0).save(tmp_path / "a_raw.fif", verbose="error")
    recording = read_eeg(tmp_path / "a_raw.fif")
    assert recording.triggers.values.tolist() == [[1.0, "5"], [2.0, "x"], [4.0, "7"]]


def test_pauses(tmp_path):
    raw = mne.io.RawArray(np.zeros((1, 1000)), mne.create_info(1, 100.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([2, 3], [1.5, 0], ["BAD_ACQ_SKIP", "x"]))
    raw.save(tmp_path / "b_raw.fif", verbose="error")
    recording = read_eeg(tmp_path / "b_raw.fif")
    assert recording.gaps == ((2.0, 3.5),)
    assert recording.triggers["code"].tolist() == ["x"]


@pytest.mark.parametrize("name", ["a.vhdr", "a.edf", "a.set", "a.xyz"])
def test_broken_files_are_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a recording")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        open_raw(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no recording"):
        read_eeg(tmp_path / "a.vhdr")


@pytest.mark.parametrize("kind", ["New Segment/", "boundary", "EDGE boundary"])
def test_a_boundary_within_the_file_is_a_pause_whose_samples_are_missing(tmp_path, kind):
    raw = mne.io.RawArray(np.zeros((1, 1000)), mne.create_info(1, 100.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([0, 4.0, 9.99], [0, 0, 0], [kind] * 3))
    raw.save(tmp_path / "c_raw.fif", verbose="error")
    recording = read_eeg(tmp_path / "c_raw.fif")
    assert recording.gaps == ((4.0, 4.0),)
    assert recording.triggers.empty
