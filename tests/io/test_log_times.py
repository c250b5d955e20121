"""Times in logs: decimal signs and thousands of any country, cut files; nothing is dropped without a word."""

import itertools
import re

import numpy as np
import pytest

from enicfer.config.protocol import Log
from enicfer.errors import InputError
from enicfer.io.triggers import read_trigger_log

TIMES = (0.25, 2.5, 998.75, 1234.5, 1234567.125)


def read(tmp_path, text, columns=None):
    path = tmp_path / "log.txt"
    path.write_text(text, encoding="utf-8")
    return read_trigger_log(path, columns)


@pytest.mark.parametrize("separator", ["\t", ";", " "])
@pytest.mark.parametrize("header", ["", "time{}code\n"])
@pytest.mark.parametrize("sign", [".", ","])
def test_decimal_signs(tmp_path, separator, header, sign):
    lines = [f"{t}".replace(".", sign) + f"{separator}5\n" for t in TIMES]
    log = read(tmp_path, header.format(separator) + "".join(lines))
    assert np.array_equal(log.table["onset"], TIMES) and set(log.table["code"]) == {"5"}
    assert log.notes == ()


GROUPS = {
    "US": ("{:,.1f}", str.maketrans("", "")),
    "Germany": ("{:,.1f}", str.maketrans(",.", ".,")),
    "Switzerland": ("{:,.1f}", str.maketrans(",", "'")),
    "Switzerland, typographic": ("{:,.1f}", str.maketrans(",", "\u2019")),
    "France": ("{:,.1f}", str.maketrans(",.", "\u202f,")),
    "Sweden": ("{:,.1f}", str.maketrans(",.", "\xa0,")),
    "Python": ("{:_.1f}", str.maketrans("", "")),
}


@pytest.mark.parametrize("header", ["", "time{}code\n"])
@pytest.mark.parametrize("separator", ["\t", ";", ",", " "])
@pytest.mark.parametrize("country", GROUPS)
def test_separators_of_thousands_are_refused(tmp_path, country, separator, header):
    pattern, letters = GROUPS[country]
    numbers = [pattern.format(t).translate(letters) for t in (998.5, 1000.5, 2345.5)]
    # Without a header 1.000,5,happy is 1.000 s and the code "5 happy" as well as anything else.
    unsure = country == "Germany" and separator == "," and not header
    for first in (0,) if unsure else (0, 1):  # also where every time has one
        lines = [f"{n}{separator}happy\n" for n in numbers[first:]]
        with pytest.raises(InputError, match=r"[Ll]ine \d"):
            read(tmp_path, header.format(separator) + "".join(lines))


NO_NUMBERS = ("12:30:05.5", "1 234,5", "1e400", "\u0662\u066b\u0665", "1,23,456.5")


@pytest.mark.parametrize("text", [f"{number};a\n" for number in NO_NUMBERS])
def test_what_is_no_number_is_refused_by_line(tmp_path, text):
    with pytest.raises(InputError, match=r"Line 3 of log\.txt"):
        read(tmp_path, "time;code\n0;a\n" + text)


@pytest.mark.parametrize("text", ["2,5\n4,5\n", "2,5,5\n4,5,5\n", "0,1\n2,1\n"])
def test_a_comma_that_may_be_either_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="decimal comma, or a time and a code"):
        read(tmp_path, text)
    assert read(tmp_path, "time,code\n2,5\n4,5\n").table["onset"].tolist() == [2.0, 4.0]


def test_a_comma_that_separates(tmp_path):
    assert read(tmp_path, "2,5 b\n3,S 1\n").table["code"].tolist() == ["5 b", "S 1"]
    assert read(tmp_path, "2.5,5\n4.5,5\n").table["onset"].tolist() == [2.5, 4.5]


def test_three_decimals_may_be_thousands_beside_whole_numbers(tmp_path):
    assert read(tmp_path, "time;code\n1,500;a\n2,250;a\n").table["onset"].tolist() == [1.5, 2.25]
    for text in (
        "time;code\n900;a\n1,500;a\n",
        "time_ms;code\n1,500;a\n2,250;a\n",
        "time;code\n900;a\n1.500;a\n",
        "time_ms;code\n1.500;a\n2.250;a\n12.500;a\n",
    ):
        with pytest.raises(InputError, match=r"may be 1500 or 1\.500"):
            read(tmp_path, text)
    assert read(tmp_path, "time;code\n0;a\n1.500;a\n").table["onset"].tolist() == [0.0, 1.5]


def test_rows_in_are_entries_or_named(tmp_path):
    log = read(tmp_path, "time,code\n1,a\nn/a,b\npause,c\n4,n/a\n5,d\n")
    assert log.table["code"].tolist() == ["a", "d"]
    assert re.search("2 lines .* without a time .*line 3", log.notes[0])
    assert re.search("1 line .* without a code .*line 5", log.notes[1])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2.5000 5\n4.5000 5\n16.", 2),
        ("time,code,who\n2.5,5,x\n4.5,5,x\n16.2", 2),
        ("2.50\n14.50\n16.50\n1", 3),
        ("2.50\n14.50\n16.50\n18.5", 3),
        ("12\n14\n16\n1", 3),
    ],
)
def test_a_number_cut_off_at_the_end_is_left_out(tmp_path, text, kept):
    log = read(tmp_path, text)
    assert len(log.table) == kept and "cut off" in log.notes[0]
    assert len(read(tmp_path, text[: text.rindex("\n")]).table) == kept  # a whole line may lack its end


def test_cut_logs_of_programs(tmp_path):
    eprime = "*** LogFrame Start ***\nFace.OnsetTime: 1500\n*** LogFrame End ***\nFace.OnsetTime: 25"
    log = read(tmp_path, eprime)
    assert log.table["onset"].tolist() == [1.5] and "cut off" in log.notes[0]
    with pytest.raises(InputError, match="Line 2"):
        read(tmp_path, eprime.replace("1500", "1.500,5") + "\n")
    head = "Subject\tTrial\tEvent Type\tCode\tTime\tTTime\n"
    log = read(tmp_path, head + "1\t1\tPicture\ta\t15000\t0\n1\t2\tPicture\ta\t25")
    assert log.table["onset"].tolist() == [1.5] and "cut off" in log.notes[0]
    with pytest.raises(InputError, match=r"Line 2 .*15\.000,5"):
        read(tmp_path, head + "1\t1\tPicture\ta\t15.000,5\t0\n")
    log = read(tmp_path, "1.5000 \tEXP \ta\n2.50")
    assert log.table["onset"].tolist() == [1.5] and "cut off" in log.notes[0]
    log = read(tmp_path, "emotion,face.started,n\nhappy,1.5,1\nsad,2")
    assert set(log.table["onset"]) == {1.5} and "cut off" in log.notes[0]


def test_psychopy_saved_by_a_spreadsheet(tmp_path):
    log = read(tmp_path, "emotion;face.started\nhappy;1,5\nsad;12,25\n")
    assert ("face/happy" in set(log.table["code"])) and log.table["onset"].iloc[-1] == 12.25
    with pytest.raises(InputError, match=r"Line 3 .*1\.012,25"):
        read(tmp_path, "emotion;face.started\nhappy;1,5\nsad;1.012,25\n")


def test_a_code_that_may_be_cut_is_said(tmp_path):
    log = read(tmp_path, "1.5,S 12\n2.5,S 12\n3.5,S 1")
    assert "may be cut off" in log.notes[0]
    assert read(tmp_path, "1.5,S 12\n2.5,S 1\n3.5,S 1").notes == ()


def test_columns_that_are_missing_are_named(tmp_path):
    with pytest.raises(
        InputError, match=r"no column of codes: its columns are onset, emotion\. .*perhaps emotion"
    ):
        read(tmp_path, "onset,emotion\n1,happy\n")
    with pytest.raises(InputError, match=r"columns are onset, trial_typ\. .*perhaps trial_type"):
        read(tmp_path, "onset\ttrial_typ\n1\thappy\n")
    with pytest.raises(
        InputError, match=r"none is a time.*nearest: start_time|none is a time.*nearest: onsett"
    ):
        read(tmp_path, "onsett,code\n1,happy\n")
    assert read(tmp_path, "onset,duration\n1,0\n").table["code"].tolist() == ["1"]


def test_the_protocol_names_columns(tmp_path):
    text = "emotion,face.started,trial\nhappy,1500,1\nsad,2500,2\n"
    log = read(tmp_path, text, Log("face.started", ("emotion",), "ms"))
    assert list(zip(log.table["onset"], log.table["code"], strict=True)) == [(1.5, "happy"), (2.5, "sad")]
    with pytest.raises(InputError, match=r"no column mood: its columns are emotion, face\.started, trial"):
        read(tmp_path, text, Log("face.started", ("mood",)))


def test_any_number_of_any_log_is_read_or_refused(tmp_path):
    """Against numbers written here: never another value than the written one, never one less."""
    for decimal, group, separator, size in itertools.product(
        ".,", ["", ",", ".", "'", " "], ";\t,", (1, 1000)
    ):
        if decimal == group:
            continue
        if separator == "," and decimal == ",":
            continue  # nothing can tell
        numbers = [size * x + 0.25 for x in (1, 2.5, 40)]
        swap = str.maketrans({",": group, ".": decimal})
        text = "".join(f"{x:,.2f}".translate(swap) + f"{separator}x\n" for x in numbers)
        try:
            found = read(tmp_path, text).table["onset"].tolist()
        except InputError:
            continue
        assert found == pytest.approx(numbers), text


HEAD = "Scenario -\tx\n\nSubject\tTrial\tEvent Type\tCode\tTime\tTTime\n\n"


def presentation(*rows):
    return HEAD + "".join(
        f"S1\t{i}\t{kind}\t{code}\t{time}\t0\n" for i, (kind, code, time) in enumerate(rows)
    )


def test_several_logs_in_one_file_are_refused(tmp_path):
    """Nothing of the second is dropped, or mixed with the first."""
    one = presentation(("Pulse", 30, 10000), ("Picture", "happy", 15000))
    table = "\nEvent Type\tCode\tType\tResponse\nPicture\thappy\thit\t1\n"
    assert len(read(tmp_path, one + table).table) == 2
    with pytest.raises(InputError, match=r"several logs of Presentation, .* begins at line 11"):
        read(tmp_path, one + table.replace("\nPicture\thappy\thit\t1\n", "\n") + one)
    late = presentation(("Picture", "a", 600000), ("Response", 1, 490000), ("Pulse", 30, 610000))
    assert len(read(tmp_path, late).table) == 3, "a response is written late"
    with pytest.raises(InputError, match=r"go back from 60\.0 to 1\.0 s at line 6: its clock began anew"):
        read(tmp_path, presentation(("Pulse", 30, 600000), ("Pulse", 30, 10000), ("Pulse", 30, 30000)))
    with pytest.raises(InputError, match=r"Line 4 of log\.txt is its header once more"):
        read(tmp_path, "time,code\n1.5,a\n2.5,b\ntime,code\n1.0,c\n")


@pytest.mark.parametrize("line", ["sep=;\n", '"sep=;"\n'])
def test_the_first_line_of_a_spreadsheet_that_states_the_separator(tmp_path, line):
    log = read(tmp_path, f"{line}onset;code\n1,5;a\n2,5;b\n")
    assert log.table.values.tolist() == [[1.5, "a"], [2.5, "b"]] and log.notes == ()
