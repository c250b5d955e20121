"""The recipe of a training run: one frozen dataclass, read from a commented TOML file.

Conventions: a table that is left out has its defaults; an unknown key is refused with the
allowed ones.  Paths are relative to the recipe file; where no model lies there, to the working directory.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from enicfer.config.engine import read_settings, read_toml
from enicfer.config.shipped import find_settings
from enicfer.config.values import AtLeastOne, Count, Fraction, NotNegative, Positive
from enicfer.errors import InputError
from enicfer.models.classifier import SHIPPED
from enicfer.training.augmentation import Augmentation
from enicfer.training.recipe_values import (
    Architecture,
    BelowOne,
    Content,
    FileStem,
    Labels,
    NamePattern,
    Reader,
    Seed,
    smallest_input,
)


@dataclass(frozen=True)
class Data:
    """Where the images are and how they are split.

    Attributes
    ----------
    path
        Data set: a file or folder.
    reader
        Name of the layout, one of `enicfer.training.datasets.READERS`; "" guesses.
    labels
        Expressions to learn.
    split
        Validate on the data set's own partition, on subjects that are not in training, on the last images of each
        subject, in the order of the data set, or on random images (which flatters most: neighbours are then in both).
    train, validation
        Names of the data set's own partitions; with "subject" and "random", `train` limits both
        ("" for everything).
    share
        Part of the subjects or images that validates, unless "given".
    crop
        Find and frame the faces first, as inference does; false where the pictures are crops.
    content
        What pictures labelled "content" count as; "" leaves them out.
    pattern
        Regular expression of the file names, for the reader "names".
    """

    path: str = ""
    reader: Reader = ""
    labels: Labels = (
        "angry",
        "fearful",
        "happy",
        "sad",
        "neutral",
        "disgusted",
        "surprised",
    )
    split: Literal["given", "subject", "order", "random"] = "subject"
    train: str = ""
    validation: str = ""
    share: Fraction = 0.15
    crop: bool = False
    content: Content = ""
    pattern: NamePattern = ""


@dataclass(frozen=True)
class Network:
    """Architecture and its free choices.

    Attributes
    ----------
    architecture
        One of `enicfer.models.weights.ARCHITECTURES`.
    input_size
        Height and width of a picture in px.
    channels
        1 for grey, 3 for colour.
    padding
        Of a RonNet: "valid" trims each layer's border, "same" keeps it, with more than twice the weights and half of
        the speed.
    dropout
        After the last convolution block, and after the hidden layer.
    """

    architecture: Architecture = "ronnet"
    input_size: AtLeastOne = 48
    channels: Literal[1, 3] = 1
    padding: Literal["same", "valid"] = "valid"
    dropout: tuple[BelowOne, BelowOne] = (0.1, 0.3)


@dataclass(frozen=True)
class Transfer:
    """Beginning from a finished model.

    Attributes
    ----------
    start
        Name of a shipped model or a file; "" begins anew ("direct" training).
    freeze
        Layers that stay as they are: "convs", "fc1"; of a GoogLeNet "convs", all but the last.
    normalise
        Give a RonNet that begins from a finished one its batch normalisation back, so that it can be trained like
        a new one, with "muon" and a high rate (`enicfer.training.normalisation`); needs ``freeze = ()``.
    keep
        Part of the start's weights in the finished model, 0 to 1: between the two, what was learnt costs less of what
        the start knew (Wortsman et al. 2022, doi:10.1109/CVPR52688.2022.00780).
    refit
        Instead of a training by steps, fit the last layer alone, held to the start as firmly as cross-validation in
        the training part says (`enicfer.training.adaptation`): for some tens to thousands of pictures.
    """

    start: str = ""
    freeze: tuple[str, ...] = ("convs",)
    normalise: bool = False
    keep: Fraction = 0.0
    refit: bool = False


@dataclass(frozen=True)
class Schedule:
    """Optimisation.

    Attributes
    ----------
    epochs
        How often every image is seen.
    batch_size
        Images in a step.
    learning_rate
        The peak of a cosine with linear warm-up.
    weight_decay
        By how much the weights shrink in a step, as a multiple of the learning rate.
    warm_up
        Part of all steps.
    ema
        Decay of the moving average of the weights, per step.
    smoothing
        Part of the target taken from the raters' votes (or, without votes, from the uniform
        distribution).
    vote_weight
        Weight of a second output that learns the raters' votes alone; 0 leaves it out.
    vote_share
        Part of that second output in the finished model (`enicfer.training.export`).
    seed
        Of all random numbers: the same seed and the same data give the same model.
    threads
        Each works on a part of every batch; another number gives other random numbers.
    optimiser
        "muon" (`enicfer.training.optimisers`), or "adamw", which needs more epochs,
        but is the one for networks that begin from a finished one without `Transfer.normalise`: their layers are
        not normalised.
    precision
        "float32", or "bfloat16" for the forward and backward pass (weights stay float32): faster on
        processors with instructions for it (AVX-512 BF16, AMX), slower on others.
    balance
        0: every image counts the same in the loss of the labels; 1: every class does.
    patience
        Stop after so many epochs without a better accuracy of the averaged weights on the validation
        part, and keep the best; 0: never, and keep the last.
    checkpoint_steps
        Steps between checkpoints.
    """

    epochs: AtLeastOne = 56
    batch_size: AtLeastOne = 128
    learning_rate: Positive = 6e-3
    weight_decay: NotNegative = 0.05
    warm_up: Fraction = 0.05
    ema: BelowOne = 0.998
    smoothing: Fraction = 0.15
    vote_weight: NotNegative = 0.5
    vote_share: Fraction = 0.0
    seed: Seed = 0
    threads: AtLeastOne = 2
    optimiser: Literal["adamw", "muon"] = "muon"
    precision: Literal["float32", "bfloat16"] = "float32"
    balance: Fraction = 0.0
    patience: Count = 0
    checkpoint_steps: AtLeastOne = 100


@dataclass(frozen=True)
class Distillation:
    """Learning from finished models as well.

    Attributes
    ----------
    teachers
        Names of shipped models or files; empty for none.
    share
        Part of the loss that the teachers give.
    temperature
        Softens their probabilities.
    """

    teachers: tuple[str, ...] = ()
    share: Fraction = 0.5
    temperature: Positive = 2.0


@dataclass(frozen=True)
class Calibration:
    """On what the temperature of the finished model is fitted.

    Attributes
    ----------
    lab
        Part of the validation images that are then under an imitated laboratory condition
        (`enicfer.training.lab_conditions`), so that probabilities stay honest there; 0: none.
    """

    lab: Fraction = 0.0


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a trained model.

    Attributes
    ----------
    name
        Of the model file, and what the model calls itself.
    data, network, transfer, augmentation, distillation, schedule, calibration
        See the classes.
    """

    name: FileStem = "ronnet-7"
    data: Data = field(default_factory=Data)
    network: Network = field(default_factory=Network)
    transfer: Transfer = field(default_factory=Transfer)
    augmentation: Augmentation = field(default_factory=Augmentation)
    distillation: Distillation = field(default_factory=Distillation)
    schedule: Schedule = field(default_factory=Schedule)
    calibration: Calibration = field(default_factory=Calibration)

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, for a checkpoint or a model's metadata."""
        return asdict(self)


TABLES = tuple(entry.name for entry in fields(Recipe) if is_dataclass(entry.type))


def find_recipe(name_or_file: str | Path) -> Path:
    """Path of a recipe file, or of a shipped recipe by name.

    Raises
    ------
    InputError
        There is neither.
    """
    return find_settings("recipe", name_or_file, InputError)


def read_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        TOML file.
    settings
        ``table.key=value``, the value as TOML writes it, which go before those of the file, such as
        ``schedule.epochs=3``.

    Returns
    -------
    Recipe
        With `data.path` made absolute, and the files of models that lie beside it.

    Raises
    ------
    InputError
        The file is missing or no TOML, or says what cannot be meant: all its problems are named.
    """
    source = f"The recipe {path}"
    content = read_toml(path, source, InputError)
    for setting in settings:
        _change(content, setting)
    recipe = read_settings(Recipe, content, source, find_conflicts=_find_conflicts, error=InputError)
    location = (path.parent / recipe.data.path).resolve()
    start = _place_model(recipe.transfer.start, path.parent)
    teachers = tuple(_place_model(name, path.parent) for name in recipe.distillation.teachers)
    return replace(
        recipe,
        data=replace(recipe.data, path=str(location)),
        transfer=replace(recipe.transfer, start=start),
        distillation=replace(recipe.distillation, teachers=teachers),
    )


def _find_conflicts(recipe: Recipe) -> list[str]:
    """What is wrong between the keys, each of which may be right by itself."""
    network, transfer, votes = recipe.network, recipe.transfer, recipe.schedule.vote_weight
    problems = []
    least = smallest_input(network.architecture, network.padding)
    if network.input_size < least:
        problems.append(
            f"[network] input_size is {network.input_size}: this {network.architecture} needs {least} pixels or more"
        )
    if transfer.refit and (not transfer.start or votes):
        problems.append(
            f"[transfer] refit is true with start = {transfer.start!r} and [schedule] vote_weight = {votes:g}: it "
            "needs a model to begin from, and vote_weight = 0.0; give both, or say refit = false"
        )
    if transfer.keep and not transfer.start:
        problems.append(
            f"[transfer] keep is {transfer.keep} and start is '': it needs a model to begin from, or must be 0"
        )
    return problems


def _change(content: dict[str, Any], setting: str) -> None:
    """Put ``table.key=value`` into the content of a recipe."""
    place, equals, text = setting.partition("=")
    name, dot, key = place.strip().partition(".")
    if not equals or not dot or name not in TABLES:
        raise InputError(
            f"The setting {setting!r} is no TABLE.KEY=VALUE with a table of {', '.join(TABLES)}",
            remedy="write it like schedule.epochs=3",
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a word without quotation marks, which a shell takes away
    table = content.setdefault(name, {})
    if isinstance(table, dict):  # anything else is refused with the rest of the file
        table[key] = value


def _place_model(name: str, folder: Path) -> str:
    """The file that a name means beside the recipe; a shipped name, and what is not there, as it is."""
    beside = (folder / name).resolve()
    return str(beside) if name not in SHIPPED and beside.is_file() else name
