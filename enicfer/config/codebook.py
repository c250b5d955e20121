"""Codebooks: which categories a coder may choose, how they are defined, and by which key.

A codebook is a TOML file; those that ship are called by name. Its version is the number in it and a hash of all else
that it says, so that a code keeps its meaning when the codebook changes.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from enicfer.config.engine import Check, read_settings, read_toml
from enicfer.config.shipped import find_settings, list_shipped
from enicfer.config.values import AtLeastOne
from enicfer.errors import ProtocolError
from enicfer.expressions import Expression

LONGEST_WORD, LONGEST_TEXT = 60, 2000
SHORT_HASH = 8  # letters of the hash in a version
RESERVED = {"0": "cannot be coded", "u": "undo", "n": "skip"}
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_WORD = re.compile(r"[^\W_](?:[\w \-/+]*[^\W_])?")


def _word(value: Any) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value) or len(value) > LONGEST_WORD:
        raise ValueError(
            f"must be a word or a few, of letters, digits, blanks, _, -, + and /, up to {LONGEST_WORD}"
        )
    return value


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('must be a list of words, such as ["left", "right"]')
    found = tuple(_word(one) for one in value)
    if len(set(found)) < len(found):
        raise ValueError("has a word twice")
    return found


def _name(value: Any) -> str:
    return "" if value == "" else _word(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
        raise ValueError(f"must be text of 1 to {LONGEST_TEXT} letters")
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isalnum():
        raise ValueError("must be one letter or digit")
    if value.lower() in RESERVED:
        raise ValueError(f"is taken: it means {RESERVED[value.lower()]}")
    return value.lower()


def _expression(value: Any) -> str:
    if value != "" and value not in list(Expression):
        raise ValueError(f"allowed are {', '.join(Expression)}")
    return str(value)


def _examples(value: Any, folder: Path | None) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError('must be a list of pictures, such as ["pictures/happy.jpg"]')
    for one in value:
        path = Path(one)
        if path.is_absolute() or ".." in path.parts or "\0" in one:
            raise ValueError(f"{one!r} must be a file in the codebook's folder or below it")
        if path.suffix.lower() not in PICTURES:
            raise ValueError(f"{one!r} must be a picture that ends in {', '.join(PICTURES)}")
        if folder is not None and not (folder / path).is_file():
            raise ValueError(f"there is no picture {one!r} in the codebook's folder")
    return tuple(value)


Word = Annotated[str, Check(_word)]
Words = Annotated[tuple[str, ...], Check(_words)]


@dataclass(frozen=True)
class Category:
    """One thing that a coder can say.

    Attributes
    ----------
    name
        As it is stored.
    key
        Letter or digit of the keyboard.
    definition
        When it holds.
    kind
        ``state``, which lasts, or ``point``, which does not.
    exclusive
        Of the categories with the same word here one holds at a time; "" for one that holds beside all others.
    expression
        Of the classifiers, with which it is compared; "" for none.
    examples
        Pictures, as paths from the codebook's folder.
    modifiers
        Names of the modifiers that it can have.
    """

    name: Word
    key: Annotated[str, Check(_key)]
    definition: Annotated[str, Check(_text)]
    kind: Literal["state", "point"] = "state"
    exclusive: Annotated[str, Check(_name)] = ""
    expression: Annotated[str, Check(_expression)] = ""
    examples: Annotated[tuple[str, ...], Check(_examples, in_folder=True)] = ()
    modifiers: Words = ()


@dataclass(frozen=True)
class Modifier:
    """What can be said of a category besides.

    Attributes
    ----------
    name
        As it is stored.
    values
        Of which one is chosen.
    definition
        What it says.
    """

    name: Word
    values: Words
    definition: Annotated[str, Check(_text)] = "-"


@dataclass(frozen=True)
class _CodebookFile:
    number: AtLeastOne
    category: tuple[Category, ...]
    description: str = ""
    cannot: Words = ()
    modifier: tuple[Modifier, ...] = ()


@dataclass(frozen=True)
class Codebook:
    """What coders choose from; see the files in ``codebooks``.

    Attributes
    ----------
    name
        Of the file.
    number
        Of the version, which a person raises.
    categories
        In the order of the file.
    description
        One sentence.
    cannot
        Reasons for which something cannot be coded.
    modifiers
        What can be said besides.
    file
        From whose folder the paths of examples go; it is no part of the version.
    """

    name: str
    number: int
    categories: tuple[Category, ...]
    description: str = ""
    cannot: tuple[str, ...] = ()
    modifiers: tuple[Modifier, ...] = ()
    file: Path = field(default=Path(), compare=False)

    @property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of all that it says except its number."""
        said = {k: v for k, v in asdict(self).items() if k not in ("number", "file")}
        text = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    @property
    def version(self) -> str:
        """Its number, and the beginning of its hash: ``1-0a1b2c3d``."""
        return f"{self.number}-{self.hash[:SHORT_HASH]}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the categories, in their order."""
        return tuple(category.name for category in self.categories)

    def expressions(self) -> dict[str, str]:
        """Expression of the classifiers -> category."""
        return {one.expression: one.name for one in self.categories if one.expression}

    def __getitem__(self, name: str) -> Category:
        """The category of this name; `KeyError` where there is none."""
        for one in self.categories:
            if one.name == name:
                return one
        raise KeyError(name)


def list_codebooks() -> dict[str, Path]:
    """Names and files of the codebooks that ship, sorted by name."""
    return list_shipped("codebook")


def read_codebook(name_or_file: str | Path) -> Codebook:
    """Read a codebook and check it.

    Parameters
    ----------
    name_or_file
        A name in `list_codebooks`, or a TOML file.

    Raises
    ------
    ProtocolError
        For an unknown name, a file that is not TOML, unknown keys or impossible values; all problems of a file are
        named at once.
    """
    path = find_settings("codebook", name_or_file, ProtocolError)
    return parse_codebook(read_toml(path), path.stem, path.name, path)


def parse_codebook(content: Mapping[str, Any], name: str, source: str, file: Path | None = None) -> Codebook:
    """Turn the content of a TOML file into a `Codebook`, or raise with every problem of it.

    Pictures are looked for where the ``file`` is given.
    """
    found = read_settings(
        _CodebookFile, content, source, folder=file.parent if file else None, find_conflicts=_find_conflicts
    )
    return Codebook(
        name=name,
        number=found.number,
        categories=found.category,
        description=found.description,
        cannot=found.cannot,
        modifiers=found.modifier,
        file=file or Path(),
    )


def _find_conflicts(book: _CodebookFile) -> Sequence[str]:
    found = []
    for what in ("name", "key", "expression"):
        count = Counter(getattr(one, what) for one in book.category if getattr(one, what))
        twice = [value for value, n in count.items() if n > 1]
        found += [f"two categories have the {what} {value}" for value in twice]
    kinds: dict[str, set[str]] = {}
    for one in book.category:
        kinds.setdefault(one.exclusive, set()).add(one.kind)
    mixed = [name for name, of in kinds.items() if name and len(of) > 1]
    found += [f"states and points exclude each other as {name}, and only states can" for name in mixed]
    names = [one.name for one in book.modifier]
    found += [f"two modifiers have the name {name}" for name, n in Counter(names).items() if n > 1]
    for one in book.category:
        lost = [name for name in one.modifiers if name not in names]
        found += [f"{one.name} has the modifier {name}, for which there is no [[modifier]]" for name in lost]
    return found
