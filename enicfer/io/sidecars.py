"""JSON sidecars of BIDS: what all those that apply to a file say of it.

Conventions: in each folder from the data set's root down to the file's, a sidecar applies that has the file's suffix
and no entity that the file lacks or has otherwise; what a nearer one says goes first (BIDS, inheritance principle).
A file with no BIDS name has the one of its own name. Text is UTF-8, with or without a byte order mark, UTF-16 or
Windows-1252, as converters of the past wrote it.
"""

import json
import re
from pathlib import Path
from typing import Any

from enicfer.config.leftovers import is_leftover, is_placeholder
from enicfer.errors import InputError
from enicfer.io.tables import read_text

_ENTITY = re.compile(r"[a-zA-Z]+-[0-9a-zA-Z]+")
_TIMES = ("RepetitionTime", "VolumeTiming")
_DEPTH = 4  # folders below the root: sub-01/ses-01/func


def find_sidecars(path: Path) -> list[Path]:
    """Sidecars that apply to a file, from the one that is farthest to the one that goes first."""
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    *entities, suffix = stem.split("_")
    if not entities or not all(map(_ENTITY.fullmatch, entities)):
        own = path.with_name(f"{stem}.json")
        return [own] if own.is_file() else []
    found: list[Path] = []
    for folder in _folders(path):
        fitting = []
        for candidate in folder.glob(f"*{suffix}.json"):
            *parts, kind = candidate.name.removesuffix(".json").split("_")
            if kind == suffix and set(parts) <= set(entities) and not is_leftover(candidate):
                fitting.append((len(parts), candidate))
        found += [candidate for _, candidate in sorted(fitting)]
    return found


def _folders(path: Path) -> list[Path]:
    """The file's folder and those above it up to the data set's root, which comes first."""
    folders = [path.absolute().parent]
    for above in list(path.absolute().parents)[1 : _DEPTH + 1]:
        if (folders[0] / "dataset_description.json").is_file():
            break
        folders.insert(0, above)
    return folders if (folders[0] / "dataset_description.json").is_file() else [path.parent]


def read_sidecars(path: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """What the sidecars of a file say, and which of them says it.

    Raises
    ------
    InputError
        If one of them holds no JSON object.
    """
    said: dict[str, Any] = {}
    source: dict[str, Path] = {}
    for sidecar in find_sidecars(path):
        if is_placeholder(sidecar):
            raise InputError(
                f"{sidecar.name} is empty: a cloud has not downloaded it, or it was not copied whole",
                place=sidecar,
                remedy="download it, or remove it",
            )
        try:
            content = json.loads(read_text(sidecar))
        except ValueError as error:
            raise InputError(
                f"{sidecar.name} is not a JSON object ({error})", remedy="repair it or remove it"
            ) from None
        if not isinstance(content, dict):
            raise InputError(
                f"{sidecar.name} is not a JSON object (it holds a {type(content).__name__})",
                remedy="repair it or remove it",
            )
        _refuse_rivals(sidecar, content, said, source)
        said.update(content)
        source.update(dict.fromkeys(content, sidecar))
    return said, source


def _refuse_rivals(
    sidecar: Path, content: dict[str, Any], said: dict[str, Any], source: dict[str, Path]
) -> None:
    """Refuse two sidecars of one folder that say otherwise when volumes began, and of which none is nearer."""
    for key in _TIMES:
        other = source.get(key)
        if (
            key in content
            and other is not None
            and other.parent == sidecar.parent
            and other.name.count("_") == sidecar.name.count("_")
            and said[key] != content[key]
        ):
            raise InputError(
                f"{other.name} and {sidecar.name} both apply, and differ in {key} ({said[key]} and "
                f"{content[key]}): BIDS allows one of them in a folder",
                place=sidecar,
                remedy="correct or remove the other",
            )
