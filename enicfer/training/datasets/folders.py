"""Data sets whose folders are the labels: NovaEmotions, FER2013 as Kaggle packs it.

Conventions: ``<split>/<label>/<picture>`` or ``<label>/<picture>``; the label is the name of the
picture's folder, never its position in the alphabet.  Subjects are unknown.
"""

from __future__ import annotations

from pathlib import Path

from enicfer.training.datasets.files import Entry, Options, list_images, load_entries
from enicfer.training.datasets.images import FaceImages


def read_label_folders(path: Path, options: Options) -> FaceImages:
    """Read a folder with one sub-folder per expression.

    Parameters
    ----------
    path
    options

    Returns
    -------
    FaceImages
        `split` is the folder above the label's, if any ("train", "test").
    """
    entries = []
    for file in list_images(path):
        parts = file.relative_to(path).parts
        word = parts[-2] if len(parts) > 1 else ""
        split = parts[-3] if len(parts) > 2 else ""
        entries.append(Entry(file, word, set=path.name, split=split))
    return load_entries(entries, options)
