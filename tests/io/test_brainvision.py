"""BrainVision files as the Core Data Format 1.0 allows them, and as recorders, exports and people leave them."""

import mne
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import open_raw, read_eeg

HEAD = """Brain Vision Data Exchange Header File Version 1.0
; Data created by a recorder

[Common Infos]
Codepage=UTF-8
DataFile=a.eeg
MarkerFile=a.vmrk
DataFormat=BINARY
; Data orientation: MULTIPLEXED=ch1,pt1, ch2,pt1 ...
DataOrientation=MULTIPLEXED
NumberOfChannels=2
; Sampling interval in microseconds
SamplingInterval=2000

[Binary Infos]
BinaryFormat=INT_16

[Channel Infos]
Ch1=Fz,,0.1,µV
Ch2=Cz,,0.1,µV
"""
MARKS = """Brain Vision Data Exchange Marker File, Version 1.0

[Common Infos]
Codepage=UTF-8
DataFile=a.eeg

[Marker Infos]
; Each entry: Mk<number>=<Type>,<Description>,<Position>,<Size>,<Channel number>
Mk1=New Segment,,1,1,0,20200316125805099157
Mk2=Stimulus,S  1,501,1,0
Mk3=Response,R  2,1001,1,0
"""
TWO = [(1.0, "Stimulus/S 1"), (2.0, "Response/R 2")]
DATA = np.arange(10_000).reshape(5000, 2)  # 10 s of two channels


@pytest.fixture
def write(tmp_path):
    def write(head=HEAD, marks=MARKS, data=None, name="a", encoding="utf-8"):
        for ending, text in (("vhdr", head), ("vmrk", marks)):
            content = text if isinstance(text, bytes) else text.encode(encoding)
            (tmp_path / f"{name}.{ending}").write_bytes(content)
        (tmp_path / f"{name}.eeg").write_bytes(DATA.astype("<i2").tobytes() if data is None else data)
        return tmp_path / f"{name}.vhdr"

    return write


def found(recording):
    return [(round(t, 4), code) for t, code in recording.triggers.itertuples(index=False)]


def old(text):
    """As recorders of before UTF-8 wrote it."""
    return text.replace("Codepage=UTF-8\n", "").replace("µV", "uV")


COMMA = HEAD.replace("DataFormat=BINARY", "DataFormat=ASCII").replace(
    "[Binary Infos]\nBinaryFormat=INT_16", "[ASCII Infos]\nDecimalSymbol=,\nSkipLines=1\nSkipColumns=0"
)
ASCII = "Fz Cz\n" + "".join(f"{a / 10:.1f} {b / 10:.1f}\n".replace(".", ",") for a, b in DATA)
WAYS = {
    "as a recorder writes it": {},
    "line ends of Windows": {"head": HEAD.replace("\n", "\r\n"), "marks": MARKS.replace("\n", "\r\n")},
    "byte order mark": {"encoding": "utf-8-sig"},
    "$b for the own name": {"head": HEAD.replace("=a.", "=$b."), "name": "sub-01 süß"},
    "no code page, ANSI": {"head": old(HEAD), "marks": old(MARKS), "encoding": "cp1252"},
    "vectorized": {
        "head": HEAD.replace("MULTIPLEXED\n", "VECTORIZED\nDataPoints=5000\n"),
        "data": DATA.T.astype("<i2").tobytes(),
    },
    "32 bit": {"head": HEAD.replace("INT_16", "INT_32"), "data": DATA.astype("<i4").tobytes()},
    "float": {"head": HEAD.replace("INT_16", "IEEE_FLOAT_32"), "data": DATA.astype("<f4").tobytes()},
    "text with decimal commas": {"head": COMMA, "data": ASCII.encode()},
    "version 2 of Analyzer": {
        "head": HEAD.replace("Version 1.0", "Version 2.0") + "[User Infos]\nProp1=int,a,1\n",
        "marks": MARKS.replace("Version 1.0", "Version 2.0") + "\n[Marker User Infos]\nProp1=Mk2,int,a,1\n",
    },
    "a comment that looks like keys": {
        "head": f"{HEAD}\n[Comment]\nSamplingInterval=77\nDataFile=b.eeg\n[x\n"
    },
    "blanks around keys and signs": {
        "head": HEAD.replace("SamplingInterval=", "SamplingInterval = "),
        "marks": MARKS.replace("Mk2=", "Mk2 = "),
    },
    "markers not in order, numbers left out": {
        "marks": MARKS.replace("Mk2=Stimulus,S  1,501,1,0\nMk3=", "Mk9=").replace("1001,1,0\n", "1001,1,0\n")
        + "Mk4=Stimulus,S  1,501,1,0\n"
    },
    "no line end at the end": {"marks": MARKS.rstrip("\n")},
}


@pytest.mark.parametrize("way", WAYS)
def test_one_recording_however_it_is_written(write, way):
    recording = read_eeg(write(**WAYS[way]))
    assert (recording.duration, recording.sampling_rate) == (10.0, 500.0)
    assert found(recording) == TWO
    assert not recording.gaps and not recording.notes


@pytest.mark.parametrize(
    "way", ["$b for the own name", "no code page, ANSI", "vectorized", "text with decimal commas"]
)
def test_the_signal_is_read_as_well(write, way):
    raw = open_raw(write(**WAYS[way]))
    scale = 0.1 if way != "text with decimal commas" else 0.01
    np.testing.assert_allclose(raw.get_data() * 1e6, DATA.T * scale, atol=1e-9)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_letters_beyond_ascii_in_markers(write, encoding):
    marks = MARKS + "Mk4=Comment,fröhlich\\1 überrascht,1501,1,0\n"
    marks = marks if encoding == "utf-8" else old(marks)
    head = HEAD if encoding == "utf-8" else old(HEAD)
    assert found(read_eeg(write(head, marks, encoding=encoding)))[2] == (
        3.0,
        "Comment/fröhlich, überrascht",
    )


def test_an_interval_that_is_no_whole_number(write):
    recording = read_eeg(write(HEAD.replace("=2000", "=3906.25")))
    assert recording.sampling_rate == 256
    assert found(recording)[0][0] == round(500 / 256, 4)


def test_types_lengths_and_channels_of_markers(write):
    marks = (
        MARKS
        + "Mk4=SyncStatus,Sync On,1401,1,0\nMk5=Bad Interval,Bad Min-Max,1501,250,1\nMk6=Stimulus,,1601,1,0\n"
    )
    assert found(read_eeg(write(marks=marks)))[2:] == [
        (2.8, "SyncStatus/Sync On"),
        (3.0, "Bad Interval/Bad Min-Max"),
        (3.2, "Stimulus/"),
    ]


def test_the_date_of_the_first_segment_moves_no_time(write):
    raw = open_raw(write())
    assert raw.info["meas_date"].isoformat() == "2020-03-16T12:58:05.099157+00:00"
    assert found(read_eeg(write(marks=MARKS.replace(",20200316125805099157", "")))) == TWO


def test_positions_at_the_ends_and_outside(write):
    marks = MARKS + "Mk4=Stimulus,S  4,1,1,0\nMk5=Stimulus,S  5,5000,1,0\nMk6=Stimulus,S  6,-3,1,0\n"
    recording = read_eeg(write(marks=marks))
    assert found(recording) == [(0.0, "Stimulus/S 4"), *TWO, (9.998, "Stimulus/S 5")]
    assert any("1 markers of a.vhdr lie outside" in note for note in recording.notes)


def test_segments_are_pauses_and_said(write):
    head = HEAD.replace("[Binary", "SegmentationType=MARKERBASED\nSegmentDataPoints=2500\n[Binary")
    recording = read_eeg(write(head, MARKS + "Mk4=New Segment,,2501,1,0,20200316125905099157\n"))
    assert recording.gaps == ((5.0, 5.0),) and found(recording) == TWO
    assert any("holds segments" in note for note in recording.notes)


def test_no_marker_file_is_named(write):
    recording = read_eeg(write(HEAD.replace("MarkerFile=a.vmrk\n", "")))
    assert not found(recording)
    assert recording.notes == ("a.vhdr names no marker file: the recording has no markers.",)


def test_big_endian_numbers_are_said(write):
    recording = read_eeg(write(HEAD.replace("=INT_16", "=INT_16\nUseBigEndianOrder=YES")))
    assert found(recording) == TWO and "big-endian" in recording.notes[0]


@pytest.mark.parametrize("cut", ["M", "Mk4", "Mk4=Stimulus,S  4", "Mk4=Stimulus,S  4,15"])
def test_a_marker_cut_off_at_the_end_is_left_out_and_said(write, cut):
    recording = read_eeg(write(marks=MARKS + cut))
    assert found(recording) == TWO
    assert recording.notes == (f"The last line of a.vmrk ({cut!r}) is cut off, and was left out.",)


@pytest.mark.parametrize("line", ["Mk4=Stimulus,S  4,x,1,0", "Mk4=Stimulus,S  4,1500.5,1,0", "Mk4=Stimulus"])
def test_a_line_that_is_no_marker_is_refused_by_its_number(write, line):
    with pytest.raises(InputError, match=r"Line 12 of a\.vmrk is 'Mk4=Stim.* no marker"):
        read_eeg(write(marks=f"{MARKS}{line}\nMk5=Stimulus,S  5,2001,1,0\n"))


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        ("DataFile=a.eeg", "DataFile=b.eeg", r"its file b\.eeg is missing.*write DataFile=a\.eeg"),
        ("DataFile=a.eeg", "DataFile=C:\\rec\\a.eeg", r"file a\.eeg is missing.*write DataFile=a\.eeg"),
        ("BINARY", "BINARY\nDataType=FREQUENCYDOMAIN", "holds FREQUENCYDOMAIN data"),
        ("BINARY", "BINARY\nAveraged=YES\nAveragedSegments=40", "holds an average"),
        ("INT_16", "UINT_16", "UINT_16 is not supported"),
        ("NumberOfChannels=2", "NumberOfChannels=3", "cannot be read"),
    ],
)
def test_what_is_no_recording_over_time_is_refused(write, here, there, said):
    assert here in HEAD
    with pytest.raises(InputError, match=said):
        read_eeg(write(HEAD.replace(here, there)))


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_what_pybv_writes(tmp_path, kind):
    pybv = pytest.importorskip("pybv")
    events = [
        {"onset": 100, "duration": 1, "description": 7, "type": "Stimulus"},
        {"onset": 300, "duration": 5, "description": "a, b", "type": "Comment"},
    ]
    signal = np.random.default_rng(0).normal(0, 2e-5, (2, 1000))
    pybv.write_brainvision(
        data=signal,
        sfreq=250,
        ch_names=["Fz", "Cz"],
        fname_base="a",
        folder_out=tmp_path,
        events=events,
        fmt=f"binary_{kind}",
        resolution=0.1,
    )
    recording = read_eeg(tmp_path / "a.vhdr")
    assert (recording.duration, recording.sampling_rate, recording.notes) == (4.0, 250.0, ())
    assert found(recording) == [(0.4, "Stimulus/S 7"), (1.2, "Comment/a, b")]


def test_what_mne_exports(tmp_path):
    pytest.importorskip("pybv")
    raw = mne.io.RawArray(np.zeros((1, 2000)), mne.create_info(["Cz"], 200.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([1.0, 2.5], [0, 0], ["Stimulus/S  7", "happy face"]))
    raw.export(tmp_path / "a.vhdr", verbose="error")
    recording = read_eeg(tmp_path / "a.vhdr")
    assert [t for t, _ in found(recording)] == [1.0, 2.5] and not recording.notes


@pytest.mark.parametrize(
    ("line", "code", "sample"),
    [
        ("Mk2=Stimulus,S,253,487,1,0", "Stimulus/S,253", 486),
        ("Mk2=Comment,left, 2,487,5,0", "Comment/left, 2", 486),
        ("Mk2=Stimulus,S  1,487,1,0,0", "Stimulus/S 1", 486),
        ("Mk2=Stimulus,S  1,487,1,0,20131113161403794232", "Stimulus/S 1", 486),
        ("Mk2=Stimulus,S  1,487,0,0", "Stimulus/S 1", 486),
        ("Mk2=Stimulus,7,487,1,0", "Stimulus/7", 486),
    ],
)
def test_a_number_behind_a_comma_of_a_description_is_no_position(write, line, code, sample):
    """pybv writes commas as they are; a date of 0 or of 20 digits may follow the three numbers of a marker."""
    marks = MARKS.partition("Mk2=")[0] + f"{line}\n"
    assert found(read_eeg(write(marks=marks))) == [(sample / 500, code)]


def test_a_header_whose_name_is_in_capitals_is_read(write):
    header = write()
    assert found(read_eeg(header.rename(header.with_suffix(".VHDR")))) == TWO
