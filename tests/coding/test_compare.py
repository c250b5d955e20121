"""Disagreements and decisions, and the files and the command that show an agreement."""

import json
import re

import click
import pandas as pd
import pytest

from enicfer.cli.agreement import agreement
from enicfer.cli.codebooks import codebooks
from enicfer.coding import compare_coders, find_disagreements, read_coded_study, store_decision
from enicfer.coding.agreement import measure_agreement
from enicfer.coding.store import write_codings
from enicfer.errors import InputError, OutputError
from enicfer.records.agreement import CODERS
from enicfer.report.agreement import render_agreement
from tests.coding.simulate import BOOK, draw_frames, runs_of, write_frames


def run_command(command, *words):
    from click.testing import CliRunner

    done = CliRunner().invoke(command, [str(word) for word in words])
    return done.exit_code, done.output, done.exception


def test_disagreements_are_listed_and_decided(study):
    write_frames(study, "Anna", {0: {10: "happy", 20: "sad", 30: "!turned"}})
    write_frames(study, "Ben", {0: {10: "happy", 20: "neutral", 30: "angry", 40: "sad"}})
    found = find_disagreements(read_coded_study([study]))
    assert [(one.number, dict(one.codes), one.decided) for one in found] == [
        (20, {"Anna": "sad", "Ben": "neutral"}, ""),
        (30, {"Anna": "cannot be coded", "Ben": "angry"}, ""),
    ]
    assert sorted(found[0].unlabelled()) == ["neutral", "sad"]
    orders = {found[0].unlabelled(seed) for seed in range(20)}
    assert len(orders) == 2
    run, result = runs_of(study)[0]
    entry = store_decision(run, result, "Cleo", BOOK, {"kind": "frame", "frame": 20, "category": "sad"})
    assert (entry.coder, entry.by) == ("adjudicated", "Cleo")
    found = find_disagreements(read_coded_study([study]))
    assert [one.decided for one in found] == ["sad", ""]
    assert read_coded_study([study]).runs[0].tracks["Anna"][1].category == "sad"
    for frame, words in ((40, "coded by only Ben"), (41, "coded by nobody")):
        with pytest.raises(InputError, match=words):
            store_decision(run, result, "Cleo", BOOK, {"kind": "frame", "frame": frame, "category": "sad"})


def test_the_longest_disagreement_comes_first(study):
    run, result = runs_of(study)[0]
    for coder, stretches in {
        "Anna": [(100, 200, "happy"), (300, 400, "sad")],
        "Ben": [(100, 140, "happy"), (140, 200, "sad"), (300, 380, "sad"), (380, 400, "happy")],
    }.items():
        codes = [{"kind": "interval", "frame": a, "end_frame": b, "category": c} for a, b, c in stretches]
        write_codings(run, result, coder, BOOK, codes)
    found = find_disagreements(read_coded_study([study]))
    times = result.faces.video_time
    assert [one.duration for one in found] == pytest.approx(
        [times[200] - times[140], times[400] - times[380]], abs=0.1
    )
    assert found[0].video_time == pytest.approx(times[140], abs=0.1)
    store_decision(
        run, result, "Cleo", BOOK, {"kind": "interval", "frame": 140, "end_frame": 200, "reason": "turned"}
    )
    assert [one.decided for one in find_disagreements(read_coded_study([study]))] == ["cannot be coded", ""]


def test_the_files_say_what_was_found(study, tmp_path):
    write_frames(study, "Anna", draw_frames(study, 30, 0.0, 0))
    write_frames(study, "<b>Ben", draw_frames(study, 30, 0.3, 1))
    found, disagreements, paths = compare_coders([study], output=tmp_path / "out")
    assert [path.name for path in paths] == [
        "agreement.html",
        "agreement.json",
        "agreement.tsv",
        "disagreements.tsv",
    ]
    page = paths[0].read_text(encoding="utf-8")
    assert "&lt;b&gt;Ben" in page and "<b>Ben" not in page and found.methods.split(".")[0] in page
    assert "http" not in page.replace("http://www.w3.org", "")
    table = pd.read_csv(paths[2], sep="\t", keep_default_na=False)
    row = table[(table["kind"] == "coders") & (table["measure"] == "kappa") & (table["category"] == "n/a")]
    pair = next(one for one in found.pairs if one.kind == "coders")
    assert float(row["value"].iloc[0]) == pytest.approx(pair.kappa.value, abs=1e-6)
    content = json.loads(paths[1].read_text(encoding="utf-8"))["agreement"]
    assert content["pairs"][0]["kappa"]["value"] == pair.kappa.value
    listed = pd.read_csv(paths[3], sep="\t")
    assert len(listed) == len(disagreements) > 10
    assert not {"Ben", "Anna"} & set("".join(listed["codes"]).split())
    with pytest.raises(OutputError, match=r"agreement\.html is in .* already: give overwrite=True"):
        compare_coders([study], output=tmp_path / "out")
    before = [path.read_bytes() for path in paths]
    compare_coders([study], output=tmp_path / "out", overwrite=True)
    assert [path.read_bytes() for path in paths] == before


def test_the_command(study, tmp_path):
    write_frames(study, "Anna", draw_frames(study, 20, 0.0, 0))
    write_frames(study, "Ben", draw_frames(study, 20, 0.3, 1))
    code, said, _ = run_command(agreement, study, "-o", tmp_path / "out")
    assert code == 0
    assert "Anna and Ben, 80 frames of 4 children" in said and "disagreements" in said
    assert "agreement.html" in said
    code, _, error = run_command(agreement, tmp_path / "out")
    assert code and "no results" in str(error)


def test_codebooks_are_listed_and_checked(tmp_path):
    code, said, _ = run_command(codebooks)
    assert code == 0 and "ok     expressions 1-" in said and "ok     looking 1-" in said
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("number = 0\n", encoding="utf-8")
    code, said, error = run_command(codebooks, BOOK.file, wrong)
    assert code and "3 happy: " in said and "wrong  wrong: " in said and "1 of 2 codebooks" in str(error)
    assert not isinstance(error, click.ClickException)


def test_a_kappa_below_0_is_drawn_where_it_is(study):
    write_frames(study, "Anna", {p: {f: "neutral" if f % 3 else "sad" for f in range(60)} for p in range(4)})
    write_frames(study, "Ben", {p: {f: "sad" if f % 3 else "neutral" for f in range(60)} for p in range(4)})
    found = measure_agreement([study])
    pair = next(one for one in found.pairs if one.kind == CODERS)
    assert pair.kappa.value < -0.75
    page = render_agreement(found)
    row = next(row for row in page.split("<tr>") if "coder with coder" in row)
    start = float(re.search(r"drawn from (\S+) to 1", row)[1])
    assert start <= pair.kappa.low and f"<th>{start:g} to 1</th>" in page
    value, zero = (
        float(re.search(r'cx="(\S+)"', row)[1]),
        float(re.search(r'y1="1" y2="11"|$', row).start() > 0),
    )
    assert value == pytest.approx(2 + 120 * (pair.kappa.value - start) / (1 - start), abs=0.1) and zero
    write_frames(study, "Ben", {p: {f: "neutral" if f % 3 else "sad" for f in range(59)} for p in range(4)})
    assert "drawn from 0.0 to 1" in render_agreement(measure_agreement([study]))
