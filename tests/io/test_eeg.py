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


def read_channel(tmp_path, *held, rate=1000.0, annotated=()):
    """Triggers of a recording whose stimulus channel holds each of ``(value, samples)``, 0 before and after."""
    values = np.concatenate([[0.0] * 100, *([value] * n for value, n in held), [0.0] * 100])
    info = mne.create_info(["Cz", "STI"], rate, ["eeg", "stim"])
    raw = mne.io.RawArray(np.stack([np.zeros(len(values)), values]), info, verbose="error")
    if annotated:
        raw.set_annotations(mne.Annotations(*map(list, zip(*annotated, strict=True))))
    raw.save(tmp_path / "d_raw.fif", overwrite=True, verbose="error")
    return read_eeg(tmp_path / "d_raw.fif")


@pytest.mark.parametrize(
    ("held", "codes"),
    [
        ([(c, 300) for c in (11, 12, 11, 13, 12, 11)], [11, 12, 11, 13, 12, 11]),
        ([(5, 1), (0, 9), (5, 1), (0, 1), (5, 20)], [5, 5, 5]),  # short pulses
        ([(8, 1), (12, 20), (4, 1), (0, 50), (12, 20)], [12, 12]),  # lines settle
        ([(11, 300), (15, 1), (4, 1), (11, 300), (9, 1), (12, 300)], [11, 12]),
        ([(8, 1), (12, 1)], [8, 12]),  # neither lasts
        ([(11, 300), (139, 10), (11, 30), (139, 10), (11, 300), (12, 300)], [11, 139, 139, 12]),
        ([(139, 10), (128, 50), (11, 200), (128, 100)], [139, 128, 11, 128]),
    ],
    ids=["held", "short", "settling", "settling while held", "one sample", "pulses over a code", "overlap"],
)
def test_codes_of_a_stimulus_channel(tmp_path, held, codes):
    found = read_channel(tmp_path, *held).triggers["code"]
    assert found.tolist() == [str(code) for code in codes]


def test_triggers_that_are_annotated_too_count_once(tmp_path):
    pulses = [(7, 5), (0, 295), (9, 5), (0, 295), (7, 5)]
    recording = read_channel(
        tmp_path, *pulses, annotated=[(0.1, 0, "7"), (0.4004, 0, "9"), (0.7, 0, "7"), (0.75, 0, "7")]
    )
    assert recording.triggers["code"].tolist() == ["7", "9", "7", "7"]
    np.testing.assert_allclose(recording.triggers["onset"], [0.1, 0.4, 0.7, 0.75], atol=1e-6)
    assert "count once: 3" in recording.notes[0]
    assert not read_channel(tmp_path, *pulses).notes


def write_edf(path, begins, kind=b"EDF+D"):
    """An EDF+ file of one channel at 100 Hz whose records of 1 s say that they begin at these times."""

    def field(text, width):
        return str(text).encode().ljust(width)

    width = {b"EDF": 2, b"BDF": 3}[kind[:3]]
    label = kind[:3].decode() + " Annotations"
    head = b"0".ljust(8) if width == 2 else b"\xffBIOSEMI"
    head += (
        field("X X X X", 80) + field("Startdate 01-JAN-2020 X X X", 80) + b"01.01.2010.00.00" + field(768, 8)
    )
    head += kind.ljust(44) + field(len(begins), 8) + field(1, 8) + field(2, 4)
    columns = [
        ("Fz", label, 16),
        ("", "", 80),
        ("uV", "", 8),
        (-3200, -1, 8),
        (3200, 1, 8),
        (-32768, -32768, 8),
    ]
    columns += [(32767, 32767, 8), ("", "", 80), (100, 20, 8), ("", "", 32)]
    head += b"".join(field(a, n) + field(b, n) for a, b, n in columns)
    for begin in begins:
        head += bytes(100 * width) + f"+{begin}\x14\x14\0".encode().ljust(20 * width, b"\0")
    path.write_bytes(head)
    return path


@pytest.mark.parametrize("kind", [b"EDF+D", b"BDF+D"])
def test_a_discontinuous_file_with_a_pause_is_refused(tmp_path, kind):
    name = f"a.{kind[:3].decode().lower()}"
    path = write_edf(tmp_path / name, [*range(5), *range(12, 20)], kind)
    with pytest.raises(
        InputError, match=rf"{name} is discontinuous \(.DF\+D\): at 5\.0 s it pauses for 7\.0 s"
    ):
        read_eeg(path)
    assert read_eeg(write_edf(path, range(7, 20), kind)).duration == pytest.approx(13)
    with pytest.raises(InputError, match="does not say when its records begin"):
        read_eeg(write_edf(path, ["x", "y"], kind))
