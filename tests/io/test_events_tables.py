"""Events tables as BIDS allows them, and as pandas, spreadsheets and people write them."""

import pytest

from enicfer.errors import InputError
from enicfer.io.triggers import read_events
from enicfer.records import Modality

HEAD = "onset\tduration\ttrial_type\n"
TWO = [(1.5, "happy"), (2.5, "sad")]
ROWS = "1.5\t0\thappy\n2.5\t0\tsad\n"


def read(tmp_path, content):
    path = tmp_path / "events.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = read_events(path, Modality.EEG)
    return list(zip(found.table["onset"], found.table["code"], strict=True)), found.notes


SAME = {
    "as BIDS says": HEAD + ROWS,
    "byte order mark": b"\xef\xbb\xbf" + (HEAD + ROWS).encode(),
    "UTF-16, as Excel's Unicode text": (HEAD + ROWS).encode("utf-16"),
    "line ends of Windows": (HEAD + ROWS).replace("\n", "\r\n"),
    "line ends of an old Mac": (HEAD + ROWS).replace("\n", "\r"),
    "no line end at the end": (HEAD + ROWS).rstrip("\n"),
    "empty lines": HEAD + "\n" + ROWS + "\n\n",
    "decimal comma": HEAD + ROWS.replace(".5", ",5"),
    "decimal comma and semicolons": (HEAD + ROWS).replace("\t", ";").replace(".5", ",5"),
    "commas": (HEAD + ROWS).replace("\t", ","),
    "quotes": HEAD + '1.5\t0\t"happy"\n2.5\t0\t"sad"\n',
    "unsorted": HEAD + "2.5\t0\tsad\n1.5\t0\thappy\n",
    "duration n/a": HEAD + "1.5\tn/a\thappy\n2.5\tn/a\tsad\n",
    "negative durations": HEAD + "1.5\t-1\thappy\n2.5\t-0.5\tsad\n",
    "no duration": "onset\ttrial_type\n1.5\thappy\n2.5\tsad\n",
    "another order of columns": "trial_type\tduration\tonset\nhappy\t0\t1.5\nsad\t0\t2.5\n",
    "capitals": "Onset\tDuration\tTrial_Type\n" + ROWS,
    "blanks around cells": " onset \tduration \t trial_type\n 1.5 \t0\t happy\n 2.5\t0\tsad \n",
    "further columns": "onset\tduration\ttrial_type\tresponse_time\tstim_file\tHED\n"
    "1.5\t0\thappy\t0.4\ta.png\tSensory-event\n2.5\t0\tsad\tn/a\tb.png\tn/a\n",
    "a sample column": "onset\tduration\tsample\ttrial_type\n1.5\t0\t375\thappy\n2.5\t0\t625\tsad\n",
    "the index of pandas": ",onset,duration,trial_type\n0,1.5,0,happy\n1,2.5,0,sad\n",
    "onset_ms": "onset_ms\tduration_ms\ttrial_type\n1500\t0\thappy\n2500\t0\tsad\n",
    "onset (ms)": "onset (ms)\tduration\ttrial_type\n1500\t0\thappy\n2500\t0\tsad\n",
    "exponents": HEAD + "1.5e0\t0\thappy\n25e-1\t0\tsad\n",
    "value n/a": "onset\tduration\ttrial_type\tvalue\n1.5\t0\thappy\tn/a\n2.5\t0\tsad\t\n",
    "NaN of pandas": "onset\tduration\ttrial_type\tvalue\n1.5\t0\thappy\tNaN\n2.5\t0\tsad\tnan\n",
}


@pytest.mark.parametrize("how", SAME)
def test_one_table_however_it_is_written(tmp_path, how):
    assert read(tmp_path, SAME[how]) == (TWO, ())


@pytest.mark.parametrize(
    "head", ["onset\ttrial_type\tvalue", "onset_ms\ttrial_type\tvalue", "onset\tvalue\ttrial_type"]
)
def test_type_and_value_are_codes_without_durations_too(tmp_path, head):
    scale = 1000 if "ms" in head else 1
    cells = {"onset": scale, "onset_ms": scale, "trial_type": "happy", "value": 11}
    found, notes = read(
        tmp_path, f"{head}\n" + "\t".join(str(cells[name]) for name in head.split("\t")) + "\n"
    )
    assert sorted(found) == [(1.0, "11"), (1.0, "happy")] and notes == ()


def test_a_letter_beyond_ascii_in_any_encoding(tmp_path):
    for encoding in ("utf-8", "cp1252", "utf-16"):
        assert read(tmp_path, (HEAD + "1\t0\tfröhlich\n").encode(encoding))[0] == [(1.0, "fröhlich")]


def test_duplicates_count_and_are_said(tmp_path):
    found, (note,) = read(tmp_path, HEAD + ROWS + "1.5\t0\thappy\n1.5\t0\tsad\n")
    assert sorted(found) == sorted([*TWO, (1.5, "happy"), (1.5, "sad")])
    assert note.startswith("1 of 4 events of events.tsv") and "1.500 s, 'happy'" in note


@pytest.mark.parametrize("missing", ["n/a", "", "NaN"])
def test_rows_without_an_onset_or_a_code_are_counted(tmp_path, missing):
    text = f"{HEAD}{ROWS}{missing}\t0\thappy\n{missing}\t1\t{missing}\n4\t0\t{missing}\n"
    found, notes = read(tmp_path, text)
    assert found == TWO
    assert notes[0].startswith("2 lines of events.tsv without a time") and "line 4" in notes[0]
    assert notes[1].startswith("1 line of events.tsv without a code") and "line 6" in notes[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        (HEAD, "trial_type', and it has no other"),
        (HEAD + "n/a\t0\thappy\n", "1 line of events.tsv without a time was left out"),
        ("onset\tduration\tcondition\n1\t0\thappy\n", "its columns are onset, duration, condition"),
        ("onset\tduration\ttrial_typ\n1\t0\thappy\n", "nearest: trial_typ, perhaps trial_type"),
        ("duration\ttrial_type\n1\thappy\n", "none is a time"),
        ("onset\tduration\ttrial_type\ttrial_type\n1\t0\ta\tb\n", "two columns trial_type"),
        ("onset\tonset\ttrial_type\n1\t2\ta\n", "two columns onset"),
        (HEAD + "1\t0\thappy\tsad\n", "Line 2 of events.tsv has 4 cells and the header 3"),
        (HEAD + '1\t0\t"happy\n2\t0\tsad\n', "Line 2 of events.tsv has a quotation mark"),
        (HEAD + "1\t0\thappy\n00:00:02\t0\tsad\n", "Line 3 of events.tsv has the time '00:00:02'"),
        (HEAD + "inf\t0\thappy\n", "Line 2 of events.tsv has the time 'inf'"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "events.tsv"),
        (b"PK\x03\x04" + b"\x00" * 60, "is not a text file"),
    ],
)
def test_what_is_no_events_table_is_said(tmp_path, content, said):
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert said in str(error.value), str(error.value)
