"""Who may ask: nothing is answered without the cookie, under another host name, or from another page.

The link that is printed holds a token, which is good for once: it is exchanged for a cookie that no script can read
and that no other site's page sends. A write must come from a page of this server (``Origin``). Every answer forbids
what the pages do not need.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_WRITE = 16 << 10  # bytes
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
# To the start page by itself: a redirect would still count as coming from the page that held the link.
_ENTER = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    '<title>enicfer review</title></head><body><p><a href="/">Open the page</a></p></body></html>'
)
_REFUSED = (
    "Open the link that enicfer review printed; it is good for once: start the command again for a new one."
)


class Refused(Exception):  # noqa: N818  an answer, no fault
    """A request that is not answered; ``status``, ``kind`` and one sentence."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status, self.kind, self.text = status, kind, text


class Guard:
    """Lets through what may be answered.

    Parameters
    ----------
    app
        What answers.
    port
        Of the server.
    command
        Of enicfer that started it.
    """

    def __init__(self, app: App, port: int, command: str = "review") -> None:
        self.app, self.port, self.command = app, port, command
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"enicfer_review_{port}"
        self._secret = secrets.token_urlsafe(32)
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._used, self._lock = False, Lock()

    @property
    def link(self) -> str:
        """The link that opens the review, once."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return
        try:
            headers = self._check_host(scope)
            if self._exchanges(scope):
                await self._enter(send)
                return
            self._check_cookie(headers)
            if scope["method"] not in ("GET", "HEAD"):
                self._check_write(scope, headers)
                receive = _limited(receive)
        except Refused as refused:
            await refuse(scope, send, refused)
            return
        await self.app(scope, receive, _with_headers(send))

    def _check_host(self, scope: Scope) -> dict[str, str]:
        pairs = [
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
        ]
        headers = dict(pairs)
        hosts = [value for name, value in pairs if name == "host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refused(421, "host", f"This server answers as 127.0.0.1:{self.port} only.")
        return headers

    def _exchanges(self, scope: Scope) -> bool:
        """Whether the token is given, for the first time."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if len(given) != 1 or not secrets.compare_digest(given[0].encode(), self.token.encode()):
            return False
        with self._lock:
            first, self._used = not self._used, True
        return first

    def _check_cookie(self, headers: dict[str, str]) -> None:
        pairs = (part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        given = [value for name, value in pairs if name == self.cookie]
        if len(given) != 1 or not secrets.compare_digest(given[0].encode(), self._secret.encode()):
            raise Refused(401, "no_token", _REFUSED.replace("enicfer review", f"enicfer {self.command}"))

    def _check_write(self, scope: Scope, headers: dict[str, str]) -> None:
        if scope["method"] != "POST":
            raise Refused(405, "bad_request", "Only GET and POST are answered.")
        if headers.get("origin", "") != f"http://{headers['host'].lower()}":
            raise Refused(403, "origin", "This page may not write: open the review by its own link.")
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Refused(403, "origin", "This page may not write: open the review by its own link.")
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refused(415, "media_type", "A write is JSON (Content-Type: application/json).")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > LARGEST_WRITE:
            raise Refused(413, "too_large", f"A write has at most {LARGEST_WRITE} bytes.")

    async def _enter(self, send: Send) -> None:
        cookie = f"{self.cookie}={self._secret}; HttpOnly; SameSite=Strict; Path=/"
        page = _ENTER.replace("enicfer review", f"enicfer {self.command}")
        await _answer(send, 200, "text/html; charset=utf-8", page, {"set-cookie": cookie})


async def refuse(scope: Scope, send: Send, refused: Refused) -> None:
    """Answer with an error: JSON below ``/api/``, else a short text."""
    if scope["path"].startswith("/api/"):
        import json

        text = json.dumps({"error": refused.text, "kind": refused.kind})
        await _answer(send, refused.status, "application/json", text)
    else:
        await _answer(send, refused.status, "text/plain; charset=utf-8", refused.text)


async def _answer(
    send: Send, status: int, kind: str, text: str, more: MutableMapping[str, str] | None = None
) -> None:
    body = text.encode("utf-8")
    headers = {"content-type": kind, "content-length": str(len(body)), **HEADERS, **(more or {})}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def wrapped(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            ours = {name.encode("latin-1") for name in HEADERS}
            kept = [pair for pair in message["headers"] if pair[0].lower() not in ours]
            added = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in HEADERS.items()]
            message = {**message, "headers": [*kept, *added]}
        await send(message)

    return wrapped


def _limited(receive: Receive) -> Receive:
    """The request's body, which ends with an error where it is too long."""
    got = 0

    async def wrapped() -> MutableMapping[str, Any]:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > LARGEST_WRITE:
            raise Refused(413, "too_large", f"A write has at most {LARGEST_WRITE} bytes.")
        return message

    return wrapped
