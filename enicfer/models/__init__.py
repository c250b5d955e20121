"""Face crops to probabilities: RonNet, model files, calibration.

`load_model` is the way in.  Importing this package does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enicfer.models.classifier import Classifier, load_model
    from enicfer.models.weights import read_model, save_model

__all__ = ["Classifier", "load_model", "read_model", "save_model"]

_HOME = {
    "Classifier": "classifier",
    "load_model": "classifier",
    "read_model": "weights",
    "save_model": "weights",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
