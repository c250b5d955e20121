"""`check_dataset`: what is in a data set, and what is wrong with it, before anybody trains on it.

Conventions: two images are exact duplicates when all pixels are equal, and near duplicates when
their difference hashes (64 bits: is a pixel of the 9x8 thumbnail brighter than its left
neighbour?) differ in at most `NEAR` bits.  Pairs are reported only where they do harm: between
splits, or between two labels or two subjects.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from enicfer.io.files.atomic import replacing
from enicfer.training.datasets import Options, read_dataset
from enicfer.training.datasets.images import FaceImages

NEAR = 4
CHUNK = 2048
NAMED = 5
# Below this standard deviation (of 0-255) a picture shows nothing, and all such look alike.
BLANK = 4.0


@dataclass(frozen=True, eq=False)
class DatasetReport:
    """What `check_dataset` found.

    Attributes
    ----------
    images
    counts
        For "label", "set", "split", "sex", "age" and "subject": how many images of each value;
        "unknown" where the data set does not say.
    left_out
        Files that gave no image, by reason (`enicfer.training.datasets.images`), relative to the data set.
    shared_subjects
        Subjects in more than one split.
    blank
        Images that show nothing.
    exact, near
        Pairs of duplicates: numbers of "across splits", "with two labels", "with two subjects".
    pairs
        The first `NAMED` of them that are files.
    """

    images: int
    counts: dict[str, dict[str, int]]
    left_out: dict[str, tuple[Path, ...]]
    shared_subjects: tuple[str, ...]
    blank: int
    exact: dict[str, int]
    near: dict[str, int]
    pairs: tuple[tuple[Path, Path], ...]


def check_dataset(
    path: Path, reader: str = "", options: Options | None = None, sheet: Path | None = None
) -> DatasetReport:
    """Read a data set and look for what would spoil a training.

    Parameters
    ----------
    path
    reader
        As in `read_dataset`.
    options
    sheet
        PNG file to write: some faces of each label.

    Returns
    -------
    DatasetReport
    """
    options = options or Options()
    data = read_dataset(path, reader, replace(options, patient=True))
    folder = path if path.is_dir() else path.parent
    left_out = {reason: tuple(_relative(f, folder) for f in files) for reason, files in data.left_out.items()}
    exact, near, pairs = count_duplicates(data)
    if sheet is not None:
        draw_sheet(data, sheet)
    deviation = data.image.reshape(len(data), -1).std(axis=1)
    return DatasetReport(
        images=len(data),
        counts=_counts(data),
        left_out=left_out,
        shared_subjects=_in_two_splits(data),
        blank=int((deviation < BLANK).sum()),
        exact=exact,
        near=near,
        pairs=tuple((_relative(a, folder), _relative(b, folder)) for a, b in pairs),
    )


def _relative(file: str, folder: Path) -> Path:
    path = Path(file)
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _in_two_splits(data: FaceImages) -> tuple[str, ...]:
    splits: dict[str, set[str]] = {}
    for subject, split in zip(data.subject.tolist(), data.split.tolist(), strict=True):
        splits.setdefault(subject, set()).add(split)
    return tuple(sorted(name for name, found in splits.items() if name and len(found) > 1))


def _counts(data: FaceImages) -> dict[str, dict[str, int]]:
    whole = ["" if np.isnan(age) else str(int(age)) for age in data.age]
    columns = {
        "label": [data.labels[i] for i in data.label],
        "set": data.set.tolist(),
        "split": data.split.tolist(),
        "sex": data.sex.tolist(),
        "age": whole,
        "subject": data.subject.tolist(),
    }
    return {
        name: {value or "unknown": number for value, number in sorted(Counter(values).items())}
        for name, values in columns.items()
    }


def difference_hash(images: np.ndarray) -> np.ndarray:
    """64-bit difference hash of uint8 images (n, h, w[, 3]): uint64 (n,)."""
    bits = np.empty((len(images), 64), np.uint8)
    for i, image in enumerate(images):
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
        bits[i] = (small[:, 1:] > small[:, :-1]).ravel()
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def count_duplicates(data: FaceImages) -> tuple[dict[str, int], dict[str, int], list[tuple[str, str]]]:
    """Count harmful pairs of equal and of nearly equal images.

    Returns
    -------
    exact, near : dict
        See `DatasetReport`; near does not count the exact ones again.
    pairs : list of pairs of str
        The files of the first few.
    """
    plain = data.image.reshape(len(data), -1)
    # Many frames of one video are millions of pairs: their digests are compared, not their pixels.
    digest = np.array([hashlib.sha256(image.tobytes()).hexdigest()[:32] for image in data.image])
    _, content = np.unique(digest, return_inverse=True)
    pairs: list[tuple[str, str]] = []
    hashes = difference_hash(data.image)
    # Blank pictures all look alike to a hash; they are counted on their own.
    shown = plain.std(axis=1) >= BLANK
    columns = {"across splits": data.split, "with two labels": data.label}
    columns["with two subjects"] = data.subject
    exact, near = dict.fromkeys(columns, 0), dict.fromkeys(columns, 0)
    for start in range(0, len(data), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(data)))
        distance = np.bitwise_count(hashes[rows, None] ^ hashes[None, start:])
        first, second = np.nonzero(distance <= NEAR)
        first, second = rows[first], second + start
        pair = (first < second) & shown[first] & shown[second]
        first, second = first[pair], second[pair]
        same = content[first] == content[second]
        harmful = np.zeros(len(same), bool)
        for name, values in columns.items():
            differ = values[first] != values[second]
            if name == "with two subjects":
                differ &= (values[first] != "") & (values[second] != "")
            exact[name] += int((same & differ).sum())
            near[name] += int((~same & differ).sum())
            harmful |= differ
        harmful &= data.file[first] != ""
        found = np.flatnonzero(harmful)[: NAMED - len(pairs)]
        pairs += zip(data.file[first[found]].tolist(), data.file[second[found]].tolist(), strict=True)
    return exact, near, pairs


def draw_sheet(data: FaceImages, path: Path, columns: int = 16) -> None:
    """Write a contact sheet: one row of evenly chosen faces per label, in the labels' order."""
    side = data.image.shape[1]
    rows = []
    for code in np.unique(data.label):
        members = np.flatnonzero(data.label == code)
        chosen = members[np.linspace(0, len(members) - 1, min(columns, len(members))).astype(int)]
        strip = np.zeros((side, columns * side, *data.image.shape[3:]), np.uint8)
        strip[:, : len(chosen) * side] = np.concatenate(list(data.image[chosen]), axis=1)
        rows.append(strip)
    picture = np.concatenate(rows)
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    encoded, content = cv2.imencode(".png", picture)
    assert encoded  # a uint8 array always encodes
    with replacing(path) as partial:
        partial.write_bytes(content.tobytes())
