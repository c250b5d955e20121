"""What the values of a recipe may be: types for the fields of `enicfer.training.recipe`, each with its check."""

import re
from typing import Annotated, Any

from enicfer.config.engine import Check
from enicfer.config.values import where
from enicfer.expressions import Expression
from enicfer.models.description import ARCHITECTURES
from enicfer.training.datasets import READERS

# Smallest pictures in pixels, of a GoogLeNet and of a RonNet by its padding: three blocks leave nothing of less.
SMALLEST = {"googlenet": 33, "same": 8, "valid": 29}
STEM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,99}")
KNOWN = tuple(str(expression) for expression in Expression)


def smallest_input(architecture: str, padding: str) -> int:
    """Smallest height and width in pixels that a network can take."""
    return SMALLEST.get(architecture) or SMALLEST[padding]


def _labels(value: Any) -> tuple[str, ...]:
    texts = value if isinstance(value, list) and all(isinstance(v, str) for v in value) else []
    if len(texts) < 2 or len(set(texts)) < len(texts) or not set(texts) <= set(KNOWN):
        raise ValueError(
            f"must be a list of at least two expressions, each a different one of {', '.join(KNOWN)}"
        )
    return tuple(texts)


def _content(value: Any) -> str:
    if value not in ("", *KNOWN):
        raise ValueError(f"allowed are {', '.join(KNOWN)}, or '' to leave such pictures out")
    return str(value)


def _architecture(value: Any) -> str:
    if not isinstance(value, str) or value not in ARCHITECTURES:
        raise ValueError(f"allowed are {', '.join(ARCHITECTURES)}")
    return value


def _reader(value: Any) -> str:
    if not isinstance(value, str) or (value and value not in READERS):
        raise ValueError(f"allowed are {', '.join(READERS)}, or '' to guess")
    return value


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"must be a regular expression ({error})") from None
    return value


def _stem(value: Any) -> str:
    if not isinstance(value, str) or not STEM.fullmatch(value):
        raise ValueError("names the model's file: must be letters, digits and . _ + -, up to 100")
    return value


def _seed(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError("must be a whole number, 0 or more")
    return value


BelowOne = Annotated[float, where(lambda x: 0 <= x < 1, "must be at least 0 and less than 1")]
Degrees = Annotated[float, where(lambda x: 0 <= x <= 180, "must be from 0 to 180 degrees")]
Labels = Annotated[tuple[str, ...], Check(_labels)]
Content = Annotated[str, Check(_content)]
Architecture = Annotated[str, Check(_architecture)]
Reader = Annotated[str, Check(_reader)]
NamePattern = Annotated[str, Check(_pattern)]
FileStem = Annotated[str, Check(_stem)]
Seed = Annotated[int, Check(_seed)]
