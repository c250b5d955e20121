"""Whether a file or a folder may be written where it was asked for."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from enicfer.errors import OUTPUT, OVERWRITE, OutputError
from enicfer.io.files.atomic import settle
from enicfer.io.files.portable import check_name

if TYPE_CHECKING:
    pass


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse to write over a file that is there, or where nothing can be written, before work begins.

    Raises
    ------
    OutputError
        If it is there, and ``overwrite`` is not set; if its folder cannot be made or written.
    """
    check_name(path.name)
    settle(path.parent)
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} is there already", place=path, remedy=f"give {OVERWRITE} to replace it, or another name"
        )
    if path.is_dir():
        raise OutputError(f"{path} is a folder", place=path, remedy="give the name of a file")
    try:
        try_writing(path.absolute().parents)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror})", place=path, remedy="give a file in another folder"
        ) from None


def check_folder(folder: Path) -> None:
    """Refuse a folder of outputs that cannot be made or written, before work begins; see also `settle`.

    Raises
    ------
    OutputError
        With the reason.
    """
    check_name(folder.name)
    settle(folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(20, "it is a file")
        try_writing((folder, *folder.absolute().parents))
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror})",
            place=folder,
            remedy=f"give another folder with {OUTPUT}",
        ) from None


def try_writing(folders: Iterable[Path]) -> None:
    """Write a file that vanishes to the first of these folders that is there; an `OSError` says why it cannot be."""
    with tempfile.TemporaryFile(dir=next(folder for folder in folders if folder.exists())):
        pass
