"""`check_dataset`: what is in a data set, and what is wrong with it, before anybody trains on it.

Conventions: two images are exact duplicates when all pixels are equal, and near duplicates when
their difference hashes (64 bits: is a pixel of the 9x8 thumbnail brighter than its left
neighbour?) differ in at most `NEAR` bits.  Pairs are reported only where they do harm: between
splits, or between two labels or two subjects.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from enicfer.errors import InputError
from enicfer.training.datasets import Options, read_dataset
from enicfer.training.datasets.files import list_images, read_image
from enicfer.training.datasets.images import FaceImages

NEAR = 4
CHUNK = 2048
# Below this standard deviation (of 0-255) a picture shows nothing, and all such look alike.
BLANK = 4.0


@dataclass(frozen=True, eq=False)
class DatasetReport:
    """What `check_dataset` found.

    Attributes
    ----------
    images : int
    counts : dict
        For "label", "set", "split", "sex", "age" and "subject": how many images of each value;
        "unknown" where the data set does not say.
    unreadable : tuple of Path
        Relative to the data set.
    blank : int
        Images that show nothing.
    exact, near : dict
        Pairs of duplicates: numbers of "across splits", "with two labels", "with two subjects".
    """

    images: int
    counts: dict[str, dict[str, int]]
    unreadable: tuple[Path, ...]
    blank: int
    exact: dict[str, int]
    near: dict[str, int]


def check_dataset(
    path: Path, reader: str = "", options: Options | None = None, sheet: Path | None = None
) -> DatasetReport:
    """Read a data set and look for what would spoil a training.

    Parameters
    ----------
    path : Path
    reader : str
        As in `read_dataset`.
    options : Options, optional
    sheet : Path, optional
        PNG file to write: some faces of each label.

    Returns
    -------
    DatasetReport
    """
    options = options or Options()
    unreadable = find_unreadable(path) if path.is_dir() else ()
    skip = frozenset(path / file for file in unreadable)
    data = read_dataset(path, reader, replace(options, skip=skip))
    exact, near = count_duplicates(data)
    if sheet is not None:
        draw_sheet(data, sheet)
    deviation = data.image.reshape(len(data), -1).std(axis=1)
    return DatasetReport(
        images=len(data),
        counts=_counts(data),
        unreadable=unreadable,
        blank=int((deviation < BLANK).sum()),
        exact=exact,
        near=near,
    )


def find_unreadable(folder: Path) -> tuple[Path, ...]:
    """Image files below a folder that cannot be decoded, relative to it."""
    bad = []
    for file in list_images(folder):
        try:
            read_image(file)
        except InputError:
            bad.append(file.relative_to(folder))
    return tuple(bad)


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


def count_duplicates(data: FaceImages) -> tuple[dict[str, int], dict[str, int]]:
    """Count harmful pairs of equal and of nearly equal images.

    Returns
    -------
    exact, near : dict
        See `DatasetReport`; near does not count the exact ones again.
    """
    plain = data.image.reshape(len(data), -1)
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
        same = (plain[first] == plain[second]).all(axis=1)
        for name, values in columns.items():
            differ = values[first] != values[second]
            if name == "with two subjects":
                differ &= (values[first] != "") & (values[second] != "")
            exact[name] += int((same & differ).sum())
            near[name] += int((~same & differ).sum())
    return exact, near


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
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content.tobytes())
    temporary.replace(path)
