"""`check_share`: what in a tree of outputs should not be shared.

Looked for are faces in pictures (also pictures inside of pages, archives and arrays, and behind the end of a
file), sound and video, names that the caller knows, names of people who reviewed, absolute paths, dates, and
places on Earth. What a file is, is told by its content (`enicfer.privacy.look`). Links are followed, because a
copy of the tree holds what they lead to. What is found, and what cannot be looked at, is reported, never
removed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import EnicferError, InputError
from enicfer.io.files.names import CODINGS, HIDDEN, PROXIES, REVIEWS
from enicfer.io.pictures import FOREIGN, PICTURES
from enicfer.privacy.look import Looker
from enicfer.privacy.reviewers import find_reviewers, look_for_reviewers
from enicfer.privacy.text import Found

_MEDIA = (*VIDEO_SUFFIXES, ".flv", ".3gp", ".wav", ".mp3", ".m4a", ".aac", ".opus", ".flac", ".ogg", ".wma")
_PICTURES = (*PICTURES, *(kind for kind in FOREIGN if kind != ".svg"))  # which is text
_LONG_SIDE, _SHORT_SIDE = 640, 256  # px to which a picture is scaled
_FINE_SCORE = 0.5  # of a face in a part of a large picture: letters and lines are no faces
_HEADS = (".vhdr", ".set", ".hdr")  # files beside which another of the same name holds the signals


@dataclass(frozen=True)
class Finding:
    """Something that should not be shared.

    Attributes
    ----------
    file
        Name below the outputs.
    what
        Kind of finding.
    detail
        The text that was found, or what the picture shows.
    """

    file: str
    what: str
    detail: str


def check_share(
    output: str | Path, names: Sequence[str] = (), find_faces: Callable[[Any], int] | None = None
) -> list[Finding]:
    """Find what in a tree of outputs should not be shared.

    Parameters
    ----------
    output
        Root of the outputs.
    names
        Names (of children, parents, staff) that must not occur; whole words, in any case, also beside digits
        and underscores.
    find_faces
        Number of faces in a picture ``(h, w, 3)`` uint8; by default the detector that ships.

    Returns
    -------
    list of Finding
        Sorted by file; each text once for each file.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    root = Path(output)
    if not root.is_dir():
        what = "is a file, no folder" if root.exists() else "is not there"
        raise InputError(f"{root} {what}", place=root, remedy="give the root of the outputs")
    looker = Looker(names, find_faces or _default_finder())
    reviewers = find_reviewers(root)
    found: list[Finding] = []
    if (root / HIDDEN).exists():
        detail = "work folder with the coarse brightness of pictures: leave it out of the copy; a later run needs it"
        found.append(Finding(HIDDEN, "work folder", detail))
    if any(path.is_file() for path in (root / HIDDEN / PROXIES).glob("*")):
        detail = "small videos for reviewing, which show faces: enicfer review --clean removes them"
        found.append(Finding(f"{HIDDEN}/{PROXIES}", "recording of sound or pictures", detail))
    for path in sorted(_walk(root)):
        inside = path.relative_to(root)
        try:
            for item in _look(path, inside, looker, reviewers):
                found.append(Finding(inside.as_posix(), *item))
        except EnicferError:
            raise
        except Exception:  # readers of damaged files raise every kind
            found.append(Finding(inside.as_posix(), "unreadable", "cannot be read, so look at it"))
    return list(dict.fromkeys(found))


def _walk(root: Path) -> Iterator[Path]:
    """Files below a folder, and folders that cannot be read; through links, but no folder twice."""
    refused: list[Path] = []
    met: set[str] = set()
    for folder, below, files in os.walk(
        root, followlinks=True, onerror=lambda error: refused.append(Path(error.filename))
    ):
        place = Path(folder)
        if os.path.realpath(folder) in met:
            below.clear()
            continue
        met.add(os.path.realpath(folder))
        if place == root and HIDDEN in below:
            below.remove(HIDDEN)
        below.sort()
        yield from (place / name for name in files)
    yield from refused


def _look(path: Path, inside: Path, looker: Looker, reviewers: Sequence[str]) -> Iterator[Found]:
    kind = path.suffix.lower()
    yield from looker.text(inside.as_posix(), only=("date", "name"))
    if inside.parts[0] in (CODINGS, REVIEWS) and kind == ".jsonl":
        yield "review", "names of coders, their notes, and times of day: leave it out of the copy"
        yield from looker.text(path.read_text(encoding="utf-8", errors="replace"), only=("name",))
        return
    if path.exists() and not path.is_file():
        raise OSError("a folder without access, or a device")
    if kind in _MEDIA or (kind == ".gz" and Path(path.stem).suffix.lower() in _MEDIA):
        yield "recording of sound or pictures", path.name
        return
    if path.name.lower().endswith((".fif", ".fif.gz")):
        yield from _search_fif(path)
    data = path.read_bytes()
    yield from look_for_reviewers(path, data, reviewers)
    shows = kind in _PICTURES and _shows(data)
    found = list(looker.look(data, picture=shows))
    if kind in _PICTURES and not found and not shows:
        found = [("picture", "cannot be decoded, so look at it")]
    if kind == ".gz" and data[:2] != b"\x1f\x8b":
        raise OSError("not packed, against its name")
    if kind == ".h5":
        _check_hdf5(data)
    if any(path.with_suffix(head).is_file() for head in _HEADS if head != kind):
        found = [item for item in found if item[0] != "unreadable"]
    yield from found


def _shows(data: bytes) -> bool:
    """Whether a picture can be had from these bytes."""
    from enicfer.privacy.pictures import read_pages

    return next(read_pages(data), None) is not None


def _check_hdf5(data: bytes) -> None:
    from enicfer.privacy.arrays import read_hdf5

    read_hdf5(data)


def _search_fif(path: Path) -> Iterator[Found]:
    import mne

    if path.name.endswith(("annot.fif", "annot.fif.gz")):
        date = mne.read_annotations(path).orig_time
    else:
        date = mne.io.read_info(path, verbose="error")["meas_date"]
    if date is not None:
        yield "date", f"date of the recording: {date:%Y-%m-%d}"


def _default_finder() -> Callable[[Any], int]:
    """The detector that ships, made when a picture is met."""
    made: list[Any] = []

    def find(picture: Any) -> int:
        import cv2

        from enicfer.faces.detectors import load_detector
        from enicfer.faces.tiles import find_in_tiles

        if not made:
            made.append(load_detector())
        long = max(picture.shape[:2])
        side = min(long, _LONG_SIDE) if long >= _SHORT_SIDE else _SHORT_SIDE
        method = cv2.INTER_AREA if side <= long else cv2.INTER_CUBIC
        size = [max(1, round(length * side / long)) for length in picture.shape[1::-1]]
        small = cv2.resize(picture, size, interpolation=method)
        # A face that fills the picture is found with room around it.
        rim = side // 8
        grey = (128, 128, 128)
        small = cv2.copyMakeBorder(small, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=grey)
        count = len(made[0].detect(np.asarray(small, np.uint8)))
        if not count and long > _LONG_SIDE:
            count = len(find_in_tiles(made[0], picture, _FINE_SCORE))
        return count

    return find


def read_names(path: Path) -> list[str]:
    """Names from a text file, one in a line.

    Raises
    ------
    InputError
        If there is no such file, or it is no UTF-8 text.
    """
    try:
        lines: Iterable[str] = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"There is no file {path.name} that can be read as UTF-8 text",
            place=path,
            remedy="check the path, and write it in UTF-8",
        ) from None
    return [line.strip() for line in lines if line.strip()]
