"""What the browser of a coder may ask; see `enicfer.coding.desk` for what it is never told.

``GET /`` is the page, ``/static/...`` its parts. ``GET /api/coding`` gives the codebook and the items; of each item
there is ``/api/items/{id}/face.jpg`` and ``/api/items/{id}/clip``. ``POST /api/items/{id}/code`` stores ``category``
or ``reason`` with ``intensity``, ``modifiers`` and ``took``, ``POST /api/items/{id}/skip`` that it comes later;
``POST /api/undo`` takes the last of them back. A page names its coder in the header ``X-Coder``. Errors are
``{"error": sentence, "kind": word}``.

Where runs are coded continuously, an item has ``video``, ``clock``, ``frame/N.jpg``, ``proxy`` and ``proxy.mp4``, as
in ``docs/review_api.md`` but without what is hidden, and ``codes``, to which a POST adds.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from enicfer.coding.continuous import IntervalDesk
from enicfer.coding.desk import CodingDesk, NotShownError
from enicfer.coding.items import CodingItem
from enicfer.errors import EnicferError, OutputError
from enicfer.review.answers import (
    KINDS,
    check_coder,
    error_answer,
    json_answer,
    no_route,
    preview_answer,
    read_content,
    static_answer,
)
from enicfer.review.desk import static_files
from enicfer.review.guard import Guard, Refused
from enicfer.review.proxy import StaleVersionError
from enicfer.review.server import STATIC

PAGE, RUNS_PAGE = "code.html", "code_runs.html"
_SHARED = (
    *("/static/{name:path}", "/favicon.ico", "/api/coding", "/api/examples/{category:int}/{number:int}"),
)
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
_NOT_STORED = "This code is not stored: make room on the disk, or make the folder of outputs writable."
_ODD = "This could not be done; the command line says why."


def make_coding_app(desk: CodingDesk, port: int) -> Guard:
    """The application behind its guard."""
    pages = _Pages(desk)
    asked = {
        "/": pages.page,
        "/static/{name:path}": pages.static,
        "/favicon.ico": pages.favicon,
        "/api/coding": pages.coding,
        "/api/items/{id}/face.jpg": pages.face,
        "/api/items/{id}/clip": pages.clip,
        "/api/examples/{category:int}/{number:int}": pages.example,
    }
    said = {
        "/api/items/{id}/code": pages.code,
        "/api/items/{id}/skip": pages.skip,
        "/api/undo": pages.undo,
    }
    if isinstance(desk, IntervalDesk):
        runs = _Runs(desk)
        asked = {place: asked[place] for place in _SHARED} | {
            "/": runs.page,
            "/api/items/{id}/video": runs.video,
            "/api/items/{id}/clock": runs.clock,
            "/api/items/{id}/frame/{frame:int}.jpg": runs.frame,
            "/api/items/{id}/proxy": runs.proxy,
            "/api/items/{id}/proxy.mp4": runs.proxy_file,
            "/api/items/{id}/codes": runs.codes,
        }
        said = {"/api/items/{id}/codes": runs.write, "/api/items/{id}/proxy": runs.start_proxy}
    routes = [Route(path, pages.told(answer), methods=["GET"]) for path, answer in asked.items()]
    routes += [Route(path, pages.told(answer), methods=["POST"]) for path, answer in said.items()]
    app = Starlette(routes=routes, exception_handlers={HTTPException: no_route})
    app.router.redirect_slashes = False
    return Guard(app, port, "code")


class _Pages:
    """One method for each route."""

    def __init__(self, desk: CodingDesk) -> None:
        self.desk, self.files = desk, static_files(STATIC, tuple(KINDS))

    def told(self, answer: Callable[[Request, Any], Response]) -> Callable[[Request], Awaitable[Response]]:
        """The answer, or an error as a sentence without names; worked out beside the loop that takes requests."""

        async def call(request: Request) -> Response:
            try:
                body = await request.body() if request.method == "POST" else b"{}"
                check_coder(request, self.desk.options.coder)
                return await run_in_threadpool(lambda: answer(request, read_content(body)))
            except Refused as refused:
                return error_answer(request, refused)
            except NotShownError as error:
                return error_answer(request, Refused(409, "not_shown", str(error)))
            except StaleVersionError as error:
                return error_answer(request, Refused(409, "version", str(error)))
            except OutputError as error:
                self.desk.tell(str(error))
                return error_answer(request, Refused(507, "disk", _NOT_STORED))
            except EnicferError as error:
                self.desk.tell(str(error))
                return error_answer(request, Refused(400, "bad_request", _ODD))
            except Exception as error:  # a fault; the page says so, and the server goes on
                self.desk.tell(f"This is a fault of enicfer ({type(error).__name__}: {error}): report it.")
                return error_answer(request, Refused(500, "server", _ODD))

        return call

    def _item(self, request: Request) -> CodingItem:
        item = self.desk.items.get(request.path_params["id"])
        if item is None:
            raise Refused(404, "not_found", "The server was started anew: load the page again.")
        return item

    def page(self, request: Request, _: Any) -> Response:
        return static_answer(self.files, PAGE)

    def static(self, request: Request, _: Any) -> Response:
        return static_answer(self.files, request.path_params["name"])

    def favicon(self, request: Request, _: Any) -> Response:
        return static_answer(self.files, "favicon.svg")

    def coding(self, request: Request, _: Any) -> Response:
        return json_answer(self.desk.describe())

    def face(self, request: Request, _: Any) -> Response:
        return Response(self.desk.face(self._item(request)), media_type="image/jpeg")

    def clip(self, request: Request, _: Any) -> Response:
        return Response(self.desk.clip(self._item(request)), media_type="application/octet-stream")

    def example(self, request: Request, _: Any) -> Response:
        places = request.path_params
        path = self.desk.example(places["category"], places["number"])
        return Response(path.read_bytes(), media_type=_PICTURES[path.suffix.lower()])

    def code(self, request: Request, content: Any) -> Response:
        item = self._item(request)
        return self._stored(item, self.desk.store(item, content))

    def skip(self, request: Request, _: Any) -> Response:
        item = self._item(request)
        return self._stored(item, self.desk.skip(item))

    def undo(self, request: Request, _: Any) -> Response:
        item, done, was_skip = self.desk.undo()
        return self._stored(item, done, skipped=was_skip)

    def _stored(self, item: CodingItem, done: int, **more: bool) -> Response:
        return json_answer({"id": item.id, "done": done, "elsewhere": self.desk.elsewhere, **more}, 201)


class _Runs(_Pages):
    """The routes of continuous coding."""

    desk: IntervalDesk

    def page(self, request: Request, _: Any) -> Response:
        return static_answer(self.files, RUNS_PAGE)

    def video(self, request: Request, _: Any) -> Response:
        return json_answer(self.desk.describe_video(self._item(request)))

    def clock(self, request: Request, _: Any) -> Response:
        n, table = self.desk.clock(self._item(request))
        return Response(table, media_type="application/octet-stream", headers={"X-Frames": str(n)})

    def frame(self, request: Request, _: Any) -> Response:
        number, width = request.path_params["frame"], request.query_params.get("width", "")
        wide = min(max(int(width), 32), 4096) if width.isascii() and width.isdecimal() else None
        data = self.desk.frame(self._item(request), number, wide)
        return Response(data, media_type="image/jpeg", headers={"X-Frame": str(number)})

    def proxy(self, request: Request, _: Any) -> Response:
        return json_answer(self.desk.describe_proxy(self._item(request)))

    def start_proxy(self, request: Request, _: Any) -> Response:
        return json_answer(self.desk.start_proxy(self._item(request)))

    def proxy_file(self, request: Request, _: Any) -> Response:
        if "v" not in request.query_params:
            raise Refused(400, "bad_request", "v must be the version of a proxy.")
        return preview_answer(self.desk.proxy(self._item(request)), request)

    def codes(self, request: Request, _: Any) -> Response:
        return json_answer({"codes": self.desk.codes(self._item(request))})

    def write(self, request: Request, content: Any) -> Response:
        return json_answer({"codes": self.desk.write(self._item(request), content)}, 201)
