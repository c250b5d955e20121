"""Weights that were altered in a file are refused, whoever wrote the file."""

import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from enicfer.errors import ModelError
from enicfer.models import weights
from enicfer.models.checksums import CHECKSUMS, SHIPPED_FOLDER
from enicfer.models.ronnet import RonNet
from enicfer.models.weights import KEY, read_model, save_model

FIVE = ("angry", "fearful", "happy", "sad", "neutral")


def alter(path, change):
    """Change tensors, and nothing of what the file says of itself."""
    with safe_open(path, framework="pt") as content:
        text = content.metadata()[KEY]
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={KEY: text})


def one_bit(tensors):
    name = max(tensors, key=lambda key: tensors[key].numel())
    tensors[name].view(torch.int16).view(-1)[0] ^= 1


def turned(tensors):
    name = max(tensors, key=lambda key: tensors[key].numel())
    tensors[name] = tensors[name].flip(0).contiguous()


def negated(tensors):
    name = min(tensors)
    tensors[name] = -tensors[name] + (tensors[name] == 0).to(tensors[name].dtype)


CHANGES = [one_bit, turned, negated]


@pytest.fixture
def trained(tmp_path):
    path = tmp_path / "mine.safetensors"
    torch.manual_seed(0)
    save_model(path, RonNet(5, 16), name="mine", architecture="ronnet", labels=FIVE)
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_altered_weights_of_a_trained_model(trained, change):
    read_model(trained)
    alter(trained, change)
    with pytest.raises(ModelError, match="are not those that were written"):
        read_model(trained)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", CHECKSUMS)
def test_altered_weights_of_a_shipped_model(name, change, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path)
    shutil.copy(SHIPPED_FOLDER / name, tmp_path / name)
    read_model(tmp_path / name)
    alter(tmp_path / name, change)
    with pytest.raises(ModelError, match="are not those that were written"):
        read_model(tmp_path / name)


def test_a_shipped_model_with_a_checksum_of_its_own_is_still_refused(tmp_path, monkeypatch):
    """Whoever changes the weights can change the sum beside them; that of the package stays."""
    name = next(iter(CHECKSUMS))
    monkeypatch.setattr(weights, "SHIPPED_FOLDER", tmp_path)
    path = tmp_path / name
    shutil.copy(SHIPPED_FOLDER / name, path)
    with safe_open(path, framework="pt") as content:
        about = json.loads(content.metadata()[KEY])
    tensors = load_file(path)
    one_bit(tensors)
    save_file(
        tensors, path, metadata={KEY: json.dumps({**about, "tensors": weights.digest_tensors(tensors)})}
    )
    with pytest.raises(ModelError, match="are not those that were written"):
        read_model(path)


def test_every_shipped_file_has_a_checksum():
    assert {path.name for path in SHIPPED_FOLDER.glob("*.safetensors")} == set(CHECKSUMS)
