"""Saliency maps of a participant who withdrew: those of this participant alone are removed, others are named."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from enicfer.errors import EnicferError, OutputError

_TABLES = ("regions.tsv", "images.tsv", "checks.json")


def forget_maps(root: Path, label: str, removed: list[Path], dry_run: bool) -> list[Path]:
    """Remove the results of `enicfer saliency` in which every subject is the participant.

    Parameters
    ----------
    root
        Folder of the study.
    label
        Such as ``sub-01``.
    removed
        Gets the files that are removed.
    dry_run
        Remove nothing.

    Returns
    -------
    list of Path
        Maps in which the participant is one of several people, and maps that do not say whose they are.

    Raises
    ------
    OutputError
        If something cannot be removed.
    """
    from enicfer.saliency.face_maps import read_face_maps
    from enicfer.saliency.output import MADE
    from enicfer.saliency.picture_files import FILE

    named = []
    for file in sorted(root.rglob(FILE)):
        try:
            subjects = set(read_face_maps(file).subject.tolist())
        except EnicferError:
            subjects = set()
        if subjects == {label}:
            folder = file.parent
            made = [
                *(folder / name for name in _TABLES),
                *(path for text in MADE for path in folder.glob(text)),
            ]
            own = [
                path for path in (*sorted(set(made)), file) if path.is_file()
            ]  # the file that tells goes last
            removed += own
            if not dry_run:
                remove_all(own)
        elif label in subjects or not subjects:
            named.append(file)
    return named


def remove_all(paths: Iterable[Path]) -> None:
    """Remove files, and the folders of figures that are empty then."""
    for path in paths:
        remove(path)
        if path.parent.name == "figures" and not any(path.parent.iterdir()):
            path.parent.rmdir()


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it.

    Raises
    ------
    OutputError
        If it cannot be removed.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be removed ({error.strerror or error})",
            place=path,
            remedy="make it writable and run the command again",
        ) from None
