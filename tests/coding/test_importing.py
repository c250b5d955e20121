"""Codings of other programs become a coder's track."""

import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.import_coding import import_coding as command
from enicfer.coding.agreement import measure_agreement
from enicfer.coding.importing import CodingImport, import_coding
from enicfer.coding.tracks import read_coded_study
from enicfer.errors import InputError
from tests.coding.simulate import runs_of

HEADER = "Subject,Behavior,Behavior type,Time\n"
RUN = "sub-01"


def boris(path, rows):
    """BORIS' table of events: state codes begin and end in rows of their own."""
    lines = [f"{who},{code},{kind},{at}\n" for who, code, kind, at in rows]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    rows = []
    for code, start, stop in (("smile", 2, 4), ("sadness", 5, 6.5), ("yawn", 7, 8), ("Neutral", 8, 9)):
        rows += [("child", code, "START", start), ("child", code, "STOP", stop)]
    return boris(tmp_path / "a.csv", rows)


def test_spans_become_stretches_of_frames(study, table):
    options = CodingImport(codes={"smile": "happy"}, watched=True)
    found = import_coding(table, [study], "Anna", run=RUN, options=options)
    assert dict(found.counts) == {"happy": 1, "neutral": 1, "sad": 1} and found.program == "boris"
    assert "yawn" in " ".join(found.notes)
    track = read_coded_study([study]).runs[0].tracks["Anna"]
    _, result = runs_of(study)[0]
    since = result.faces.video_time - result.faces.video_time[0]
    happy = next(entry for entry in track if entry.category == "happy")
    assert (since[happy.frame - 1], since[happy.end_frame - 1]) < (2, 4)
    assert since[happy.frame] >= 2 - 1e-6 and since[happy.end_frame] >= 4 - 1e-6
    assert happy.time == result.time[happy.frame] and happy.source == "a.csv"
    watched = next(entry for entry in track if entry.kind == "watched")
    assert (watched.frame, watched.end_frame) == (0, since.size)


def test_the_same_file_comes_once(study, table):
    options = CodingImport(codes={"smile": "happy"}, watched=True)
    import_coding(table, [study], "Anna", run=RUN, options=options)
    with pytest.raises(InputError, match=r"a\.csv was imported for Anna already \(4 codes"):
        import_coding(table, [study], "Anna", run=RUN, options=options)
    again = CodingImport(codes={"smile": "surprised"}, overwrite=True)
    import_coding(table, [study], "Anna", run=RUN, options=again)
    track = read_coded_study([study]).runs[0].tracks["Anna"]
    assert [entry.category for entry in track] == ["surprised", "sad", "neutral"]
    import_coding(table, [study], "Ben", run=RUN, options=options)
    pair = next(one for one in measure_agreement([study]).pairs if one.kind == "coders")
    assert pair.percent.value == pytest.approx(2.5 / 4.5, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "run", "words"),
    [
        ({"codes": {"smile": "proud"}}, RUN, "proud is no category"),
        ({"of": "mother"}, RUN, "no coding of 'mother': it has 'child'"),
        ({}, "", "4 runs"),
        ({}, "sub-09", "There is no run sub-09"),
        ({"program": "elan"}, RUN, "is no elan that could be read"),
    ],
)
def test_what_is_not_clear_is_said(settings, run, words, study, table):
    with pytest.raises(InputError, match=words):
        import_coding(table, [study], "Anna", run=run, options=CodingImport(**settings))
    assert not (study / "codings").exists()


def test_whose_codes_and_what_they_mean(study, tmp_path):
    rows = [("child", "happy", "START", 1), ("child", "happy", "STOP", 2)]
    both = boris(tmp_path / "b.csv", [*rows, ("mother", "sad", "START", 1), ("mother", "sad", "STOP", 2)])
    with pytest.raises(InputError, match="has codes of 'child', 'mother'"):
        import_coding(both, [study], "Anna", run=RUN)
    assert dict(import_coding(both, [study], "Anna", run=RUN, options=CodingImport(of="mother")).counts) == {
        "sad": 1
    }
    none = boris(tmp_path / "c.csv", [("child", "yawn", "START", 1), ("child", "yawn", "STOP", 2)])
    with pytest.raises(InputError, match="no category of the codebook expressions; its codes are yawn"):
        import_coding(none, [study], "Anna", run=RUN)
    late = boris(tmp_path / "d.csv", [("child", "happy", "START", 1000), ("child", "happy", "STOP", 1001)])
    with pytest.raises(InputError, match="is within sub-01_ses-1_task-faces"):
        import_coding(late, [study], "Anna", run=RUN)
    with pytest.raises(InputError, match=r"no file none\.csv"):
        import_coding(tmp_path / "none.csv", [study], "Anna", run=RUN)
    with pytest.raises(InputError, match="cannot be called 'adjudicated'"):
        import_coding(both, [study], "adjudicated", run=RUN)


def test_codes_that_exclude_each_other_are_refused_whole(study, tmp_path):
    rows = [
        ("", "happy", "START", 1),
        ("", "sad", "START", 1.5),
        ("", "happy", "STOP", 2),
        ("", "sad", "STOP", 3),
    ]
    with pytest.raises(InputError, match="only one of them holds at a time"):
        import_coding(boris(tmp_path / "a.csv", rows), [study], "Anna", run=RUN)
    with pytest.raises(InputError, match="Nobody coded"):
        read_coded_study([study])


def test_points_are_of_a_frame(study, tmp_path):
    book = tmp_path / "mouth.toml"
    book.write_text(
        'number = 1\n[[category]]\nname = "bite"\nkey = "b"\nkind = "point"\ndefinition = "d"\n', "utf-8"
    )
    table = boris(tmp_path / "a.csv", [("", "bite", "POINT", 3.0), ("", "bite", "POINT", 5.0)])
    assert dict(import_coding(table, [study], "Anna", run=RUN, book=book).counts) == {"bite": 2}
    track = read_coded_study([study]).runs[0].tracks["Anna"]
    _, result = runs_of(study)[0]
    times = result.faces.video_time
    assert np.allclose([entry.video_time - times[0] for entry in track], [3.0, 5.0], atol=0.08)


def test_the_command(study, table):
    words = [str(table), str(study), "--coder", "Anna", "--run", RUN, "--code", "smile=happy"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0 and "happy 1, neutral 1, sad 1" in done.output and "yawn" in done.output
    done = CliRunner().invoke(command, [*words, "--code", "smile"])
    assert "write CODE=CATEGORY" in str(done.exception)
