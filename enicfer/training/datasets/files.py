"""Image files to `FaceImages`: decoding, cropping, labels by name.

Conventions: a reader lists `Entry` records (path and what is known about the picture) and
`load_entries` turns them into arrays, in the order of the sorted paths.  A label is a word;
`name_label` knows the words of the supported data sets and refuses all others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from enicfer.config.leftovers import is_leftover, is_placeholder
from enicfer.errors import InputError
from enicfer.expressions import WORDS, Expression
from enicfer.io.files.atomic import STAGES
from enicfer.io.pictures import FOREIGN, PICTURES, decode_picture
from enicfer.models.pictures import digest_picture
from enicfer.models.preprocessing import resize_crops
from enicfer.training.datasets.images import FOREIGN_ENDING, NO_FACE, NO_LABEL, UNREADABLE, FaceImages

LABELS = tuple(str(expression) for expression in Expression)
UNLABELLED = "without a label"
DROPPED = {"contempt", "contemptuous"}
Crop = Callable[[np.ndarray], np.ndarray | None]


@dataclass(frozen=True)
class Entry:
    """One picture and what its data set says about it; "" and NaN where it says nothing.

    ``votes`` are those of its raters by label, in any unit; none where there are none.
    """

    path: Path
    word: str
    subject: str = ""
    sex: str = ""
    set: str = ""
    split: str = ""
    age: float = float("nan")
    weight: float = float("nan")
    votes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """How to read pictures.

    Attributes
    ----------
    size
        Height and width of the result in pixels.
    channels
    crop
        Picture (h, w, 3) RGB to its face, or None without a face; see `face_cropper`.  Without
        it a picture is taken whole, as it should be where the set consists of face crops.
    content
        What the label "content" counts as: an expression, or "" to leave such pictures out.
    pattern
        Regular expression of the file names, for the reader "names".
    patient
        Leave out pictures that cannot be read, instead of refusing the data set.
    """

    size: int = 48
    channels: int = 1
    crop: Crop | None = None
    content: str = ""
    pattern: str = ""
    patient: bool = False

    def __post_init__(self) -> None:
        if self.content not in ("", *LABELS):
            raise InputError(
                f"The label content cannot count as {self.content!r}",
                remedy=f"give one of {', '.join(LABELS)}, or '' to leave such pictures out",
            )


def name_label(word: str, options: Options) -> str | None:
    """Translate a data set's word for an expression.

    Returns
    -------
    str or None
        An `Expression`, or None where such pictures are to be left out.

    Raises
    ------
    KeyError
        The word is unknown.
    """
    plain = word.strip().lower()
    # CAFE names the variants with an open mouth ("angryopen"); the expression is the same.
    plain = plain.removesuffix("open").rstrip("_- ") or plain
    if plain in DROPPED:
        return None
    if plain == "content":
        return options.content or None
    return WORDS[plain]


def list_images(folder: Path) -> list[Path]:
    """All image files below a folder, sorted by their relative names.

    What macOS adds to archives as ``._NAME`` bears a picture's ending, but is none (`enicfer.config.leftovers`).
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}", place=folder, remedy="check the path")
    named = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    found = [path for path in named if not is_leftover(path) and STAGES not in path.parts]
    if not found:
        foreign, _ = list_passed_over(folder)
        kinds = ", ".join(sorted({path.suffix.lower() for path in foreign}))
        others = f", and holds {len(foreign)} of kinds that are not read ({kinds})" if foreign else ""
        wanted = f"give a folder with files ending in {', '.join(sorted(PICTURES))}"
        raise InputError(
            f"{folder} holds no image{others}",
            place=folder,
            remedy="convert them, for example to .png" if foreign else wanted,
        )
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def list_passed_over(folder: Path) -> tuple[list[Path], list[Path]]:
    """Pictures of kinds that are not read, and what systems and clouds left with a picture's ending; sorted."""
    kinds = (*PICTURES, *FOREIGN)
    found = [p for p in folder.rglob("*") if p.suffix.lower() in kinds and STAGES not in p.parts]
    found.sort(key=lambda path: path.relative_to(folder).as_posix())
    left = [path for path in found if is_leftover(path)]
    return [p for p in found if p.suffix.lower() in FOREIGN and not is_leftover(p)], left


def match_name(pattern: re.Pattern[str], name: str, file: Path, example: str) -> re.Match[str]:
    """Match the whole name of a picture, or say which file is named otherwise than the example."""
    match = pattern.fullmatch(name)
    if match is None:
        raise InputError(
            f"{file} is not named as in this data set (for example {example})",
            remedy=(
                "move it out of the folder, or describe the pictures in a manifest.csv and use the "
                "reader 'manifest'"
            ),
        )
    return match


def read_image(path: Path) -> np.ndarray:
    """Decode an image file: uint8 (h, w, 3) RGB.

    Raises
    ------
    InputError
        The file is missing or is no image.
    """
    try:
        # imread cannot open every Unicode path on every system, decoding bytes can.
        content = np.fromfile(path, np.uint8)
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        raise InputError(
            f"{str(path)!r} cannot be read: {error}", remedy="check the path and that you may read it"
        ) from error
    if not content.size:
        raise InputError(
            f"{path} is empty, as what a cloud has not downloaded",
            place=path,
            remedy="download it, or take it away",
        )
    picture = decode_picture(content.tobytes(), str(path))
    if picture is None:
        raise InputError(
            f"{path} is not an image that can be decoded", place=path, remedy="copy it again, or leave it out"
        )
    return picture


def _name_labels(entries: Sequence[Entry], options: Options) -> list[str | None]:
    """The label of each picture, None for none; unknown words are an error that lists all of them."""
    labels: list[str | None] = []
    unknown: Counter[str] = Counter()
    for entry in entries:
        if not entry.word.strip():
            labels.append(None)
            continue
        try:
            labels.append(name_label(entry.word, options))
        except KeyError:
            unknown[entry.word] += 1
            labels.append(None)
    if unknown:
        listed = ", ".join(f"{word!r} ({number})" for word, number in sorted(unknown.items()))
        raise InputError(
            f"Unknown labels: {listed}.",
            remedy=f"known are {', '.join(sorted(WORDS))}, content, and {', '.join(sorted(DROPPED))} (left out)",
        )
    return labels


def load_entries(entries: Iterable[Entry], options: Options) -> FaceImages:
    """Read the pictures of a data set.

    Parameters
    ----------
    entries
        The pictures, in the order of the result.
    options
        How labels are named and pictures cropped.

    Returns
    -------
    FaceImages
        What gave no image is in `left_out`.

    Raises
    ------
    InputError
        Unknown labels (all are listed), a picture that is missing or empty, nothing left.
    """
    entries = list(entries)
    labels = _name_labels(entries, options)
    kept, images, codes, digests = [], [], [], []
    reasons = (NO_FACE, NO_LABEL, UNREADABLE, UNLABELLED, FOREIGN_ENDING)
    left_out: dict[str, list[str]] = {reason: [] for reason in reasons}
    for entry, label in zip(entries, labels, strict=True):
        if label is None:
            left_out[NO_LABEL if entry.word.strip() else UNLABELLED].append(str(entry.path))
            continue
        try:
            picture = read_image(entry.path)
        except InputError:
            there = entry.path.is_file() and not is_placeholder(entry.path)
            foreign = entry.path.suffix.lower() in FOREIGN and entry.path.is_file()
            if not there and not foreign and not options.patient:
                raise
            left_out[FOREIGN_ENDING if foreign else UNREADABLE].append(str(entry.path))
            continue
        face = picture if options.crop is None else options.crop(picture)
        if face is None:
            left_out[NO_FACE].append(str(entry.path))
            continue
        kept.append(entry)
        images.append(resize_crops([face], options.size, options.channels)[0])
        codes.append(LABELS.index(label))
        digests.append(digest_picture(picture))
    if not kept:
        counts = ", ".join(f"{reason}: {len(files)}" for reason, files in left_out.items() if files)
        first = Path(next((file for files in left_out.values() for file in files), "missing"))
        raise InputError(
            f"None of {len(entries)} pictures can be used ({counts}; the first is {first.name})",
            remedy="give others, or other labels",
        )
    votes = _count_votes(kept)
    return FaceImages(
        image=np.stack(images),
        label=np.array(codes, np.int64),
        labels=LABELS,
        votes=votes,
        majority=_find_majority(votes),
        subject=np.array([entry.subject for entry in kept]),
        sex=np.array([entry.sex for entry in kept]),
        set=np.array([entry.set for entry in kept]),
        split=np.array([entry.split for entry in kept]),
        file=np.array([str(entry.path) for entry in kept]),
        age=np.array([entry.age for entry in kept], np.float32),
        weight=np.array([entry.weight for entry in kept]),
        left_out={reason: tuple(files) for reason, files in left_out.items() if files},
        digest=np.array(digests, np.int64),
    )


def _count_votes(entries: Sequence[Entry]) -> np.ndarray:
    """``(n, labels)`` shares of the raters' votes; rows of NaN where there are none."""
    votes = np.full((len(entries), len(LABELS)), np.nan, np.float32)
    for row, entry in zip(votes, entries, strict=True):
        if total := sum(entry.votes.values()):
            row[:] = [entry.votes.get(label, 0.0) / total for label in LABELS]
    return votes


def _find_majority(votes: np.ndarray) -> np.ndarray:
    """``(n,)`` place of the label with more votes than any other; -1 without one."""
    known = np.nan_to_num(votes, nan=0.0)
    top = known.max(axis=1, keepdims=True)
    clear = (top[:, 0] > 0) & ((known == top).sum(axis=1) == 1)
    return np.where(clear, known.argmax(axis=1), -1)


def face_cropper(size: int) -> Crop:
    """Make the function that finds and frames the largest face, as inference does.

    Parameters
    ----------
    size
        Height and width of the crop in pixels.
    """
    from enicfer.faces.crop import crop_face
    from enicfer.faces.detectors import load_detector

    detector = load_detector()

    def crop(picture: np.ndarray) -> np.ndarray | None:
        scale = max(1.0, max(picture.shape[:2]) / detector.long_side)
        shape = (round(picture.shape[1] / scale), round(picture.shape[0] / scale))
        small = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA)
        bgr = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), np.uint8)
        found = detector.detect(bgr).place(scale)
        if len(found) == 0:
            return None
        box = found.box
        largest = int(((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])).argmax())
        return crop_face(picture, box[largest], found.landmarks[largest], size)

    return crop
