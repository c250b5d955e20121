from collections.abc import Callable
from pathlib import Path

import torch

from enicfer.models import load_model, save_model
from enicfer.models.googlenet import GoogLeNet


def test_has_the_published_number_of_parameters_and_names() -> None:
    network = GoogLeNet(1000, 224, 3)
    # Stated by torchvision for its googlenet without auxiliary outputs.
    assert sum(p.numel() for p in network.parameters()) == 6_624_904
    names = set(network.state_dict())
    assert {"conv1.conv.weight", "inception4e.branch3.1.bn.running_mean", "fc.bias"} <= names


def test_positions_shrink_as_published() -> None:
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: shapes.update({name: tuple(output.shape[1:])})

    network = GoogLeNet(10, 224, 3).eval()
    for name in ("inception3b", "inception4e", "inception5b"):
        network.get_submodule(name).register_forward_hook(note(name))
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 10)
    assert shapes == {
        "inception3b": (480, 28, 28),
        "inception4e": (832, 14, 14),
        "inception5b": (1024, 7, 7),
    }


def test_travels_through_a_model_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = GoogLeNet(2, 40, 1).eval()
    path = tmp_path / "g.safetensors"
    save_model(path, network, name="g", architecture="googlenet", labels=("happy", "sad"))
    model = load_model(path)
    images = torch.randn(2, 1, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(model.network(images), network(images), atol=0.02, rtol=0.02)
