from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from enicfer.errors import InputError
from enicfer.models import load_model, save_model
from enicfer.models.googlenet import GoogLeNet
from enicfer.models.ronnet import RonNet
from enicfer.training.datasets.images import FaceImages
from enicfer.training.export import export_model
from enicfer.training.loop import train
from enicfer.training.networks import build_network, finish_network
from enicfer.training.recipe import Recipe, Transfer
from tests.thorough import only_thorough

Stripes = Callable[..., FaceImages]


def quiet(_: str) -> None:
    pass


@pytest.fixture
def source(tmp_path: Path, small: Recipe) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "source.safetensors"
    first, second, _ = small.data.labels
    labels = (second, first, "sad")
    save_model(path, RonNet(3, 16), name="source", architecture="ronnet", labels=labels, temperature=2.0)
    return path


def transfer(small: Recipe, source: Path, *freeze: str) -> Recipe:
    return replace(small, transfer=Transfer(str(source), freeze))


def test_outputs_are_matched_by_label(source: Path, small: Recipe, stripes: Stripes) -> None:
    model = load_model(source)
    network = build_network(transfer(small, source)).eval()
    images = stripes().image[:4]
    before = torch.from_numpy(model.logits(images)) / 2.0
    after = network(model.prepare(images))
    torch.testing.assert_close(after[:, :2], before[:, [1, 0]], atol=1e-4, rtol=1e-4)
    assert torch.equal(after[:, 2], torch.zeros(4))


@pytest.mark.parametrize("freeze", [(), ("convs",), ("convs", "fc1")])
def test_only_what_is_not_frozen_changes(
    source: Path, tmp_path: Path, freeze: tuple[str, ...], small: Recipe, stripes: Stripes
) -> None:
    recipe = transfer(small, source, *freeze)
    recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=2))
    checkpoint = train(recipe, stripes(), tmp_path / "run", quiet)
    trained = torch.load(checkpoint, weights_only=True)["average"]
    original = build_network(recipe).state_dict()
    for name, tensor in trained.items():
        frozen = name.split(".")[0] in freeze
        assert torch.equal(tensor, original[name]) == frozen, name


def test_the_finished_model_no_longer_needs_its_source(
    source: Path, tmp_path: Path, small: Recipe, stripes: Stripes
) -> None:
    recipe = transfer(small, source, "convs")
    recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=8, optimiser="adamw"))
    checkpoint = train(recipe, stripes(), tmp_path / "run", quiet)
    source.unlink()
    path = tmp_path / "lab.safetensors"
    metrics = export_model(checkpoint, recipe, stripes(), path)
    assert metrics["accuracy"] > 0.8
    data = stripes()
    said = load_model(path).predict(data.image).argmax(1)
    assert np.mean(said == data.label) > 0.8


def test_what_does_not_fit_is_refused(source: Path, small: Recipe) -> None:
    with pytest.raises(InputError, match="freeze names conv, which ronnet has not: give some of convs, fc1"):
        build_network(transfer(small, source, "conv"))
    larger = replace(small.network, input_size=48)
    with pytest.raises(InputError, match=r"input_size 16, and .* input_size is 48"):
        build_network(replace(transfer(small, source), network=larger))


@only_thorough
def test_googlenet_trains_by_the_same_recipe(small: Recipe, stripes: Stripes, tmp_path: Path) -> None:
    network = replace(small.network, architecture="googlenet", input_size=40)
    recipe = replace(
        small, network=network, schedule=replace(small.schedule, epochs=6, ema=0.5, learning_rate=3e-3)
    )
    checkpoint = train(recipe, stripes(), tmp_path / "run", quiet)
    metrics = export_model(checkpoint, recipe, stripes(), tmp_path / "g.safetensors")
    assert metrics["accuracy"] > 0.5
    assert load_model(tmp_path / "g.safetensors").metadata["architecture"] == "googlenet"


def test_a_googlenet_may_begin_from_one_for_smaller_pictures(tmp_path: Path, small: Recipe) -> None:
    source = tmp_path / "source.safetensors"
    save_model(source, GoogLeNet(3, 40, 1), name="source", architecture="googlenet", labels=small.data.labels)
    larger = replace(small.network, architecture="googlenet", input_size=48)
    begun = build_network(replace(transfer(small, source), network=larger))
    assert isinstance(begun, GoogLeNet) and begun.arguments["input_size"] == 48
    name = "inception4a.branch1.conv.weight"
    assert torch.equal(begun.state_dict()[name], load_model(source).network.state_dict()[name])


@pytest.mark.parametrize("freeze", [(), ("convs",)])
def test_a_googlenet_begins_from_a_finished_one(
    tmp_path: Path, freeze: tuple[str, ...], small: Recipe, stripes: Stripes
) -> None:
    torch.manual_seed(0)
    source, labels = tmp_path / "source.safetensors", small.data.labels
    save_model(source, GoogLeNet(3, 40, 1), name="source", architecture="googlenet", labels=labels[::-1])
    recipe = replace(
        transfer(small, source, *freeze),
        network=replace(small.network, architecture="googlenet", input_size=40),
        schedule=replace(small.schedule, epochs=1, ema=0.0),
    )
    model, images = load_model(source), stripes().image[:4]
    network = build_network(recipe)
    told = network.eval()(model.prepare(images))[:, :3].flip(1)
    torch.testing.assert_close(told, torch.from_numpy(model.logits(images)), atol=1e-3, rtol=1e-3)
    original = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained = torch.load(train(recipe, stripes(), tmp_path / "run", quiet), weights_only=True)["average"]
    changed = {name for name, tensor in trained.items() if not torch.equal(tensor, original[name])}
    body = {name for name in changed if not name.startswith("fc.")}
    assert bool(body) != bool(freeze)
    assert "fc.weight" in changed


def test_another_architecture_is_refused(small: Recipe, source: Path) -> None:
    network = replace(small.network, architecture="googlenet", input_size=40)
    with pytest.raises(InputError, match="source is a RonNet, so a GoogLeNet cannot begin from it"):
        build_network(replace(transfer(small, source), network=network))


def test_a_googlenet_with_weights_of_any_scale_fits_half_precision() -> None:
    torch.manual_seed(0)
    network = GoogLeNet(outputs=3, input_size=40, channels=1, dropout=0.0).train()
    with torch.no_grad():
        network.inception4e.branch2[0].conv.weight *= 1e4
        network.inception3a.branch1.conv.weight *= 1e-4
        for _ in range(30):
            network(torch.rand(8, 1, 40, 40))
    images = torch.rand(4, 1, 40, 40)
    network.eval()
    finished = finish_network(network, 3, 0.0)
    assert torch.allclose(finished(images), network(images), atol=1e-4)
    assert float(network.inception4e.branch2[0].bn.running_var.max()) > 65504
    halved = finished.half().float()
    assert all(bool(torch.isfinite(value).all()) for value in halved.state_dict().values())
    assert torch.allclose(halved(images), network(images), atol=0.02)


def test_a_start_that_shares_no_label_says_so(small: Recipe, source: Path) -> None:
    recipe = transfer(small, source)
    other = replace(recipe, data=replace(recipe.data, labels=("neutral", "surprised")))
    with pytest.warns(UserWarning, match=r"source knows fearful, angry, sad, none of which"):
        build_network(other)


def test_a_part_of_the_start_is_kept(source: Path, tmp_path: Path, small: Recipe, stripes: Stripes) -> None:
    schedule = replace(small.schedule, epochs=2, checkpoint_steps=1000)
    recipe = replace(small, transfer=Transfer(str(source), (), normalise=True), schedule=schedule)
    checkpoint = train(recipe, stripes(), tmp_path / "run", quiet)
    found = {}
    for keep in (0.0, 0.25, 1.0):
        chosen = replace(recipe, transfer=replace(recipe.transfer, keep=keep))
        path = tmp_path / f"{keep}.safetensors"
        export_model(checkpoint, chosen, stripes(), path)
        found[keep] = load_model(path).network.state_dict()
    begun = load_model(source).network.state_dict()
    for name, start in begun.items():
        between = found[0.0][name].lerp(found[1.0][name], 0.25)
        torch.testing.assert_close(found[0.25][name], between, atol=2e-3, rtol=2e-3)
        if not name.startswith("fc2"):
            assert torch.equal(found[1.0][name], start)
            assert not torch.equal(found[0.0][name], start)
