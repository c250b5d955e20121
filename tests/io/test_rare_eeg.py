"""GDF, Persyst, Nicolet, Nexstim, Nihon Kohden, and recordings that nothing reads; made by the layouts in print."""

import struct

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import read_eeg

PATIENT = "BirthDate=01/02/10\nSex=\nHand=\nTestDate=12/24/2019\nTestTime=10:00:00\n"
RATE, SECONDS = 250, 10


def write_gdf(path, events, *, version=b"GDF 2.20", event_rate=50.0, mode=1, records=5):
    """Two channels of 16 bit and 50 Hz, records of 1 s, then a table of ``(s, code)`` at a rate of its own."""
    new, channels = version >= b"GDF 2", 2
    head = bytearray(256)
    head[:8] = version
    if new:
        struct.pack_into("<H", head, 184, channels + 1)
        struct.pack_into("<qIIH", head, 236, records, 1, 1, channels)
    else:
        head[8:168] = b"X X".ljust(160)
        head[168:184] = b"2020010112000000"
        struct.pack_into("<q", head, 184, 256 * (channels + 1))
        struct.pack_into("<qIII", head, 236, records, 1, 1, channels)
    each = bytearray(256 * channels)
    for i in range(channels):
        each[16 * i : 16 * i + 16] = f"E{i}".encode().ljust(16)
        struct.pack_into("<d", each, 104 * channels + 8 * i, -100)
        struct.pack_into("<d", each, 112 * channels + 8 * i, 100)
        struct.pack_into("<d" if new else "<q", each, 120 * channels + 8 * i, -30000)
        struct.pack_into("<d" if new else "<q", each, 128 * channels + 8 * i, 30000)
        struct.pack_into("<i", each, 216 * channels + 4 * i, 50)
        struct.pack_into("<i", each, 220 * channels + 4 * i, 3)
    n = len(events)
    count, rate = n.to_bytes(3, "little"), round(event_rate).to_bytes(3, "little")
    table = bytes([mode]) + (count + struct.pack("<f", event_rate) if new else rate + struct.pack("<I", n))
    table += struct.pack(f"<{n}I", *(round(t * event_rate) + 1 for t, _ in events))
    table += struct.pack(f"<{n}H", *(code for _, code in events))
    table += bytes(2 * n) + struct.pack(f"<{n}I", *[5] * n) if mode == 3 else b""
    path.write_bytes(bytes(head + each) + bytes(2 * channels * 50 * 5) + table)
    return path


EVENTS = [(0.0, 769), (0.5, 770), (2.25, 33537), (4.98, 1)]


@pytest.mark.parametrize("version", [b"GDF 1.25", b"GDF 2.20"])
@pytest.mark.parametrize("rate", [50, 1000, 25])
@pytest.mark.parametrize("mode", [1, 3])
def test_events_of_gdf_are_at_the_rate_of_their_table(tmp_path, version, rate, mode):
    found = read_eeg(write_gdf(tmp_path / "a.gdf", EVENTS, version=version, event_rate=rate, mode=mode))
    assert found.duration == 5.0 and found.notes == ()
    assert found.triggers["code"].tolist() == ["769", "770", "33537", "1"]
    assert found.triggers["onset"].tolist() == pytest.approx([t for t, _ in EVENTS], abs=0.51 / rate)


def test_a_new_segment_of_gdf_is_a_pause(tmp_path):
    found = read_eeg(write_gdf(tmp_path / "a.gdf", [(0.0, 0x7FFE), (1.0, 5), (2.0, 0x7FFE), (3.0, 6)]))
    assert found.triggers["code"].tolist() == ["5", "6"]
    assert found.gaps == ((2.0, 2.0),)


def test_an_event_of_gdf_behind_the_signal_is_counted(tmp_path):
    path = write_gdf(tmp_path / "a.gdf", [(1.0, 5), (7.0, 6)], event_rate=1000)
    found = read_eeg(path)
    assert found.triggers["code"].tolist() == ["5"]
    assert any("1 markers" in note and "outside" in note for note in found.notes)


def test_gdf_of_unknown_length_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.gdf does not say how many records"):
        read_eeg(write_gdf(tmp_path / "a.gdf", EVENTS, records=-1))


def write_persyst(
    path, *, folder="", patient=PATIENT, times="0=36000.0\n", n=RATE * SECONDS, more="", kind=0, marks=None
):
    marks = "1.0,0.0,0,100,happy\n2.5,0.5,0,100,sad, or not\n" if marks is None else marks
    data = path.with_suffix(".dat").name
    path.write_text(
        f"[FileInfo]\nFile={folder}{data}\nFileType=Interleaved\nSamplingRate={RATE}\nHeaderLength=0\n"
        f"Calibration=0.1\nWaveformCount=2\nDataType={kind}\n{more}[ChannelMap]\nFp1-Ref=1\nFp2-Ref=2\n"
        f"[Patient]\n{patient}[SampleTimes]\n{times}[Comments]\n{marks}"
    )
    np.zeros((n, 2), np.int32 if kind else np.int16).tofile(path.with_name(data))
    return path


PERSYST_READ = {
    "16 bit": {},
    "32 bit": {"kind": 7},
    "no times": {"times": ""},
    "a clock that is 200 ppm fast": {"times": "0=36000.0\n2000=36007.9984\n"},
    "over midnight": {"times": "0=86398.0\n2000=6.0\n"},
    "no date": {"patient": "BirthDate=01-02-10\nSex=\nHand=\nTestDate=\nTestTime=\n"},
}


@pytest.mark.parametrize("case", PERSYST_READ)
def test_persyst_however_it_is_written(tmp_path, case):
    found = read_eeg(write_persyst(tmp_path / "a.lay", **PERSYST_READ[case]))
    assert found.duration == SECONDS and found.gaps == ()
    assert found.triggers.values.tolist() == [[1.0, "happy"], [2.5, "sad, or not"]]


PERSYST_REFUSED = {
    "a pause": ({"times": "0=36000.0\n1000=36064.0\n"}, "between its samples 0 and 1000, 64.00 s passed and 4.00 s"),
    "a short pause": ({"times": "0=36000.0\n1000=36004.0\n2000=36008.5\n"}, "between its samples 1000 and 2000"),
    "made anonymous": ({"patient": "BirthDate=\nTestDate=\n"}, "lines Sex=, Hand=, BirthDate=01/01/00"),
    "a folder of Windows": ({"folder": "C:\\rec\\"}, r"write File=a\.dat there"),
    "a header in the data": ({"more": "HeaderLength=512\n"}, "header of 512 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", PERSYST_REFUSED)
def test_persyst_that_is_refused(tmp_path, case):
    changes, said = PERSYST_REFUSED[case]
    with pytest.raises(InputError, match=said):
        read_eeg(write_persyst(tmp_path / "a.lay", **changes))


def test_persyst_that_is_cut_or_lacks_its_data(tmp_path):
    path = write_persyst(tmp_path / "a.lay", times="0=36000.0\n2250=36009.0\n", n=1000)
    (note,) = read_eeg(path).notes
    assert "a.dat is cut short: at least 5.0 s" in note
    path = write_persyst(tmp_path / "b.lay", marks="1.0,0.0,0,100,a\n25.0,0.0,0,100,b\n")
    (note,) = read_eeg(path).notes
    assert "1 markers of b.lay lie outside" in note
    path.with_suffix(".dat").unlink()
    with pytest.raises(InputError, match=r"The data file b\.dat of b\.lay is missing"):
        read_eeg(path)
    capital = tmp_path / "C.LAY"
    write_persyst(tmp_path / "a.lay").rename(capital)
    if not (tmp_path / "C.lay").exists():
        with pytest.raises(InputError, match=r"rename it to C\.lay"):
            read_eeg(capital)


def write_nicolet(path, samples=1000):
    path.with_suffix(".head").write_text(
        "start_ts=2019-12-24 10:00:00.000\nnum_samples=1000\nsample_freq=250\nconversion_factor=0.1\nnum_channels=2\n"
        "elec_names=[Fz,Cz]\npat_id=1\nadm_id=1\nrec_id=1\nduration_in_sec=4\nsample_bytes=2\n"
    )
    np.zeros((samples, 2), np.int16).tofile(path)
    return path


def test_nicolet_is_read_and_a_cut_is_said(tmp_path, capsys):
    found = read_eeg(write_nicolet(tmp_path / "a.data"))
    assert (found.duration, found.sampling_rate, found.notes) == (4.0, 250.0, ())
    found = read_eeg(write_nicolet(tmp_path / "a.data", 600))
    assert found.duration == 2.4 and "a.data is cut short: 1.6 s" in found.notes[0]
    assert capsys.readouterr() == ("", ""), "what MNE-Python logs is for nobody here"


def test_nexstim_has_its_triggers(tmp_path):
    signal = np.zeros((2900, 64), "<i2")
    signal[290:300, 0] = signal[1450:1455, 0] = 5000
    signal.tofile(tmp_path / "a.nxe")
    found = read_eeg(tmp_path / "a.nxe")
    assert found.duration == 2.0
    assert found.triggers["onset"].tolist() == pytest.approx([0.2, 1.0], abs=1e-3)


def write_nihon(path, blocks=(4, 6), log=True):
    """EEG-1100C: a control block, blocks of ``s`` with two channels at 100 Hz, and a log of two marks."""
    head, data = bytearray(0x1800), b""
    head[0:16] = head[0x81:0x91] = b"EEG-1100C V01.00"
    head[0x17FE] = 1
    head[0x91] = 1
    struct.pack_into("<I", head, 0x92, 0x400)
    head[0x400 + 17] = len(blocks)
    for i, seconds in enumerate(blocks):
        struct.pack_into("<I", head, 0x400 + 18 + 20 * i, len(head) + len(data))
        block = bytearray(0x27 + 20)
        struct.pack_into("<HI", block, 0x1A, 0xC000 | 100, 10 * seconds)
        block[0x26] = 2
        block[0x27], block[0x27 + 10] = 0, 1
        data += bytes(block) + bytes(2 * 3 * 100 * seconds)
    path.write_bytes(bytes(head) + data)
    if log:
        lines = [
            b"happy".ljust(20, b"\0") + b"000001".ljust(25),
            b"sad".ljust(20, b"\0") + b"000003".ljust(25),
        ]
        text = bytearray(0x500)
        text[0:16] = b"EEG-1100C V01.00"
        text[0x91] = 1
        struct.pack_into("<I", text, 0x92, 0x400)
        text[0x401:0x411] = b"EEG-1100C V01.00"
        text[0x412] = len(lines)
        path.with_suffix(".LOG").write_bytes(bytes(text[:0x414]) + b"".join(lines))
    return path


def test_nihon_kohden_has_its_marks_and_its_pauses(tmp_path):
    one = read_eeg(write_nihon(tmp_path / "a.eeg", (10,)))
    assert (one.duration, one.gaps) == (10.0, ())
    assert one.triggers.values.tolist() == [[1.0, "happy"], [3.0, "sad"]]
    two = read_eeg(write_nihon(tmp_path / "a.eeg"))
    ((start, stop),) = two.gaps
    assert two.duration == 10.0 and start == stop == pytest.approx(4.0, abs=0.01)
    assert any("has pauses, and does not say how long" in note for note in two.notes)
    bare = read_eeg(write_nihon(tmp_path / "b.eeg", log=False))
    assert any("No LOG file exists" in note for note in bare.notes) and bare.triggers.empty


PARTS = {
    "a.eeg": "a.vhdr", "a.vmrk": "a.vhdr", "a.dat": "a.vhdr", "b.dat": "b.lay", "c.fdt": "c.set", "d.head": "d.data",
    "e.21E": "e.eeg", "e.LOG": "e.eeg",
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_recording_names_the_file_to_give(tmp_path, part):
    for name in ("a.vhdr", "b.lay", "c.set", "d.data"):
        (tmp_path / name).write_bytes(b"a header")
    write_nihon(tmp_path / "e.eeg")
    (tmp_path / part).write_bytes(b"\xd1\0 signal")
    with pytest.raises(InputError, match=f"give its main file {PARTS[part]}"):
        read_eeg(tmp_path / part)


@pytest.mark.parametrize("name", ["a.TRC", "a.e", "a.smr", "a.acq"])
def test_recordings_that_nothing_reads_name_their_program_and_a_way(tmp_path, name):
    (tmp_path / name).write_bytes(b"* MICROMED  Brain-Quick file *")
    with pytest.raises(InputError, match=r"is a recording of \w.*, which is not read: export it as EDF\+"):
        read_eeg(tmp_path / name)


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.eeg"])
def test_an_unknown_kind_is_one_sentence_that_lists_those_that_are_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(
        InputError, match=r"give a complete file of one of the kinds \.vhdr, .* of Nihon Kohden"
    ) as e:
        read_eeg(tmp_path / name)
    assert "dedicated reader" not in str(e.value)
