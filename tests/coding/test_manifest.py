"""Pictures to train on: the right frames, readable by nobody else, and read by training."""

import csv
import stat
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.manifest import manifest
from enicfer.coding.manifest import write_manifest
from enicfer.coding.plan import write_plan
from enicfer.coding.sampling import SamplingOptions, sample_frames
from enicfer.coding.store import write_codings
from enicfer.errors import InputError, OutputError
from enicfer.export.bids import write_run
from enicfer.faces.crop import crop_face
from enicfer.io.results import read_run
from enicfer.pipeline.provenance import hash_file
from enicfer.records import Status
from enicfer.review.study import Study
from enicfer.training.datasets import read_dataset
from enicfer.training.datasets.check import check_dataset
from enicfer.training.recipe import read_recipe
from enicfer.training.splits import divide
from tests.coding.simulate import BOOK, write_frames
from tests.numbered import draw, write

N = 40
BOX = np.array([60.0, 4.0, 110.0, 60.0], np.float32)


@pytest.fixture(scope="module")
def filmed_once(make_run, tmp_path_factory):
    """Two children with a video each, whose pictures hold their number; the face is where there is structure."""
    root = tmp_path_factory.mktemp("filmed")
    run = make_run(seconds=40.0, n_trials=4)
    path = write(root / "camera.mkv", N, options={"preset": "ultrafast"})
    for child in ("01", "02"):
        folder = root / f"child{child}"
        folder.mkdir()
        (folder / "camera.mkv").write_bytes(path.read_bytes())
        (folder / "session.toml").write_text(f'participant = "{child}"\nsession = "1"\n', encoding="utf-8")
        status = np.zeros(N, np.uint8)
        status[7] = Status.NO_FACE
        box, landmarks = np.tile(BOX, (N, 1)), np.full((N, 5, 2), np.nan, np.float32)
        box[7] = np.nan
        times = np.arange(N) / 25
        faces = replace(
            run.faces,
            video_time=times,
            box=box,
            landmarks=landmarks,
            status=status,
            score=run.faces.score[:N],
            n_faces=run.faces.n_faces[:N],
            measures={k: v[:N] for k, v in run.faces.measures.items()},
        )
        probability = np.where(status[:, None] == 0, np.float32(0.2), np.float32(np.nan))
        probability = np.repeat(probability, 5, axis=1).astype(np.float32)
        trace = replace(run.expression, video_time=times, probability=probability, status=status)
        made = replace(
            run,
            entities={"sub": child, "ses": "1", "task": "faces"},
            faces=faces,
            expression=trace,
            time=run.alignment.time(times),
            provenance=replace(run.provenance, inputs={"camera.mkv": hash_file(path)}),
        )
        write_run(root / "out", made)
    path.unlink()
    (root / "out" / "participants.tsv").write_text(
        "participant_id\tage\tsex\nsub-01\t6.5\tF\n", encoding="utf-8"
    )
    return root


@pytest.fixture
def filmed_study(filmed_once, tmp_path):
    import shutil

    root = Path(shutil.copytree(filmed_once, tmp_path / "lab"))
    both = {p: {1: "happy", 2: "sad", 3: "happy", 7: "sad", 9: "!turned"} for p in range(2)}
    other = {p: {1: "happy", 2: "neutral", 3: "sad"} for p in range(2)}
    write_frames(root / "out", "Anna", both)
    write_frames(root / "out", "Ben", other)
    for run in Study([root / "out"]).runs.values():
        write_codings(
            run, read_run(run.frames), "adjudicated", BOOK, [{"kind": "frame", "frame": 3, "category": "sad"}]
        )
    return root


def rows_of(folder):
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_crops_and_labels(filmed_study, tmp_path):
    out = tmp_path / "faces"
    found = write_manifest([filmed_study], out)
    assert (found.rows, dict(found.labels)) == (4, {"happy": 2, "sad": 2})
    # 2 is undecided, 9 cannot be coded; the face of 7 has no place.
    assert set(found.left_out.values()) == {4, 2} and len(found.left_out) == 2
    rows = rows_of(out)
    assert [(r["label"], r["frame"], r["votes"]) for r in rows[:2]] == [
        ("happy", "1", "happy=2"),
        ("sad", "3", "happy=1;sad=1"),
    ]
    assert (rows[0]["subject"], rows[0]["age"], rows[0]["sex"], rows[0]["session"]) == (
        "sub-01",
        "6.5",
        "F",
        "1",
    )
    assert rows[0]["set"] == "out" and rows[0]["weight"] == "" and rows[2]["age"] == ""
    crop = cv2.imread(str(out / rows[1]["path"]), cv2.IMREAD_UNCHANGED)
    gray = cv2.cvtColor(draw(3), cv2.COLOR_RGB2GRAY)
    expected = crop_face(np.asarray(gray, np.uint8), BOX, None, 48)
    assert crop.shape == (48, 48) and np.abs(crop.astype(int) - expected).mean() < 12
    wrong = crop_face(np.asarray(cv2.cvtColor(draw(200), cv2.COLOR_RGB2GRAY), np.uint8), BOX, None, 48)
    assert np.abs(crop.astype(int) - wrong).mean() > np.abs(crop.astype(int) - expected).mean()


def test_nobody_else_can_read_them(filmed_study, tmp_path):
    out = tmp_path / "faces"
    write_manifest([filmed_study], out)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()}
    assert modes == {0o600} and stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_dir()} == {0o700}


def test_training_reads_them(filmed_study, tmp_path):
    out = tmp_path / "faces"
    found = write_manifest([filmed_study], out)
    data = read_dataset(out)
    assert len(data) == 4 and set(data.subject.tolist()) == {"sub-01", "sub-02"}
    votes = dict(zip(data.labels, data.votes[1].tolist(), strict=True))
    assert votes["happy"] == votes["sad"] == 0.5 and data.majority[1] == -1
    assert data.labels[data.majority[0]] == "happy"
    assert {len(children) for children in found.splits.values()} == {1}
    assert check_dataset(out).shared_subjects == ()
    recipe = read_recipe(out / "own-children.toml")
    assert recipe.data.crop is False and recipe.data.path
    parts = divide(data, recipe.data, 0)
    assert {part: set(data.subject[parts.split == part]) for part in ("train", "validation")} == {
        part: {f"sub-{child.removeprefix('sub-')}" for child in found.splits[part]}
        for part in ("train", "validation")
    }, "as the manifest says, also with two children"
    learnt = {row["label"] for row in rows_of(out) if row["split"] == "train"}
    assert set(recipe.data.labels) == learnt or len(learnt) < 2


def test_weights_of_a_plan(filmed_study, tmp_path):
    plan = sample_frames([filmed_study / "out"], SamplingOptions(n=8, random=1.0, distance=0.2))
    write_plan(tmp_path / "plan.json", plan)
    runs = sorted({item.run for item in plan.items})
    write_frames(
        filmed_study / "out", "Cleo", {runs.index(item.run): {item.frame: "sad"} for item in plan.items}
    )
    write_manifest([filmed_study], tmp_path / "faces", plan=tmp_path / "plan.json")
    weights = {(r["subject"], int(r["frame"])): r["weight"] for r in rows_of(tmp_path / "faces")}
    known = {(f"sub-{i.participant}", i.frame): f"{i.weight:.6g}" for i in plan.items}
    assert any(weights.values()) and all(not w or known[key] == w for key, w in weights.items())


def test_only_an_earlier_manifest_is_replaced(filmed_study, tmp_path):
    out = tmp_path / "faces"
    write_manifest([filmed_study], out)
    with pytest.raises(OutputError, match=r"holds manifest\.csv already: give overwrite=True"):
        write_manifest([filmed_study], out)
    gone = out / rows_of(out)[0]["path"]
    write_frames(filmed_study / "out", "Anna", {0: {1: "!covered"}})
    write_frames(filmed_study / "out", "Ben", {0: {1: "!covered"}})
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    assert write_manifest([filmed_study], out, overwrite=True).rows == 3
    assert not gone.exists() and (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("a", encoding="utf-8")
    with pytest.raises(OutputError, match="give a new or empty folder"):
        write_manifest([filmed_study], other, overwrite=True)


def test_without_the_video_there_are_no_pictures(filmed_study, tmp_path):
    with pytest.raises(InputError, match="No code gives a picture"):
        write_manifest([filmed_study / "out"], tmp_path / "faces")
    assert not (tmp_path / "faces").exists()
    (filmed_study / "child02" / "camera.mkv").unlink()
    found = write_manifest([filmed_study], tmp_path / "faces")
    assert found.rows == 2 and "is not where it was" in " ".join(found.notes)


def test_the_command(filmed_study, tmp_path):
    done = CliRunner().invoke(manifest, [str(filmed_study), "-o", str(tmp_path / "faces")])
    assert done.exit_code == 0, done.output
    assert "4 pictures: happy 2, sad 2" in done.output and "show faces" in done.output
