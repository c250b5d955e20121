from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.models import load_model
from enicfer.training.commands import cross_evaluate_files
from enicfer.training.cross import cross_evaluate, cross_validate
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
    names, accuracy = cross_evaluate_files(models, [tmp_path / "manifest.csv"])
    assert names == [str(path) for path in models]
    assert accuracy.shape == (2, 1)
    again: list[str] = []
    cross_validate(recipe, tmp_path / "run", 2, report=again.append)
    assert sum(line.startswith("continuing") for line in again) == 2


def test_too_many_folds_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="13 folds of 12 subjects"):
        cross_validate(recipe, tmp_path / "run", 13)


def test_the_matrix_has_a_row_per_model_and_a_column_per_set(
    stripes: Callable[..., FaceImages], tmp_path: Path
) -> None:
    data = stripes()
    path = tmp_path / "matrix.csv"
    sets = {"all": data, "half": data.select(np.arange(48))}
    accuracy = cross_evaluate({"shipped": load_model()}, sets, path)
    assert accuracy.shape == (1, 2)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "model,all,half"
