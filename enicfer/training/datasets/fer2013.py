"""FER2013 (Goodfellow et al. 2013, doi:10.1016/j.neunet.2014.09.005) with FER+ votes.

Three layouts: a NumPy archive (`image`, `label`, `label_names`, `split`, `split_names`, and
optionally `ferplus_votes`, `ferplus_names`), the CSV of the competition (`emotion,pixels,Usage`),
and Kaggle's folders (`train/angry/*.jpg`, ...).  Labels are mapped by name.  Subjects are
unknown: these are web images.

FER+ votes (Barsoum et al. 2016, doi:10.1145/2993148.2993165) are the choices of ten raters; the
votes for contempt, unknown and "no face" are dropped and the rest is normalised.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import WORDS
from enicfer.training.datasets.files import LABELS, Options
from enicfer.training.datasets.folders import read_label_folders
from enicfer.training.datasets.images import FaceImages

# The codes of the competition's CSV, in its own order.
CSV_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = 48


def read_fer2013(path: Path, options: Options | None = None) -> FaceImages:
    """Read FER2013 in any of its three layouts.

    Parameters
    ----------
    path : Path
        The ``.npz`` archive, the ``.csv`` file, or the folder.
    options : Options, optional
        For the folder layout; the others are 48x48 grey as they are.

    Returns
    -------
    FaceImages
        `split` is what the layout calls it ("Training", "PublicTest"; "train", "test").

    Raises
    ------
    InputError
        The file is missing or of another kind, or lacks an array or a column.
    """
    if path.is_dir():
        return read_label_folders(path, options or Options())
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    return _read_archive(path)


def _read_archive(path: Path) -> FaceImages:
    try:
        archive = np.load(path, allow_pickle=False)
        arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a readable NumPy archive of FER2013 ({error}).") from error
    missing = {"image", "label", "label_names", "split", "split_names"} - set(arrays)
    if missing:
        raise InputError(f"{path} lacks the arrays {', '.join(sorted(missing))}.")
    codes = np.array([LABELS.index(WORDS[str(name)]) for name in arrays["label_names"]])
    votes = np.full((len(arrays["image"]), len(LABELS)), np.nan, np.float32)
    if "ferplus_votes" in arrays:
        votes = _distribution(arrays["ferplus_votes"], [str(v) for v in arrays["ferplus_names"]])
    split = arrays["split_names"][arrays["split"]]
    return _build(arrays["image"], codes[arrays["label"]], split, votes)


def _read_csv(path: Path) -> FaceImages:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        words = dict(enumerate(CSV_CODES))
        codes = [LABELS.index(WORDS[words[int(row["emotion"])]]) for row in rows]
        pixels = [np.array(row["pixels"].split(), np.uint8) for row in rows]
        image = np.stack(pixels).reshape(-1, SIDE, SIDE)
        split = np.array([row["Usage"] for row in rows])
    # Fields may be missing (None) or out of range as well.
    except (OSError, KeyError, ValueError, AttributeError, TypeError, OverflowError, csv.Error) as error:
        raise InputError(
            f"{path} is not the CSV of FER2013, with the columns emotion (0 to 6), pixels "
            f"({SIDE * SIDE} numbers) and Usage ({error})."
        ) from error
    votes = np.full((len(image), len(LABELS)), np.nan, np.float32)
    return _build(image, np.array(codes, np.int64), split, votes)


def _build(image: np.ndarray, label: np.ndarray, split: np.ndarray, votes: np.ndarray) -> FaceImages:
    n = len(image)
    unknown = np.full(n, "")
    return FaceImages(
        image=image,
        label=label,
        labels=LABELS,
        votes=votes,
        subject=unknown,
        sex=unknown,
        set=np.full(n, "fer2013"),
        split=split,
        age=np.full(n, np.nan, np.float32),
    )


def _distribution(votes: np.ndarray, names: list[str]) -> np.ndarray:
    """Counts of votes (n, names) to distributions over `LABELS`; NaN without any vote."""
    counts = np.zeros((len(votes), len(LABELS)), np.float32)
    for column, name in enumerate(names):
        if name in WORDS:
            counts[:, LABELS.index(WORDS[name])] = votes[:, column]
    total = counts.sum(1, keepdims=True)
    usable = (total > 0) & (votes.min(1, keepdims=True) >= 0)
    return np.where(usable, counts / np.where(usable, total, 1), np.nan).astype(np.float32)
