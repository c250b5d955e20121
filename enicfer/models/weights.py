"""Model files: a network's weights with everything needed to use and to judge them.

A model file is safetensors: half-precision tensors, and one JSON text in its metadata with

    format         1
    name           what the model calls itself
    architecture   a name of `ARCHITECTURES`, with its `arguments`
    labels         expressions, in the order of the outputs
    preprocessing  `standardise`: a name of `NORMALISATIONS`
    temperature    by which logits are divided (`enicfer.models.calibration`)
    data, metrics, recipe   what it was trained on, what was measured, how it was made
    pictures       digests of the pictures behind it (`enicfer.models.pictures`); not in earlier files

Nothing in such a file is ever executed.  `save_model` is the only writer and `read_model` the
only reader.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from enicfer.errors import InputError, ModelError
from enicfer.expressions import Expression
from enicfer.models.googlenet import GoogLeNet
from enicfer.models.pictures import Pictures, unpack_pictures
from enicfer.models.preprocessing import standardise
from enicfer.models.ronnet import RonNet

FORMAT = 1
KEY = "enicfer"
ARCHITECTURES: dict[str, type[nn.Module]] = {"ronnet": RonNet, "googlenet": GoogLeNet}
NORMALISATIONS = {"image": standardise}
PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt"}


@dataclass(frozen=True, eq=False)
class Model:
    """A network in evaluation mode with the description that travels with it.

    Attributes
    ----------
    network : nn.Module
        float32, (n, channels, size, size) -> logits (n, k).
    labels : tuple of str
    temperature : float
    metadata : dict
        The JSON description, as stored, without `pictures`.
    pictures : Pictures
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
    path : Path
        Ends in ``.safetensors``.
    network : nn.Module
        Has the attribute `arguments`, with which its class makes it again.
    name, architecture : str
    labels : sequence of str
    temperature : float
    description : mapping, optional
        JSON-able `data`, `metrics`, `recipe`.
    pictures : Pictures, optional
        What it learnt from; None: nobody noted it.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"A model file must end in .safetensors, not {path.name}.")
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
    if pictures is not None:
        about["pictures"] = pictures.pack()
    text = json.dumps(about, sort_keys=True, ensure_ascii=False)
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in network.state_dict().items()
    }
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(save(tensors, metadata={KEY: text}))
    temporary.replace(path)


def read_model(path: Path) -> Model:
    """Read a model file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        The file is missing, a pickle, truncated, not made by enicfer, or does not fit itself.
    """
    if path.suffix.lower() in PICKLES:
        raise ModelError(
            f"{path} is a pickle, and opening a pickle can run any program hidden in it; load it "
            "once where you trust its origin, with torch.load(..., weights_only=True), and write "
            "it with enicfer.models.save_model to a .safetensors file."
        )
    if not path.is_file():
        raise ModelError(f"There is no model file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no readable safetensors file ({error}).") from error
    if text is None:
        raise ModelError(
            f"{path} has no description of labels and preprocessing, so it was not written by "
            "enicfer; write it with enicfer.models.save_model."
        )
    about = _description(path, text)
    pictures = _pictures(path, about)
    network = _network(path, about, tensors)
    return Model(network, tuple(about["labels"]), float(about["temperature"]), about, pictures)


def _description(path: Path, text: str) -> dict[str, Any]:
    try:
        about = json.loads(text)
    except ValueError as error:
        raise ModelError(f"The description inside {path} is not JSON ({error}).") from error
    needed = ("format", "name", "architecture", "arguments", "labels", "temperature")
    missing = [key for key in needed if key not in about]
    if missing:
        raise ModelError(f"The description inside {path} lacks {', '.join(missing)}.")
    if about["format"] != FORMAT:
        raise ModelError(f"{path} has format {about['format']}; this version of enicfer reads {FORMAT}.")
    _choose(path, "architecture", about["architecture"], ARCHITECTURES)
    about.setdefault("preprocessing", {"standardise": "image"})
    _choose(path, "preprocessing", about["preprocessing"].get("standardise"), NORMALISATIONS)
    known = [str(expression) for expression in Expression]
    strange = [label for label in about["labels"] if label not in known]
    if strange or len(set(about["labels"])) < len(about["labels"]):
        raise ModelError(
            f"{path} has the labels {', '.join(about['labels'])}; each must be a different one "
            f"of {', '.join(known)}."
        )
    temperature = about["temperature"]
    if not (isinstance(temperature, float | int) and 0 < temperature < math.inf):
        raise ModelError(f"{path} has the temperature {temperature}; it must be above 0.")
    return dict(about)


def _pictures(path: Path, about: dict[str, Any]) -> Pictures:
    """Take the digests out of the description: they are long, and nothing to show."""
    packed = about.pop("pictures", None)
    if packed is None:
        return Pictures(unrecorded=(about["name"],))
    try:
        return unpack_pictures(packed)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The record of training pictures inside {path} cannot be read ({error})."
        ) from error


def _choose(path: Path, what: str, value: object, table: Mapping[str, object]) -> None:
    if value not in table:
        raise ModelError(f"{path} asks for {what} {value!r}; allowed are {', '.join(table)}.")


def _network(path: Path, about: Mapping[str, Any], tensors: dict[str, Tensor]) -> nn.Module:
    try:
        network = ARCHITECTURES[about["architecture"]](**about["arguments"])
        network.load_state_dict(tensors)
    except (TypeError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(
            f"The weights in {path} do not fit the {about['architecture']} that it describes ({first})."
        ) from error
    outputs = about["arguments"].get("outputs")
    if outputs != len(about["labels"]):
        raise ModelError(f"{path} has {outputs} outputs but {len(about['labels'])} labels.")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise ModelError(f"{path} holds weights that are not finite numbers.")
    return network.eval().requires_grad_(False)
