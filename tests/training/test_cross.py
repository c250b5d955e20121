from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.training.cross import DataSource, cross_evaluate_files, cross_validate, parse_source
from enicfer.training.datasets.images import FaceImages
from enicfer.training.recipe import Recipe


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


def test_every_child_is_tested_once_by_a_model_that_does_not_know_it(recipe: Recipe, tmp_path: Path) -> None:
    result = cross_validate(recipe, tmp_path / "run", 2, report=lambda line: None)
    assert [row["images"] for row in result.rows] == [48, 48]
    assert [row["subjects"] for row in result.rows] == [6, 6]
    assert result.mean == pytest.approx(np.mean([row["accuracy"] for row in result.rows]))
    table = (tmp_path / "run" / "folds.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "fold,images,subjects,accuracy,balanced_accuracy,macro_f1"
    models = [tmp_path / "run" / f"fold-{i}" / "small.safetensors" for i in (1, 2)]
    table = cross_evaluate_files(models, [parse_source(str(tmp_path / "manifest.csv"))])
    assert [row["model"] for row in table] == [str(path) for path in models]
    assert {row["data"] for row in table} == {tmp_path.name}
    again: list[str] = []
    cross_validate(recipe, tmp_path / "run", 2, report=again.append)
    assert sum(line.startswith("continuing") for line in again) == 2


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
    assert all(row["images"] == 96 and row["trained_on_these"] is None for row in rows)
    assert path.read_text(encoding="utf-8").startswith("model,data,images,")
    with pytest.raises(InputError, match="Two data sets are called one; name each once"):
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
