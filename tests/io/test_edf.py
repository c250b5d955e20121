"""EDF, EDF+, BDF and BDF+ as their specifications allow them (https://www.edfplus.info/specs): bytes made by hand."""

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.eeg import read_eeg

TWO = {1: ["+1.5\x14S 1\x14\0"], 3: ["+3.25\x150.5\x14happy\x14\0"]}
FOUND = [(1.5, "S 1"), (3.25, "happy")]


def field(text, width):
    return str(text).encode("latin-1").ljust(width)[:width]


def write(
    path,
    *,
    kind="EDF",
    reserved="EDF+C",
    signals=(("Fz", 100),),
    texts=None,
    more=None,
    n_records=10,
    said=None,
    length=1,
    begin=0,
    date="01.01.10",
    limits=None,
    values=None,
    first=False,
):
    """Write a file; ``texts`` and ``more`` are annotations of each record, as two signals; ``values`` by signal."""
    width = {"EDF": 2, "BDF": 3}[kind]
    low, high = -(256**width // 2), 256**width // 2 - 1
    annotations = [(f"{kind} Annotations", 60)] * ((texts is not None) + (more is not None))
    every = [*annotations, *signals] if first else [*signals, *annotations]
    physical = [(limits or {}).get(name, (low, high)) for name, _ in every]
    head = (b"0".ljust(8) if kind == "EDF" else b"\xffBIOSEMI") + field("X X X X", 80)
    head += field("Startdate 01-JAN-2010 X X X", 80) + field(date, 8) + field("00.00.00", 8)
    head += field(256 * (len(every) + 1), 8) + field(reserved, 44)
    head += field(n_records if said is None else said, 8) + field(length, 8) + field(len(every), 4)
    columns = [
        ([name for name, _ in every], 16),
        ([""] * len(every), 80),
        (["uV"] * len(every), 8),
        ([a for a, _ in physical], 8),
        ([b for _, b in physical], 8),
        ([low] * len(every), 8),
        ([high] * len(every), 8),
        ([""] * len(every), 80),
        ([n for _, n in every], 8),
        ([""] * len(every), 32),
    ]
    head += b"".join(field(cell, n) for cells, n in columns for cell in cells)
    for record in range(n_records):
        at = begin + record * length
        told = [[f"+{at:g}\x14\x14\0", *(texts or {}).get(record, [])], (more or {}).get(record, [])]
        for name, n in every:
            if "Annotations" in name:
                said_here = b"".join(t if isinstance(t, bytes) else t.encode() for t in told.pop(0))
                head += said_here.ljust(width * n, b"\0")
            else:
                part = np.zeros(n) if values is None or name not in values else values[name](record, n)
                numbers = np.asarray(part, "<i4").tobytes()
                head += b"".join(numbers[4 * i : 4 * i + width] for i in range(n))
    path.write_bytes(head)
    return path


def found(recording):
    return [(round(t, 4), code) for t, code in recording.triggers.itertuples(index=False)]


WAYS = {
    "EDF+C": {},
    "BDF+C": {"kind": "BDF", "reserved": "BDF+C"},
    "capitals in the name": {"name": "a.EDF"},
    "annotations before the signals": {"first": True},
    "several rates": {"signals": (("Fz", 100), ("Resp", 10), ("EMG", 50))},
    "records of half a second": {
        "length": 0.5,
        "n_records": 20,
        "signals": (("Fz", 50),),
        "texts": {3: TWO[1], 7: TWO[3]},
    },
    "an annotation told later": {"texts": {8: TWO[1] + TWO[3]}},
    "a second signal of annotations": {"texts": {1: TWO[1]}, "more": {5: TWO[3]}},
    "a first record that begins within a second": {
        "begin": 0.25,
        "texts": {1: ["+1.75\x14S 1\x14\0"], 3: ["+3.5\x14happy\x14\0"]},
    },
    "many decimals": {"texts": {1: ["+1.50000000000\x14S 1\x14\0"], 3: TWO[3]}},
    "an empty text": {"texts": TWO | {4: ["+4.5\x150.1\x14\x14\0"]}},
    "a year of two digits": {"date": "01.01.85"},
    "decimal commas in the header": {"limits": {"Fz": ("-3200,0", "3200,0")}},
    "two signals of one name": {"signals": (("Fz", 100), ("Fz", 100))},
    "a date that is none": {"date": "99.99.99"},
}


@pytest.mark.parametrize("way", WAYS)
def test_one_recording_however_it_is_written(tmp_path, way):
    settings = {"texts": TWO, **WAYS[way]}
    name = settings.pop("name", "a.bdf" if "kind" in settings else "a.edf")
    recording = read_eeg(write(tmp_path / name, **settings))
    assert (recording.duration, recording.sampling_rate) == (10.0, 100.0)
    assert found(recording) == FOUND
    assert not recording.gaps and not recording.notes


def test_several_texts_at_one_time(tmp_path):
    texts = {0: ["+0.5\x14a\x14b\x14\0"]}
    assert found(read_eeg(write(tmp_path / "a.edf", texts=texts))) == [(0.5, "a"), (0.5, "b")]


def test_letters_of_any_script(tmp_path):
    texts = {0: ["+0.5\x14fröhlich 喜\x14\0"]}
    assert found(read_eeg(write(tmp_path / "a.edf", texts=texts))) == [(0.5, "fröhlich 喜")]


def test_annotations_in_latin_1_are_read_and_said(tmp_path):
    texts = {0: ["+0.5\x14fröhlich\x14\0".encode("latin-1")]}
    recording = read_eeg(write(tmp_path / "a.edf", texts=texts))
    assert found(recording) == [(0.5, "fröhlich")]
    assert recording.notes == (
        "The annotations of a.edf are not in UTF-8, as EDF+ has them: they were read as Latin-1.",
    )


@pytest.mark.parametrize("at", ["-0.5", "+50"])
def test_annotations_outside_of_the_signal_are_counted(tmp_path, at):
    recording = read_eeg(write(tmp_path / "a.edf", texts=TWO | {0: [f"{at}\x14out\x14\0"]}))
    assert found(recording) == FOUND
    assert recording.notes == ("1 markers of a.edf lie outside of its data and are left out.",)


def test_a_boundary_is_a_pause(tmp_path):
    recording = read_eeg(write(tmp_path / "a.edf", texts=TWO | {4: ["+4.5\x14boundary\x14\0"]}))
    assert recording.gaps == ((4.5, 4.5),) and found(recording) == FOUND


@pytest.mark.parametrize("kind", ["EDF", "BDF"])
def test_plain_files_without_annotations(tmp_path, kind):
    recording = read_eeg(write(tmp_path / f"a.{kind.lower()}", kind=kind, reserved=""))
    assert (recording.duration, found(recording), recording.notes) == (10.0, [], ())


def test_a_rate_that_is_no_whole_number(tmp_path):
    recording = read_eeg(write(tmp_path / "a.edf", length=3, signals=(("Fz", 1000),), texts=TWO))
    assert recording.sampling_rate == pytest.approx(1000 / 3) and recording.duration == 30


def steps(level):
    """A code after every fifth of a record: 1, 2, 3, ...; ``level`` gives the number that is stored for a code."""

    def values(record, n):
        stored = np.full(n, level(0))
        for i in range(5):
            stored[i * n // 5 : i * n // 5 + n // 10] = level(record * 5 + i + 1)
        return stored

    return values


CODES = [str(code) for code in range(2, 51)]  # the first holds from the first sample on, which is no change


@pytest.mark.parametrize("most", [32767, 3200, 255, 1000.5])
@pytest.mark.parametrize("label", ["STATUS", "Trigger"])
def test_codes_of_a_scaled_trigger_signal(tmp_path, label, most):
    low, high = (-32768, most) if most == 32767 else (-most, most)

    def level(code):  # the whole number whose value is nearest to the code
        return round((code - low) / (high - low) * 65535 - 32768)

    settings = {"signals": (("Fz", 100), (label, 100)), "limits": {label: (low, high)}, "reserved": ""}
    recording = read_eeg(write(tmp_path / "a.edf", values={label: steps(level)}, **settings))
    assert recording.triggers["code"].tolist() == CODES
    np.testing.assert_allclose(recording.triggers["onset"], 0.2 * np.arange(1, 50), atol=1e-9)


def test_codes_of_a_scaled_trigger_signal_of_another_rate(tmp_path):
    def level(code):
        return round((code + 200) / 400 * 65535 - 32768)

    settings = {"signals": (("Fz", 200), ("TRIGGER", 50)), "limits": {"TRIGGER": (-200, 200)}, "reserved": ""}
    recording = read_eeg(write(tmp_path / "a.edf", values={"TRIGGER": steps(level)}, **settings))
    assert recording.triggers["code"].tolist() == CODES
    np.testing.assert_allclose(recording.triggers["onset"], 0.2 * np.arange(1, 50), atol=1e-9)


@pytest.mark.parametrize("own", [0, 0x100000, 0x900000])
def test_codes_of_biosemi_without_the_amplifiers_own_bits(tmp_path, own):
    def level(code):
        value = code | own
        return value if value < 0x800000 else value - 0x1000000

    settings = {"kind": "BDF", "signals": (("Fz", 100), ("Status", 100)), "reserved": "24BIT"}
    recording = read_eeg(write(tmp_path / "a.bdf", values={"Status": steps(level)}, **settings))
    assert recording.triggers["code"].tolist() == CODES


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"said": -1}, "does not say how long it is"),
        ({"said": 5}, "its header says 5.0 s: all that is there is read"),
        ({"said": 14}, "4.0 s of the data are missing"),
    ],
)
def test_another_number_of_records_than_the_header_says(tmp_path, settings, said):
    recording = read_eeg(write(tmp_path / "a.edf", texts=TWO, **settings))
    assert recording.duration == 10 and found(recording) == FOUND
    assert said in recording.notes[0] and len(recording.notes) == 1


def test_annotations_alone_have_no_length(tmp_path):
    with pytest.raises(InputError, match="records last 0 s: it holds annotations alone"):
        read_eeg(write(tmp_path / "a.edf", signals=(), length=0, texts=TWO, n_records=4))
