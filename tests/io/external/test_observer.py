"""Event logs of The Observer XT, with the columns of its exports, and plain tables of codes."""

import pytest

from enicfer.errors import InputError
from enicfer.io.external.codings import read_coding

HEAD = (
    "Date_Time_Absolute_dmy_hmsf;Time_Relative_hmsf;Time_Relative_sf;Duration_sf;"
    "Observation;Subject;Behavior;Modifier_1;Event_Type;Comment"
)


def row(time, behaviour, kind, subject="Child", modifier="", observation="visit 1"):
    clocks = f"01-01-2020 10:00:00.000;00:00:0{time:.3f};{time:g};0"
    return f"{clocks};{observation};{subject};{behaviour};{modifier};{kind};"


LOG = [
    row(0.5, "happy", "State start", modifier="strong"),
    row(1.25, "looks away", "Point"),
    row(2.0, "happy", "State start", subject="Mother"),
    row(2.5, "happy", "State stop", modifier="strong"),
    row(3.0, "happy", "State stop", subject="Mother"),
]


def write(path, *rows, head=HEAD, separator=";"):
    path.write_text("\n".join([head, *rows]).replace(";", separator) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_states_and_points_of_an_event_log(tmp_path, separator):
    program, spans = read_coding(write(tmp_path / "log.txt", *LOG, separator=separator))
    assert program == "observer"
    assert [(s.onset, s.offset, s.code, s.who) for s in spans] == [
        (0.5, 2.5, "happy:strong", "Child"),
        (1.25, 1.25, "looks away", "Child"),
        (2.0, 3.0, "happy", "Mother"),
    ]


def test_decimal_commas_and_lines_of_comments(tmp_path):
    lines = [line.replace(".25;0;", ",25;0;").replace("0.5;0;", "0,5;0;") for line in LOG]
    comment = row(4, "", "", subject="")
    _, spans = read_coding(write(tmp_path / "log.txt", *lines, comment))
    assert [span.onset for span in spans] == [0.5, 1.25, 2.0]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([*LOG, row(5, "sad", "State start")], "begins 'sad' at 5.000 s and never ends it"),
        ([row(1, "sad", "State stop")], "STOP of 'sad' at 1.000 s that nothing began"),
        (
            [*LOG, row(5, "x", "Point", observation="two")],
            r"2 different entries in Observation \(two, visit 1\)",
        ),
        ([row(1, "sad", "Pause")], "row without START, STOP or POINT of 'sad'"),
        ([row(1, "sad", "Point").replace(";1;", ";n/a;")], "Row 1 of log.txt has the time 'n/a'"),
    ],
)
def test_a_log_that_is_not_whole_is_refused(tmp_path, rows, sentence):
    with pytest.raises(InputError, match=sentence):
        read_coding(write(tmp_path / "log.txt", *rows))


def test_a_log_without_seconds_says_what_to_export(tmp_path):
    head = HEAD.replace("Time_Relative_sf", "Time_Relative_s")
    with pytest.raises(InputError, match=r"Time_Relative_sf.*relative time in s and fractions"):
        read_coding(write(tmp_path / "log.txt", *LOG, head=head))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("onset,offset,code\n1.5,2.5,happy\n0,0,blink\n", [(0, 0, "blink", ""), (1.5, 2.5, "happy", "")]),
        ("Start\tDuration\tLabel\tSubject\n1.5\t1\thappy\tsub-01\n", [(1.5, 2.5, "happy", "sub-01")]),
        ("begin;end;category\n1,5;2,5;happy\n", [(1.5, 2.5, "happy", "")]),
    ],
)
def test_plain_tables(tmp_path, text, spans):
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    program, found = read_coding(tmp_path / "codes.csv")
    assert program == "table"
    assert [(s.onset, s.offset, s.code, s.who) for s in found] == spans


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("onset,offset,code\n1.5,,happy\n", "Row 1 of codes.csv has no begin or no end"),
        ("onset,offset,code\n1.5,1.0,happy\n", "backwards"),
        ("onset,offset,code\n1.5,2.0,\n", "Row 1 of codes.csv has no code"),
        ("onset,offset,code\n0:01.5,0:02,happy\n", "has the time 0:01.5 in onset"),
        ("onset,offset,code\n", "no coded span"),
    ],
)
def test_a_plain_table_that_is_not_whole_is_refused(tmp_path, text, sentence):
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_coding(tmp_path / "codes.csv")
