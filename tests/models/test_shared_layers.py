"""Models that differ in their last layer only are stored with one trunk, and stay the same to the bit."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from enicfer.errors import InputError, ModelError
from enicfer.models import load_model, weights
from enicfer.models.checksums import SHIPPED_FOLDER
from enicfer.models.ronnet import RonNet
from enicfer.models.weights import KEY, read_model, save_model, share_layers

FIVE = ("angry", "fearful", "happy", "sad", "neutral")


def write(path: Path, labels: tuple[str, ...], seed: int) -> None:
    network = RonNet(len(labels), 16)
    torch.manual_seed(0)
    for layer in (*network.convs, network.fc1):
        torch.nn.init.normal_(layer.weight)
    torch.manual_seed(seed)
    torch.nn.init.normal_(network.fc2.weight)
    save_model(path, network, name=path.stem, architecture="ronnet", labels=labels)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path / "shipped")
    write(tmp_path / "trunk.safetensors", FIVE, 1)
    write(tmp_path / "whole.safetensors", FIVE[:3], 2)
    share_layers(
        tmp_path / "whole.safetensors", tmp_path / "trunk.safetensors", tmp_path / "head.safetensors"
    )
    return tmp_path


def describe(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as content:
        about: dict[str, Any] = json.loads(content.metadata()[KEY])
    return about


def rewrite(path: Path, **trunk: Any) -> None:
    about = describe(path)
    about["trunk"] |= trunk
    save_file(load_file(path), path, metadata={KEY: json.dumps(about)})


def test_a_head_reads_as_the_whole_file(folder: Path) -> None:
    whole, head = (read_model(folder / f"{name}.safetensors") for name in ("whole", "head"))
    first, second = whole.network.state_dict(), head.network.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert whole.metadata | {"format": 2} == head.metadata
    assert sorted(load_file(folder / "head.safetensors")) == ["fc2.bias", "fc2.weight"]


def test_the_trunk_may_be_among_the_shipped_files(folder: Path) -> None:
    (folder / "shipped").mkdir()
    (folder / "trunk.safetensors").rename(folder / "shipped" / "trunk.safetensors")
    read_model(folder / "head.safetensors")


def test_a_missing_or_another_trunk_is_named(folder: Path) -> None:
    trunk = folder / "trunk.safetensors"
    tensors, about = load_file(trunk), describe(trunk)
    tensors["fc1.weight"].view(torch.int16)[0, 0] ^= 1
    save_file(tensors, trunk, metadata={KEY: json.dumps(about)})
    with pytest.raises(ModelError, match=r"trunk.safetensors has other weights than .* was made for"):
        read_model(folder / "head.safetensors")
    del tensors["fc1.weight"]
    save_file(tensors, trunk, metadata={KEY: json.dumps(about)})
    with pytest.raises(ModelError, match=r"trunk.safetensors lacks layers that .* takes from it"):
        read_model(folder / "head.safetensors")
    trunk.unlink()
    with pytest.raises(ModelError, match=r"takes layers from trunk\.safetensors, which is not beside it"):
        read_model(folder / "head.safetensors")


@pytest.mark.parametrize(
    ("trunk", "said"),
    [
        (
            {"file": "../trunk.safetensors"},
            "take them from a .safetensors file beside it, which alone is allowed",
        ),
        ({"file": "trunk.pt"}, "take them from a .safetensors file beside it, which alone is allowed"),
        ({"file": 3}, "but not from which"),
        ({"names": None}, "lacks layers"),
        ({"names": [["fc1.weight"]]}, "lacks layers"),
        ({"names": ["fc1.weight"]}, "other weights"),
        ({"names": ["fc2.weight"]}, "other weights"),
    ],
)
def test_a_reference_that_cannot_be_meant_is_refused(folder: Path, trunk: dict[str, Any], said: str) -> None:
    rewrite(folder / "head.safetensors", **trunk)
    with pytest.raises(ModelError, match=said):
        read_model(folder / "head.safetensors")


def test_altered_weights_of_a_head_are_refused(folder: Path) -> None:
    path = folder / "head.safetensors"
    tensors, about = load_file(path), describe(path)
    tensors["fc2.weight"] = tensors["fc2.weight"].flip(0).contiguous()
    save_file(tensors, path, metadata={KEY: json.dumps(about)})
    with pytest.raises(ModelError, match="are not those that were written"):
        read_model(path)


def test_what_cannot_be_shared_is_refused(folder: Path, tmp_path: Path) -> None:
    trunk, head = folder / "trunk.safetensors", folder / "head.safetensors"
    with pytest.raises(ModelError, match="takes layers from another file itself"):
        share_layers(trunk, head, tmp_path / "out.safetensors")
    torch.manual_seed(5)
    strange = tmp_path / "strange.safetensors"
    network = RonNet(5, 16)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    save_model(strange, network, name="strange", architecture="ronnet", labels=FIVE)
    with pytest.raises(InputError, match="have no layer in common"):
        share_layers(strange, trunk, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("name", ["ronnet-5", "ronnet-7-votes"])
def test_shipped_models_with_shared_layers_give_the_same_bits(name: str, tmp_path: Path) -> None:
    whole, trunk = (SHIPPED_FOLDER / f"{one}.safetensors" for one in (name, "ronnet-7"))
    if describe(whole)["format"] == 2:
        pytest.skip("it is stored so already")
    head = tmp_path / f"{name}.safetensors"
    assert share_layers(whole, trunk, head) == 8
    assert head.stat().st_size < 400_000
    shutil.copy(trunk, tmp_path)
    faces = np.random.default_rng(0).integers(0, 255, (5, 48, 48), dtype=np.uint8)
    np.testing.assert_array_equal(load_model(head).predict(faces), load_model(whole).predict(faces))
