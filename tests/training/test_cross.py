from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.models import Classifier, save_model
from enicfer.models.pictures import Pictures
from enicfer.models.ronnet import RonNet
from enicfer.training import cross
from enicfer.training.cross import DataSource, cross_evaluate_files, cross_validate, parse_source
from enicfer.training.datasets import FaceImages, read_dataset
from enicfer.training.recipe import Recipe, Transfer


@pytest.fixture
def recipe(tmp_path: Path, small: Recipe, stripes: Callable[..., FaceImages]) -> Recipe:
    data = stripes()
    lines = ["path,label,subject"]
    for i, image in enumerate(data.image):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image)
        lines.append(f"{i}.png,{data.labels[data.label[i]]},child{i // 8}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    source = replace(small.data, path=str(tmp_path), reader="manifest", split="subject", share=0.3)
    return replace(small, data=source, schedule=replace(small.schedule, epochs=5, vote_weight=0.0))


@pytest.mark.slow
def test_every_child_is_tested_once_by_a_model_that_does_not_know_it(recipe: Recipe, tmp_path: Path) -> None:
    result = cross_validate(recipe, tmp_path / "run", 2, report=lambda line: None)
    assert [row["images"] for row in result.rows] == [48, 48]
    assert [row["subjects"] for row in result.rows] == [6, 6]
    assert result.mean == pytest.approx(np.mean([row["accuracy"] for row in result.rows]))
    table = (tmp_path / "run" / "folds.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == (
        "fold,images,subjects,accuracy,balanced_accuracy,macro_f1,images_trained_on,accuracy_unseen"
    )
    assert [row["images_trained_on"] for row in result.rows] == [0, 0]
    models = [tmp_path / "run" / f"fold-{i}" / "small.safetensors" for i in (1, 2)]
    table = cross_evaluate_files(models, [parse_source(str(tmp_path / "manifest.csv"))])
    assert [row["model"] for row in table] == [str(path) for path in models]
    assert {row["data"] for row in table} == {tmp_path.name}
    # A fold's model is tested on all pictures here, also on those it learnt from.
    assert [row["trained_on_these"] for row in table] == [True, True]
    assert all(0 < row["images_trained_on"] < 48 for row in table)
    again: list[str] = []
    cross_validate(recipe, tmp_path / "run", 2, report=again.append)
    assert sum(line.startswith("continuing") for line in again) == 2


@pytest.mark.slow
def test_a_child_with_one_expression_is_tested(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "manifest.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    # child0 shows one expression only, and five subjects are left.
    lines = [
        line.replace("fearful,child0", "angry,child0").replace("happy,child0", "angry,child0")
        for line in lines
    ]
    file.write_text("\n".join([*lines[:9], *lines[17:49]]), encoding="utf-8")
    short = replace(recipe, schedule=replace(recipe.schedule, epochs=1), data=replace(recipe.data, share=0.5))
    done: list[int] = []
    finish = cross.finish_run

    def count(*arguments: Any) -> Classifier:
        if done:
            table = (tmp_path / "run" / "folds.csv").read_text(encoding="utf-8").splitlines()
            assert len(table) == 1 + len(done)
        done.append(1)
        return finish(*arguments)

    monkeypatch.setattr(cross, "finish_run", count)
    result = cross_validate(short, tmp_path / "run", 5, report=lambda line: None)
    assert [row["images"] for row in result.rows] == [8] * 5


def test_a_fold_that_cannot_be_trained_is_named_before_the_first_is(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cross, "train_or_refit", lambda *_: pytest.fail("trained"))
    large = replace(recipe, schedule=replace(recipe.schedule, batch_size=40))
    with pytest.raises(InputError, match=r"Fold 1 of 2 cannot be trained: .* do not fill one batch of 40"):
        cross_validate(large, tmp_path / "run", 2)


def test_folds_that_the_start_has_learnt_are_said_first(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_dataset(tmp_path)
    start = tmp_path / "start.safetensors"
    known = Pictures(data.digest[:10])
    save_model(
        start, RonNet(3, 16), name="s", architecture="ronnet", labels=recipe.data.labels, pictures=known
    )
    monkeypatch.setattr(cross, "train_or_refit", lambda *_: 1 / 0)
    begun = replace(recipe, transfer=Transfer(str(start)))
    with (
        pytest.warns(UserWarning, match="10 of 96 in the training of the model that it begins from"),
        pytest.raises(ZeroDivisionError),
    ):
        cross_validate(begun, tmp_path / "run", 2, report=lambda line: None)


def test_too_many_folds_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="13 folds of 12 subjects"):
        cross_validate(recipe, tmp_path / "run", 13)


def test_each_model_is_measured_on_each_set(recipe: Recipe, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        for file in [tmp_path / "manifest.csv", *tmp_path.glob("*.png")]:
            (folder / file.name).write_bytes(file.read_bytes())
    sets = [parse_source(str(folder / "manifest.csv")) for folder in folders]
    path = tmp_path / "table.csv"
    rows = cross_evaluate_files(["ronnet-7", "googlenet-7"], sets, path)
    assert [(row["model"], row["data"]) for row in rows] == [
        ("ronnet-7", "one"),
        ("ronnet-7", "two"),
        ("googlenet-7", "one"),
        ("googlenet-7", "two"),
    ]
    assert all(row["images"] == 96 and not row["trained_on_these"] for row in rows)
    assert path.read_text(encoding="utf-8").startswith("model,data,images,")
    with pytest.raises(InputError, match="Two data sets are called one: name each once"):
        cross_evaluate_files(["ronnet-7"], [sets[0], sets[0]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fer2013.npz", DataSource("fer2013", Path("fer2013.npz"))),
        ("FER=fer2013.npz:PublicTest", DataSource("FER", Path("fer2013.npz"), "PublicTest")),
        ("fer2013.npz:PublicTest", DataSource("fer2013:PublicTest", Path("fer2013.npz"), "PublicTest")),
        ("lab=C:\\data\\faces", DataSource("lab", Path("C:\\data\\faces"))),
        ("lab=C:/faces/manifest.csv:test", DataSource("lab", Path("C:/faces/manifest.csv"), "test")),
        ("faces/manifest.csv", DataSource("faces", Path("faces/manifest.csv"))),
    ],
)
def test_a_set_is_named_by_the_user_or_its_place(text: str, expected: DataSource) -> None:
    assert parse_source(text) == expected
