"""The one conversion between records and what JSON knows, for files and for the attributes of HDF5.

Conventions: a record is a mapping of its fields in their order; a tuple is a list; a number that is not finite is
None, and None where a number must be is NaN. Keys that a record does not have are passed over, so that a file with
more in it can be read; a field that has a default may be missing.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from enicfer.errors import InputError, shown

T = TypeVar("T")


@dataclass(frozen=True)
class Card:
    """What another file says, kept whole; its properties give what the toolkit reads of it.

    Attributes
    ----------
    content
        JSON-ready, as it was.
    """

    content: Mapping[str, object]

    def look_up(self, kind: type[T], *keys: str) -> T | None:
        """The value under nested keys, None where there is none.

        Raises
        ------
        InputError
            If it is not of the kind.
        """
        value: object = self.content
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return None if value is None else from_plain(kind, value, " ".join(keys))


def to_plain(value: Any) -> Any:
    """Turn records, arrays, numpy scalars, tuples and paths (their name alone) into what JSON knows."""
    if isinstance(value, Card):
        return to_plain(value.content)
    if is_dataclass(value) and not isinstance(value, type):
        return {
            entry.name: to_plain(getattr(value, entry.name)) for entry in fields(value) if _said(value, entry)
        }
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def optional() -> Any:
    """A field of a record that is None, and then not written, unless it is given."""
    return field(default=None, metadata={"optional": True})


def _said(record: Any, entry: Any) -> bool:
    """Whether a field is written: one whose metadata says ``optional`` only where it is not None."""
    return not entry.metadata.get("optional") or getattr(record, entry.name) is not None


def from_plain(kind: Any, content: object, where: str) -> Any:
    """Turn JSON-ready content into a record, or a part of one.

    Parameters
    ----------
    kind
        A dataclass, or what a field of one may be: str, bool, int, float, tuple, Mapping, a union with None.
    content
        What a file holds.
    where
        Its place, for the message.

    Raises
    ------
    InputError
        If something is missing or of another kind: it names the first.
    """
    if isinstance(kind, type) and issubclass(kind, Card):
        return kind(_mapping(content, where))
    if is_dataclass(kind):
        return _record(kind, _mapping(content, where), where)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return (
            None
            if content is None
            else from_plain(next(k for k in inner if k is not NoneType), content, where)
        )
    if origin is tuple:
        several = inner[-1] is Ellipsis
        if not isinstance(content, list | tuple) or not (several or len(content) == len(inner)):
            raise InputError(f"{where} is {shown(content)}, and must be a list")
        kinds = [inner[0]] * len(content) if several else inner
        return tuple(
            from_plain(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, content, strict=True))
        )
    if origin is Mapping or getattr(origin, "__name__", "") == "Mapping":
        return {
            key: from_plain(inner[1], value, f"{where} {key}")
            for key, value in _mapping(content, where).items()
        }
    return _scalar(kind, content, where)


def _scalar(kind: Any, content: object, where: str) -> Any:
    if kind is float and content is None:
        return math.nan
    if kind is float and type(content) is int:
        return float(content)
    if kind is not object and type(content) is not kind:
        raise InputError(f"{where} is {shown(content)}, and must be of kind {kind.__name__}")
    return content


def _mapping(content: object, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise InputError(f"{where} is {shown(content)}, and must be a table")
    return cast(Mapping[str, Any], content)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(kind: Any, content: Mapping[str, Any], where: str) -> Any:
    values = {}
    for entry in fields(kind):
        if entry.name in content:
            values[entry.name] = from_plain(
                _hints(kind)[entry.name], content[entry.name], f"{where} {entry.name}"
            )
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise InputError(f"{where} lacks {entry.name}")
    return kind(**values)
