import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from enicfer.errors import InputError, ModelError
from enicfer.models.pictures import Pictures
from enicfer.models.ronnet import RonNet
from enicfer.models.weights import KEY, read_model, save_model

FIVE = ("angry", "fearful", "happy", "sad", "neutral")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    torch.manual_seed(0)
    save_model(
        path,
        RonNet(5, 16),
        name="small",
        architecture="ronnet",
        labels=FIVE,
        temperature=1.5,
        description={"data": {"sets": ["none"]}},
    )
    return path


def rewrite(path: Path, **changes: Any) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as content:
        about = json.loads(content.metadata()[KEY])
    save_file(load_file(path), path, metadata={KEY: json.dumps(about | changes)})


def test_what_is_written_is_read(file: Path) -> None:
    torch.manual_seed(0)
    original = RonNet(5, 16).eval()
    model = read_model(file)
    assert model.labels == FIVE
    assert model.temperature == 1.5
    assert model.metadata["data"] == {"sets": ["none"]}
    images = torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(model.network(images), original(images), atol=2e-3, rtol=1e-2)
    assert all(t.dtype == torch.float16 for t in load_file(file).values())


def test_same_input_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    torch.manual_seed(0)
    save_model(
        again,
        RonNet(5, 16),
        name="small",
        architecture="ronnet",
        labels=FIVE,
        temperature=1.5,
        description={"data": {"sets": ["none"]}},
    )
    assert again.read_bytes() == file.read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_pictures_behind_a_model_are_not_in_its_description(file: Path, tmp_path: Path) -> None:
    # A file of earlier versions says nothing.
    assert read_model(file).pictures.unrecorded == ("small",)
    path = tmp_path / "known.safetensors"
    pictures = Pictures(np.array([3, -1]), np.array([7]))
    save_model(path, RonNet(5, 16), name="known", architecture="ronnet", labels=FIVE, pictures=pictures)
    model = read_model(path)
    assert (model.pictures.learnt.tolist(), model.pictures.validated.tolist()) == ([-1, 3], [7])
    assert model.pictures.unrecorded == ()
    assert "pictures" not in model.metadata


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".PT"])
def test_a_pickle_is_refused_and_not_opened(tmp_path: Path, suffix: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelError, match=r"pickle.*weights_only=True.*save_model"):
        read_model(path)
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_under_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="no readable safetensors"):
        read_model(path)


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_a_truncated_file_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ModelError, match="no readable safetensors"):
        read_model(file)


def test_a_file_without_description_is_refused(file: Path) -> None:
    save_file(load_file(file), file)
    with pytest.raises(ModelError, match="not written by"):
        read_model(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "reads 1 and 2"),
        ({"architecture": "vgg"}, "allowed are ronnet, googlenet"),
        ({"labels": ["angry", "bored"]}, "each must be a different one of angry"),
        ({"labels": ["angry", "angry", "happy", "sad", "neutral"]}, "different one"),
        ({"labels": ["angry", "happy"]}, "5 outputs but 2 labels"),
        ({"temperature": 0}, "above 0"),
        ({"temperature": "hot"}, "above 0"),
        ({"arguments": {"outputs": 5, "input_size": 48}}, "do not fit"),
        ({"arguments": {"width": 5}}, "do not fit"),
        ({"preprocessing": {"standardise": "imagenet"}}, "allowed are image"),
        ({"pictures": {"learnt": "no digests"}}, "record of training pictures inside .* cannot be read"),
    ],
)
def test_a_description_that_cannot_be_is_refused(file: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(file, **changes)
    with pytest.raises(ModelError, match=message):
        read_model(file)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    network = RonNet(5, 16)
    torch.nn.init.constant_(network.fc2.bias, float("nan"))
    path = tmp_path / "nan.safetensors"
    save_model(path, network, name="nan", architecture="ronnet", labels=FIVE)
    with pytest.raises(ModelError, match="not finite"):
        read_model(path)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"end it with \.safetensors"):
        save_model(tmp_path / "a.pt", RonNet(5, 16), name="a", architecture="ronnet", labels=FIVE)
