from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from enicfer.errors import InputError
from enicfer.models import load_model, save_model
from enicfer.models.ronnet import RonNet
from enicfer.training.datasets.images import FaceImages
from enicfer.training.export import export_model
from enicfer.training.loop import train
from enicfer.training.recipe import Distillation, Recipe
from enicfer.training.teachers import ask_teachers, learn_from, soften

Stripes = Callable[..., FaceImages]


def teacher(path: Path, labels: tuple[str, ...], size: int, seed: int) -> Path:
    torch.manual_seed(seed)
    network = RonNet(len(labels), size).eval()
    torch.nn.init.normal_(network.fc2.weight)
    save_model(path, network, name=path.stem, architecture="ronnet", labels=labels, temperature=1.5)
    return path


def taught_by(small: Recipe, *files: Path, share: float = 0.5, temperature: float = 1.0) -> Recipe:
    return replace(small, distillation=Distillation(tuple(map(str, files)), share, temperature))


def test_teachers_are_averaged_in_the_order_of_the_recipe(
    tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    first, second, third = small.data.labels
    same = teacher(tmp_path / "a.safetensors", (third, first, second), 16, 0)
    larger = teacher(tmp_path / "b.safetensors", small.data.labels, 24, 1)
    images = stripes().image[:5]
    expected = load_model(same).predict(images, flip=True)[:, [1, 2, 0]]
    said = ask_teachers(taught_by(small, same), images)
    np.testing.assert_allclose(said.numpy(), expected, atol=1e-5)
    other = ask_teachers(taught_by(small, larger), images)
    mirrored = ask_teachers(taught_by(small, same), images[:, :, ::-1])
    torch.testing.assert_close(mirrored, said, atol=1e-5, rtol=1e-4)
    both = ask_teachers(taught_by(small, same, larger), images)
    torch.testing.assert_close(both, (said + other) / 2)


def test_softened_probabilities_are_those_of_cooler_logits() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.3], [0.0, 50.0, 0.0]])
    softened = soften(torch.softmax(logits, 1).numpy(), 2.0)
    np.testing.assert_allclose(softened, torch.softmax(logits / 2, 1).numpy(), atol=1e-6)


def test_the_lesson_is_least_where_the_network_says_the_same() -> None:
    taught = torch.tensor([[0.6, 0.3, 0.1]])
    right = (2 * taught.log()).requires_grad_()
    loss = learn_from(taught, right, 2.0)
    loss.backward()
    torch.testing.assert_close(right.grad, torch.zeros(1, 3), atol=1e-6, rtol=0)
    assert learn_from(taught, torch.zeros(1, 3), 2.0) > loss


def test_a_network_learns_from_a_teacher_alone(tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    data = stripes()
    train(small, data, tmp_path / "first", lambda _: None)
    export_model(tmp_path / "first" / "checkpoint.pt", small, data, tmp_path / "t.safetensors")
    # Labels that are wrong throughout: only the teacher says what is right.
    wrong = replace(data, label=np.where(data.split == "train", (data.label + 1) % 3, data.label))
    longer = replace(small, schedule=replace(small.schedule, epochs=20))
    recipe = taught_by(longer, tmp_path / "t.safetensors", share=1.0)
    checkpoint = train(recipe, wrong, tmp_path / "second", lambda _: None)
    metrics = export_model(checkpoint, recipe, wrong, tmp_path / "s.safetensors")
    assert metrics["accuracy"] > 0.9
    assert load_model(tmp_path / "s.safetensors").metadata["recipe"]["distillation"]["teachers"] == [
        "t.safetensors"
    ]


def test_a_run_that_goes_on_does_not_ask_again(
    tmp_path: Path, small: Recipe, stripes: Stripes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = stripes()
    path = teacher(tmp_path / "a.safetensors", small.data.labels, 16, 0)
    recipe = taught_by(replace(small, schedule=replace(small.schedule, epochs=2)), path)
    train(recipe, data, tmp_path / "run", lambda _: None)
    monkeypatch.setattr("enicfer.training.loop.ask_teachers", lambda *_: pytest.fail("asked again"))
    longer = replace(recipe, schedule=replace(recipe.schedule, epochs=3))
    train(longer, data, tmp_path / "run", lambda _: None)


def test_a_teacher_that_does_not_fit_is_refused(tmp_path: Path, small: Recipe) -> None:
    path = teacher(tmp_path / "a.safetensors", small.data.labels[:2], 16, 0)
    with pytest.raises(InputError, match=f"teacher a does not know {small.data.labels[2]}"):
        ask_teachers(taught_by(small, path), np.zeros((2, 16, 16), np.uint8))
