"""Codes as files of other programs, read back by the rules of their formats."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from enicfer.cli.export_coding import export_coding as command
from enicfer.coding.exporting import PROGRAMS, export_codings
from enicfer.coding.importing import CodingImport, import_coding
from enicfer.coding.store import write_codings
from enicfer.coding.tracks import read_coded_study
from enicfer.config.codebook import read_codebook
from enicfer.errors import InputError, OutputError
from tests.coding.simulate import runs_of

BOOK = """
number = 1
cannot = ["turned", "covered"]
[[category]]
name = "smile"
key = "s"
definition = "The corners of the mouth go up."
exclusive = "mouth"
expression = "happy"
modifiers = ["side", "lips"]
[[category]]
name = "frown"
key = "f"
definition = "They go down."
exclusive = "mouth"
[[category]]
name = "blink"
key = "b"
definition = "The eyes close."
kind = "point"
[[modifier]]
name = "side"
values = ["left", "right"]
[[modifier]]
name = "lips"
values = ["open", "shut"]
"""
STEM = "sub-01_ses-1_task-faces"


@pytest.fixture
def coded(study, tmp_path):
    """A study in which Anna used all kinds of codes, and what is expected: row, onset, end, name, modifiers."""
    path = tmp_path / "mouth.toml"
    path.write_text(BOOK, encoding="utf-8")
    book = read_codebook(path)
    run, result = runs_of(study)[0]
    says = [
        {"kind": "interval", "frame": 50, "end_frame": 80, "apex_frame": 60, "category": "smile"},
        {"kind": "interval", "frame": 80, "end_frame": 95, "category": "frown", "intensity": 2},
        {"kind": "interval", "frame": 100, "end_frame": 110, "category": "smile", "modifiers": "side=left"},
        {"kind": "interval", "frame": 120, "end_frame": 130, "reason": "turned"},
        {"kind": "point", "frame": 70, "category": "blink"},
        {"kind": "frame", "frame": 33, "category": "frown"},
        {"kind": "frame", "frame": 33, "category": "smile", "repeat": 1},
        {"kind": "trial", "trial": 1, "category": "smile", "modifiers": "lips=shut,side=right"},
        {"kind": "watched", "frame": 0, "end_frame": 200},
    ]
    write_codings(run, result, "Anna", book, says)
    write_codings(run, result, "Ben", book, says[:1])
    at = result.faces.video_time - result.faces.video_time[0]
    row = result.trials.iloc[1]
    shown = np.interp(row["onset"] + np.array([0, row["duration"]]), result.time, at)
    expected = {
        ("mouth", at[50], at[80], "smile", ()),
        ("mouth", at[80], at[95], "frown", (("intensity", "2"),)),
        ("mouth", at[100], at[110], "smile", (("side", "left"),)),
        ("cannot be coded", at[120], at[130], "cannot be coded", (("reason", "turned"),)),
        ("blink", at[70], at[70], "blink", ()),
        ("frames", at[33], at[34], "frown", ()),
        ("frames again", at[33], at[34], "smile", ()),
        ("trials", *shown, "smile", (("lips", "shut"), ("side", "right"))),
        ("watched", 0.0, at[200], "watched", ()),
    }
    return study, result, expected


def same(found, expected, tolerance):
    """Whether rows are the same, but for times within the tolerance in s."""
    key = lambda one: (one[0], round(one[1], 2), one[3])  # noqa: E731
    found, expected = sorted(found, key=key), sorted(expected, key=key)
    assert [(a[0], *a[3:]) for a in found] == [(b[0], *b[3:]) for b in expected]
    assert (
        np.abs([[a[i] - b[i] for i in (1, 2)] for a, b in zip(found, expected, strict=True)]).max()
        <= tolerance
    )


def read_boris(path):
    """By the project format of BORIS: states are pairs of events with one subject, code and modifiers."""
    project = json.loads(path.read_text(encoding="utf-8"))
    kinds = {one["code"]: one for one in project["behaviors_conf"].values()}
    found = []
    for observation in project["observations"].values():
        begun = {}
        for at, subject, code, modifiers, _ in observation["events"]:
            sets = kinds[code]["modifiers"]
            words = modifiers.split("|") if modifiers else []
            assert len(words) == len(sets)
            said = tuple((sets[str(i)]["name"], word) for i, word in enumerate(words) if word != "None")
            assert all(word in (*sets[str(i)]["values"], "None") for i, word in enumerate(words))
            key = (subject, code, modifiers)
            if kinds[code]["type"] == "Point event":
                found.append((subject, at, at, code, said))
            elif key in begun:
                found.append((subject, begun.pop(key), at, code, said))
            else:
                begun[key] = at
        assert not begun
    return found


def read_elan(path):
    """By EAF 3.0: annotations of a tier refer to time slots in ms."""
    root = ElementTree.parse(path).getroot()
    slots = {one.get("TIME_SLOT_ID"): int(one.get("TIME_VALUE")) / 1000 for one in root.iter("TIME_SLOT")}
    for tier in root.iter("TIER"):
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            name, *more = one.find("ANNOTATION_VALUE").text.split(":")
            ends = (slots[one.get(f"TIME_SLOT_REF{i}")] for i in (1, 2))
            yield tier.get("TIER_ID"), *ends, name, tuple(tuple(word.split("=")) for word in more)


def read_datavyu(path):
    """As Datavyu opens version 4: a line that begins like a time is a cell of the column before it."""
    first, *lines = path.read_text(encoding="utf-8").split("\n")
    assert first == "#4" and lines.pop() == ""
    for line in lines:
        if not re.match(r"\d\d:", line):
            column, kind, visible, names = re.fullmatch(r"(\w+) \((\w+),(\w+),\)-(.*)", line).groups()
            assert (kind, visible) == ("MATRIX", "true") and column[0].isalpha()
            names = [one.split("|")[0] for one in names.split(",")]
            assert all(re.fullmatch(r"[A-Za-z]\w*", name) for name in names)
            continue
        onset, offset, values = line.split(",", 2)
        cells = [
            re.sub(r"\\(.)", r"\1", c)
            for c in re.findall(r"((?:\\.|[^\\,])*)(?:,|$)", values[1:-1])[: len(names)]
        ]
        ends = [
            int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000
            for h, m, s, ms in (time.split(":") for time in (onset, offset))
        ]
        said = tuple((n, c) for n, c in zip(names[1:], cells[1:], strict=True) if c)
        yield column.replace("_", " "), *ends, cells[0], said


def sort_modifiers(rows):
    return [(*row[:4], tuple(sorted(row[4]))) for row in rows]


def test_boris_elan_and_datavyu_hold_what_was_coded(coded, tmp_path):
    study, _, expected = coded
    done = export_codings([study], tmp_path / "out", ["boris", "elan", "datavyu"])
    assert dict(done.codes) == {"Anna": 9, "Ben": 1}
    names = {path.relative_to(tmp_path / "out").as_posix() for path in done.paths}
    assert {"boris/sub-01_ses-1_coder-Anna.boris", f"elan/{STEM}_coder-Ben.eaf"} <= names and len(names) == 6
    same(
        sort_modifiers(read_boris(tmp_path / "out" / "boris" / "sub-01_ses-1_coder-Anna.boris")),
        expected,
        1e-6,
    )
    instants = {
        (*row[:2], row[1] + 0.001 * (row[1] == row[2]) + (row[2] - row[1]), *row[3:]) for row in expected
    }
    same(sort_modifiers(read_elan(tmp_path / "out" / "elan" / f"{STEM}_coder-Anna.eaf")), instants, 0.0011)
    same(
        sort_modifiers(read_datavyu(tmp_path / "out" / "datavyu" / f"{STEM}_coder-Anna.csv")),
        expected,
        0.00051,
    )
    assert len(read_boris(tmp_path / "out" / "boris" / "sub-01_ses-1_coder-Ben.boris")) == 1


def test_bids_events_have_their_names_and_both_clocks(coded, tmp_path):
    study, result, expected = coded
    export_codings([study], tmp_path / "out", ["bids"], coder="Anna")
    root = tmp_path / "out" / "bids"
    assert json.loads((root / "dataset_description.json").read_text())["DatasetType"] == "derivative"
    (path,) = root.glob("sub-01/ses-1/beh/*_events.tsv")
    assert path.name == f"{STEM}_desc-coderAnna_events.tsv"
    table = pd.read_csv(path, sep="\t", na_values="n/a")
    assert table["onset"].is_monotonic_increasing and list(table.columns[:3]) == [
        "onset",
        "duration",
        "trial_type",
    ]
    found = sorted(zip(table["onset"], table["onset"] + table["duration"], table["trial_type"], strict=True))
    wanted = sorted(row[1:4] for row in expected)
    assert [row[2] for row in found] == [row[2] for row in wanted]
    assert np.abs([[a[i] - b[i] for i in (0, 1)] for a, b in zip(found, wanted, strict=True)]).max() < 2e-4
    smile = table[table["apex"].notna()].iloc[0]
    at = result.faces.video_time - result.faces.video_time[0]
    assert smile["apex"] == pytest.approx(at[60], abs=1e-4)
    assert smile["recording_onset"] == pytest.approx(result.time[50], abs=1e-4)
    trial = table[table["kind"] == "trial"].iloc[0]
    assert trial["recording_onset"] == pytest.approx(result.trials.iloc[1]["onset"], abs=1e-4)
    assert (trial["side"], trial["lips"]) == ("right", "shut") and set(table["reason"].dropna()) == {"turned"}
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert set(table.columns) <= set(about)
    assert set(table["trial_type"]) <= set(about["trial_type"]["Levels"])
    assert about["trial_type"]["Levels"]["smile"] == "The corners of the mouth go up."


def test_letters_that_datavyu_reads_otherwise_are_kept(study, tmp_path):
    """Its format has commas, hyphens and parentheses of its own."""
    from enicfer.export.datavyu import datavyu_table
    from enicfer.export.tracks import Coded

    name = r"a,b-c (d)\e"
    events = [
        Coded(3600.5, 3661.0, name, "1 row, odd", (("what-ever", "x,y"),)),
        Coded(1, 1, "b", "c 1 row odd"),
    ]
    path = tmp_path / "a.csv"
    path.write_text(datavyu_table(events), encoding="utf-8")
    found = list(read_datavyu(path))
    assert found[0] == ("c 1 row odd", 3600.5, 3661.0, name, (("what_ever", "x,y"),))
    assert found[1][0] == "c 1 row odd 2"


def test_what_is_exported_can_be_imported_again(coded, tmp_path):
    """As a table with onset, offset and code; and as it was: the same frames."""
    study, _, _ = coded
    export_codings([study], tmp_path / "out", ["bids"], coder="Ben")
    (path,) = (tmp_path / "out").rglob("*_events.tsv")
    table = pd.read_csv(path, sep="\t").rename(columns={"trial_type": "code"})[["onset", "duration", "code"]]
    table.to_csv(tmp_path / "codes.csv", index=False)
    options = CodingImport(program="table")
    import_coding(
        tmp_path / "codes.csv", [study], "Cleo", book=tmp_path / "mouth.toml", run=STEM, options=options
    )
    tracks = read_coded_study([study]).runs[0].tracks
    (mine,), (theirs,) = tracks["Ben"], tracks["Cleo"]
    assert (mine.frame, mine.end_frame, mine.category) == (theirs.frame, theirs.end_frame, theirs.category)


def test_the_command(coded, tmp_path):
    study, _, _ = coded
    words = [str(study), "-o", str(tmp_path / "out"), "--to", "elan, bids", "--coder", "Ben"]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0 and "written: Ben 1 code\n" in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"elan", "bids"}
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(OutputError, match="is there already"):
        export_codings([study], tmp_path / "out", ["bids"])
    assert sorted((tmp_path / "out").rglob("*")) == before
    assert CliRunner().invoke(command, [*words, "--overwrite"]).exit_code == 0
    with pytest.raises(InputError, match="There is no program word: name one of boris, elan, datavyu, bids"):
        export_codings([study], tmp_path / "other", ["word"])
    with pytest.raises(InputError, match="Dora coded nothing: name one of Anna, Ben"):
        export_codings([study], tmp_path / "other", coder="Dora")
    assert not (tmp_path / "other").exists() and list(PROGRAMS) == ["boris", "elan", "datavyu", "bids"]
