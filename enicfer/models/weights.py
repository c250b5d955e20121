"""Model files: a network's weights with everything needed to use and to judge them.

A model file is safetensors: half-precision tensors, and one JSON text in its metadata with

    format         1
    name           what the model calls itself
    architecture   a name of `ARCHITECTURES`, with its `arguments`
    labels         expressions, in the order of the outputs
    preprocessing  `standardise`: a name of `NORMALISATIONS`
    temperature    by which logits are divided (`enicfer.models.calibration`)
    data, metrics, recipe   what it was trained on, what was measured, how it was made
    tensors        checksum of the tensors (`digest_tensors`); not in earlier files
    pictures       digests of the pictures behind it (`enicfer.models.pictures`); not in earlier files
    trunk          only with format 2: `file`, the name of a model file from which the tensors `names` are taken, and
                   `tensors`, the checksum of these (`share_layers`)

A file with a trunk needs that file beside it, or among those that come with the package.  Its tensors' checksum
is that of all, so it reads as the same model that a whole file is.

Nothing in such a file is ever executed.  `save_model` and `share_layers` are the only writers and `read_model` the
only reader.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from enicfer.errors import InputError, ModelError, shown
from enicfer.expressions import Expression
from enicfer.io.files.atomic import replacing
from enicfer.models.checksums import CHECKSUMS, SHIPPED_FOLDER
from enicfer.models.description import (
    ARCHITECTURES,
    FORMAT,
    SHARED,
    check_temperature,
    read_description,
    take_pictures,
)
from enicfer.models.pictures import Pictures
from enicfer.records.validity import check_labels

KEY = "enicfer"
SIZES = {"input_size": 1024, "channels": 3, "outputs": len(Expression)}
PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt"}


@dataclass(frozen=True, eq=False)
class Model:
    """A network in evaluation mode with the description that travels with it.

    Attributes
    ----------
    network
        float32, (n, channels, size, size) -> logits (n, k).
    labels
    temperature
    metadata
        The JSON description, as stored, without `pictures`.
    pictures
        What it learnt from; a file that does not say names the model itself as `unrecorded`.
    """

    network: nn.Module
    labels: tuple[str, ...]
    temperature: float
    metadata: dict[str, Any]
    pictures: Pictures


def save_model(
    path: Path,
    network: nn.Module,
    *,
    name: str,
    architecture: str,
    labels: Sequence[str],
    temperature: float = 1.0,
    description: Mapping[str, Any] | None = None,
    pictures: Pictures | None = None,
) -> None:
    """Write a model file (atomically; same input, same bytes).

    Parameters
    ----------
    path
        Ends in ``.safetensors``.
    network
        Has the attribute `arguments`, with which its class makes it again.
    name, architecture
    labels
    temperature
    description
        JSON-able `data`, `metrics`, `recipe`.
    pictures
        What it learnt from; None: nobody noted it.
    """
    if path.suffix != ".safetensors":
        raise InputError(
            f"{path.name} is no name of a model file", place=path, remedy="end it with .safetensors"
        )
    about = {
        "format": FORMAT,
        "name": name,
        "architecture": architecture,
        "arguments": network.arguments,
        "labels": [str(label) for label in labels],
        "preprocessing": {"standardise": "image"},
        "temperature": temperature,
        **(description or {}),
    }
    check_labels(about["labels"])
    check_temperature(path, temperature)
    if pictures is not None:
        about["pictures"] = pictures.pack()
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in network.state_dict().items()
    }
    about["tensors"] = digest_tensors(tensors)
    text = json.dumps(about, sort_keys=True, ensure_ascii=False)
    with replacing(path) as partial:
        partial.write_bytes(save(tensors, metadata={KEY: text}))


def read_model(path: Path) -> Model:
    """Read a model file.

    Parameters
    ----------
    path

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        The file is missing, a pickle, truncated, not made by enicfer, or does not fit itself.
    """
    text, tensors = _content(path)
    about = read_description(path, text)
    if about["format"] == SHARED:
        tensors |= _take_trunk(path, about.pop("trunk", None), tensors)
    _check_tensors(path, about, tensors)
    pictures = take_pictures(path, about)
    network = _network(path, about, tensors)
    return Model(network, tuple(about["labels"]), float(about["temperature"]), about, pictures)


def _content(path: Path) -> tuple[str, dict[str, Tensor]]:
    """The description of a model file as text, and the tensors that it holds itself."""
    if path.suffix.lower() in PICKLES:
        raise ModelError(
            f"{path} is a pickle, and opening a pickle can run any program hidden in it",
            place=path,
            remedy=(
                "load it once where you trust its origin, with torch.load(..., weights_only=True), and "
                "write it with enicfer.models.save_model to a .safetensors file"
            ),
        )
    if not path.is_file():
        raise ModelError(f"There is no model file {path}", place=path, remedy="check the path")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is no readable safetensors file ({error})", place=path, remedy="copy it again"
        ) from error
    if text is None:
        raise ModelError(
            f"{path} has no description of labels and preprocessing, so it was not written by enicfer",
            place=path,
            remedy="write it with enicfer.models.save_model",
        )
    return text, tensors


def share_layers(path: Path, trunk: Path, target: Path) -> int:
    """Write a model file again without the tensors that another has, too.

    Parameters
    ----------
    path
        Of a whole model file.
    trunk
        Of another whole model file, from which the written one takes what both have.
    target
        To write; it is read only with a copy of `trunk` beside it, or where that came with the package.

    Returns
    -------
    int
        Number of tensors that are not stored again.

    Raises
    ------
    InputError
        The files have no tensor in common.
    ModelError
        One of the files is no whole model file.
    """
    own, other = _content(path), _content(trunk)
    about = json.loads(own[0])
    for file, text in ((path, own[0]), (trunk, other[0])):
        read_model(file)
        if json.loads(text)["format"] != FORMAT:
            raise ModelError(
                f"{file} takes layers from another file itself", remedy="give a whole model file"
            )
    common = {
        name: value for name, value in own[1].items() if name in other[1] and _same(value, other[1][name])
    }
    if not common:
        raise InputError(
            f"{path} and {trunk} have no layer in common, so none can be shared",
            place=path,
            remedy="give two models that were trained from one",
        )
    about |= {"format": SHARED, "trunk": {"file": trunk.name, "names": sorted(common)}}
    about["trunk"]["tensors"] = digest_tensors({name: other[1][name] for name in common})
    about["tensors"] = digest_tensors(own[1] | {name: other[1][name] for name in common})
    rest = {name: value for name, value in own[1].items() if name not in common}
    with replacing(target) as partial:
        partial.write_bytes(save(rest, metadata={KEY: json.dumps(about, sort_keys=True, ensure_ascii=False)}))
    return len(common)


def _same(first: Tensor, second: Tensor) -> bool:
    """The same numbers; zeros may differ in a sign that no sum feels."""
    return first.dtype == second.dtype and torch.equal(first, second)


def _take_trunk(path: Path, trunk: object, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that a model file takes from another, checked."""
    if not isinstance(trunk, dict) or not all(isinstance(trunk.get(key), str) for key in ("file", "tensors")):
        raise ModelError(
            f"{path} says that it takes layers from another file, but not from which",
            place=path,
            remedy="write it with enicfer.models.save_model",
        )
    name, names = trunk["file"], trunk.get("names")
    if Path(name).name != name or not name.endswith(".safetensors"):
        raise ModelError(
            f"{path} takes layers from {shown(name)}",
            place=path,
            remedy="take them from a .safetensors file beside it, which alone is allowed",
        )
    found = [file for file in (path.parent / name, SHIPPED_FOLDER / name) if file.is_file()]
    if not found:
        raise ModelError(
            f"{path} takes layers from {name}, which is not beside it",
            place=path,
            remedy="copy that file there as well",
        )
    there = _content(found[0])[1]
    if not isinstance(names, list) or not all(isinstance(one, str) and one in there for one in names):
        raise ModelError(
            f"{found[0]} lacks layers that {path} takes from it", remedy="copy both from the same place again"
        )
    taken = {one: there[one] for one in names if one not in own}
    if digest_tensors(taken) != trunk["tensors"]:
        raise ModelError(
            f"{found[0]} has other weights than {path} was made for",
            remedy="copy both from the same place again",
        )
    return taken


def digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 in hexadecimal of names, types, shapes and bytes of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()


def _check_tensors(path: Path, about: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Compare the tensors with their checksum: in the file, or, of shipped files, in `CHECKSUMS`."""
    stated = about.pop("tensors", None)
    shipped = CHECKSUMS.get(path.name) if path.parent == SHIPPED_FOLDER else None
    wanted = shipped or stated
    if wanted is not None and digest_tensors(tensors) != wanted:
        raise ModelError(
            f"The weights in {path} are not those that were written: the file is damaged or was changed.",
            place=path,
            remedy="copy or install it again",
        )


def _is_size(value: object, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest


def _network(path: Path, about: Mapping[str, Any], tensors: dict[str, Tensor]) -> nn.Module:
    arguments = about["arguments"]
    try:
        for key, largest in SIZES.items():
            if not _is_size(arguments.get(key), largest):
                told = shown(arguments.get(key), 40)
                raise ValueError(f"{key} is {told}: a whole number up to {largest} is needed")
        with torch.device("meta"):  # sizes that a file only claims to have cost nothing
            shapes = {
                key: value.shape
                for key, value in ARCHITECTURES[about["architecture"]](**arguments).state_dict().items()
            }
        for key in shapes.keys() & tensors.keys():
            if shapes[key] != tensors[key].shape:
                raise RuntimeError(f"{key} is {list(tensors[key].shape)}, not {list(shapes[key])}")
        network = ARCHITECTURES[about["architecture"]](**arguments)
        network.load_state_dict(tensors)
    except (
        TypeError,
        KeyError,
        ValueError,
        AttributeError,
        IndexError,
        RuntimeError,
        ArithmeticError,
        AssertionError,
    ) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(
            f"The weights in {path} do not fit the {about['architecture']} that it describes ({first})",
            place=path,
            remedy="copy the file again, or train the model anew",
        ) from error
    outputs = about["arguments"].get("outputs")
    if outputs != len(about["labels"]):
        raise ModelError(
            f"{path} has {outputs} outputs but {len(about['labels'])} labels",
            place=path,
            remedy="write it with enicfer.models.save_model",
        )
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ModelError(
            f"{path} holds weights that are not finite numbers", place=path, remedy="train the model anew"
        )
    return network.eval().requires_grad_(False)
