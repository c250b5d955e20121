"""Pictures in files, arrays and text: every page of them, what is written in them, and what follows them.

Conventions: pictures for the face finder are uint8 ``(h, w, 3)``, blue-green-red.
"""

import base64
import binascii
import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError
from enicfer.io.pictures import decode_bgr
from enicfer.privacy.text import decode_text
from enicfer.records import UInt8Array

FORMATS = (
    "JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "JPEG2000", "AVIF", "ICO", "ICNS", "PCX", "PPM", "TGA", "MPO",
)  # fmt: skip
# Beginnings of pictures that can be told wherever they are.
MAGIC = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|II\*\0[\x08-\xff]|MM\0\*\0|\0\0\0\x0cjP  ",
    re.DOTALL,
)
# Beginnings that are too short to be told within other bytes: Netpbm, JPEG 2000, QOI, DDS, Photoshop, Sun, SGI, PCX.
_RARE = re.compile(
    rb"P[1-6Ff]\s+(?:#[^\n]*\n\s*)*\d+\s+\d+\s|P7\nWIDTH|\xff\x4f\xff\x51|qoif|DDS |8BPS\0\x01|\x59\xa6\x6a\x95"
    rb"|\x01\xda[\0\x01][\x01\x02]|\x0a[\0-\x05]\x01[\x01\x02\x04\x08]"
)
MOST_PAGES = 64  # of one file are looked at, evenly
MOST_PIXELS = 200_000_000
SMALLEST = 16  # px; no face can be told in less
_PNG_PIXELS = (b"IDAT", b"fdAT", b"PLTE", b"tRNS")


def is_picture(data: bytes) -> bool:
    """Whether bytes begin as a picture does."""
    return bool(MAGIC.match(data) or _RARE.match(data)) or (
        data[:2] == b"BM" and len(data) > 26 and data[14:18] in (b"\x28\0\0\0", b"\x7c\0\0\0", b"\x6c\0\0\0")
    )


def read_pages(data: bytes) -> Iterator[UInt8Array]:
    """Pages or frames of a picture file, upright; nothing where it cannot be decoded."""
    from PIL import Image, ImageOps

    found = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                count = getattr(picture, "n_frames", 1)
                for page in range(0, count, max(1, -(-count // MOST_PAGES))):
                    picture.seek(page)
                    if picture.width * picture.height > MOST_PIXELS:
                        return
                    yield _plain(ImageOps.exif_transpose(picture))
                    found += 1
        except Exception:  # its readers raise every kind for damaged files
            pass
    if not found:
        with suppress(InputError):  # of more pixels than can be looked at
            decoded = decode_bgr(data, "The picture")
            if decoded is not None:
                yield decoded


def _plain(picture: Any) -> UInt8Array:
    if picture.mode.startswith(("I", "F")):
        return to_picture(np.asarray(picture))
    if picture.mode in ("RGBA", "LA", "PA", "P"):
        from PIL import Image

        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture)
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])


def to_picture(values: npt.NDArray[Any]) -> UInt8Array:
    """Numbers (h, w) or (h, w, 3) as a picture, from the smallest as black to the largest as white."""
    numbers = np.nan_to_num(np.asarray(values, np.float64))
    low, high = (numbers.min(), numbers.max()) if numbers.size else (0.0, 0.0)
    scaled = ((numbers - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
    if scaled.ndim == 2:
        scaled = np.repeat(scaled[..., None], 3, axis=2)
    return np.ascontiguousarray(scaled[..., ::-1])


def read_notes(data: bytes) -> str:
    """What is written in a picture file besides its pixels."""
    from PIL import Image

    texts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                count = getattr(picture, "n_frames", 1)
                for page in range(0, count, max(1, -(-count // MOST_PAGES))):
                    picture.seek(page)
                    picture.load()
                    texts += [f"{key}: {_text(value)}" for key, value in picture.info.items()]
                exif = picture.getexif()
                tags = dict(exif) | dict(exif.get_ifd(0x8769))
                texts += [f"tag {key}: {_text(value)}" for key, value in tags.items()]
                if exif.get_ifd(0x8825):
                    texts.append("GPSInfo")
        except Exception:
            pass
    texts += [_text(part) for part in _parts(data)]
    return "\n".join(texts)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return decode_text(value) or value.decode("latin-1")
    return str(value)


def _parts(data: bytes) -> Iterator[bytes]:
    """Of PNG and JPEG the parts that hold no pixels."""
    if data.startswith(b"\x89PNG"):
        yield from (body for kind, body, _ in _png_chunks(data) if kind not in _PNG_PIXELS)
    elif data.startswith(b"\xff\xd8"):
        yield from (body for _, body in _jpeg_segments(data))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    place = 8
    while place + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        yield kind, data[place + 8 : place + 8 + size], place + 12 + size
        place += 12 + size
        if kind == b"IEND":
            return


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of what comes before the pixels."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        if data[place + 1] == 0xFF:
            place += 1
            continue
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        yield data[place + 1], data[place + 4 : place + 2 + size]
        place += 2 + size


def end_of_picture(data: bytes) -> int | None:
    """Where a PNG, JPEG, GIF, WebP or BMP file ends; None where that cannot be told."""
    try:
        if data.startswith(b"\x89PNG"):
            return next((end for kind, _, end in _png_chunks(data) if kind == b"IEND"), None)
        if data.startswith(b"\xff\xd8"):
            return _end_of_jpeg(data)
        if data.startswith(b"GIF8"):
            return _end_of_gif(data)
        if data.startswith(b"RIFF"):
            size = int.from_bytes(data[4:8], "little") + 8
            return size + size % 2
        if data.startswith(b"BM"):
            return int.from_bytes(data[2:6], "little") or None
    except (IndexError, struct.error):
        pass
    return None


def _end_of_jpeg(data: bytes) -> int | None:
    place = 2
    while place + 2 <= len(data):
        if data[place] != 0xFF:
            return None
        kind = data[place + 1]
        if kind == 0xD9:
            return place + 2
        if kind == 0xFF:
            place += 1
        elif kind == 0x01 or 0xD0 <= kind <= 0xD7:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            if kind == 0xDA:  # pixels, up to the next marker
                found = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(data, place)
                if found is None:
                    return None
                place = found.start()
    return None


def _end_of_gif(data: bytes) -> int | None:
    def skip(at: int) -> int:
        while data[at]:
            at += data[at] + 1
        return at + 1

    place = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while True:
        if data[place] == 0x3B:
            return place + 1
        if data[place] == 0x21:
            place = skip(place + 2)
        elif data[place] == 0x2C:
            flags = data[place + 9]
            place = skip(place + 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0))
        else:
            return None


def carve(data: bytes, start: int = 1) -> Iterator[UInt8Array]:
    """Pictures that lie anywhere inside of other bytes, from ``start`` on."""
    for match in MAGIC.finditer(data, start):
        part = data[match.start() : match.start() + (1 << 26)]
        for page in read_pages(part):
            if min(page.shape[:2]) >= SMALLEST:
                yield page


_LETTER = r"[A-Za-z0-9+/_-]"
_GLUE = r"(?:\s|[\"',]|\\[nrt])"
_DATA_URL = re.compile(
    rf"data:(?!video/|audio/)[\w.+/-]*(?:;[^,;\"'<>()]{{0,200}})*;base64,\s*((?:{_LETTER}|{_GLUE})*)", re.I
)
_ANY_URL = re.compile(_DATA_URL.pattern.replace("(?!video/|audio/)", ""), re.I)
# The first letters of packed pictures, videos, archives, SVG and HTML.
_BEGINS = re.compile(
    rf"(?<!{_LETTER})(?:[/_]9j[/_]|iVBORw0KGgo|R0lGOD|UklGR|SUkqA|TU0AK|AAAADGpQ|Qk[0-3]|JVBERi|UEsDB|H4sI|iUhERg"
    rf"|GkXfo|PHN2Z|PD94b|PCFET|PGh0b|AAAA[A-Za-z0-9]{{2}}Z0eX|T2dnUw|SUQz|k05VTVBZ){_LETTER}{{20,}}"
)
_MORE = re.compile(rf"(?:{_GLUE}{{1,12}}{_LETTER}+)*={{0,2}}")
_RUN = re.compile(rf"(?<!{_LETTER}){_LETTER}{{16,4096}}={{0,2}}(?!{_LETTER})")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:ff\s?d8\s?ff|89\s?50\s?4e\s?47|47\s?49\s?46\s?38)[0-9a-f\s]{40,}", re.I
)
_NUMBERS = re.compile(r"(?<!\d)(?:\d{1,3}+[ ,;\r\n\[\]]++){1023,}+")


def unpack_text(text: str) -> Iterator[tuple[bytes, bool]]:
    """Bytes that are written in a text as base64 or hexadecimal, and whether the text says that they are a file."""
    for match in _DATA_URL.finditer(text):
        yield _unbased(match[1]), True
    rest = _ANY_URL.sub("", text)
    taken: list[tuple[int, int]] = []
    for match in _BEGINS.finditer(rest):
        more = _MORE.match(rest, match.end())
        end = more.end() if more is not None else match.end()
        if not taken or match.start() >= taken[-1][1]:
            taken.append((match.start(), end))
            yield _unbased(rest[match.start() : end]), False
    for match in _RUN.finditer(rest):
        if not any(start <= match.start() < end for start, end in taken):
            yield _unbased(match[0]), False
    for match in _HEX.finditer(rest):
        digits = re.sub(r"\s", "", match[0])
        yield bytes.fromhex(digits[: len(digits) // 2 * 2]), False


def strip_packed(text: str) -> str:
    """The text without what `unpack_text` gives as a file; searching it again would take long."""
    return _ANY_URL.sub("", text)


def _unbased(text: str) -> bytes:
    letters = re.sub(r"\\[nrt]|[^A-Za-z0-9+/_-]", "", text).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(letters[: len(letters) // 4 * 4] + _end(letters))
    except (binascii.Error, ValueError):
        return b""


def _end(letters: str) -> str:
    rest = letters[len(letters) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""


def find_numbers(text: str) -> bool:
    """Whether there is a row of so many different whole numbers up to 255 as only a picture has."""
    for match in _NUMBERS.finditer(text):
        values = {int(number) for number in re.findall(r"\d+", match[0])}
        if max(values) <= 255 and len(values) >= 32:
            return True
    return False
