"""Answers that the server of a review and that of a coder have in common."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from enicfer.records import to_plain
from enicfer.review.guard import LARGEST_WRITE, Refused
from enicfer.review.proxy import Proxy, StaleVersionError
from enicfer.review.ranges import file_part

KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


def json_answer(content: Any, status: int = 200) -> Response:
    """Content as JSON."""
    text = json.dumps(to_plain(content), ensure_ascii=False, allow_nan=False)
    return Response(text, status, media_type="application/json")


def error_answer(request: Request, refused: Refused) -> Response:
    """A refusal: JSON below ``/api/``, else its sentence."""
    if request.url.path.startswith("/api/"):
        return json_answer({"error": refused.text, "kind": refused.kind}, refused.status)
    return Response(refused.text, refused.status, media_type="text/plain")


def check_coder(request: Request, coder: str) -> None:
    """Refuse what a page says that was opened for another coder; other programs need not name one."""
    theirs = request.headers.get("x-coder")
    if theirs is not None and unquote(theirs) != coder:
        raise Refused(
            409,
            "coder",
            f"This page is {unquote(theirs)}'s, and the server was started for {coder}: load the page again.",
        )


async def no_route(request: Request, error: Exception) -> Response:
    """The answer where there is no such place, or it takes no such request."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind = "not_found" if status == 404 else "bad_request"
    return error_answer(request, Refused(status, kind, "There is nothing of this name."))


def static_answer(files: Mapping[str, Path], name: str) -> Response:
    """One of the files that make the pages."""
    path = files.get(name)
    if path is None:
        raise Refused(404, "not_found", "There is no such file.")
    return Response(path.read_bytes(), media_type=KINDS[path.suffix])


def read_content(body: bytes) -> Any:
    """What a write holds."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(
            400, "bad_request", f"A write is one JSON object of at most {LARGEST_WRITE} bytes."
        ) from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def preview_answer(proxy: Proxy, request: Request) -> Response:
    """A preview, or a part of it; ``v`` of the request is the version that the page knows.

    Raises
    ------
    StaleVersionError
        If the page asks for a part of a version that is no more: the parts of two files make none.
    """
    wanted, span = request.query_params.get("v"), request.headers.get("range", "")
    if wanted is not None and not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 17):
        raise Refused(400, "bad_request", "v must be the version of a proxy.")
    path, size, whole = proxy.part(None if wanted is None else int(wanted))
    complete = StaleVersionError("The preview is complete now: ask for it from its beginning.")
    if not whole:
        try:
            return file_part(path, size, span, "video/mp4")
        except FileNotFoundError:
            raise complete from None
    if span and wanted not in (None, str(proxy.state.version)):
        raise complete
    return FileResponse(path, media_type="video/mp4")
