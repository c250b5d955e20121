import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enicfer.config.protocol import Protocol, TraceSettings, Trial
from enicfer.errors import InputError, OutputError
from enicfer.export.description import BIDSIGNORE
from enicfer.export.mne import make_annotations
from enicfer.io.tables import read_table
from enicfer.pipeline.publish import write_outputs
from enicfer.records import Modality, Status
from enicfer.timecourse.quality import assess_quality
from enicfer.timecourse.sampling import spans_inside
from enicfer.timecourse.smoothing import derive_time_course
from enicfer.timecourse.trials import TRIAL_COLUMNS

MODALITIES = list(Modality)
EVERYTHING = TraceSettings(smoothing=0.2, min_probability=0.7, relative_to="quantile", quantile_window=20.0)


def validate(root: Path) -> list[tuple[str, str, str, str]]:
    """What the validator of the standard says, with the schema that it carries: no network."""
    command = "from bids_validator_deno import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--max-rows", "-1", "--format", "json", str(root)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["totalFiles"] > 3
    keys = ("severity", "code", "location", "issueMessage")
    return [tuple(issue.get(key, "") for key in keys) for issue in report["issues"]["issues"]]


@pytest.fixture
def no_figures(monkeypatch):
    """Drawing takes most of the time of writing."""
    monkeypatch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: [])


@pytest.fixture(scope="module")
def dataset(make_run, tmp_path_factory):
    """By modality: a session of two runs, and for EEG a participant without sessions."""
    roots = {}
    for modality in MODALITIES:
        roots[modality] = tmp_path_factory.mktemp(modality.value) / "derivatives" / "enicfer"
        runs = [
            make_run(modality, seed=n, entities={"sub": "01", "ses": "a", "task": "faces", "run": str(n)})
            for n in (1, 2)
        ]
        write_outputs(runs, roots[modality])
        if modality is Modality.EEG:
            write_outputs(
                make_run(modality, seed=3, entities={"sub": "02", "task": "faces"}, settings=EVERYTHING),
                roots[modality],
            )
    return roots


@pytest.mark.parametrize("modality", MODALITIES)
def test_valid_by_itself(dataset, modality):
    assert validate(dataset[modality]) == []


def test_the_validator_is_told_to_skip_no_more_than_it_must(dataset, tmp_path):
    """Where a newer schema knows one of these names, the line goes."""
    refused = set()
    for modality in (Modality.EEG, Modality.FMRI):
        root = tmp_path / modality.value
        shutil.copytree(dataset[modality], root)
        (root / ".bidsignore").write_text("", encoding="utf-8")
        refused |= {Path(location).name for severity, _, location, _ in validate(root) if severity == "error"}
    lines = [line.rpartition("/")[2] for line in BIDSIGNORE.splitlines()]
    of_runs = [line for line in lines if line.startswith("*_")]
    assert len(of_runs) == 8
    assert [line for line in of_runs if not any(fnmatch(name, line) for name in refused)] == []


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["eeg", "fmri"])
def test_processed_example_sessions_are_valid(processed, modality):
    assert validate(processed(modality)) == []


@pytest.mark.parametrize("modality", MODALITIES)
def test_content_is_valid_where_only_the_name_is_ahead_of_the_schema(dataset, modality, tmp_path):
    """The schema has no `desc` for physio and func events; without it, their content is checked in full."""
    root = tmp_path / "enicfer"
    shutil.copytree(dataset[modality], root)
    for path in list(root.rglob("*_desc-enicfer_*")):
        if re.search(r"_(physio|physioevents|events)\.", path.name):
            path.rename(path.with_name(path.name.replace("_desc-enicfer", "")))
    assert validate(root) == []


def test_conditions_of_any_name(make_run, tmp_path):
    from dataclasses import replace

    run = make_run()
    names = ["très content!", "1", "a b", "n/a", "-x-", "日本", "{curly} $5$", 'q"uote']
    write_outputs(replace(run, trials=run.trials.assign(trial_type=names)), tmp_path / "enicfer")
    assert validate(tmp_path / "enicfer") == []
    events = next((tmp_path / "enicfer").rglob("*_events.tsv"))
    assert pd.read_csv(events, sep="\t", keep_default_na=False)["trial_type"].tolist() == [
        "'-x-" if name == "-x-" else name for name in names
    ]
    assert read_table(events)["trial_type"].tolist()[4] == "-x-"


def test_a_tree_with_a_review_is_valid(make_run, tmp_path):
    from enicfer.io.review_log import add_entry, new_entry, review_path
    from enicfer.pipeline.review import apply_review, read_reviews

    run, root = make_run(), tmp_path / "enicfer"
    path = review_path(root, "sub-01_ses-01", "דנה")
    for number, reason in ((1, '=1+1 "hand"\t; n/a'), (2, ""), (3, "n/a")):
        row = run.trials.iloc[number]
        facts = {"trial": number, "onset": float(row["onset"]), "code": row["code"], "reason": reason}
        facts["verdict"] = "rejected" if reason else "accepted"
        name = "sub-01_ses-01_task-faces_run-1"
        add_entry(path, lambda known, f=facts, n=name: new_entry("דנה", n, "trial", **f))
    write_outputs(apply_review(run, read_reviews(root, "sub-01_ses-01")), root)
    (root / ".enicfer" / "proxies").mkdir(parents=True)
    (root / ".enicfer" / "proxies" / "sub-01.mp4").write_bytes(b"x")
    assert validate(root) == []
    events = read_table(next(root.rglob("*_desc-enicfer_events.tsv")))
    assert events["fer_reviewed"].tolist()[1:4] == ["rejected", "accepted", "rejected"]


def test_the_validator_reads_what_we_think_it_reads(dataset, tmp_path):
    root = tmp_path / "enicfer"
    shutil.copytree(dataset[Modality.EEG], root)
    sidecar = next(root.rglob("*_events.json"))
    content = json.loads(sidecar.read_text(encoding="utf-8"))
    content["fer_dominant"]["HED"]["happy"] = "Grinning-from-ear-to-ear"
    del content["fer_valid"]
    sidecar.write_text(json.dumps(content), encoding="utf-8")
    codes = {(severity, code) for severity, code, *_ in validate(root)}
    assert ("error", "HED_ERROR") in codes and ("warning", "TSV_ADDITIONAL_COLUMNS_UNDEFINED") in codes


def test_same_runs_same_bytes_anywhere(make_run, tmp_path):
    first = write_outputs(make_run(), tmp_path / "a")
    time.sleep(1.1)
    second = write_outputs(make_run(), tmp_path / "deeper" / "b ü")
    assert [p.relative_to(tmp_path / "a") for p in first] == [
        p.relative_to(tmp_path / "deeper/b ü") for p in second
    ]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
        assert str(tmp_path).encode() not in one.read_bytes()


def test_the_tree_is_whole(dataset):
    for modality, extra in (
        (Modality.EEG, {"desc-enicfer_annot.fif"}),
        (Modality.FMRI, {"desc-enicfer_timeseries.tsv", "desc-enicfer_timeseries.json"}),
        (Modality.NONE, set()),
    ):
        folder = dataset[modality] / "sub-01" / "ses-a" / modality.value
        stem = "sub-01_ses-a_task-faces_run-2_"
        found = {path.name.removeprefix(stem) for path in folder.glob(f"{stem}*")}
        assert found == extra | {
            "desc-enicfer_events.tsv",
            "desc-enicfer_events.json",
            "desc-enicfer_frames.h5",
            "desc-enicfer_qc.json",
            "desc-enicfer_sync.json",
            "recording-face_desc-enicfer_physio.json",
            "recording-face_desc-enicfer_physio.tsv.gz",
            "recording-face_desc-enicfer_physioevents.json",
            "recording-face_desc-enicfer_physioevents.tsv.gz",
        }
        second = {"sub-02", "sub-02.html"} if modality is Modality.EEG else set()
        assert {path.name for path in dataset[modality].iterdir()} == second | {
            ".bidsignore",
            "README.md",
            "dataset_description.json",
            "descriptions.json",
            "descriptions.tsv",
            "sub-01",
            "sub-01_ses-a.html",
        }


def test_every_column_is_described(dataset):
    for root in dataset.values():
        for table in root.rglob("*_events.tsv"):
            columns = pd.read_csv(table, sep="\t").columns
            about = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
            for column in columns:
                assert "given" not in about[column]["Description"], column
                assert {"Units", "Levels"} & set(about[column]) or column == "code", column


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("part", [slice(0, 40), slice(700, 714), slice(-40, None)])
def test_frames_without_a_time_cost_no_more_than_themselves(make_run, tmp_path, modality, part):
    """A camera's file without pulses, or a pause: where the clocks cannot be related, frames have no time."""
    whole = make_run(modality)
    time, status = whole.time.copy(), whole.expression.status.copy()
    time[part], status[part] = float("nan"), Status.OUTSIDE_RECORDING
    probability = whole.expression.probability.copy()
    probability[part] = np.nan
    faces = replace(whole.faces, status=status)
    expression = replace(whole.expression, status=status, probability=probability)
    protocol = Protocol("faces", "", modality, trial=Trial((0.0, 2.0), (-0.5, 0.0), 0.5))
    bare = whole.trials[list(TRIAL_COLUMNS)]
    time_course, segments, trials = derive_time_course(
        bare, time, faces, expression, whole.alignment, protocol
    )
    quality = assess_quality(
        faces, expression, whole.alignment, time, segments, trials, whole.recording.duration
    )
    run = replace(
        whole, time=time, faces=faces, expression=expression, time_course=time_course, segments=segments,
        trials=trials, quality=quality,
    )  # fmt: skip
    changed = (trials["fer_valid"] - whole.trials["fer_valid"]).abs() > 1e-3
    lost = whole.trials["fer_dominant"].notna().sum() - trials["fer_dominant"].notna().sum()
    assert changed.sum() <= 1 and lost <= 1
    assert segments["onset"].notna().all() and len(segments) >= len(whole.segments) - 1
    write_outputs([run], tmp_path / "out")
    table = pd.read_csv(next((tmp_path / "out").rglob("*_physio.tsv.gz")), sep="\t", header=None, dtype=str)
    before = whole.analysed.expression.ok.sum()
    assert table.notna().all(axis=1).sum() > 0.8 * before
    assert len(make_annotations(run)) == len(spans_inside(run))


def test_writing_again_replaces_these_runs_alone(no_figures, make_run, tmp_path):
    output = tmp_path / "enicfer"
    runs = [
        make_run(seed=n, entities={"sub": "01", "task": task}) for n, task in enumerate(["rest", "faces"])
    ]
    write_outputs(runs, output)
    folder = output / "sub-01" / "eeg"
    old = folder / "sub-01_task-faces_desc-enicfer_oldkind.tsv"
    foreign = folder / "sub-01_task-faces_notes.txt"
    old.write_text("of an older version")
    foreign.write_text("mine")
    rest = (folder / "sub-01_task-rest_desc-enicfer_events.tsv").read_bytes()
    before = (folder / "sub-01_task-faces_desc-enicfer_events.tsv").read_bytes()
    write_outputs(make_run(seed=7, entities={"sub": "01", "task": "faces"}), output)
    assert (folder / "sub-01_task-rest_desc-enicfer_events.tsv").read_bytes() == rest
    assert (folder / "sub-01_task-faces_desc-enicfer_events.tsv").read_bytes() != before
    assert foreign.read_text() == "mine" and not old.exists()


def test_a_run_without_an_index_is_not_all_runs(make_run, tmp_path):
    """The names of other runs, or of an acquisition, may begin with the whole name of this one."""
    output, task = tmp_path / "enicfer", {"sub": "01", "task": "faces"}
    others = [{**task, "run": "2"}, {"sub": "01", "task": "faces", "acq": "low"}]
    write_outputs([make_run(seed=n, seconds=30.0, entities=e) for n, e in enumerate(others)], output)
    theirs = {path: path.read_bytes() for path in (output / "sub-01").rglob("*") if path.is_file()}
    assert any(path.parent.name == "figures" for path in theirs)
    write_outputs(make_run(seed=7, seconds=30.0, entities=task), output)
    assert {path: path.read_bytes() for path in theirs if path.is_file()} == theirs


def test_nothing_is_half_written(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr("enicfer.pipeline.publish.write_report", lambda runs, root: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_outputs(make_run(), tmp_path / "enicfer")
    assert not list(tmp_path.iterdir())
    (tmp_path / "enicfer").mkdir()
    with pytest.raises(ZeroDivisionError):
        write_outputs(make_run(), tmp_path / "enicfer")
    assert not list((tmp_path / "enicfer").iterdir())


def test_what_cannot_be_written_is_said(make_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written to"):
        write_outputs(make_run(), tmp_path / "file" / "enicfer")
    with pytest.raises(InputError, match="Two runs share the name sub-01_ses-01_task-faces_run-1"):
        write_outputs([make_run(), make_run()], tmp_path / "enicfer")
    with pytest.raises(InputError, match="2 sessions"):
        write_outputs([make_run(), make_run(entities={"sub": "02", "task": "faces"})], tmp_path / "enicfer")
    with pytest.raises(InputError, match="no run"):
        write_outputs([], tmp_path / "enicfer")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"Name": "raw", "BIDSVersion": "1.10.0"}, "not made by enicfer"),
        ({"Name": "x", "GeneratedBy": [{"Name": "fMRIPrep"}]}, "made by fMRIPrep"),
        (
            {"Name": "x", "GeneratedBy": [{"Name": "enicfer", "Version": "0.0.9"}]},
            r"made by enicfer 0\.0\.9, and this",
        ),
        ({"Name": "x", "GeneratedBy": [{"Name": "enicfer"}]}, "made by enicfer unknown"),
    ],
)
def test_data_sets_of_others_are_left_alone(make_run, tmp_path, content, words):
    about = tmp_path / "dataset_description.json"
    about.write_text(json.dumps(content))
    with pytest.raises(OutputError, match=words):
        write_outputs(make_run(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [about.name] and json.loads(
        about.read_text()
    ) == content


def test_description_can_be_told(no_figures, make_run, tmp_path):
    write_outputs(make_run(), tmp_path / "enicfer", {"Authors": ["A. Person", "B. Person"], "License": "CC0"})
    content = json.loads((tmp_path / "enicfer" / "dataset_description.json").read_text(encoding="utf-8"))
    assert content["Authors"] == ["A. Person", "B. Person"] and content["DatasetType"] == "derivative"


def test_what_somebody_wrote_into_the_description_stays(no_figures, make_run, tmp_path):
    output = tmp_path / "enicfer"
    about = output / "dataset_description.json"
    write_outputs(make_run(), output)
    content = json.loads(about.read_text(encoding="utf-8"))
    told = {"Name": "Smiles", "Authors": ["A. Person"], "SourceDatasets": [{"URL": "doi:x"}]}
    more = {"License": "CC0", "Funding": ["A grant"], "HEDVersion": "8.0.0"}
    about.write_text(json.dumps({**content, **told, **more}), encoding="utf-8")
    write_outputs(make_run(entities={"sub": "02", "task": "faces"}), output, {"License": "PDDL"})
    after = json.loads(about.read_text(encoding="utf-8"))
    assert after == {**content, **told, "License": "PDDL", "Funding": ["A grant"]}
