"""EEG files written by other software, and what is refused."""

import warnings

import mne
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import is_boundary, open_raw, read_eeg
from enicfer.io.eeg_notes import heed_warnings


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


SECOND = 100  # samples


def write_brainvision(folder, seconds=20, *, present=None, points=None, marker_file="a.vmrk", extra=()):
    """BrainVision with a marker each second; ``present`` samples of the data are there."""
    n = seconds * SECOND
    marks = [
        ("New Segment", "", 1),
        *(("Stimulus", f"S{k % 3 + 1:3d}", k * SECOND + 1) for k in range(1, seconds)),
        *extra,
    ]
    (folder / "a.eeg").write_bytes(
        bytes(2 * 2 * (n if present is None else 0)) or bytes(round(2 * 2 * present))
    )
    (folder / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=a.eeg\n"
        "[Marker Infos]\n"
        + "".join(f"Mk{i}={kind},{text},{at},1,0\n" for i, (kind, text, at) in enumerate(marks, 1)),
        encoding="utf-8",
    )
    (folder / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=a.eeg\n"
        f"MarkerFile={marker_file}\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\n"
        + (f"DataPoints={points}\n" if points else "")
        + "SamplingInterval=10000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=Fz,,0.1\nCh2=Cz,,0.1\n",
        encoding="utf-8",
    )
    return folder / "a.vhdr"


@pytest.mark.parametrize(("points", "said"), [(None, "at least 9.0 s"), (2000, " 10.0 s")])
def test_brainvision_data_that_lack_their_end_are_said(tmp_path, points, said):
    assert not read_eeg(write_brainvision(tmp_path, points=points)).notes
    recording = read_eeg(write_brainvision(tmp_path, present=10 * SECOND, points=points))
    assert recording.duration == 10 and len(recording.triggers) == 10
    (note,) = recording.notes
    assert note.startswith("a.eeg is cut short") and said in note and "9 markers lie behind the end" in note


def test_brainvision_data_that_end_within_a_sample_are_said(tmp_path):
    recording = read_eeg(write_brainvision(tmp_path, present=2000 - 0.5))
    assert any("a.eeg is cut short" in note for note in recording.notes)


def test_a_missing_marker_or_data_file_is_named(tmp_path):
    path = write_brainvision(tmp_path)
    (tmp_path / "a.vmrk").unlink()
    recording = read_eeg(path)
    assert recording.triggers.empty
    assert any("The marker file 'a.vmrk' of a.vhdr is missing" in note for note in recording.notes)
    (tmp_path / "a.eeg").unlink()
    with pytest.raises(InputError, match=r"a\.vhdr cannot be read .*\(its file a\.eeg is missing\)"):
        read_eeg(path)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("New Segment", ""),
        ("Comment", "boundary"),
        ("Comment", "Boundary"),
        ("", "boundary"),
        ("", "-99"),
        ("", ""),
    ],
)
def test_a_discontinuity_of_brainvision_is_a_pause(tmp_path, kind, text):
    recording = read_eeg(write_brainvision(tmp_path, extra=[(kind, text, 751)]))
    assert recording.gaps == ((7.5, 7.5),)
    assert len(recording.triggers) == 19


@pytest.mark.parametrize(
    "text", ["boundary", "BAD boundary", "EDGE boundary", "New Segment/", "-99", "-99.0", "nan"]
)
def test_a_discontinuity_is_a_pause_however_it_is_written(text):
    assert is_boundary(text)


@pytest.mark.parametrize("text", ["S 99", "99", "Stimulus/S 1", "boundaries", "news", "0"])
def test_other_markers_are_no_pause(text):
    assert not is_boundary(text)


@pytest.mark.parametrize("kind", [b"EDF+C", b"BDF+C"])
def test_edf_that_lacks_records_is_said(tmp_path, kind):
    name = f"a.{kind[:3].decode().lower()}"
    path = write_edf(tmp_path / name, range(20), kind)
    assert not read_eeg(path).notes
    content = path.read_bytes()
    record = (len(content) - 768) // 20
    path.write_bytes(content[: 768 + 12 * record + record // 2])
    recording = read_eeg(path)
    assert recording.duration == 12
    assert any(f"{name} is cut short: 8.0 s of the data are missing" in note for note in recording.notes)
    path.write_bytes(content[: 768 + record // 2])
    with pytest.raises(InputError, match="has no whole data record"):
        read_eeg(path)
    path.write_bytes(content[:236] + b"-1".ljust(8) + content[244:])
    assert any("does not say how long it is" in note for note in read_eeg(path).notes)


def test_real_files_whose_data_are_cut(shared_data, tmp_path):
    source = shared_data / "eeg"

    def cut(name, part):
        content = (source / name).read_bytes()
        (tmp_path / name).write_bytes(content[: int(len(content) * part)])
        return tmp_path / name

    cut("eeglab_data.set", 1)
    cut("eeglab_data.fdt", 0.6)
    recording = read_eeg(tmp_path / "eeglab_data.set")
    whole = read_eeg(source / "eeglab_data.set")
    assert recording.duration == pytest.approx(0.6 * whole.duration, abs=0.1)
    (note,) = recording.notes
    behind = int((whole.triggers["onset"] > recording.duration).sum())
    assert f"{whole.duration - recording.duration:.1f} s of the data" in note and f"{behind} markers" in note
    assert len(recording.triggers) == len(whole.triggers) - behind
    raw = open_raw(tmp_path / "eeglab_data.set")
    assert raw.get_data().shape[1] == raw.n_times
    (tmp_path / "eeglab_data.fdt").unlink()
    with pytest.raises(InputError, match=r"its file eeglab_data\.fdt is missing"):
        open_raw(tmp_path / "eeglab_data.set")
    with pytest.raises(
        InputError, match=r"test_egi\.raw is cut short: its header says 0\.31 s, and it has 0\.1\d s"
    ):
        open_raw(cut("test_egi.raw", 0.6))
    cut("test.vhdr", 1), cut("test.vmrk", 1), cut("test.eeg", 0.5)
    recording = read_eeg(tmp_path / "test.vhdr")
    assert "test.eeg is cut short: at least 3" in recording.notes[0] and "7 markers" in recording.notes[0]
    (tmp_path / "m.mff").mkdir()
    for part in (source / "example_4.mff").iterdir():
        if part.is_file():
            content = part.read_bytes()
            (tmp_path / "m.mff" / part.name).write_bytes(
                content[: len(content) * 3 // 5] if part.suffix == ".bin" else content
            )
    with pytest.raises(InputError, match=r"m\.mff cannot be read .* it is cut short"):
        open_raw(tmp_path / "m.mff")


def test_warnings_of_the_library_become_notes_unless_they_are_known_to_be_harmless(tmp_path):
    notes = []
    with heed_warnings(tmp_path / "a.edf", notes):
        warnings.warn("Something new of the times", RuntimeWarning, stacklevel=1)
        warnings.warn("Omitted 3 annotation(s) that were outside data range.", RuntimeWarning, stacklevel=1)
        warnings.warn("Omitted 3 annotation(s) that were outside data range.", RuntimeWarning, stacklevel=1)
        warnings.warn("Channels contain different highpass filters. Lowest", RuntimeWarning, stacklevel=1)
        warnings.warn("will be removed", DeprecationWarning, stacklevel=1)
    assert notes == [
        "MNE-Python says of a.edf: Something new of the times",
        "3 markers of a.edf lie outside of its data and are left out.",
    ]


def test_a_marker_that_no_recording_can_have_is_no_sign_of_lost_data(tmp_path):
    path = write_brainvision(tmp_path, extra=[("Stimulus", "S  9", 99_999_999_999)])
    (note,) = [note for note in read_eeg(path).notes if "behind the end" in note]
    assert "1 of the markers" in note and "damaged" in note and "cut short" not in note


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        (
            "SamplingInterval=10000",
            "SamplingInterval=0",
            "says SamplingInterval=0: it must be the microseconds",
        ),
        ("SamplingInterval=10000", "SamplingInterval=fast", "says SamplingInterval=fast: it must be"),
        ("SamplingInterval=10000", "SamplingInterval=-4", "says SamplingInterval=-4: it must be"),
        ("SamplingInterval=10000\n", "", "does not say SamplingInterval"),
        ("DataFile=a.eeg\n", "", r"does not say DataFile, .*DataFile=NAME\.eeg below \[Common Infos\]"),
        ("DataFile=a.eeg\n", "DataFile=\n", "does not say DataFile"),
        ("NumberOfChannels=2\n", "", "does not say NumberOfChannels"),
        ("NumberOfChannels=2\n", "NumberOfChannels=two\n", "says NumberOfChannels=two: it must be from 1"),
        ("DataFormat=BINARY\n", "", "does not say DataFormat"),
        ("DataOrientation=MULTIPLEXED\n", "", "does not say DataOrientation"),
    ],
)
def test_what_a_brainvision_header_lacks_is_one_clear_sentence(tmp_path, line, instead, said):
    path = write_brainvision(tmp_path)
    content = path.read_text(encoding="utf-8")
    assert line in content
    path.write_text(content.replace(line, instead), encoding="utf-8")
    with pytest.raises(InputError, match=rf"^a\.vhdr {said}"):
        read_eeg(path)
