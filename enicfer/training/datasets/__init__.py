"""Readers of face data sets: one function in one file, and one line in `READERS`.

Conventions: see `enicfer.training.datasets.images`; labels are mapped by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from enicfer.errors import InputError, option
from enicfer.training.datasets.ckplus import read_ckplus
from enicfer.training.datasets.ddcf import read_ddcf
from enicfer.training.datasets.fer2013 import read_fer2013, read_ferplus
from enicfer.training.datasets.files import Options, face_cropper, list_passed_over
from enicfer.training.datasets.folders import read_label_folders
from enicfer.training.datasets.images import FOREIGN_ENDING, LEFTOVER, FaceImages
from enicfer.training.datasets.manifest import read_manifest
from enicfer.training.datasets.named import read_cafe, read_names, read_nimh_chefs, read_rafd

__all__ = ["READERS", "FaceImages", "Options", "face_cropper", "read_dataset"]

READERS: dict[str, Callable[[Path, Options], FaceImages]] = {
    "fer2013": read_fer2013,
    "fer+": read_ferplus,
    "folders": read_label_folders,
    "ck+": read_ckplus,
    "rafd": read_rafd,
    "nimh-chefs": read_nimh_chefs,
    "cafe": read_cafe,
    "ddcf": read_ddcf,
    "names": read_names,
    "manifest": read_manifest,
}


def read_dataset(path: Path, reader: str = "", options: Options | None = None) -> FaceImages:
    """Read a data set.

    Parameters
    ----------
    path
        File or folder.
    reader
        A name of `READERS`; "" guesses: an ``.npz`` or ``fer2013*.csv`` is FER2013, a folder with
        a `manifest.csv` or another CSV file is a manifest, another folder has one sub-folder per
        label.
    options

    Returns
    -------
    FaceImages

    Raises
    ------
    InputError
        There is nothing at the path, or no such reader.
    """
    if not path.exists():
        raise InputError(
            f"There is no data set {path}",
            remedy=(
                "give the folder or the manifest.csv with the pictures, in training with "
                f"{option('data', '--data')} or as path in the recipe's [data]"
            ),
        )
    name = reader or _guess(path)
    if name not in READERS:
        raise InputError(f"There is no reader {name!r}", remedy=f"choose one of {', '.join(READERS)}")
    data = READERS[name](path, options or Options())
    return _count_passed_over(data, path) if path.is_dir() else data


def _count_passed_over(data: FaceImages, folder: Path) -> FaceImages:
    """Count what the folder holds beside the pictures that were listed: other kinds, and files of systems."""
    foreign, leftovers = list_passed_over(folder)
    known = data.left_out.get(FOREIGN_ENDING, ())
    more = {
        FOREIGN_ENDING: (*known, *(str(path) for path in foreign if str(path) not in known)),
        LEFTOVER: tuple(map(str, leftovers)),
    }
    return replace(data, left_out={**data.left_out, **{why: files for why, files in more.items() if files}})


def _guess(path: Path) -> str:
    if path.is_dir():
        return "manifest" if (path / "manifest.csv").exists() else "folders"
    is_fer = path.suffix == ".npz" or path.stem.lower().startswith("fer2013")
    return "fer2013" if is_fer else "manifest"
