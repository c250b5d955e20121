"""The TOML files that ship with the package and are called by name: protocols, recipes and codebooks."""

import os
from pathlib import Path
from typing import Literal

from enicfer.errors import InputError, shown

Kind = Literal["protocol", "recipe", "codebook"]


def list_shipped(kind: Kind) -> dict[str, Path]:
    """Names and files of the protocols, recipes or codebooks that ship, sorted by name.

    They are inside the installed package, or beside it in a checkout.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / f"{kind}s"
    folder = inside if inside.is_dir() else package.parent / inside.name
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_settings(kind: Kind, name_or_file: str | Path, error: type[InputError]) -> Path:
    """File of a protocol, recipe or codebook: a name in `list_shipped`, or else a file.

    Raises
    ------
    InputError
        Or the kind of it that is given as ``error``: there is neither.
    """
    shipped = list_shipped(kind)
    path = shipped.get(str(name_or_file), Path(name_or_file))
    if not os.path.isfile(path):  # noqa: PTH113  says no to names that no file can have
        raise error(
            f"There is no {kind} {shown(str(name_or_file))}",
            remedy=f"give one of {', '.join(shipped)}, or a TOML file",
        )
    return path
