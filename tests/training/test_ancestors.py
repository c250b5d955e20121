from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from enicfer.models import load_model, save_model
from enicfer.models.pictures import Pictures
from enicfer.models.ronnet import RonNet
from enicfer.training.ancestors import find_seen, merge_pictures, name_unrecorded, trace_ancestors
from enicfer.training.datasets.images import FaceImages
from enicfer.training.export import export_model
from enicfer.training.loop import train
from enicfer.training.parts import make_parts
from enicfer.training.recipe import Distillation, Recipe, Transfer

Stripes = Callable[..., FaceImages]


def ancestor(path: Path, pictures: Pictures | None) -> Path:
    labels = ("angry", "fearful", "happy")
    save_model(path, RonNet(3, 16), name=path.stem, architecture="ronnet", labels=labels, pictures=pictures)
    return path


def test_what_start_and_teachers_learnt_is_found_by_role(tmp_path: Path, small: Recipe) -> None:
    start = ancestor(tmp_path / "start.safetensors", Pictures(np.array([1, 2]), unrecorded=("older",)))
    files = [ancestor(tmp_path / f"{n}.safetensors", Pictures(np.array([n]))) for n in (2, 3)]
    old = ancestor(tmp_path / "old.safetensors", None)
    gone = str(tmp_path / "gone.safetensors")
    teachers = Distillation((*map(str, files), str(old), gone))
    ancestors = trace_ancestors(replace(small, transfer=Transfer(str(start)), distillation=teachers))
    seen = find_seen(np.array([1, 2, 3, 4]), ancestors)
    assert seen["start"].tolist() == [True, True, False, False]
    assert seen["teachers"].tolist() == [False, True, True, False]
    assert name_unrecorded(ancestors) == "gone, old, older"
    assert merge_pictures(*ancestors.values()).learnt.tolist() == [1, 2, 3]
    assert not any(one.any() for one in find_seen(np.array([1]), trace_ancestors(small)).values())


def test_validation_images_that_an_ancestor_learnt_are_left_out(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    data = stripes()
    learn, check = (data.digest[data.split == name] for name in ("train", "validation"))
    start = ancestor(tmp_path / "start.safetensors", Pictures(np.append(check[:3], 7)))
    teacher = ancestor(tmp_path / "teacher.safetensors", Pictures(np.append(check[2:7], learn[0])))
    recipe = replace(
        small,
        transfer=Transfer(str(start), ("convs",)),
        distillation=Distillation((str(teacher),)),
        schedule=replace(small.schedule, epochs=1, optimiser="adamw"),
    )
    with (
        pytest.warns(UserWarning, match="3 of 24 .* training of the model that it begins from"),
        pytest.warns(UserWarning, match="5 of 24 .* training of its teachers"),
    ):
        checkpoint = train(recipe, data, tmp_path / "run", lambda line: None)
    # What they learnt is in the checkpoint, and they may go or be replaced.
    start.unlink()
    ancestor(teacher, None)
    metrics = export_model(checkpoint, recipe, data, tmp_path / "m.safetensors")
    assert (metrics["also_trained_on"], metrics["also_start"], metrics["also_teachers"]) == (7, 3, 5)
    model = load_model(tmp_path / "m.safetensors")
    right = model.predict(data.image[data.split == "validation"][7:]).argmax(1)
    truth = data.label[data.split == "validation"][7:]
    assert metrics["accuracy_unseen"] == pytest.approx(np.mean(right == truth), abs=1e-4)
    assert np.array_equal(model.pictures.learnt, np.unique([*learn, *check[:7], 7]))
    assert np.array_equal(model.pictures.validated, np.unique(check))
    assert model.pictures.unrecorded == ()
    # The checkpoints of earlier versions do not have it, and the files of the models are asked.
    content = torch.load(checkpoint, weights_only=True)
    del content["ancestors"]
    torch.save(content, checkpoint)
    export_model(checkpoint, recipe, data, tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").pictures.unrecorded == ("start", "teacher")


def test_where_all_is_known_there_is_no_accuracy_of_the_rest(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    data = stripes()
    ancestors = {"start": Pictures(data.digest), "teachers": Pictures(unrecorded=("old",))}
    said: list[str] = []
    with pytest.warns(UserWarning, match="24 of 24 validation images"):
        _, check = make_parts(small, data, ancestors, said.append)
    assert check.seen.all()
    assert any("training of old is unknown" in line for line in said)
