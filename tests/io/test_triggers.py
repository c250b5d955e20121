import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.triggers import read_events, read_trigger_log
from enicfer.records import Modality


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def entries(path):
    table = read_trigger_log(path).table
    return list(zip(table["onset"].round(6), table["code"], strict=True))


def test_a_real_eprime_log_in_utf16(shared_data):
    table = read_trigger_log(shared_data / "fmri" / "eprime_cuetask.txt").table
    pictures = table[table["code"] == "PicNeut1"]
    assert len(pictures) == 32
    assert pictures["onset"].iloc[:3].tolist() == pytest.approx([145.896, 151.363, 154.879])
    assert (table["code"] == "Crave.RTTime").sum() == 6  # of eight; a time of 0 means that nobody answered
    assert table["onset"].is_monotonic_increasing


def test_presentation_log_in_tenths_of_ms_without_its_second_table(tmp_path):
    text = (
        "Scenario - faces\nLogfile written - 01/02/2024 10:00:00\n\n"
        "Subject\tTrial\tEvent Type\tCode\tTime\tTTime\tUncertainty\n\n"
        "01\t0\tPulse\t5\t113471\t0\t1\n"
        "01\t1\tPicture\thappy\t123471\t0\t1\n"
        "01\t1\tPulse\t5\t133471\t0\t1\n"
        "01\t1\tResponse\t1\t140000\t0\t1\n"
        "\nEvent Type\tCode\tType\tResponse\tRT\nPicture\thappy\tother\t0\t999\n"
    )
    expected = [(11.3471, "5"), (12.3471, "happy"), (13.3471, "5"), (14.0, "1")]
    assert entries(write(tmp_path, "a.log", text)) == expected
    # where a button has the scanner's code, the event type tells them apart
    clash = text.replace("Response\t1", "Response\t5")
    assert [code for _, code in entries(write(tmp_path, "b.log", clash))] == [
        "Pulse/5", "happy", "Pulse/5", "Response/5"
    ]  # fmt: skip


def test_psychopy_table_has_components_conditions_and_keys(tmp_path):
    text = (
        "emotion,face.started,trigger.keys,trigger.rt,trigger.started,participant\n"
        ",,\"['5', '5']\",\"[0.5, 2.5]\",1.0,p1\n"
        "happy,10.25,,,,p1\nsad,13.5,,,,p1\n"
    )
    found = entries(write(tmp_path, "a.csv", text))
    assert (1.5, "5") in found and (3.5, "5") in found
    assert (10.25, "face") in found and (10.25, "face/happy") in found and (13.5, "face/sad") in found
    assert not any("p1" in code for _, code in found)


def test_psychopy_log(tmp_path):
    text = "6.1234 \tEXP \tface: autoDraw = True\n7.5 \tDATA \tKeypress: 5\n9.5000 \tDATA \tKeypress: 5\n"
    found = entries(write(tmp_path, "a.log", text))
    assert found == [(6.1234, "face: autoDraw = True"), (7.5, "5"), (9.5, "5")]


def test_bids_events_give_type_and_value(tmp_path):
    text = "onset\tduration\ttrial_type\tvalue\n-1.5\t0\tvolume\tn/a\n2.0\t1\thappy\t11\n3\t1\tn/a\tn/a\n"
    assert entries(write(tmp_path, "events.tsv", text)) == [(-1.5, "volume"), (2.0, "happy"), (2.0, "11")]


@pytest.mark.parametrize(
    "text",
    [
        "1.5 S  1\n2.5 S  2\n",
        "# a comment\n1.5\tS  1\n2.5\tS  2\n",
        "time,code\n1.5,S  1\n2.5,S  2\n",
        "Onset (ms);Trigger\n1500;S 1\n2500;S 2\n",
        "time_ms,subject,marker\n1500,3,S 1\n2500,3,S 2\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_plain_tables(tmp_path, text, encoding):
    path = write(tmp_path, "log.txt", text.replace("\n", "\r\n"), encoding)
    assert entries(path) == [(1.5, "S 1"), (2.5, "S 2")]


def test_times_alone_are_pulses(tmp_path):
    table = read_trigger_log(write(tmp_path, "log.txt", "0.5\n2.5\n4.5\n")).table
    assert np.array_equal(table["onset"], [0.5, 2.5, 4.5])
    assert set(table["code"]) == {"1"}


@pytest.mark.parametrize("text", ["", "\n\n", "hello world\nfoo bar\n", "name,age\nx,3\n"])
def test_a_file_without_entries_is_refused_with_its_first_line(tmp_path, text):
    with pytest.raises(InputError, match="no entry with a time and a code"):
        read_trigger_log(write(tmp_path, "log.txt", text))


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(InputError, match=r"no file nothing\.csv"):
        read_trigger_log(tmp_path / "nothing.csv")
    (tmp_path / "x.log").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(InputError, match="not a text file"):
        read_trigger_log(tmp_path / "x.log")


def test_a_column_of_decimal_commas_is_read_whole_or_not_at_all(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("onset;code\n0;a\n12,5;b\n20;c\n33,25;d\n")
    assert read_trigger_log(path).table["onset"].tolist() == [0.0, 12.5, 20.0, 33.25]
    path.write_text("12,5\ta\n20\tb\n")
    assert read_trigger_log(path).table["onset"].tolist() == [12.5, 20.0]
    path.write_text("onset;code\n0.5;a\n12,5;b\n")
    with pytest.raises(InputError, match=r"decimal comma, and 0\.5 with a point"):
        read_trigger_log(path)


def test_latency_without_a_unit_is_refused(tmp_path):
    path = tmp_path / "log.tsv"
    path.write_text("latency\ttype\n5000\tS 1\n")
    with pytest.raises(InputError, match="latency_ms or latency_s"):
        read_trigger_log(path)
    path.write_text("latency_ms\ttype\n5000\tS 1\n")
    assert read_trigger_log(path).table["onset"].tolist() == [5.0]


def test_events_are_no_log_of_a_task_program(tmp_path):
    path = tmp_path / "task.csv"
    path.write_text("emotion,answer,fixation.started,face.started\nhappy,happy,10.0,11.0\n")
    # Two conditions with the same value are one entry.
    assert read_trigger_log(path).table["code"].tolist().count("face/happy") == 1
    with pytest.raises(InputError, match=r"give it as triggers in session\.toml"):
        read_events(path, Modality.FMRI)
    with pytest.raises(InputError, match="codes that the task sent to the recording") as refused:
        read_events(path, Modality.EEG)
    assert "triggers in session.toml" not in str(refused.value)  # which a run with an EEG has none of
    path.write_text("onset\tduration\ttrial_type\n1.5\t2\thappy\n")
    assert read_events(path, Modality.EEG).table["onset"].tolist() == [1.5]
