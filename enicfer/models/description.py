"""The description inside a model file: what its entries are, and what of them is allowed.

`enicfer.models.weights` lists the entries. Each is checked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from enicfer.errors import InputError, ModelError
from enicfer.io.format_version import check_format
from enicfer.models.googlenet import GoogLeNet
from enicfer.models.pictures import Pictures, unpack_pictures
from enicfer.models.preprocessing import standardise
from enicfer.models.ronnet import RonNet
from enicfer.records.validity import check_labels

FORMAT, SHARED = 1, 2  # the second for files that take layers from another
ARCHITECTURES: dict[str, type[nn.Module]] = {"ronnet": RonNet, "googlenet": GoogLeNet}
NORMALISATIONS = {"image": standardise}
TEMPERATURES = 0.05, 20.0
_NEEDED = ("format", "name", "architecture", "arguments", "labels", "temperature")
_WRITE = "write it with enicfer.models.save_model"
# What the entries of the description are, and how JSON calls it.
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("name", "tensors"), str),
    **dict.fromkeys(("arguments", "preprocessing", "recipe", "metrics", "data"), dict),
    "labels": list,
}
_JSON = {str: "text", dict: "object", list: "list"}


def read_description(path: Path, text: str) -> dict[str, Any]:
    """Read the description of a model file, with the defaults of older ones.

    Raises
    ------
    ModelError
        If it is none, lacks an entry, or says what is not allowed.
    """
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"The description inside {path} is not JSON ({str(error)[:200]})",
            place=path,
            remedy=_WRITE,
        ) from error
    if not isinstance(about, dict):
        raise ModelError(
            f"The description inside {path} is a {type(about).__name__}, not a JSON object",
            place=path,
            remedy=_WRITE,
        )
    missing = [key for key in _NEEDED if key not in about]
    if missing:
        raise ModelError(
            f"The description inside {path} lacks {', '.join(missing)}",
            place=path,
            remedy=_WRITE,
        )
    check_format(
        about["format"], (FORMAT, SHARED), str(path), "update enicfer, or train the model again", ModelError
    )
    _choose(path, "architecture", about["architecture"], ARCHITECTURES)
    about.setdefault("preprocessing", {"standardise": "image"})
    for key, kind in _KINDS.items():
        if not isinstance(about.get(key, kind()), kind):
            raise ModelError(
                f"{path} has {key} {str(about[key])[:60]!r}",
                place=path,
                remedy=f"it must be a JSON {_JSON[kind]}",
            )
    _choose(path, "preprocessing", about["preprocessing"].get("standardise"), NORMALISATIONS)
    try:
        check_labels(about["labels"])
    except InputError as error:
        raise ModelError(f"{path}: {error}", place=path, remedy=_WRITE) from None
    about["temperature"] = check_temperature(path, about["temperature"])
    return about


def check_temperature(path: Path, value: Any) -> float:
    """The temperature; far from 1 it is no calibration, and makes every answer certain or none."""
    low, high = TEMPERATURES
    if isinstance(value, bool) or not isinstance(value, float | int) or not low <= value <= high:
        raise ModelError(
            f"{path} has the temperature {str(value)[:40]}",
            place=path,
            remedy=f"it must be above 0: from {low} to {high}",
        )
    return float(value)


def take_pictures(path: Path, about: dict[str, Any]) -> Pictures:
    """Take the digests out of the description: they are long, and nothing to show."""
    packed = about.pop("pictures", None)
    if packed is None:
        return Pictures(unrecorded=(about["name"],))
    try:
        return unpack_pictures(packed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"The record of training pictures inside {path} cannot be read ({error})",
            place=path,
            remedy=_WRITE,
        ) from error


def _choose(path: Path, what: str, value: object, table: Mapping[str, object]) -> None:
    if not isinstance(value, str) or value not in table:
        raise ModelError(
            f"{path} asks for {what} {str(value)[:60]!r}",
            place=path,
            remedy=f"allowed are {', '.join(table)}",
        )
