"""The recipe of a training run: one frozen dataclass, read from a commented TOML file.

Conventions: a table that is left out has its defaults; an unknown key is refused with the
allowed ones.  Paths are relative to the recipe file; where no model lies there, to the working directory.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from enicfer.errors import InputError
from enicfer.expressions import Expression
from enicfer.models.classifier import SHIPPED
from enicfer.models.ronnet import PADDING
from enicfer.models.weights import ARCHITECTURES
from enicfer.training.augmentation import Augmentation

PRECISIONS = ("float32", "bfloat16")
OPTIMISERS = ("adamw", "muon")
# Smallest pictures in pixels, of a GoogLeNet and of a RonNet by its padding: three blocks leave nothing of less.
SMALLEST = {"googlenet": 33, "same": 8, "valid": 29}


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
    pattern : str
        Regular expression of the file names, for the reader "names".
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
    pattern: str = ""


@dataclass(frozen=True)
class Network:
    """Architecture and its free choices."""

    architecture: str = "ronnet"
    input_size: int = 48
    channels: int = 1
    padding: str = "valid"
    dropout: tuple[float, float] = (0.1, 0.3)


@dataclass(frozen=True)
class Transfer:
    """Beginning from a finished model.

    Attributes
    ----------
    start : str
        Name of a shipped model or a file; "" begins anew ("direct" training).
    freeze : tuple of str
        Layers that stay as they are: "convs", "fc1"; of a GoogLeNet "convs", all but the last.
    """

    start: str = ""
    freeze: tuple[str, ...] = ("convs",)


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
    vote_share : float
        Part of that second output in the finished model (`enicfer.training.export`).
    seed : int
    threads : int
        Each works on a part of every batch; another number gives other random numbers.
    optimiser : str
        "muon" (`enicfer.training.optimisers`), or "adamw", which needs more epochs,
        but is the one for networks that begin from a finished one: their layers are not normalised.
    precision : str
        "float32", or "bfloat16" for the forward and backward pass (weights stay float32): faster on
        processors with instructions for it (AVX-512 BF16, AMX), slower on others.
    balance : float
        0: every image counts the same in the loss of the labels; 1: every class does.
    patience : int
        Stop after so many epochs without a better accuracy of the averaged weights on the validation
        part, and keep the best; 0: never, and keep the last.
    checkpoint_steps : int
        Steps between checkpoints.
    """

    epochs: int = 56
    batch_size: int = 128
    learning_rate: float = 6e-3
    weight_decay: float = 0.05
    warm_up: float = 0.05
    ema: float = 0.998
    smoothing: float = 0.15
    vote_weight: float = 0.5
    vote_share: float = 0.0
    seed: int = 0
    threads: int = 2
    optimiser: str = "muon"
    precision: str = "float32"
    balance: float = 0.0
    patience: int = 0
    checkpoint_steps: int = 100


@dataclass(frozen=True)
class Distillation:
    """Learning from finished models as well.

    Attributes
    ----------
    teachers : tuple of str
        Names of shipped models or files; empty for none.
    share : float
        Part of the loss that the teachers give.
    temperature : float
        Softens their probabilities.
    """

    teachers: tuple[str, ...] = ()
    share: float = 0.5
    temperature: float = 2.0


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a trained model."""

    name: str = "ronnet-7"
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    transfer: Transfer = field(default_factory=Transfer)
    augmentation: Augmentation = field(default_factory=Augmentation)
    distillation: Distillation = field(default_factory=Distillation)
    schedule: Schedule = field(default_factory=Schedule)

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, for a checkpoint or a model's metadata."""
        return asdict(self)


TABLES: dict[str, type[Any]] = {
    "data": Data,
    "network": Network,
    "transfer": Transfer,
    "augmentation": Augmentation,
    "distillation": Distillation,
    "schedule": Schedule,
}


def recipes_folder() -> Path:
    """Folder of the recipes that ship: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def find_recipe(name_or_file: Path) -> Path:
    """Path of a recipe file, or of a shipped recipe by name.

    Raises
    ------
    InputError
        There is neither.
    """
    if name_or_file.is_file():
        return name_or_file
    shipped = {path.stem: path for path in sorted(recipes_folder().glob("*.toml"))}
    if str(name_or_file) not in shipped:
        raise InputError(f"There is no recipe file {name_or_file}; shipped recipes are {', '.join(shipped)}.")
    return shipped[str(name_or_file)]


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
        With `data.path` made absolute, and the files of models that lie beside it.

    Raises
    ------
    InputError
        The file is missing or no TOML, or has an unknown key or a value of the wrong kind.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"The recipe {path} is not UTF-8 text ({error.reason}): save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The recipe {path} is not valid TOML: {error}.") from error
    tables: dict[str, Any] = {
        name: _table(kind, content.get(name, {}), f"[{name}]", path) for name, kind in TABLES.items()
    }
    recipe = _table(Recipe, {**content, **tables}, "", path)
    if recipe.network.architecture not in ARCHITECTURES:
        raise InputError(
            f"[network] architecture in {path} is {recipe.network.architecture!r}; allowed are "
            f"{', '.join(ARCHITECTURES)}."
        )
    if recipe.network.padding not in PADDING:
        raise InputError(
            f"[network] padding in {path} is {recipe.network.padding!r}; allowed are {', '.join(PADDING)}."
        )
    for key, allowed in (("precision", PRECISIONS), ("optimiser", OPTIMISERS)):
        value = getattr(recipe.schedule, key)
        if value not in allowed:
            raise InputError(f"[schedule] {key} in {path} is {value!r}; allowed are {', '.join(allowed)}.")
    _check_values(recipe, path)
    location = (path.parent / recipe.data.path).resolve()
    start = _place_model(recipe.transfer.start, path.parent)
    teachers = tuple(_place_model(name, path.parent) for name in recipe.distillation.teachers)
    return replace(
        recipe,
        data=replace(recipe.data, path=str(location)),
        transfer=replace(recipe.transfer, start=start),
        distillation=replace(recipe.distillation, teachers=teachers),
    )


def _place_model(name: str, folder: Path) -> str:
    """The file that a name means beside the recipe; a shipped name, and what is not there, as it is."""
    beside = (folder / name).resolve()
    return str(beside) if name not in SHIPPED and beside.is_file() else name


def _check_values(recipe: Recipe, path: Path) -> None:
    known, labels = [str(expression) for expression in Expression], recipe.data.labels
    if len(labels) < 2 or len(set(labels)) < len(labels) or not set(labels) <= set(known):
        raise InputError(
            f"[data] labels in {path} are {list(labels)}; they must be at least two, each a different one of "
            f"{', '.join(known)}."
        )
    if recipe.data.content not in ("", *known):
        raise InputError(
            f"[data] content in {path} is {recipe.data.content!r}; allowed are {', '.join(known)}, or '' to "
            "leave such pictures out."
        )
    network = recipe.network
    least = SMALLEST.get(network.architecture) or SMALLEST[network.padding]
    if network.input_size < least or network.channels not in (1, 3):
        raise InputError(
            f"[network] in {path} has input_size {network.input_size} and channels {network.channels}; this "
            f"{network.architecture} needs {least} pixels or more, and channels 1 (grey) or 3 (RGB)."
        )
    for key in ("epochs", "batch_size", "threads", "checkpoint_steps"):
        value = getattr(recipe.schedule, key)
        if value < 1:
            raise InputError(f"[schedule] {key} in {path} is {value}; it must be 1 or more.")


def _table(kind: type[Table], values: Any, name: str, path: Path) -> Table:
    """Make a table's dataclass, and check names and kinds of its values against the defaults."""
    if not isinstance(values, dict):
        raise InputError(f"{name} in {path} must be a table, not {values!r}.")
    allowed = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - allowed)
    if unknown:
        raise InputError(
            f"Unknown key {', '.join(unknown)} in {name or 'the first lines'} of {path}; allowed "
            f"are {', '.join(f.name for f in fields(kind))}."  # type: ignore[arg-type]
        )
    default = kind()
    checked = {}
    for key, value in values.items():
        wanted = getattr(default, key)
        if isinstance(wanted, tuple) and isinstance(value, list):
            value = tuple(value)
        if isinstance(wanted, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(wanted):
            kinds = {tuple: "list"}
            needed = kinds.get(type(wanted), type(wanted).__name__)
            raise InputError(f"{name} {key} in {path} is {value!r}; it must be of kind {needed}.")
        checked[key] = value
    return kind(**checked)
