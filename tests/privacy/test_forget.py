"""A participant who withdrew leaves nothing behind, and nobody else loses anything."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from enicfer.batch.markers import DONE, BatchFolders, Marker, write_marker
from enicfer.batch.tables import write_group
from enicfer.cli.main import cli
from enicfer.errors import InputError
from enicfer.pipeline.cache import write_record
from enicfer.pipeline.publish import write_outputs
from enicfer.privacy.forget import forget_participant
from tests.factory import make_record, make_run

PEOPLE = ("01", "011", "02")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Outputs of three participants as a batch leaves them, with their inputs beside them."""
    root = tmp_path_factory.mktemp("made")
    output = root / "study" / "derivatives" / "enicfer"
    for i, sub in enumerate(PEOPLE):
        run = make_run(seconds=30, seed=i, entities={"sub": sub, "task": "faces"})
        files = write_outputs(run, output)
        own = {
            f.relative_to(output).as_posix(): f.stat().st_size for f in files if f"sub-{sub}" in f.parts[-1]
        }
        session = root / "study" / "raw" / f"child{i}"
        session.mkdir(parents=True)
        (session / "camera.mp4").write_bytes(b"video")
        facts = {"camera.mp4": {"size": 5, "mtime_ns": 1, "sha256": str(i) * 64}}
        marker = Marker(DONE, {}, facts, own, folder=f"../../raw/child{i}")
        write_marker(BatchFolders(output).marker(f"sub-{sub}"), marker)
        BatchFolders(output).log(f"sub-{sub}").parent.mkdir(exist_ok=True)
        BatchFolders(output).log(f"sub-{sub}").write_text("done", encoding="utf-8")
        BatchFolders(output).seen.mkdir(exist_ok=True)
        kept = BatchFolders(output).seen / f"{i}.h5"
        write_record(kept, make_record(30), videos=[str(i) * 64])
    write_group(output)
    return root / "study"


@pytest.fixture
def study(made, tmp_path):
    """A copy of these."""
    return Path(shutil.copytree(made, tmp_path / "study"))


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_everything_of_one_participant_goes_and_the_others_stay(study):
    before = files(study)
    found = forget_participant(study, "sub-01")
    after = files(study)
    gone = before.keys() - after.keys()
    assert gone and all("sub-01" in name or name.endswith("seen/0.h5") for name in gone)
    assert not [name for name in after if "sub-01_" in name or "sub-01." in name or "sub-01/" in name]
    assert not [name for name, data in after.items() if b"sub-01\t" in data or b"sub-01<" in data]
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed and all("/group" in name or name.endswith((".lock", "README.md")) for name in changed)
    qc = after["derivatives/enicfer/group_qc.tsv"].decode()
    assert "sub-011\t" in qc and "sub-02\t" in qc
    assert [path.name for path in found.inputs] == ["camera.mp4"]
    assert "raw/child0/camera.mp4" in after
    assert any("Copies elsewhere" in text for text in found.left)


def test_reports_of_align_go_too(study):
    folder = study / "raw" / "child0" / "derivatives" / "enicfer-align"
    folder.mkdir(parents=True)
    for name in ("sub-01_task-faces", "sub-011_task-faces"):
        for kind in ("html", "tsv"):
            (folder / f"{name}_sync.{kind}").write_text("clocks", encoding="utf-8")
    (folder / "sub-01_own_sync.html").write_text("no report: it has no table", encoding="utf-8")
    expected = {folder / f"sub-01_task-faces_sync.{kind}" for kind in ("html", "tsv")}
    assert expected <= set(forget_participant(study, "sub-01", dry_run=True).removed)
    assert all(path.exists() for path in expected)
    forget_participant(study, "sub-01")
    assert sorted(path.name for path in folder.iterdir()) == [
        "sub-011_task-faces_sync.html", "sub-011_task-faces_sync.tsv", "sub-01_own_sync.html"
    ]  # fmt: skip


def test_a_dry_run_says_the_same_and_removes_nothing(study):
    before = files(study)
    would = forget_participant(study, "01", dry_run=True)
    assert files(study) == before
    did = forget_participant(study, "sub-01")
    assert would.removed == did.removed and would.inputs == did.inputs
    with pytest.raises(InputError, match="Nothing in"):
        forget_participant(study, "sub-01")


def test_models_that_learnt_from_the_participant_are_named(study, tmp_path):
    from enicfer.models.googlenet import GoogLeNet
    from enicfer.models.pictures import Pictures, digest_pictures
    from enicfer.models.weights import save_model
    from enicfer.training.datasets.files import read_image

    rng = np.random.default_rng(0)
    for sub in PEOPLE:
        folder = study / "faces" / f"sub-{sub}"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "happy.png"), rng.integers(0, 255, (48, 48)).astype(np.uint8))
    digest = {
        sub: digest_pictures([read_image(study / "faces" / f"sub-{sub}" / "happy.png")]) for sub in PEOPLE
    }
    network = GoogLeNet(outputs=5)
    labels = ("angry", "fearful", "happy", "sad", "neutral")
    for name, pictures in {
        "knows": Pictures(digest["01"]),
        "chosen": Pictures(digest["02"], validated=digest["01"]),
        "other": Pictures(digest["011"]),
        "silent": None,
    }.items():
        save_model(
            tmp_path / f"{name}.safetensors",
            network,
            name=name,
            architecture="googlenet",
            labels=labels,
            pictures=pictures,
        )
    torch.save({"pictures": Pictures(digest["01"]).pack()}, tmp_path / "checkpoint.pt")
    torch.save({"step": 1}, tmp_path / "earlier.pt")
    (tmp_path / "no.pt").write_bytes(b"none")
    found = forget_participant(study, "sub-01", models=[tmp_path], dry_run=True)
    assert {path.stem: n for path, n in found.models.items()} == {"knows": 1, "chosen": 1, "checkpoint": 1}
    assert sorted(path.stem for path in found.unknown) == ["earlier", "no", "silent"]
    assert study / "faces" / "sub-01" / "happy.png" in found.inputs


@pytest.mark.parametrize("kind", ["jp2", "jfif", "ppm", "heic"])
def test_pictures_of_every_kind_of_training_are_asked_for(study, kind):
    """A kind that nothing reads is said: no model can be asked for it."""
    folder = study / "faces" / "sub-01"
    folder.mkdir(parents=True)
    (folder / f"happy.{kind}").write_bytes(b"a picture")
    (study / "own.safetensors").write_bytes(b"a model")
    found = forget_participant(study, "sub-01", dry_run=True)
    assert folder / f"happy.{kind}" in found.inputs
    assert any("1 pictures cannot be read" in text for text in found.left)


def test_the_command_and_its_refusals(study, tmp_path):
    (study / "notes.json").write_text(json.dumps({"who": "sub-01"}), encoding="utf-8")
    answer = CliRunner().invoke(cli, ["forget", str(study), "sub-01"])
    assert answer.exit_code == 0, answer.output
    for text in (
        "removed: ",
        "input, not touched: ",
        "mentions the participant, not touched: ",
        "Copies elsewhere",
    ):
        assert text in answer.output
    for place, label, message in (
        (tmp_path / "nowhere", "sub-01", "no folder"),
        (study, "../x", "no label"),
        (study, "sub-*", "no label"),
        (study, "sub-77", "Nothing in"),
    ):
        with pytest.raises(InputError, match=message):
            forget_participant(place, label)


def test_maps_of_the_participant_go_and_shared_ones_are_named(study, tmp_path):
    """Also what is named by the label and is no text is named."""
    from tests.records.test_validity import MAPS

    about = np.array('{"format": 1, "model": "a", "method": "gradient", "checks": []}')
    for name, subjects in (
        ("own", ["sub-01", "sub-01"]),
        ("both", ["sub-01", "sub-02"]),
        ("other", ["x", "y"]),
    ):
        (study / name / "figures").mkdir(parents=True)
        np.savez(study / name / "saliency.npz", about=about, **{**MAPS, "subject": np.array(subjects)})
        for made in (
            "images.tsv",
            "figures/means.png",
            "sub-01_overlay.mp4" if name == "own" else "regions.tsv",
        ):
            (study / name / made).write_bytes(b"x")
        (study / name / "mine.txt").write_text("notes")
    (study / "sub-01_raw.fif").write_bytes(b"x")
    (study / "sub-011_raw.fif").write_bytes(b"x")
    found = forget_participant(study, "sub-01")
    assert sorted(path.name for path in (study / "own").rglob("*")) == ["mine.txt"]
    assert len(list((study / "other").rglob("*"))) == len(list((study / "both").rglob("*"))) == 6
    named = {path.relative_to(study).as_posix() for path in found.mentions}
    assert {"both/saliency.npz", "sub-01_raw.fif"} <= named
    assert not {"other/saliency.npz", "sub-011_raw.fif"} & named
    assert not [name for name in named if name.endswith("README.md")]


def test_reviews_codings_and_small_videos_go_with_the_participant(study, tmp_path, monkeypatch):
    from enicfer.io.coding_log import add_codings, coding_path, new_coding
    from enicfer.io.files.names import proxy_folders
    from enicfer.io.review_log import add_entry, new_entry, review_path

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output = study / "derivatives" / "enicfer"
    made = {}
    for sub in PEOPLE:
        run = f"sub-{sub}_task-faces"
        path = review_path(output, f"sub-{sub}", "Anna")
        add_entry(path, lambda known, run=run: new_entry("Anna", run, "mark", frame=1))
        made[sub] = [path, coding_path(output, f"sub-{sub}", "Anna")]
        add_codings(made[sub][1], lambda known, run=run: [new_coding("Anna", run, "frame", frame=1)])
        for folder in proxy_folders(output):
            folder.mkdir(parents=True, exist_ok=True)
            for end in ("mp4", "growing.mp4", "json", "lock"):
                made[sub].append(folder / f"{run}_0123456789ab.{end}")
                made[sub][-1].write_bytes(b"x")
    found = forget_participant(study, "sub-01")
    assert set(made["01"]) <= set(found.removed)
    assert not any(path.exists() for path in made["01"])
    assert all(path.exists() for sub in ("011", "02") for path in made[sub])
    assert not [path for path in found.mentions if path in made["011"] + made["02"]]
