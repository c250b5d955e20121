"""Parts of a file that grows: the first bytes of it, as a whole or as a range of them (RFC 9110, section 14)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_BLOCK = 1 << 18


def file_part(path: Path, size: int, wanted: str, media_type: str) -> Response:
    """Answer with the first ``size`` bytes of a file, or with the range of them that a header asks for.

    The file is opened at once, so that the answer is whole even if the file is removed before it is read.

    Raises
    ------
    FileNotFoundError
        If it is removed already.
    """
    span = _span(wanted, size)
    if span is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    start, stop = span
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(stop - start)}
    part = bool(_RANGE.fullmatch(wanted))
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    body = _read(path.open("rb"), start, stop)
    return StreamingResponse(body, 206 if part else 200, headers=headers, media_type=media_type)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    match = _RANGE.fullmatch(wanted)
    if match is None:
        return 0, size
    first, last = match[1], match[2]
    if not first:
        length = int(last or 0)
        return (max(0, size - length), size) if length else None
    start, stop = int(first), min(size, int(last) + 1 if last else size)
    return (start, stop) if start < stop else None


def _read(opened: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    with opened as file:
        file.seek(start)
        left = stop - start
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block
