"""The page of a whole study."""

import contextlib
import io
import re
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest

from enicfer.batch.study import COURSES, read_ages
from enicfer.batch.tables import write_group
from enicfer.io.files.names import HIDDEN


@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study.make_study(folder / "study", 6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enicfer.pipeline.process.process_session", study.process_without_video)
        study.run_study(folder / "study", folder / "out")
    return folder / "out"


def page(output):
    return (output / "group.html").read_text(encoding="utf-8")


def test_the_page_shows_conditions_participants_trials_and_reasons(done):
    text = page(done)
    for heading in ("Expressions by condition", "Each participant", "Trials", "Runs"):
        assert re.search(rf"<h2[^>]*>{heading}</h2>", text)
    assert "happy  (6 participants)" in text
    assert all(f">sub-0{i}<" in text for i in range(1, 7))
    trials = pd.read_csv(done / "group_trials.tsv", sep="\t")
    happy = trials[trials["trial_type"] == "happy"]
    row = f'<td>happy</td><td class="n">6</td><td class="n">{len(happy)}</td>'
    assert row + f'<td class="n">{happy["fer_dominant"].notna().sum()}</td>' in text
    quality = pd.read_csv(done / "group_qc.tsv", sep="\t")
    widths = re.findall(
        r'<rect x="[\d.]+" width="([\d.]+)" height="12" fill="[^"]+"><title>valid: ([\d.]+)%', text
    )
    assert len(widths) == 6
    for (width, share), frames in zip(widths, quality["n_frames"], strict=True):
        assert float(width) / 160 == pytest.approx(float(share) / 100, abs=0.001) and frames > 0


def test_lines_for_a_mixed_model_run(done, monkeypatch):
    code = unescape(re.search(r"<pre[^>]*>(import pandas.*?)</pre>", page(done), re.DOTALL)[1])
    pytest.importorskip("statsmodels")
    monkeypatch.chdir(done)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(code, {})
    assert "Mixed Linear Model" in said.getvalue()


def test_lines_for_a_mixed_model_leave_out_what_a_review_rejected(done, tmp_path):
    output = shutil.copytree(done, tmp_path / "out")
    (path,) = output.glob("sub-02/**/*_events.tsv")
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    known = np.flatnonzero(table["fer_happy_mean"] != "n/a")
    table["fer_reviewed"] = "n/a"
    table.loc[known[:2], "fer_reviewed"] = ["rejected", "accepted"]
    table.to_csv(path, sep="\t", index=False)
    assert "fer_reviewed" not in page(done)
    write_group(output)
    code = unescape(re.search(r"<pre[^>]*>(import pandas.*?)print", page(output), re.DOTALL)[1])
    code = code.replace("import statsmodels.formula.api as smf", "").replace(
        "group_trials", f"{output}/group_trials"
    )
    found = {}
    exec(code, found)
    whole = pd.read_csv(output / "group_trials.tsv", sep="\t").dropna(subset=["fer_happy_mean"])
    assert len(found["trials"]) == len(whole) - 1


def test_the_same_bytes_again_and_from_what_was_kept(done, monkeypatch):
    before = page(done)
    assert len(list((done / HIDDEN / COURSES).glob("*.json"))) == 6
    monkeypatch.setattr("enicfer.batch.study.read_run", lambda path: pytest.fail("it was kept"))
    write_group(done)
    assert page(done) == before
    monkeypatch.undo()
    shutil.rmtree(done / HIDDEN / COURSES)
    write_group(done)
    assert page(done) == before


def test_what_was_kept_is_made_again_where_it_is_damaged_or_old(done):
    before = page(done)
    kept = sorted((done / HIDDEN / COURSES).glob("*.json"))
    kept[0].write_text("{", encoding="utf-8")
    kept[1].write_text('{"origin": "0", "course": {}}', encoding="utf-8")
    (kept[0].parent / "sub-99_task-faces.json").write_text("{}", encoding="utf-8")
    write_group(done)
    assert page(done) == before
    assert sorted((done / HIDDEN / COURSES).glob("*.json")) == kept


def test_one_that_is_unlike_the_others_is_named(done, tmp_path):
    output = shutil.copytree(done, tmp_path / "out")
    assert "Look at these first" not in page(output)
    (path,) = output.glob("sub-04/**/*_qc.json")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"valid_fraction": [\d.]+', '"valid_fraction": 0.31', text), encoding="utf-8")
    write_group(output)
    assert re.search(r"<td>sub-04</td><td>31% of the frames are valid, usually \d+%</td>", page(output))


def test_ages_of_the_data_set_are_shown(done, tmp_path):
    output = shutil.copytree(done, tmp_path / "data" / "derivatives" / "enicfer")
    assert ">By age</h2>" not in page(output)
    (tmp_path / "data" / "participants.tsv").write_text(
        "participant_id\tage\nsub-01\t6.5\nsub-02\t8\nsub-03\tn/a\nsub-04\t-1\n", encoding="utf-8"
    )
    assert read_ages(output) == {"sub-01": 6.5, "sub-02": 8.0}
    write_group(output)
    assert ">By age</h2>" in page(output)


def test_hostile_names_stay_text(without_video, tmp_path, monkeypatch):
    evil = "<script>alert(1)</script>"
    factory = without_video.load_factory()
    make = factory.make_run

    def renamed(**settings):
        run = make(**settings)
        return replace(run, trials=run.trials.assign(trial_type=evil))

    monkeypatch.setattr(factory, "make_run", renamed)
    monkeypatch.setattr(without_video, "load_factory", lambda: factory)
    without_video.make_study(tmp_path / "study", 2)
    without_video.run_study(tmp_path / "study", tmp_path / "out")
    assert "<script" not in page(tmp_path / "out")


def test_forgotten_participants_leave_no_time_course(done, tmp_path):
    from enicfer.privacy.forget import forget_participant

    output = shutil.copytree(done, tmp_path / "out")
    forget_participant(tmp_path, "sub-02")
    names = {path.name for path in (output / HIDDEN / COURSES).glob("*")}
    assert len(names) == 5 and not any("sub-02" in name for name in names)
    assert ">sub-02<" not in page(output) and np.all([f">sub-0{i}<" in page(output) for i in (1, 3, 4, 5, 6)])
