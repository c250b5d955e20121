"""`load_model` and `Classifier`: face crops to calibrated probabilities.

Conventions: crops are uint8, (n, h, w) grey or (n, h, w, 3) RGB, 0-255, of any size;
probabilities are float32 (n, k), rows sum to 1, columns in the order of `labels`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from enicfer.errors import InputError, ModelError
from enicfer.models.description import NORMALISATIONS
from enicfer.models.device import choose_device, one_thread
from enicfer.models.preprocessing import as_tensor, resize_crops
from enicfer.models.ronnet import RonNet
from enicfer.models.weights import Model, read_model

WEIGHTS = Path(__file__).parent / "weights"
DEFAULT = "ronnet-7"
SHIPPED = {name: f"{name}.safetensors" for name in ("ronnet-7", "ronnet-5", "ronnet-7-votes", "googlenet-7")}
# Of 1 to 64, the batch with most images per second: larger ones leave the processor's cache.
BATCH = 32


def load_model(name_or_file: str | Path | None = None) -> Classifier:
    """Load a shipped model by name, or a model file.

    Parameters
    ----------
    name_or_file
        A name of `SHIPPED`, or a path to a ``.safetensors`` file; None is the default model.

    Returns
    -------
    Classifier

    Raises
    ------
    ModelError
        No such model, or a file that cannot be used.
    """
    return Classifier(read_model(find_model(name_or_file)))


def find_model(name_or_file: str | Path | None = None) -> Path:
    """The file of a shipped model, or the given one; see `load_model`."""
    name = DEFAULT if name_or_file is None else str(name_or_file)
    path = WEIGHTS / SHIPPED[name] if name in SHIPPED else Path(name)
    if path.suffix and not path.exists():
        raise ModelError(
            f"There is no model file {path}",
            place=path,
            remedy=f"check the path, or give the name of a shipped model: {', '.join(SHIPPED)}",
        )
    if not path.exists():
        raise ModelError(
            f"There is no model {name!r}",
            remedy=f"give one that is shipped ({', '.join(SHIPPED)}), or the path of a .safetensors file",
        )
    return path


class Classifier:
    """A trained network, ready to use.

    Attributes
    ----------
    name
    labels
        The columns of `predict`.
    metadata
        What the model file says about training data, recipe and measured accuracy.
    pictures
        What it learnt from (`enicfer.models.pictures`).
    input_size
        Height and width in pixels to which crops are brought.
    channels
        1 (grey) or 3 (RGB).
    network
        In evaluation mode, with frozen weights, on the CPU; for attributions.
    device
        Where `predict` runs: on a GPU, if PyTorch sees one.
    """

    def __init__(self, model: Model) -> None:
        self.network = model.network
        self.labels = model.labels
        self.metadata: dict[str, Any] = model.metadata
        self.pictures = model.pictures
        self.name: str = model.metadata["name"]
        self.temperature = model.temperature
        self.input_size: int = model.metadata["arguments"]["input_size"]
        self.channels: int = model.metadata["arguments"]["channels"]
        self._normalise = NORMALISATIONS[model.metadata["preprocessing"]["standardise"]]
        self.device = choose_device()
        self._runs = copy.deepcopy(self.network).to(self.device)
        if isinstance(self._runs, RonNet):
            self._runs.keep_spectra()

    def prepare(self, crops: np.ndarray | Sequence[np.ndarray]) -> Tensor:
        """Crops to what the network reads: float32 (n, channels, size, size)."""
        return self._normalise(as_tensor(resize_crops(check_crops(crops), self.input_size, self.channels)))

    @torch.no_grad()
    def logits(self, crops: np.ndarray | Sequence[np.ndarray], flip: bool = False) -> np.ndarray:
        """Outputs before calibration, float32 (n, k); see `predict`."""
        result = np.empty((len(crops), len(self.labels)), np.float32)
        with one_thread():
            for start in range(0, len(crops), BATCH):
                batch = self.prepare(crops[start : start + BATCH]).to(self.device)
                logits = self._runs(batch)
                if flip:
                    logits = (logits + self._runs(batch.flip(3))) / 2
                result[start : start + BATCH] = logits.cpu().numpy()
        return result

    def predict(self, crops: np.ndarray | Sequence[np.ndarray], flip: bool = False) -> np.ndarray:
        """Calibrated probabilities of face crops.

        Parameters
        ----------
        crops
            ``(n, h, w)`` or ``(n, h, w, 3)``, or a sequence of such images:
            Grey or RGB, of any size; in a sequence, each of its own size.
        flip
            Average with the mirror image: a little more accurate, twice the time.

        Returns
        -------
        ndarray of float32, shape (n, k)
            Rows sum to 1.

        Raises
        ------
        InputError
            A crop is not uint8, empty, or has another number of dimensions.
        """
        logits = torch.from_numpy(self.logits(crops, flip))
        return torch.softmax(logits / self.temperature, dim=1).numpy()

    def __repr__(self) -> str:
        return f"Classifier({self.name!r}, labels={self.labels})"


def check_crops(crops: np.ndarray | Sequence[np.ndarray]) -> np.ndarray | Sequence[np.ndarray]:
    """Return the crops, or say which one cannot be a face crop and why."""
    if isinstance(crops, np.ndarray) and crops.ndim not in (3, 4):
        raise InputError(
            f"Crops have the shape {crops.shape}", remedy="allowed are (n, h, w) and (n, h, w, 3)"
        )
    for i, crop in enumerate(crops):
        right_shape = crop.ndim == 2 or (crop.ndim == 3 and crop.shape[2] == 3)
        if crop.dtype != np.uint8 or not right_shape or crop.size == 0:
            raise InputError(
                f"Crop {i} is {crop.dtype} of shape {crop.shape}",
                remedy="it must be uint8, (h, w) grey or (h, w, 3) RGB, and not empty",
            )
    return crops
