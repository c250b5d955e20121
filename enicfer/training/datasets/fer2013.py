"""FER2013 (Goodfellow et al. 2013, doi:10.1016/j.neunet.2014.09.005) with FER+ votes.

Three layouts: a NumPy archive (`image`, `label`, `label_names`, `split`, `split_names`, and
optionally `ferplus_votes`, `ferplus_names`), the CSV of the competition (`emotion,pixels,Usage`),
and Kaggle's folders (`train/angry/*.jpg`, ...).  Labels are mapped by name.  Subjects are
unknown: these are web images.

FER+ votes (Barsoum et al. 2016, doi:10.1145/2993148.2993165) are the choices of ten raters. The
majority is what more of them chose than anything else, contempt, unknown and "no face" included;
for the distribution these three are dropped and the rest is normalised. As distributed, they are
`fer2013new.csv`, which is read where it lies beside `fer2013.csv`: its rows are in the same order.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import WORDS
from enicfer.training.datasets.files import LABELS, Options
from enicfer.training.datasets.folders import read_label_folders
from enicfer.training.datasets.images import FaceImages

# The codes of the competition's CSV, in its own order.
FERPLUS = "fer2013new.csv"
CSV_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = 48


def read_fer2013(path: Path, options: Options | None = None) -> FaceImages:
    """Read FER2013 in any of its three layouts.

    Parameters
    ----------
    path
        The ``.npz`` archive, the ``.csv`` file, or the folder.
    options
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


def read_ferplus(path: Path, options: Options | None = None) -> FaceImages:
    """Read FER2013 with what most of the FER+ raters chose as the label, and only images with such a majority.

    Parameters
    ----------
    path, options
        See `read_fer2013`; the layout must have the votes.

    Returns
    -------
    FaceImages
        `label` is `majority`.

    Raises
    ------
    InputError
        As `read_fer2013`, and where there are no votes.
    """
    data = read_fer2013(path, options)
    chosen = data.majority >= 0
    if not chosen.any():
        raise InputError(
            f"{path} has no votes of the FER+ raters",
            place=path,
            remedy=(
                f"put {FERPLUS} beside fer2013.csv, or read the labels of FER2013 with the reader fer2013"
            ),
        )
    data = replace(data, label=data.majority, set=np.full(len(data), "fer+"))
    return data.select(chosen)


def _read_archive(path: Path) -> FaceImages:
    try:
        # numpy leaves a file open that it opened itself and could not read.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path} is not a readable NumPy archive of FER2013 ({error})",
            place=path,
            remedy="download it again",
        ) from error
    missing = {"image", "label", "label_names", "split", "split_names"} - set(arrays)
    if missing:
        raise InputError(
            f"{path} lacks the arrays {', '.join(sorted(missing))}", place=path, remedy="download it again"
        )
    codes = np.array([LABELS.index(WORDS[str(name)]) for name in arrays["label_names"]])
    votes, names = np.zeros((len(arrays["image"]), 0), np.float32), []
    if "ferplus_votes" in arrays:
        votes, names = arrays["ferplus_votes"], [str(name) for name in arrays["ferplus_names"]]
    split = arrays["split_names"][arrays["split"]]
    return _build(arrays["image"], codes[arrays["label"]], split, votes, names)


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
            f"({SIDE * SIDE} numbers) and Usage ({error})",
            place=path,
            remedy="download it again",
        ) from error
    votes, names = _read_ferplus(path.with_name(FERPLUS), split)
    return _build(image, np.array(codes, np.int64), split, votes, names)


def _read_ferplus(path: Path, split: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if not path.exists():
        return np.zeros((len(split), 0), np.float32), []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        names = [name for name in rows[0] if name not in ("Usage", "Image name")]
        votes = np.array([[float(row[name]) for name in names] for row in rows], np.float32)
        same = [row["Usage"] for row in rows] == split.tolist()
    except (OSError, LookupError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path} is not the CSV of FER+, with Usage, Image name and votes ({error})",
            place=path,
            remedy="download it again",
        ) from error
    if not same:
        raise InputError(
            f"{path} has {len(rows)} rows that are not those of the {len(split)} rows beside it by "
            "their Usage",
            place=path,
            remedy="put the fer2013.csv there that FER+ was made for, or move one of the two away",
        )
    return votes, names


def _build(
    image: np.ndarray, label: np.ndarray, split: np.ndarray, votes: np.ndarray, names: list[str]
) -> FaceImages:
    n = len(image)
    unknown = np.full(n, "")
    return FaceImages(
        image=image,
        label=label,
        labels=LABELS,
        votes=_distribution(votes, names),
        majority=_majority(votes, names),
        subject=unknown,
        sex=unknown,
        set=np.full(n, "fer2013"),
        split=split,
        file=unknown,
        age=np.full(n, np.nan, np.float32),
    )


def _distribution(votes: np.ndarray, names: list[str]) -> np.ndarray:
    """Counts of votes (n, names) to distributions over `LABELS`; NaN without any vote."""
    counts = np.zeros((len(votes), len(LABELS)), np.float32)
    for column, name in enumerate(names):
        if name in WORDS:
            counts[:, LABELS.index(WORDS[name])] = votes[:, column]
    total = counts.sum(1, keepdims=True)
    usable = (total > 0) & (votes.min(1, keepdims=True, initial=0) >= 0)
    return np.where(usable, counts / np.where(usable, total, 1), np.nan).astype(np.float32)


def _majority(votes: np.ndarray, names: list[str]) -> np.ndarray:
    """Index into `LABELS` of what most raters chose; -1 for a tie, for anything else and without votes."""
    if not names:
        return np.full(len(votes), -1)
    code = np.array([LABELS.index(WORDS[name]) if name in WORDS else -1 for name in names])
    most = votes.max(1, keepdims=True)
    alone = ((votes == most).sum(1) == 1) & (most[:, 0] > 0)
    return np.where(alone, code[votes.argmax(1)], -1)
