"""Weights of other people's networks that do not ship: where they come from, where they lie, how they are checked.

Nothing is ever downloaded unless `fetch_weights` is called. Files lie in the folder that the environment
variable ``ENICFER_MODELS`` names, or else in the user's data folder.

A download goes over https alone, also where the server sends on to another place, ends at the size that is
allowed, and counts only if its whole SHA-256 is the one that was expected.

Conventions: SHA-256 as 64 lower-case hexadecimal digits. Of files from PyTorch's world only the first ten
digits are published, as part of their names (the convention of ``torch.hub``). Ten digits can be made to fit
by whoever wants to, so whoever fetches such a file, or one of which nothing is published, gives the whole
hash; a file that the user adds is checked against the ten.
"""

import hashlib
import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enicfer.errors import ModelError, OutputError
from enicfer.io.files.atomic import replacing
from enicfer.io.files.portable import move
from enicfer.io.files.swap import sync

BLOCK = 1 << 18
SCHEMES = ("https",)
MOST_BYTES = 1 << 30  # of a file whose size nobody stated
_WHOLE = re.compile(r"[0-9a-f]{64}")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Weights:
    """A file with weights.

    Attributes
    ----------
    file
        Its name.
    url
        Where it is published.
    sha256
        Its SHA-256, or the first digits of it, or nothing where none is published.
    size
        Bytes, 0 where not stated.
    licence
        As its authors state it.
    use
        What it is for.
    """

    file: str
    url: str
    sha256: str
    size: int
    licence: str
    use: str


_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models"
_FAN = "https://www.adrianbulat.com/downloads/python-fan"
_BLAZE = "https://github.com/hollance/BlazeFace-PyTorch/raw/master"

WEIGHTS: dict[str, Weights] = {
    "yunet": Weights(
        "face_detection_yunet_2023mar.onnx",
        f"{_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        232_589,
        "MIT",
        "--detector yunet",
    ),
    "sfd": Weights(
        "s3fd-619a316812.pth",
        f"{_FAN}/s3fd-619a316812.pth",
        "619a316812",
        0,
        "not stated by its authors",
        "--detector face-alignment (boxes)",
    ),
    "fan": Weights(
        "2DFAN4-11f355bf06.pth.tar",
        f"{_FAN}/2DFAN4-11f355bf06.pth.tar",
        "11f355bf06",
        0,
        "not stated by its authors",
        "--detector face-alignment (landmarks)",
    ),
    "blazeface": Weights(
        "blazeface.pth",
        f"{_BLAZE}/blazeface.pth",
        "",
        0,
        "see its repository",
        "--detector face-alignment (boxes, instead of sfd; faces near the camera)",
    ),
    "blazeface-anchors": Weights(
        "anchors.npy", f"{_BLAZE}/anchors.npy", "", 0, "see its repository", "goes with blazeface"
    ),
}


def weights_folder() -> Path:
    """Folder of the weights; it need not exist."""
    named = os.environ.get("ENICFER_MODELS")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("enicfer", appauthor=False) / "models"


def find_weights(name: str, option: str = "--detector-weights FILE") -> Path:
    """File of the weights ``name``, a key of `WEIGHTS`.

    Raises
    ------
    ModelError
        If it is not there; the message says how to get it.
    """
    entry = _entry(name)
    path = weights_folder() / entry.file
    if path.is_file():
        return path
    ways = f"'enicfer models fetch {name}', or add a file that you have with 'enicfer models add {name} FILE'"
    raise ModelError(
        f"The weights {name} ({entry.file}) are not on this computer",
        place=path,
        remedy=f"download them with {ways}" + (f" or {option}" if option else ""),
    )


def add_weights(name: str, file: Path, sha256: str = "") -> Path:
    """Check a local file and copy it into the folder of the weights.

    Parameters
    ----------
    name
        A key of `WEIGHTS`.
    file
        The file.
    sha256
        Its SHA-256, for weights of which none is published. An added file may go without: it is the user's.

    Returns
    -------
    Path
        Where it lies now.

    Raises
    ------
    ModelError
        If there is no such file or its hash is another.
    OutputError
        If the folder cannot be written.
    """
    entry = _entry(name)
    if not file.is_file():
        raise ModelError(f"There is no file {file}", remedy="check the path")
    if sha256:
        sha256 = _whole(name, sha256)
    check_hash(file, sha256 or entry.sha256)
    target = _prepare(entry)
    with replacing(target) as partial:
        shutil.copyfile(file, partial)
        check_hash(partial, sha256 or entry.sha256)  # the file may have changed in between
    return target


def fetch_weights(name: str, sha256: str = "", url: str = "", progress: Progress | None = None) -> Path:
    """Download weights, continuing where an earlier attempt stopped, and check them.

    Parameters
    ----------
    name
        A key of `WEIGHTS`.
    sha256
        The whole SHA-256 to expect, 64 digits; needed where it is not published whole.
    url
        Another place to fetch from, such as a mirror; https.
    progress
        Called with the bytes that are there and the bytes in all (0 where unknown).

    Returns
    -------
    Path
        Where the file lies now.

    Raises
    ------
    ModelError
        If no whole hash is known, the address is not https or leads to another kind, the server fails, or the
        file is larger than allowed or not what was expected (it is removed then).
    OutputError
        If the folder cannot be written.
    """
    entry = _entry(name)
    expected = _choose_hash(name, entry, sha256)
    _check_address(url or entry.url)
    target = _prepare(entry)
    if target.is_file() and _hash(target) == expected:
        return target
    part = target.with_name(target.name + ".part")
    try:
        _download(url or entry.url, part, progress, entry.size or MOST_BYTES)
    except urllib.error.HTTPError as error:
        raise ModelError(
            f"{name} cannot be fetched: the server answered {error.code} for {error.url}",
            remedy=f"try again later, or use 'enicfer models add {name} FILE'",
        ) from None
    except TooLargeError as error:
        part.unlink(missing_ok=True)
        raise ModelError(
            f"{name} is not what was expected: {error}; what had come was removed",
            remedy=f"fetch it again, or use 'enicfer models add {name} FILE'",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{name} cannot be fetched from {url or entry.url} ({reason})",
            remedy=f"run the command again to continue, or use 'enicfer models add {name} FILE'",
        ) from None
    try:
        check_hash(part, expected)
    except ModelError:
        part.unlink()
        raise
    sync(part)
    move(part, target)
    return target


def check_hash(file: Path, expected: str) -> str:
    """SHA-256 of a file, after making sure that it begins with ``expected``.

    Raises
    ------
    ModelError
        If it does not.
    """
    found = _hash(file)
    if not found.startswith(expected.lower()):
        raise ModelError(
            f"{file.name} ({file.stat().st_size} bytes) is not the file that was expected: its "
            f"SHA-256 is {found}, it should {('be' if len(expected) == 64 else 'begin with')} "
            f"{expected.lower()}",
            place=file,
            remedy="fetch it again, or give the right file",
        )
    return found


def _whole(name: str, sha256: str) -> str:
    """The hash in small letters; one that is not whole is refused."""
    digits = sha256.strip().lower()
    if not _WHOLE.fullmatch(digits):
        raise ModelError(
            f"The SHA-256 for {name} has {len(digits)} characters ({digits[:80]!r})",
            remedy="give all 64 hexadecimal digits",
        )
    return digits


def _choose_hash(name: str, entry: Weights, sha256: str) -> str:
    """The whole hash to expect of a download."""
    given = _whole(name, sha256) if sha256 else entry.sha256
    if not _WHOLE.fullmatch(given):
        known = f"Only the first {len(given)} digits of the hash of" if given else "No hash is published for"
        raise ModelError(
            f"{known} {name} ({entry.file}){' are published' * bool(given)}, so it is not fetched unchecked",
            remedy=(
                f"give the whole hash that you trust with --sha256, or download it from {entry.url} "
                f"and use 'enicfer models add {name} FILE'"
            ),
        )
    if not given.startswith(entry.sha256):
        raise ModelError(
            f"The SHA-256 that was given for {name} ({given}) is not the published one, which "
            f"{('is' if len(entry.sha256) == 64 else 'begins with')} {entry.sha256}",
            remedy="check it",
        )
    return given


def _check_address(url: str) -> None:
    scheme = urllib.parse.urlsplit(url).scheme.lower()
    if scheme not in SCHEMES:
        raise ModelError(f"{url} is not fetched", remedy=f"give an address that begins with {SCHEMES[0]}://")


class TooLargeError(Exception):
    """A download has more bytes than it may have."""


class _OnlySafe(urllib.request.HTTPRedirectHandler):
    """Follows a server's answer that the file is elsewhere, but to no other kind of address."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, part: Path, progress: Progress | None, most: int = MOST_BYTES) -> None:
    have = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "enicfer"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.build_opener(_OnlySafe()).open(request, timeout=30)
    except urllib.error.HTTPError as error:
        if (
            error.code == 416 and have
        ):  # the server has no more bytes: the part is whole, or is another file's
            error.close()
            return
        raise
    with response:
        resumed = response.status == 206
        start = have if resumed else 0
        total = int(response.headers.get("Content-Length") or 0)
        total = total + start if total else 0
        if total > most:
            raise TooLargeError(f"the server has {total} bytes, and at most {most} are allowed")
        with part.open("ab" if resumed else "wb") as out:
            done = start
            while block := response.read(BLOCK):
                done += len(block)
                if done > most:
                    raise TooLargeError(f"the server sends more than the {most} bytes that are allowed")
                out.write(block)
                if progress is not None:
                    progress(done, total)
    if total and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _prepare(entry: Weights) -> Path:
    folder = weights_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made: {error.strerror}",
            place=folder,
            remedy="make room there, or choose another folder with ENICFER_MODELS",
        ) from None
    return folder / entry.file


def _entry(name: str) -> Weights:
    if name not in WEIGHTS:
        raise ModelError(f"There are no weights {name!r}", remedy=f"choose one of {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
