"""Picture files, and whose face each shows."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from enicfer.config.leftovers import is_leftover
from enicfer.errors import InputError, option
from enicfer.io.pictures import PICTURES

LABEL = re.compile(r"sub-[a-zA-Z0-9]+")
FILE = "saliency.npz"  # what a folder of results holds
SUBJECTS = ("auto", "folder", "image")


def find_pictures(paths: Sequence[str | Path]) -> list[Path]:
    """Every picture file among the paths and below the folders among them, sorted within each.

    Hidden files and folders, files of systems and clouds (``._x.jpg``), and results of `enicfer saliency`, are passed
    over.

    Raises
    ------
    InputError
        If a path does not exist, is no picture, or there is none at all.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            below = (p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
            found += sorted(p for p in below if not _is_passed_over(p, path))
        elif not path.exists():
            raise InputError(
                f"There is no {path}",
                remedy="give picture files, folders of them, or an output folder of enicfer",
            )
        elif path.suffix.lower() not in PICTURES:
            raise InputError(
                f"{path.name} is no picture", place=path, remedy=f"allowed are {', '.join(PICTURES)}"
            )
        else:
            found.append(path)
    if not found:
        raise InputError(
            f"There is no picture below {', '.join(str(p) for p in paths)}",
            remedy=f"give pictures of the kinds {', '.join(PICTURES)}",
        )
    return found


def _is_passed_over(picture: Path, folder: Path) -> bool:
    parts = picture.relative_to(folder).parts
    if is_leftover(picture) or any(part.startswith(".") for part in parts):
        return True
    # The folder itself may hold both pictures and results; the figures are of the results.
    results = [folder.joinpath(*parts[:k]) for k in range(1, len(parts))]
    return any((inner / FILE).exists() for inner in results) or (
        parts[0] == "figures" and len(parts) == 2 and (folder / FILE).exists()
    )


def name_subjects(files: Sequence[Path], subjects: str = "auto") -> list[str]:
    """Whose face each file shows.

    Parameters
    ----------
    files
        The pictures.
    subjects
        ``auto``: the last ``sub-<label>`` in the path, else the picture itself; ``folder``: its folder; ``image``:
        every picture for itself. Folders and pictures are named by their path below the folder that all share.

    Raises
    ------
    InputError
        For another rule; with ``auto``, if pictures without a label have equal names in different folders, which
        may be those of different people or of one.
    """
    if subjects not in SUBJECTS:
        raise InputError(
            f"There is no rule {subjects!r} for subjects", remedy=f"choose one of {', '.join(SUBJECTS)}"
        )
    full = [Path(file).absolute() for file in files]
    if subjects == "folder":
        return _below([file.parent for file in full])
    own = _below(full)
    if subjects == "image":
        return own
    labels = [LABEL.findall(file.as_posix()) for file in files]
    folders: dict[str, Path] = {}
    for file, found in zip(full, labels, strict=True):
        other = file.parent if found else folders.setdefault(file.name, file.parent)
        if other != file.parent:
            raise InputError(
                f"{file.name} is in {other.name} and in {file.parent.name}",
                place=file,
                remedy=(
                    f"give {option('subjects', '--subjects')} folder if each folder is of one "
                    f"person, or {option('subjects', '--subjects')} image if each picture is "
                    "of another"
                ),
            )
    return [found[-1] if found else name for found, name in zip(labels, own, strict=True)]


def _below(paths: Sequence[Path]) -> list[str]:
    """Paths below the folder that they share, unique."""
    try:
        shared = Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # different drives
        return [path.as_posix() for path in paths]
    return [path.relative_to(shared).as_posix() for path in paths]
