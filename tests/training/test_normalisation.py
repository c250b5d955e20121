from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from enicfer.errors import InputError
from enicfer.models import load_model, save_model
from enicfer.models.ronnet import RonNet, fold_batch_norm
from enicfer.training.datasets.images import FaceImages
from enicfer.training.export import export_model
from enicfer.training.loop import train
from enicfer.training.networks import build_network
from enicfer.training.normalisation import normalise_layers
from enicfer.training.recipe import Network, Recipe, Transfer


def quiet(_: str) -> None:
    pass


def rough_network(padding: str, size: int) -> RonNet:
    """A network whose biases and scales are anything but those of a new one."""
    torch.manual_seed(3)
    network = RonNet(4, size, padding=padding).eval().requires_grad_(False)
    for layer in (*network._convolutions(), network.fc1):
        assert layer.bias is not None
        layer.weight.mul_(1.7)
        layer.bias.normal_(0.3, 0.5)
    return network


@pytest.mark.parametrize(("padding", "size"), [("valid", 48), ("same", 16)])
def test_the_function_stays_and_folds_back(padding: str, size: int) -> None:
    network = rough_network(padding, size)
    images = torch.randn(40, 1, size, size)
    normalised = normalise_layers(network, images[:30]).eval()
    assert normalised.arguments["batch_norm"]
    before = network(images)
    torch.testing.assert_close(normalised(images), before, atol=1e-3 * float(before.abs().max()), rtol=0)
    folded = fold_batch_norm(normalised)
    torch.testing.assert_close(folded(images), before, atol=1e-3 * float(before.abs().max()), rtol=0)


def test_training_begins_with_the_statistics_of_its_images() -> None:
    network = rough_network("same", 16)
    images = torch.randn(64, 1, 16, 16)
    normalised = normalise_layers(network, images).train()
    normalised.drop_conv.probability = normalised.drop_full.probability = 0.0
    before = network(images)
    # With the statistics of this very batch instead of the stored ones, the outputs are the same.
    torch.testing.assert_close(normalised(images), before, atol=2e-3 * float(before.abs().max()), rtol=0)


def test_a_recipe_trains_a_finished_network_like_a_new_one(
    tmp_path: Path, small: Recipe, stripes: Callable[..., FaceImages]
) -> None:
    torch.manual_seed(0)
    path = tmp_path / "source.safetensors"
    save_model(path, RonNet(3, 16), name="source", architecture="ronnet", labels=small.data.labels)
    schedule = replace(small.schedule, checkpoint_steps=1000)
    recipe = replace(small, transfer=Transfer(str(path), (), normalise=True), schedule=schedule)
    checkpoint = train(recipe, stripes(), tmp_path / "run", quiet)
    assert train(recipe, stripes(), tmp_path / "run", quiet) == checkpoint  # it is continued
    finished = tmp_path / "finished.safetensors"
    metrics = export_model(checkpoint, recipe, stripes(), finished)
    assert metrics["accuracy"] > 0.8
    assert not load_model(finished).network.arguments["batch_norm"]


@pytest.mark.parametrize(
    ("transfer", "architecture"),
    [
        (Transfer("", (), True), "ronnet"),
        (Transfer("ronnet-7", ("convs",), True), "ronnet"),
        (Transfer("googlenet-7", (), True), "googlenet"),
    ],
)
def test_what_cannot_be_normalised_is_refused(small: Recipe, transfer: Transfer, architecture: str) -> None:
    recipe = replace(small, transfer=transfer, network=Network(architecture=architecture))
    with pytest.raises(InputError, match=r"normalise is true for a .* with freeze = \[\]"):
        build_network(recipe)
