"""The recipe of a training run: one frozen dataclass, read from a commented TOML file.

Conventions: a table that is left out has its defaults; an unknown key is refused with the
allowed ones.  Paths are relative to the recipe file.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from enicfer.errors import InputError
from enicfer.training.augmentation import Augmentation


@dataclass(frozen=True)
class Data:
    """Where the images are and how they are split.

    Attributes
    ----------
    path : str
        Data set: a file or folder.
    reader : str
        Name of the layout, one of `enicfer.training.datasets.READERS`; "" guesses.
    labels : tuple of str
        Expressions to learn.
    split : {"given", "subject", "random"}
        Validate on the data set's own partition, on subjects that are not in training, or on
        random images (which flatters: the same person is then in training and validation).
    train, validation : str
        Names of the data set's own partitions; with "subject" and "random", `train` limits both
        ("" for everything).
    share : float
        Part of the subjects or images that validates, with "subject" and "random".
    crop : bool
        Find and frame the faces first, as inference does; false where the pictures are crops.
    content : str
        What pictures labelled "content" count as; "" leaves them out.
    """

    path: str = ""
    reader: str = ""
    labels: tuple[str, ...] = (
        "angry",
        "fearful",
        "happy",
        "sad",
        "neutral",
        "disgusted",
        "surprised",
    )
    split: str = "subject"
    train: str = ""
    validation: str = ""
    share: float = 0.15
    crop: bool = False
    content: str = ""


@dataclass(frozen=True)
class Network:
    """Architecture and its free choices."""

    architecture: str = "ronnet"
    input_size: int = 48
    channels: int = 1
    padding: str = "same"
    dropout: tuple[float, float] = (0.25, 0.5)


@dataclass(frozen=True)
class Schedule:
    """Optimisation.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate, weight_decay : float
        Of AdamW; the rate is the peak of a cosine with linear warm-up.
    warm_up : float
        Part of all steps.
    ema : float
        Decay of the moving average of the weights, per step.
    smoothing : float
        Part of the target taken from the raters' votes (or, without votes, from the uniform
        distribution).
    vote_weight : float
        Weight of a second output that learns the raters' votes alone; 0 leaves it out.
    """

    epochs: int = 36
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warm_up: float = 0.05
    ema: float = 0.998
    smoothing: float = 0.15
    vote_weight: float = 0.5
    seed: int = 0
    threads: int = 2
    checkpoint_steps: int = 100


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a trained model."""

    name: str = "ronnet-7"
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=Schedule)

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, for a checkpoint or a model's metadata."""
        return asdict(self)


Table = TypeVar("Table")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path : Path
        TOML file.

    Returns
    -------
    Recipe
        With `data.path` made absolute.

    Raises
    ------
    InputError
        The file is missing or no TOML, or has an unknown key or a value of the wrong kind.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The recipe {path} is not valid TOML: {error}.") from error
    tables: dict[str, Any] = {
        "data": _table(Data, content.get("data", {}), f"[data] of {path}"),
        "network": _table(Network, content.get("network", {}), f"[network] of {path}"),
        "augmentation": _table(Augmentation, content.get("augmentation", {}), f"[augmentation] of {path}"),
        "schedule": _table(Schedule, content.get("schedule", {}), f"[schedule] of {path}"),
    }
    recipe = _table(Recipe, {**content, **tables}, str(path))
    location = (path.parent / recipe.data.path).resolve()
    data = asdict(recipe.data) | {"path": str(location)}
    return Recipe(**{**tables, "name": recipe.name, "data": Data(**data)})


def _table(kind: type[Table], values: dict[str, Any], where: str) -> Table:
    allowed = {f.name: f.type for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise InputError(f"Unknown key {', '.join(unknown)} in {where}; allowed are {', '.join(allowed)}.")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
