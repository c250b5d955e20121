"""`check_share`: what in a tree of outputs should not be shared.

Looked for are faces in pictures (also pictures inside of HTML, SVG and HDF5), sound and video, names that the
caller knows, absolute paths, dates, and places on Earth. Text is searched in every file, also compressed and
inside of HDF5; a FIF file is asked for its date. Links are followed, because a copy of the tree holds what they lead
to. What is found, and what cannot be looked at, is reported, never removed.
"""

import base64
import binascii
import codecs
import gzip
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from enicfer.errors import EnicferError, InputError
from enicfer.io.names import HIDDEN
from enicfer.session import VIDEO_SUFFIXES

_MEDIA = (*VIDEO_SUFFIXES, ".flv", ".3gp", ".wav", ".mp3", ".m4a", ".aac", ".opus", ".flac", ".ogg")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif")
# Beginnings of files whose text is packed: ZIP (also of Excel, Word and numpy), PDF, gzip.
_CLOSED = (b"PK\x03\x04", b"%PDF", b"\x1f\x8b")
_PACKED = re.compile(rb"data:image/(?:png|jpe?g|gif|webp|bmp);base64,([A-Za-z0-9+/=\s]+)")
_PACKED_MEDIA = re.compile(rb"data:(?:video|audio)/")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_YEAR = r"(?:19|20)\d\d"
_DAY, _SHORT = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_COMPACT = rf"{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"  # by itself it is rather a count
# what: pattern
_PATTERNS: dict[str, re.Pattern[str]] = {
    "absolute path": re.compile(
        r"(?<![\w.:/<>-])/(?:home|Users|mnt|media|root|tmp|var|srv|scratch|data|work|opt|private|Volumes|gpfs|nfs)"
        r"/[^\s\"'<>|]+|(?<![\w/])[A-Za-z]:(?:\\{1,2}|/(?!/))[^\s\"'<>|]+|(?<!\\)\\\\[\w.-]+\\[^\s\"'<>|]+"
    ),
    "date": re.compile(
        rf"(?<![\d.-]){_YEAR}(?P<first>[-/_.])(?:0[1-9]|1[0-2])(?P=first)(?:0[1-9]|[12]\d|3[01])(?!\d)"
        rf"|(?<![\d.]){_DAY}(?P<last>[-/_.]){_DAY}(?P=last){_YEAR}(?![\d.])"
        rf"|(?<![\d./])(?:{_DAY}/{_SHORT}|{_SHORT}/{_DAY})/\d\d(?![\d./])"
        rf"|(?<!\d){_YEAR}[-_ ]{_MONTH}[-_ ]\d{{1,2}}(?!\d)"
        rf"|(?<=[_\"'-]){_COMPACT}(?![^\W_])|(?<![^\W_])(?<!\.){_COMPACT}(?=[_\"'-]|T\d{{4}})"
        rf"|\b\d{{1,2}}\.? {_MONTH}\.? {_YEAR}\b|\b{_MONTH} \d{{1,2}},? (?:[\d:]+ )?{_YEAR}\b"
    ),
    "place": re.compile(
        r"(?i)\bGPS(?:Latitude|Longitude|Position|Info|[ _]?coordinates?)\b"
        r"|\b(?:latitude|longitude)\"?\s*[:=\t]\s*\"?[-+]?\d+\.\d+"
        r"|(?<![\d.])[+-]\d{2}\.\d{3,}[+-]\d{3}\.\d{3,}"
    ),
    "e-mail address": re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"),
}


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
        Names (of children, parents, staff) that must not occur; whole words, in any case, also beside digits and
        underscores.
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
        raise InputError(f"There is no folder {root}: give the root of the outputs.")
    patterns = dict(_PATTERNS)
    words = [re.escape(normalize("NFC", name.strip())) for name in names if name.strip()]
    if words:
        patterns["name"] = re.compile(rf"(?i)(?<![^\W\d_])(?:{'|'.join(words)})(?![^\W\d_])")
    find_faces = find_faces or _default_finder()
    found: list[Finding] = []
    if (root / HIDDEN).exists():
        detail = "work folder with the coarse brightness of pictures: leave it out of the copy; a later run needs it"
        found.append(Finding(HIDDEN, "work folder", detail))
    for path in sorted(_walk(root)):
        inside = path.relative_to(root)
        try:
            for item in _look(path, inside, patterns, find_faces):
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


def _look(
    path: Path, inside: Path, patterns: dict[str, re.Pattern[str]], find_faces: Callable[[Any], int]
) -> Iterator[tuple[str, str]]:
    kind = path.suffix.lower()
    yield from _search(inside.as_posix(), {key: patterns[key] for key in ("date", "name") if key in patterns})
    if path.exists() and not path.is_file():
        raise OSError("a folder without access, or a device")
    if kind in _MEDIA or (kind == ".gz" and Path(path.stem).suffix.lower() in _MEDIA):
        yield "recording of sound or pictures", path.name
        return
    if path.name.lower().endswith((".fif", ".fif.gz")):
        yield from _search_fif(path)
        return
    data = path.read_bytes()
    if kind in _PICTURES:
        yield from _judge(_decode(data), find_faces)
        yield from _search(data.decode("latin-1"), {"place": patterns["place"]})
        return
    if kind == ".gz":
        data = gzip.decompress(data)
    if kind == ".h5":
        yield from _search_hdf5(path, patterns, find_faces)
        return
    for packed in _PACKED.findall(data):
        yield from _judge(_decode(_unbased(packed)), find_faces)
    if _PACKED_MEDIA.search(data):
        yield "recording of sound or pictures", "inside of the page"
    text = _decode_text(_PACKED.sub(b"", data))
    if data.startswith(_CLOSED) or "\0" in text:
        yield "unreadable", "cannot be looked into, so look at it"
    yield from _search(text, patterns)


def _search(text: str, patterns: dict[str, re.Pattern[str]]) -> Iterator[tuple[str, str]]:
    composed = normalize("NFC", text)
    for what, pattern in patterns.items():
        for match in pattern.finditer(composed):
            yield what, match[0][:120]


def _search_hdf5(
    path: Path, patterns: dict[str, re.Pattern[str]], find_faces: Callable[[Any], int]
) -> Iterator[tuple[str, str]]:
    import h5py

    texts: list[str] = []
    pictures: list[npt.NDArray[Any]] = []

    def visit(name: str, member: Any) -> None:
        texts.extend(str(value) for value in member.attrs.values())
        if isinstance(member, h5py.Dataset):
            if member.dtype.kind in "OS":
                texts.extend(str(value) for value in member.asstr()[()].ravel())
            elif member.ndim >= 3 and min(member.shape[1:3]) >= 16:
                pictures.extend(
                    np.asarray(member[i]) for i in range(0, len(member), max(1, len(member) // 10))
                )

    with h5py.File(path, "r") as file:
        texts.extend(str(value) for value in file.attrs.values())
        file.visititems(visit)
    yield from _search("\n".join(texts), patterns)
    if pictures:
        yield "pictures", f"arrays that look like pictures, {pictures[0].shape}"


def _search_fif(path: Path) -> Iterator[tuple[str, str]]:
    import mne

    if path.name.endswith(("annot.fif", "annot.fif.gz")):
        date = mne.read_annotations(path).orig_time
    else:
        date = mne.io.read_info(path, verbose="error")["meas_date"]
    if date is not None:
        yield "date", f"date of the recording: {date:%Y-%m-%d}"


def _judge(
    picture: npt.NDArray[np.uint8] | None, find_faces: Callable[[Any], int]
) -> Iterator[tuple[str, str]]:
    if picture is None:
        yield "picture", "cannot be decoded, so look at it"
    elif count := find_faces(picture):
        yield "face", f"{count} in a picture of {picture.shape[1]} x {picture.shape[0]} px"


def _decode(data: bytes) -> npt.NDArray[np.uint8] | None:
    import cv2

    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    return None if picture is None else np.asarray(picture, np.uint8)


def _unbased(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _decode_text(data: bytes) -> str:
    """UTF-16 where it begins with its mark, else UTF-8, or Windows-1252 where it is no UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _default_finder() -> Callable[[Any], int]:
    """The detector that ships, made when a picture is met."""
    made: list[Any] = []

    def find(picture: Any) -> int:
        import cv2

        from enicfer.faces.detectors import load_detector

        if not made:
            made.append(load_detector())
        scale = min(1.0, 640 / max(picture.shape[:2]))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return len(made[0].detect(np.asarray(small, np.uint8)))

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
        raise InputError(f"There is no file {path.name} that can be read as UTF-8 text.") from None
    return [line.strip() for line in lines if line.strip()]
