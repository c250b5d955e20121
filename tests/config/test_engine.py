"""Settings from TOML: strict, and every problem named at once with its place."""

from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import pytest

from enicfer.config import protocol, session
from enicfer.config.engine import Check, read_settings
from enicfer.errors import InputError, ProtocolError
from enicfer.training.recipe import Recipe


def _even(value):
    if value % 2:
        raise ValueError("must be even")
    return value


def _file(value, folder):
    return folder / value


@dataclass(frozen=True)
class Inner:
    even: Annotated[int, Check(_even)] = 0
    rate: float = 1.0


@dataclass(frozen=True)
class Row:
    name: str
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Whole:
    on: bool = False
    names: tuple[str, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)
    inner: Inner = field(default_factory=Inner)
    place: Annotated[Path | None, Check(_file, in_folder=True)] = None
    row: tuple[Row, ...] = ()


def test_values_become_those_of_the_fields():
    content = {
        "on": True,
        "names": ["x"],
        "pair": [1, 2.5],
        "inner": {"even": 4, "rate": 3},
        "row": [{"name": "r"}],
    }
    found = read_settings(Whole, {**content, "place": "f"}, "x.toml", folder=Path("z"))
    assert found == Whole(True, ("x",), (1.0, 2.5), Inner(4, 3.0), Path("z/f"), (Row("r"),))
    assert isinstance(found.inner.rate, float)
    assert isinstance(found.pair[0], float)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"on": 1}, ["on is 1", "true or false"]),
        ({"names": "abc"}, ["names is 'abc'", "list"]),
        ({"names": [1]}, ["names is [1]", "text"]),
        ({"pair": [1]}, ["pair is [1]", "list of 2"]),
        ({"inner": 3}, ["inner is 3", "table"]),
        ({"inner": {"even": 3}}, ["[inner] even is 3", "must be even"]),
        ({"inner": {"rate": "fast"}}, ["[inner] rate is 'fast'", "number"]),
        ({"inner": {"rate": float("nan")}}, ["[inner] rate is nan", "number"]),
        ({"inner": {"rate": True}}, ["[inner] rate is True", "number"]),
        ({"inner": {"evn": 2}}, ["unknown keys in [inner]: evn", "allowed: even, rate", "nearest: even"]),
        ({"row": {"name": "r"}}, ["row is", "[[run]]"]),
        ({"row": [{"name": "r"}, {"kind": "c"}]}, ["[[row]] 2 needs name", "[[row]] 2 kind is 'c'", "a, b"]),
        ({"colour": 1}, ["unknown keys in the file: colour"]),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content, words):
    with pytest.raises(ProtocolError, match=r"^x\.toml cannot be used: .*\.$") as caught:
        read_settings(Whole, content, "x.toml")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_all_problems_are_one_error_of_the_kind_asked_for():
    content = {"on": 1, "inner": {"even": 3, "x": 1}, "row": [{}]}
    with pytest.raises(InputError) as caught:
        read_settings(Whole, content, "x.toml", problems=["known before"], error=InputError)
    assert type(caught.value) is InputError
    assert str(caught.value).count(";") == 4


@pytest.mark.parametrize("kind", [protocol._ProtocolFile, session._SessionFile, session._RunTable, Recipe])
def test_every_field_says_what_it_takes(kind):
    """A number or a text that is taken as it comes would let in what cannot be meant."""
    known = get_type_hints(kind, include_extras=True)
    for entry in fields(kind):
        if is_dataclass(known[entry.name]):
            test_every_field_says_what_it_takes(known[entry.name])
        else:
            assert known[entry.name] not in (float, int, dict, object), entry.name


def test_conflicts_between_right_values_are_problems_too():
    content = {"pair": [2, 1]}
    with pytest.raises(ProtocolError, match=r"cannot be used: known before; pair goes back\.$"):
        read_settings(
            Whole, content, "x", problems=["known before"], find_conflicts=lambda found: ["pair goes back"]
        )


def test_a_choice_of_numbers_takes_no_other_kind_of_number():
    @dataclass(frozen=True)
    class Choice:
        n: Literal[1, 3] = 1

    assert read_settings(Choice, {"n": 3}, "x").n == 3
    for wrong in (1.0, True, "1"):
        with pytest.raises(ProtocolError, match="allowed are 1, 3"):
            read_settings(Choice, {"n": wrong}, "x")
