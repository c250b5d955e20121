"""Pages of every key of session.toml, protocols, recipes and codebooks, made from the settings' own types."""

import inspect
import re
import tempfile
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from enicfer.config import codebook, protocol, runs, session
from enicfer.config.engine import Check
from enicfer.config.session import FileInFolder, FileOfVideo
from enicfer.records import Modality
from enicfer.sync import SOURCES
from enicfer.training import recipe

SIMPLE = {float: "number", int: "whole number", str: "text", bool: "true or false", Path: "file"}
# Wrong values, by whose refusal a check says what it allows.
PROBES: tuple[Any, ...] = (object(), -1, 0, 1.5, 200, 10**12, "?", "", [], [2, 1], {}, {"a": 1})
# Where the file and the record behind it call a thing differently: key -> attribute of `Run` or `Session`.
OTHER_NAMES = {"video": "videos", "face": "faces", "run": "runs"}
ALLOWED = {  # what no refusal says
    (protocol.Pulses, "source"): ", ".join(SOURCES),
    (session._SessionFile, "protocol"): "a name that ships, or a TOML file",
    (session._RunTable, "video"): "",
    (session._RunTable, "face"): "FRAME:X,Y, such as 120:310,205 (frame number, then pixels)",
    (session._SessionFile, "participant_region"): "fractions of the picture, from 0 to 1",
    (recipe.Data, "pattern"): "a regular expression",
}
TYPES = {
    (
        session._RunTable,
        "video",
    ): "file in the folder, or a list of consecutive files; a table with one for each camera",
    (session._RunTable, "face"): "list of text; a table with one for each camera",
    (session._RunTable, "coarse_offset"): "list of 2 numbers; a table with one for each camera",
    (session._SessionFile, "participant_region"): "list of 4 numbers; a table with one for each camera",
    (protocol.Pulses, "region"): "text, or list of 4 numbers",
    (protocol.Pulses, "anchors"): "list of lists of 2 numbers",
    (protocol.TraceSettings, "relative_to"): "text, or list of 2 numbers",
    (protocol._ProtocolFile, "conditions"): "table: code = condition",
}


def described(kind: type) -> dict[str, str]:
    """Attribute -> meaning, from a class's docstring."""
    section = re.search(r"Attributes\n-+\n(.*?)(?=\n\w[^\n]*\n-{3,}|\Z)", inspect.getdoc(kind) or "", re.S)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (section.group(1) if section else "").split("\n"):
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
            found |= dict.fromkeys(names, "")
        else:
            for name in names:
                found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def type_words(kind: Any) -> str:
    """A type in plain words."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in (FileInFolder, FileOfVideo):
        return "file in the folder" + (", or one for each camera" if kind is FileOfVideo else "")
    if origin is Annotated:
        return type_words(inner[0])
    if origin is Literal:
        return type_words(type(inner[0]))
    if origin in (Union, types.UnionType):
        words = [type_words(one) for one in inner if one is not type(None)]
        return ", or ".join(dict.fromkeys(words))
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return f"list of {type_words(inner[0])}"
        return f"list of {len(inner)} {type_words(inner[0])}s"
    if origin is Mapping:
        return f"table: camera = {type_words(inner[1])}"
    if origin is dict:
        return "table"
    return SIMPLE.get(kind, "text")


def check_of(kind: Any) -> Check | None:
    """The check in an annotation, also within ``... | None``."""
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for one in get_args(kind) if (found := check_of(one))), None)
    given = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((one for one in given if isinstance(one, Check)), None)


def allowed(owner: type, name: str, kind: Any) -> str:
    """What a value may be, as the check that refuses others says it."""
    if (owner, name) in ALLOWED:
        return ALLOWED[owner, name]
    for one in (kind, *get_args(kind)):
        if get_origin(one) is Literal:
            return ", ".join(map(str, get_args(one)))
    check = check_of(kind)
    if check is None or kind in (FileInFolder, FileOfVideo):
        return ""
    said = []
    with tempfile.TemporaryDirectory() as folder:
        for probe in PROBES:
            try:
                check.read(probe, Path(folder)) if check.in_folder else check.read(probe)
            except ValueError as refusal:
                said.append(str(refusal))
    said = [text.removeprefix("must be ").removeprefix("allowed are ") for text in said]
    plain = ("a number", "text", "it is not in the folder", "a file name")
    kept = [text for text in dict.fromkeys(said) if text not in plain and "it names no camera" not in text]
    return "; ".join(text for text in kept if not text.startswith(("a camera's name", "a is ")))


def default_words(entry: Any) -> str:
    """The default of a field, as TOML writes it; "needed" where there is none."""
    if entry.default is MISSING and entry.default_factory is MISSING:
        return "needed"
    value = entry.default if entry.default is not MISSING else entry.default_factory()
    if value is None or value in ((), {}):
        return "nothing"
    return f"`{toml_value(value)}`"


def toml_value(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml_value(one) for one in value)}]"
    return f'"{value}"'


def table_of(kind: Any) -> tuple[type, bool] | None:
    """The dataclass that a field holds, and whether there may be several."""
    if is_dataclass(kind):
        return kind, False  # type: ignore[return-value]
    inner = get_args(kind)
    if get_origin(kind) is tuple and inner and is_dataclass(inner[0]):
        return inner[0], True  # type: ignore[return-value]
    return None


def cell(text: str) -> str:
    """Text for a cell of a table: docstrings' double backticks made single, bars escaped."""
    text = re.sub(r",? or None\b", "", text.replace("``", "`"))
    return " ".join(text.replace("|", "\\|").split())


def rows(kind: type, meanings: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Key, type, default, allowed and meaning of each plain field."""
    hints = get_type_hints(kind, include_extras=True)
    for entry in fields(kind):
        if table_of(hints[entry.name]) is None:
            meaning = meanings.get(OTHER_NAMES.get(entry.name, entry.name)) or meanings.get(entry.name, "")
            if entry.name == "run" and kind is session._RunTable:
                meaning = meanings["run"]
            yield (
                entry.name,
                TYPES.get((kind, entry.name)) or type_words(hints[entry.name]),
                default_words(entry),
                allowed(kind, entry.name, hints[entry.name]),
                meaning,
            )


def sections(kind: type, meanings: Mapping[type, Mapping[str, str]], place: str = "") -> Iterator[str]:
    """A table in Markdown of the keys of a file, and of each table in it."""
    lines = ["| key | type | default | allowed | meaning |", "| --- | --- | --- | --- | --- |"]
    for key, words, default, may, meaning in rows(kind, meanings.get(kind) or described(kind)):
        lines.append(f"| `{key}` | {cell(words)} | {default} | {cell(may)} | {cell(meaning)} |")
    heading = place or "At the top of the file"
    about = re.sub(r"; see `Run`\.", ".", (inspect.getdoc(kind) or "").partition("\n")[0]) if place else ""
    yield f"## {heading}\n\n{cell(about)}\n\n" + "\n".join(lines) + "\n"
    hints = get_type_hints(kind, include_extras=True)
    for entry in fields(kind):
        if inner := table_of(hints[entry.name]):
            name = f"`[[{entry.name}]]`" if inner[1] else f"`[{entry.name}]`"
            yield from sections(inner[0], meanings, name)


def settings_pages() -> dict[str, str]:
    """Name -> page of each kind of file that users write."""
    of_session = {
        session._SessionFile: {**described(runs.Session), "protocol": "What the task promised."},
        session._RunTable: described(runs.Run),
    }
    modality = {
        protocol._ProtocolFile: {
            **described(protocol.Protocol),
            "modality": "Kind of recording that it is for: " + ", ".join(protocol.MODALITIES) + ".",
        }
    }
    assert Modality.EEG.value in protocol.MODALITIES
    book = {codebook._CodebookFile: described(codebook.Codebook)}
    pages = {
        "session": (
            "Keys of session.toml",
            session._SessionFile,
            of_session,
            "What each key is for, with examples: [Sessions and their clocks](../../sessions.md).",
        ),
        "protocol": (
            "Keys of a protocol",
            protocol._ProtocolFile,
            modality,
            "`enicfer protocols` lists those that ship and checks your own.\n"
            "[Whole protocols for every pulse source](../../sessions.md#every-pulse-source-as-a-whole-protocol).",
        ),
        "recipe": (
            "Keys of a recipe",
            recipe.Recipe,
            {},
            "How training works: [Training a classifier](../../training.md).\n"
            "On the command line a key is set with `--set schedule.epochs=3`.",
        ),
        "codebook": (
            "Keys of a codebook",
            codebook._CodebookFile,
            book,
            "How coding works: [Two coders, one report](../../coding.md).",
        ),
    }
    return {
        name: f"# {title}\n\n{text}\n\n" + "\n".join(sections(kind, meanings))
        for name, (title, kind, meanings, text) in pages.items()
    }
