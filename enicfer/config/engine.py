"""Tables of TOML files turned into frozen dataclasses: every value checked, all problems of a file named at once.

A field's annotation says what it takes: `Annotated[float, Check(read)]`, where ``read`` returns the value or raises
`ValueError` with what is allowed; or a plain type, which is taken strictly (a whole number counts as a number, a list
as a tuple). A table is a dataclass, a list of tables a tuple of one. A key without a field is a problem.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from enicfer.errors import InputError, ProtocolError, shown

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """How the value of a field is read.

    Attributes
    ----------
    read
        Returns the value to keep, or raises `ValueError` with the end of a sentence such as "must be text".
    in_folder
        ``read`` takes the folder of the file as its second argument.
    """

    read: Callable[..., Any]
    in_folder: bool = False


def read_toml(path: Path, source: str = "", error: type[InputError] = ProtocolError) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path
        The file, UTF-8 with or without a byte order mark.
    source
        How the message calls it; by default its name.
    error
        The error to raise.

    Raises
    ------
    ProtocolError
        Or another ``error``, if it cannot be read or is not TOML, with the line.
    """
    source = source or path.name
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as found:
        raise error(
            f"{source} is not UTF-8 text ({found.reason})", place=source, remedy="save it as UTF-8"
        ) from None
    except RecursionError:
        raise error(f"{source} has brackets within brackets too deep to read.") from None
    except ValueError as found:  # also numbers of thousands of digits
        raise error(f"{source} is not valid TOML: {found}.") from None
    except OSError as found:
        raise error(f"{source} cannot be read: {found.strerror}.") from None


def read_settings(
    kind: type[T],
    content: Mapping[str, Any],
    source: str,
    *,
    folder: Path | None = None,
    problems: Sequence[str] = (),
    find_conflicts: Callable[[T], Sequence[str]] | None = None,
    error: type[InputError] = ProtocolError,
) -> T:
    """Turn the content of a TOML file into settings.

    Parameters
    ----------
    kind
        The dataclass of the whole file.
    content
        What the file says.
    source
        How the message calls the file.
    folder
        Folder of the file, for values that are names of files in it.
    problems
        What is known to be wrong already.
    find_conflicts
        Says what is wrong between values that are right by themselves.
    error
        The error to raise.

    Raises
    ------
    ProtocolError
        Or another ``error``, with every problem: where it is, what was found, and what is allowed.
    """
    from cattrs.errors import BaseValidationError

    found = list(problems)
    settings: T | None = None
    try:
        settings = _converter(folder).structure(content, kind)
    except BaseValidationError as group:
        found += _describe(group, kind, content, "")
    if settings is not None and find_conflicts is not None:
        found += find_conflicts(settings)
    if found or settings is None:
        raise error(f"{source} cannot be used: " + "; ".join(found) + ".")
    return settings


def _converter(folder: Path | None) -> "Converter":
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(str, lambda value, _: _take(value, str, "text"))
    converter.register_structure_hook(bool, lambda value, _: _take(value, bool, "true or false"))
    converter.register_structure_hook(int, lambda value, _: _take(value, int, "a whole number"))
    converter.register_structure_hook(float, lambda value, _: read_number(value))
    converter.register_structure_hook_factory(
        lambda kind: get_origin(kind) is tuple, partial(_tuple_hook, converter)
    )
    converter.register_structure_hook_factory(
        lambda kind: get_origin(kind) is Literal, lambda kind: partial(_choose, get_args(kind))
    )
    converter.register_structure_hook_factory(
        lambda kind: isinstance(kind, type) and is_dataclass(kind), partial(_table_hook, converter)
    )
    converter.register_structure_hook_factory(
        lambda kind: _check_of(kind) is not None,
        lambda kind: partial(_read_checked, _check_of(kind), folder),  # type: ignore[arg-type]
    )
    return converter


def _check_of(kind: Any) -> Check | None:
    given = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((item for item in given if isinstance(item, Check)), None)


def _read_checked(check: Check, folder: Path | None, value: Any, _: Any) -> Any:
    return check.read(value, folder) if check.in_folder else check.read(value)


def _table_hook(converter: "Converter", kind: Any) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn

    read = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError("must be a table")
        return read(value, kind)

    return hook


class _TablesError(Exception):
    """What is wrong in the tables of a list: number from 1 and errors of each."""

    def __init__(self, found: list[tuple[int, Any]]) -> None:
        super().__init__()
        self.found = found


def _tables_hook(converter: "Converter", kind: Any) -> Callable[[Any, Any], Any]:
    from cattrs.errors import BaseValidationError

    table = get_args(kind)[0]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
            raise ValueError("must be one or more tables, each after a line such as [[run]]")
        read, wrong = [], []
        for number, item in enumerate(value, 1):
            try:
                read.append(converter.structure(item, table))
            except BaseValidationError as group:
                wrong.append((number, group))
        if wrong:
            raise _TablesError(wrong)
        return tuple(read)

    return hook


def _tuple_hook(converter: "Converter", kind: Any) -> Callable[[Any, Any], Any]:
    inner = get_args(kind)
    if is_dataclass(inner[0]):
        return _tables_hook(converter, kind)
    several = len(inner) == 2 and inner[1] is Ellipsis

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list | tuple) or not (several or len(value) == len(inner)):
            raise ValueError("must be a list" if several else f"must be a list of {len(inner)}")
        kinds = [inner[0]] * len(value) if several else inner
        return tuple(converter.structure(v, k) for v, k in zip(value, kinds, strict=True))

    return hook


def _take(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"must be {name}")
    return value


def read_number(value: Any) -> float:
    """A finite number as float; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e9:
        raise ValueError("must be a number")
    return float(value)


def _choose(allowed: tuple[Any, ...], value: Any, _: Any) -> Any:
    if not any(value == one and type(value) is type(one) for one in allowed):
        raise ValueError(f"allowed are {', '.join(map(str, allowed))}")
    return value


def _describe(group: Any, kind: Any, content: Any, where: str) -> list[str]:
    """The problems in a table, in words; ``where`` is what the table is called, "" for the whole file."""
    from cattrs.errors import AttributeValidationNote, BaseValidationError, ForbiddenExtraKeysError

    place, found = where or "the file", []
    for inner in group.exceptions:
        if isinstance(inner, ForbiddenExtraKeysError):
            found.append(
                _describe_unknown(inner.extra_fields, [f.name for f in fields(kind)], content, place)
            )
            continue
        notes = (n for n in getattr(inner, "__notes__", ()) if isinstance(n, AttributeValidationNote))
        name = next((note.name for note in notes), "")
        value = content.get(name)
        if isinstance(inner, KeyError):
            found.append(f"{place} needs {inner.args[0]}")
        elif isinstance(inner, _TablesError):
            for number, errors in inner.found:
                found += _describe(errors, errors.cl, value[number - 1], f"[[{name}]] {number}")
        elif isinstance(inner, BaseValidationError):
            found += _describe(inner, inner.cl, value, f"[{name}]")
        else:
            found.append(f"{where} {name} is {shown(value)}: {inner}".lstrip())
    return found


def _describe_unknown(extra: Any, allowed: list[str], content: Any, where: str) -> str:
    names = [key for key in content if key in extra]
    near = [match for key in names for match in get_close_matches(str(key)[:100], allowed, 1)]
    hint = f", nearest: {', '.join(near)}" if near else ""
    return (
        f"unknown keys in {where}: {', '.join(map(str, names))[:300]} (allowed: {', '.join(allowed)}{hint})"
    )
