"""What a file shows, told by its content and not by its name, and by what is packed into it.

`Looker.look` takes bytes and gives what was found in them; archives, packed pictures, and what is appended to a
file are looked at in the same way, a few levels deep.
"""

import bz2
import hashlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from enicfer.privacy.arrays import Content, read_hdf5, read_mat, read_npy
from enicfer.privacy.headers import read_edf, read_fif, read_nifti
from enicfer.privacy.pictures import (
    SMALLEST,
    carve,
    end_of_picture,
    find_numbers,
    is_picture,
    read_notes,
    read_pages,
    strip_packed,
    unpack_text,
)
from enicfer.privacy.text import Found, decode_text, find_strings, make_patterns, search_text, spell
from enicfer.records import UInt8Array

DEEPEST = 5
MOST_BYTES = 1 << 30  # that an archive may hold
_HDF5 = b"\x89HDF\r\n\x1a\n"
_FIF = b"\0\0\0\x64\0\0\0\x1f\0\0\0\x14"
_MEDIA = re.compile(
    rb"....ftyp|\x1aE\xdf\xa3|RIFF....(?:WAVE|AVI )|OggS|ID3|fLaC|FLV\x01|\xff[\xfb\xf3\xf2]|\0\0\x01[\xba\xb3]"
    rb"|0&\xb2u\x8ef\xcf\x11",
    re.DOTALL,
)
_PICTURE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"hevc")
_CLOSED = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"SQLite format 3": "a data base",
    b"\x80\x04\x95": "a pickle",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"PAR1": "a Parquet file",
}
_MEDIA_URL = re.compile(r"(?i)data:(?:video|audio)/")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_PDF_TEXT = re.compile(rb"\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]{4,})>", re.DOTALL)


class Looker:
    """Looks at bytes; each content once.

    Parameters
    ----------
    names
        Names that must not occur.
    find_faces
        Number of faces in a picture (h, w, 3).
    """

    def __init__(self, names: Sequence[str], find_faces: Callable[[Any], int]) -> None:
        self._patterns, self._find_faces = make_patterns(names), find_faces
        self._certain = make_patterns(names, certain=True)

    def look(
        self, data: bytes, depth: int = 0, stated: bool = True, picture: bool = False
    ) -> Iterator[Found]:
        """Findings in the bytes of a file, or of what was packed into one.

        Parameters
        ----------
        data
            The bytes.
        depth
            How deep they were packed.
        stated
            Whether they are known to be a file: else bytes of no known kind are no finding.
        picture
            Whether they are known to be a picture, of whatever kind.
        """
        if depth > DEEPEST:
            yield "unreadable", "packed too deep, so look at it"
            return
        for begins, read in (
            (lambda d: picture or is_picture(d), self._look_picture),
            (_is_media, self._look_media),
            (lambda d: d[:2] == b"\x1f\x8b" or d[:3] == b"BZh" or d[:6] == b"\xfd7zXZ\0", self._look_packed),
            (lambda d: d[:4] in (b"PK\x03\x04", b"PK\x05\x06"), self._look_zip),
            (lambda d: d[:5] == b"%PDF-", self._look_pdf),
            (_is_hdf5, self._look_hdf5),
            (lambda d: d[:12] == _FIF, self._look_fif),
            (lambda d: d[:6] == b"\x93NUMPY", lambda d, n: self._look_arrays(read_npy(d), n)),
            (lambda d: d[:19] == b"MATLAB 5.0 MAT-file", lambda d, n: self._look_arrays(read_mat(d), n)),
            (_is_edf, self._look_edf),
            (lambda d: d[344:347] in (b"n+1", b"ni1"), self._look_nifti),
        ):
            if begins(data):
                yield from read(data, depth)
                return
        yield from self._look_text(data, depth, stated)

    def text(self, text: str, depth: int = 0, only: tuple[str, ...] = ()) -> Iterator[Found]:
        """Findings in a text and in what is packed into it."""
        yield from search_text(
            strip_packed(text), {k: v for k, v in self._patterns.items() if not only or k in only}
        )
        met: set[bytes] = set()
        for spelling in spell(text):
            if _MEDIA_URL.search(spelling):
                yield "recording of sound or pictures", "inside of the text"
            if find_numbers(spelling):
                yield "pictures", "a row of numbers that looks like the grey values of a picture"
            for data, stated in unpack_text(spelling):
                key = hashlib.sha256(data).digest()
                if key not in met:
                    met.add(key)
                    yield from self._look_unpacked(data, depth + 1, stated)

    def _look_unpacked(self, data: bytes, depth: int, stated: bool) -> Iterator[Found]:
        if stated and not data:
            yield "picture", "packed into a text and cannot be decoded, so look at it"
            return
        readable = decode_text(data)
        if not stated and readable is not None and data[:1] != b"<":
            if len(data) >= 8 and readable.isprintable():
                yield from search_text(readable, self._patterns)
        elif stated or is_picture(data) or _is_media(data) or readable is not None or _is_known(data):
            yield from self.look(data, depth, stated)

    def _strings(self, data: bytes) -> Iterator[Found]:
        """Findings in bytes of an unknown kind, where runs of letters are taken for text."""
        text = find_strings(data)
        yield from search_text(text, self._certain)
        for packed, stated in unpack_text(text):
            yield from self._look_unpacked(packed, DEEPEST - 1, stated)

    def judge(self, picture: UInt8Array) -> Iterator[Found]:
        """Whether a picture shows a face."""
        if min(picture.shape[:2]) >= SMALLEST and (count := self._find_faces(picture)):
            yield "face", f"{count} in a picture of {picture.shape[1]} x {picture.shape[0]} px"

    def _look_picture(self, data: bytes, depth: int) -> Iterator[Found]:
        end = end_of_picture(data) or len(data)
        pages = 0
        for page in read_pages(data):
            pages += 1
            yield from self.judge(page)
        if not pages:
            yield "picture", "cannot be decoded, so look at it"
        notes = read_notes(data)
        yield from self.text(notes, depth)
        if data[:4] not in (b"\x89PNG", b"\xff\xd8\xff\xe0") or not pages:
            yield from search_text(find_strings(data[:65536]), {"place": self._patterns["place"]})
        for inside in carve(data[:end], 2):  # the small copy that cameras put beside the picture
            yield from self.judge(inside)
        yield from self._look_rest(data[end:], depth)

    def _look_rest(self, rest: bytes, depth: int) -> Iterator[Found]:
        """What follows the end of a file."""
        if rest.strip(b"\0\r\n\t "):
            yield "appended data", f"{len(rest)} bytes after the end of the file, so look at them"
            yield from self.look(rest.lstrip(b"\0\r\n"), depth + 1, stated=False)

    def _look_media(self, data: bytes, depth: int) -> Iterator[Found]:
        if data[4:8] == b"ftyp" and data[8:12] in _PICTURE_BRANDS:
            yield from self._look_picture(data, depth)
        else:
            yield "recording of sound or pictures", "told by its content"

    def _look_packed(self, data: bytes, depth: int) -> Iterator[Found]:
        content, rest = _unpack(data)
        yield from self.look(content, depth + 1)
        yield from self._look_rest(rest, depth)

    def _look_zip(self, data: bytes, depth: int) -> Iterator[Found]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                yield "unreadable", "unpacks to more than 1 GB, so look at it"
                return
            yield from self.text(archive.comment.decode("utf-8", errors="replace"), depth)
            for entry in entries:
                yield from self.text(entry.filename, depth, ("name", "date"))
                yield from self.text(entry.comment.decode("utf-8", errors="replace"), depth)
                if entry.flag_bits & 1:
                    yield "unreadable", f"{entry.filename} is locked with a password"
                elif not entry.is_dir():
                    yield from self.look(archive.read(entry), depth + 1)
        end = data.rfind(b"PK\x05\x06")
        yield from self._look_rest(
            data[end + 22 + int.from_bytes(data[end + 20 : end + 22], "little") :], depth
        )
        for inside in carve(data, 1):
            yield from self.judge(inside)

    def _look_pdf(self, data: bytes, depth: int) -> Iterator[Found]:
        yield "unreadable", "the text of a PDF cannot be searched for certain, so look at it"
        parts = [data]
        for match in _PDF_STREAM.finditer(data):
            try:
                parts.append(zlib.decompressobj().decompress(match[1], MOST_BYTES))
            except zlib.error:
                parts.append(match[1])
        for part in parts:
            if part is not data and is_picture(part):
                yield from self._look_picture(part, depth + 1)
                continue
            yield from self.text(find_strings(part), depth)
            yield from self.text("\n".join(_pdf_strings(part)), depth)
        yield from self._look_rest(data[data.rfind(b"%%EOF") + 5 :] if b"%%EOF" in data else b"", depth)

    def _look_hdf5(self, data: bytes, depth: int) -> Iterator[Found]:
        begin = data.find(_HDF5)
        if begin:
            yield from self._strings(data[:begin])
        yield from self._look_arrays(read_hdf5(data), depth)
        end = _end_of_hdf5(data[begin:]) + begin
        if len(data) - end != 32:  # files of the cache end with their own hash
            yield from self._look_rest(data[end:], depth)
        yield from self._strings(data)
        for inside in carve(data[:end], 8):
            yield from self.judge(inside)

    def _look_arrays(self, content: Content, depth: int) -> Iterator[Found]:
        yield from self.text("\n".join(content.texts), depth)
        for text in content.strange:
            yield "unreadable", text
        if content.pictures:
            yield "pictures", f"arrays that look like pictures, {content.pictures[0]}"
        for picture in content.maybe:
            yield from self.judge(picture)
        for packed in content.packed:
            yield from self.look(packed, depth + 1, stated=False)

    def _look_fif(self, data: bytes, depth: int) -> Iterator[Found]:
        texts, found, end = read_fif(data)
        yield from found
        yield from self.text("\n".join(texts), depth)
        yield from self._look_rest(data[end:], depth)

    def _look_edf(self, data: bytes, depth: int) -> Iterator[Found]:
        text, found = read_edf(data)
        yield from found
        yield from self.text(text, depth)
        yield from self._strings(data)

    def _look_nifti(self, data: bytes, depth: int) -> Iterator[Found]:
        yield from search_text(read_nifti(data), self._patterns)
        yield "unreadable", "an image of the head, which may show the face: remove the face first"

    def _look_text(self, data: bytes, depth: int, stated: bool) -> Iterator[Found]:
        text = decode_text(data)
        for begin, what in _CLOSED.items():
            if data.startswith(begin):
                yield "unreadable", f"{what}, which cannot be looked into, so look at it"
                text = text or ""
        if text is None and stated:
            yield "unreadable", "cannot be looked into, so look at it"
        if text:
            yield from self.text(text, depth)
        else:
            yield from self._strings(data)
        if b"\0" in data or text is None:
            for inside in carve(data):
                yield from self.judge(inside)
        elif b"\xff\xd8\xff" in data or b"\x89PNG" in data:
            for inside in carve(data, 0):
                yield from self.judge(inside)


def _is_media(data: bytes) -> bool:
    return _MEDIA.match(data) is not None


def _is_known(data: bytes) -> bool:
    return data[:2] == b"\x1f\x8b" or data[:4] in (b"PK\x03\x04", b"%PDF") or _is_hdf5(data)


def _is_hdf5(data: bytes) -> bool:
    return any(data[place : place + 8] == _HDF5 for place in (0, 512, 1024, 2048, 4096))


def _is_edf(data: bytes) -> bool:
    head = data[:256]
    return len(head) == 256 and (
        head[:8] == b"\xffBIOSEMI" or (head[:8] == b"0       " and head[184:192].strip().isdigit())
    )


def _end_of_hdf5(data: bytes) -> int:
    """The end of the file as its superblock has it."""
    place = {0: 40, 1: 44}.get(data[8], 28)
    return int.from_bytes(data[place : place + 8], "little")


def _unpack(data: bytes) -> tuple[bytes, bytes]:
    """The content of a packed file, and what follows its end."""
    parts, size = [], 0
    rest = data
    while rest:
        unpacker: Any = (
            zlib.decompressobj(31)
            if rest[:2] == b"\x1f\x8b"
            else bz2.BZ2Decompressor()
            if rest[:3] == b"BZh"
            else lzma.LZMADecompressor()
            if rest[:6] == b"\xfd7zXZ\0"
            else None
        )
        if unpacker is None:
            break
        parts.append(unpacker.decompress(rest, MOST_BYTES))
        size += len(parts[-1])
        if not unpacker.eof or size > MOST_BYTES:
            raise EOFError("cut short, or larger than 1 GB")
        rest = unpacker.unused_data
    return b"".join(parts), rest


def _pdf_strings(data: bytes) -> Iterator[str]:
    pieces: list[bytes] = []
    for plain, packed in _PDF_TEXT.findall(data):
        if packed:
            digits = re.sub(rb"\s", b"", packed)
            plain = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
        pieces.append(re.sub(rb"\\([()\\])", rb"\1", plain))
        yield decode_text(plain) or plain.decode("latin-1")
    yield b"".join(pieces).decode("latin-1")  # words are often written in pieces
