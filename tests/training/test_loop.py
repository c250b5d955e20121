import csv
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from enicfer.errors import InputError, ModelError
from enicfer.models import load_model
from enicfer.training import loop
from enicfer.training.datasets.images import FaceImages
from enicfer.training.export import export_model
from enicfer.training.loop import learning_rate, train
from enicfer.training.recipe import Recipe, Schedule
from tests.thorough import only_thorough

Stripes = Callable[..., FaceImages]


def quiet(_: str) -> None:
    pass


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_learns_what_can_be_learnt(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    train(small, stripes(), tmp_path, quiet)
    log = rows(tmp_path)
    assert float(log[-1]["accuracy"]) > 0.9
    assert float(log[-1]["loss"]) < float(log[0]["loss"])
    assert [int(row["step"]) for row in log] == list(range(1, 25))


@pytest.mark.slow
def test_short_epochs_do_not_wait_for_checkpoints(
    tmp_path: Path, small: Recipe, stripes: Stripes, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    save = loop._save

    def count(path: Path, identity: dict[str, Any], step: int, *rest: Any) -> None:
        written.append(step)
        save(path, identity, step, *rest)

    monkeypatch.setattr(loop, "_save", count)
    recipe = replace(small, schedule=replace(small.schedule, checkpoint_steps=10))
    train(recipe, stripes(), tmp_path, quiet)
    assert written == [10, 20, 24]
    assert [int(row["step"]) for row in rows(tmp_path)] == [4, 8, 10, 12, 16, 20, 24]


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import SMALL_RECIPE, make_stripes
from enicfer.training.loop import train
train(SMALL_RECIPE, make_stripes(), Path(sys.argv[1]), print)
"""


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_bits(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    train(small, stripes(), tmp_path / "whole", quiet)
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(killed), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if (killed / "log.csv").exists() and len(rows(killed)) >= 3:
                break
            time.sleep(0.01)
        process.kill()
    before = torch.load(killed / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < before < 24
    messages: list[str] = []
    train(small, stripes(), killed, messages.append)
    assert messages[0].startswith(f"continuing at step {before}")
    first = torch.load(tmp_path / "whole" / "checkpoint.pt", weights_only=True)
    second = torch.load(killed / "checkpoint.pt", weights_only=True)
    for part in ("model", "average"):
        for name, tensor in first[part].items():
            assert torch.equal(tensor, second[part][name]), name
    timeless = [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows(killed)]
    whole = [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows(tmp_path / "whole")]
    assert timeless == whole


def test_another_recipe_or_other_data_do_not_continue_a_run(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    short = replace(small, schedule=replace(small.schedule, epochs=1))
    train(short, stripes(), tmp_path, quiet)
    other = replace(short, schedule=replace(short.schedule, seed=1))
    with pytest.raises(ModelError, match="another recipe"):
        train(other, stripes(), tmp_path, quiet)
    with pytest.raises(ModelError, match="another data"):
        train(short, stripes(n=100), tmp_path, quiet)


@pytest.mark.parametrize("field", ["split", "subject", "votes"])
def test_a_run_does_not_go_on_with_other_training_images(
    tmp_path: Path, small: Recipe, stripes: Stripes, field: str
) -> None:
    short, data = replace(small, schedule=replace(small.schedule, epochs=1)), stripes()
    path = train(short, data, tmp_path, quiet)
    other = np.full((96, 3), 1 / 3, np.float32) if field == "votes" else np.roll(getattr(data, field), 1)
    other = np.full(96, "one") if field == "subject" else other
    # The run is finished, and what follows (the model file) is refused as well.
    with pytest.raises(ModelError, match="another division"):
        train(short, replace(data, **{field: other}), tmp_path, quiet)
    content = torch.load(path, weights_only=True)
    del content["division"]
    torch.save(content, path)
    train(short, data, tmp_path, quiet)


def test_a_run_goes_on_where_data_and_models_have_moved(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    short = replace(small, schedule=replace(small.schedule, epochs=1))
    here, there = (replace(short, data=replace(short.data, path=path)) for path in ("/mnt/a", "data/a"))
    train(here, stripes(), tmp_path, quiet)
    train(there, stripes(), tmp_path, quiet)


def test_weights_of_another_network_are_one_sentence(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    short = replace(small, schedule=replace(small.schedule, epochs=1))
    checkpoint = train(short, stripes(), tmp_path, quiet)
    content = torch.load(checkpoint, weights_only=True)
    for part in ("model", "average"):
        content[part]["fc1.weight"] = content[part]["fc1.weight"][:, :-4]
    torch.save(content, checkpoint)
    with pytest.raises(ModelError, match=r"weights in .*checkpoint.pt do not fit the network of the recipe"):
        train(short, stripes(), tmp_path, quiet)
    with pytest.raises(ModelError, match="do not fit the network of the recipe"):
        export_model(checkpoint, short, stripes(), tmp_path / "m.safetensors")


def test_labels_without_images_are_refused_or_said(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    data = stripes()
    one_less = data.select((data.label != 2) | (data.split != "train"))
    with pytest.raises(InputError, match=r"No training image shows happy: take that out of \[data\] labels"):
        train(small, one_less, tmp_path / "a", quiet)
    messages: list[str] = []
    short = replace(
        small, schedule=replace(small.schedule, epochs=1), data=replace(small.data, split="given")
    )
    train(short, data.select((data.label != 2) | (data.split == "train")), tmp_path / "b", messages.append)
    assert "no validation image shows happy" in messages[0]
    assert "the subject of 88 images is unknown" in messages[1]


def test_a_run_may_be_made_longer_and_says_so(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    train(replace(small, schedule=replace(small.schedule, epochs=1)), stripes(), tmp_path, quiet)
    longer = replace(small, schedule=replace(small.schedule, epochs=2))
    content = torch.load(train(longer, stripes(), tmp_path, quiet), weights_only=True)
    assert content["step"] == 8
    assert content["plans"] == [[0, 1], [4, 2]]


def test_a_rate_that_is_too_high_is_named_and_the_checkpoint_kept(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    wild = replace(small, schedule=replace(small.schedule, learning_rate=1e30))
    with pytest.raises(ModelError, match=r"loss became (nan|inf).*learning_rate"):
        train(wild, stripes(), tmp_path, quiet)


def test_too_few_images_or_classes_are_refused(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    data = stripes()
    with pytest.raises(InputError, match="do not fill one batch of 16"):
        train(small, data.select(np.arange(16)), tmp_path, quiet)
    with pytest.raises(InputError, match="of 1 classes"):
        train(small, data.select(data.label == 0), tmp_path, quiet)


def test_the_rate_warms_up_and_ends_at_zero() -> None:
    plan = Schedule(learning_rate=1.0, warm_up=0.1)
    rates = np.array([learning_rate(step, 100, plan) for step in range(100)])
    assert rates.argmax() in (9, 10)
    assert rates.max() == pytest.approx(1, abs=0.1)
    assert rates[0] < 0.1
    assert rates[-1] < 0.001
    assert (np.diff(rates[10:]) < 0).all()


@only_thorough
def test_half_precision_learns_too(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    half = replace(small, schedule=replace(small.schedule, precision="bfloat16", epochs=20))
    content = torch.load(train(half, stripes(), tmp_path, quiet), weights_only=True)
    assert float(rows(tmp_path)[-1]["accuracy"]) > 0.9
    assert all(w.dtype == torch.float32 for w in content["average"].values())


@pytest.mark.slow
def test_early_stopping_keeps_the_best_and_stays_stopped(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    patient = replace(small, schedule=replace(small.schedule, epochs=40, patience=3))
    messages: list[str] = []
    content = torch.load(train(patient, stripes(), tmp_path, messages.append), weights_only=True)
    accuracies = {int(r["step"]): float(r["accuracy"]) for r in rows(tmp_path) if r["accuracy"]}
    best = max(accuracies, key=lambda step: accuracies[step])
    assert content["best"]["step"] == best
    assert content["step"] == best + 3 * 4 < 160
    assert messages[-1] == f"kept step {best}, the best of {content['step']}"
    # The average stays that of the last step, so that a longer run goes on from it; the model file is the best.
    kept = content["best"]["weights"]
    assert not all(torch.equal(tensor, kept[name]) for name, tensor in content["average"].items())
    export_model(tmp_path / "checkpoint.pt", patient, stripes(), tmp_path / "best.safetensors")
    model = load_model(tmp_path / "best.safetensors")
    assert model.metadata["recipe"]["steps"] == best
    exported = model.network.state_dict()["fc2.weight"]
    assert torch.equal(exported, kept["fc2.weight"][:3].half().float())
    train(patient, stripes(), tmp_path, quiet)
    assert int(rows(tmp_path)[-1]["step"]) == content["step"]


def test_a_checkpoint_from_before_a_setting_existed_is_continued(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    short = replace(small, schedule=replace(small.schedule, epochs=1, checkpoint_steps=100))
    checkpoint = train(short, stripes(), tmp_path, quiet)
    content = torch.load(checkpoint, weights_only=True)
    del content["recipe"]["calibration"], content["recipe"]["transfer"]["normalise"]
    del content["recipe"]["augmentation"]["lab_strength"]
    torch.save(content, checkpoint)
    told: list[str] = []
    train(replace(short, schedule=replace(short.schedule, epochs=2)), stripes(), tmp_path, told.append)
    assert told[0] == "continuing at step 4 of 8"
    other = replace(short, augmentation=replace(short.augmentation, lab_strength=0.5))
    with pytest.raises(ModelError, match="another recipe"):
        train(other, stripes(), tmp_path, quiet)
