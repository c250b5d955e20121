"""FER2013 (Goodfellow et al. 2013, doi:10.1016/j.neunet.2014.09.005) with FER+ votes.

Three layouts: a NumPy archive (`image`, `label`, `label_names`, `split`, `split_names`, and
optionally `ferplus_votes`, `ferplus_names`), the CSV of the competition (`emotion,pixels,Usage`),
and Kaggle's folders (`train/angry/*.jpg`, ...).  Labels are mapped by name.  Subjects are
unknown: these are web images.

FER+ votes (Barsoum et al. 2016, doi:10.1145/2993148.2993165) are the choices of ten raters; the
votes for contempt, unknown and "no face" are dropped and the rest is normalised.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import Expression
from enicfer.training.datasets.images import FaceImages

LABELS = tuple(str(expression) for expression in Expression)
NAMES = {
    "anger": "angry",
    "angry": "angry",
    "disgust": "disgusted",
    "fear": "fearful",
    "happiness": "happy",
    "happy": "happy",
    "sadness": "sad",
    "sad": "sad",
    "surprise": "surprised",
    "neutral": "neutral",
}
# The CSV's own codes, in its own order.
CSV_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def read_fer2013(path: Path) -> FaceImages:
    """Read FER2013 from its archive (`.npz`).

    Parameters
    ----------
    path : Path

    Returns
    -------
    FaceImages
        Grey 48x48; `split` is "Training" or "PublicTest".

    Raises
    ------
    InputError
        The file is missing, no archive, or lacks an array.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable NumPy archive of FER2013: {error}.") from error
    missing = {"image", "label", "label_names", "split", "split_names"} - set(arrays)
    if missing:
        raise InputError(f"{path} lacks the arrays {', '.join(sorted(missing))}.")
    codes = np.array([LABELS.index(NAMES[str(name)]) for name in arrays["label_names"]])
    n = len(arrays["image"])
    unknown = np.full(n, "")
    votes = np.full((n, len(LABELS)), np.nan, np.float32)
    if "ferplus_votes" in arrays:
        votes = _distribution(arrays["ferplus_votes"], [str(v) for v in arrays["ferplus_names"]])
    return FaceImages(
        image=arrays["image"],
        label=codes[arrays["label"]],
        labels=LABELS,
        votes=votes,
        subject=unknown,
        sex=unknown,
        set=np.full(n, "fer2013"),
        split=arrays["split_names"][arrays["split"]],
        age=np.full(n, np.nan, np.float32),
    )


def _distribution(votes: np.ndarray, names: list[str]) -> np.ndarray:
    """Counts of votes (n, names) to distributions over `LABELS`; NaN without any vote."""
    counts = np.zeros((len(votes), len(LABELS)), np.float32)
    for column, name in enumerate(names):
        if name in NAMES:
            counts[:, LABELS.index(NAMES[name])] = votes[:, column]
    total = counts.sum(1, keepdims=True)
    usable = (total > 0) & (votes.min(1, keepdims=True) >= 0)
    return np.where(usable, counts / np.where(usable, total, 1), np.nan).astype(np.float32)
