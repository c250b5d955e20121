"""The routes; ``docs/review_api.md`` describes each."""

import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from enicfer.errors import EnicferError, InputError, OutputError
from enicfer.records.review import Held
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
from enicfer.review.curves import FEWEST, MOST, USUAL, curves_between
from enicfer.review.desk import Desk, static_files
from enicfer.review.entries import shown_text
from enicfer.review.guard import Guard, Refused
from enicfer.review.judge import pick_trials
from enicfer.review.pictures import Box, VideoMissingError, measure
from enicfer.review.proxy import StaleVersionError
from enicfer.review.recent import version_of
from enicfer.review.run_data import (
    axis_of,
    describe_people,
    describe_pulses,
    led_region,
    list_segments,
    list_trials,
    pack_clock,
    pack_others,
)
from enicfer.review.study import ReviewRun

STATIC = Path(__file__).with_name("static")
Answer = Callable[[Request], Response]


def make_app(desk: Desk, port: int) -> Guard:
    """The application behind its guard."""
    files = static_files(STATIC, tuple(KINDS))
    pages = _Pages(desk, files)
    routes = [
        *(Route(path, _told(getattr(pages, name)), methods=["GET"]) for path, name in _PAGES.items()),
        *(
            Route(f"/api/{path}", _told(getattr(pages, name)), methods=["GET"])
            for path, name in _DATA.items()
        ),
        Route("/api/runs/{run}/proxy", _told(pages.start_proxy), methods=["POST"]),
        Route("/api/runs/{run}/review", _written(pages.write_review), methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: no_route})
    app.router.redirect_slashes = False
    return Guard(app, port)


_PAGES = {
    "/": "study_page",
    "/run/{run}": "run_page",
    "/static/{name:path}": "static",
    "/favicon.ico": "favicon",
}
_DATA = {
    "study": "study",
    "runs/{run}": "run",
    "runs/{run}/clock": "clock",
    "runs/{run}/curves": "curves",
    "runs/{run}/segments": "segments",
    "runs/{run}/trials": "trials",
    "runs/{run}/trials/{trial:int}": "trial",
    "runs/{run}/pulses": "pulses",
    "runs/{run}/queue": "queue",
    "runs/{run}/people": "people",
    "runs/{run}/others": "others",
    "runs/{run}/frame/{frame:int}.jpg": "frame",
    "runs/{run}/proxy": "proxy",
    "runs/{run}/proxy.mp4": "proxy_file",
    "runs/{run}/results": "results",
    "runs/{run}/review": "review",
}


class _Pages:
    """One method for each route."""

    def __init__(self, desk: Desk, files: Mapping[str, Path]) -> None:
        self.desk, self.files = desk, files

    def _run(self, request: Request) -> ReviewRun:
        run = self.desk.study.runs.get(request.path_params["run"])
        if run is None:
            raise Refused(404, "not_found", "There is no such run: go back to the study.")
        return run

    def study_page(self, request: Request) -> Response:
        return static_answer(self.files, "study.html")

    def run_page(self, request: Request) -> Response:
        self._run(request)
        return static_answer(self.files, "run.html")

    def static(self, request: Request) -> Response:
        return static_answer(self.files, request.path_params["name"])

    def favicon(self, request: Request) -> Response:
        return static_answer(self.files, "favicon.svg")

    def study(self, request: Request) -> Response:
        return json_answer(self.desk.describe_study())

    def run(self, request: Request) -> Response:
        return json_answer(self.desk.describe_run(self._run(request)))

    def clock(self, request: Request) -> Response:
        result = self.desk.result(self._run(request))
        headers = {"X-Frames": str(result.faces.video_time.size)}
        return Response(pack_clock(result), media_type="application/octet-stream", headers=headers)

    def curves(self, request: Request) -> Response:
        result = self.desk.result(self._run(request))
        first, last = axis_of(result)
        start, stop = _number(request, "start", first), _number(request, "stop", last)
        points = int(min(max(_number(request, "points", USUAL), FEWEST), MOST))
        if not start < stop:
            raise Refused(400, "bad_request", "start must be before stop, in s.")
        series = request.query_params.get("series", "raw")
        return json_answer(curves_between(result, start, stop, points, series))

    def segments(self, request: Request) -> Response:
        return json_answer({"segments": list_segments(self.desk.result(self._run(request)))})

    def trials(self, request: Request) -> Response:
        run = self._run(request)
        found = list_trials(self.desk.result(run), self.desk.held(run))
        return json_answer(
            {"conditions": list(dict.fromkeys(trial["condition"] for trial in found)), "trials": found}
        )

    def trial(self, request: Request) -> Response:
        table = self.desk.result(self._run(request)).trials
        number = request.path_params["trial"]
        if number >= len(table):
            raise Refused(404, "not_found", f"There is no trial {number}: the run has {len(table)}.")
        row = {name: None if value != value else value for name, value in table.iloc[number].items()}
        return json_answer({"trial": number, "columns": row})

    def pulses(self, request: Request) -> Response:
        run = self._run(request)
        result, video = self.desk.result(run), self.desk.video(run)
        size, fractions = measure(video), led_region(result)
        region = None
        if size is not None and fractions is not None:
            region = [round(part * size[k % 2], 1) for k, part in enumerate(fractions)]
        return json_answer({**describe_pulses(result), "region": region})

    def queue(self, request: Request) -> Response:
        run = self._run(request)
        own = self.desk.held(run).get(self.desk.options.coder, Held())
        return json_answer({"queue": pick_trials(self.desk.result(run), own.counting)})

    def people(self, request: Request) -> Response:
        run = self._run(request)
        others = self.desk.others(run)
        return json_answer(describe_people(self.desk.result(run), self.desk.study.entries(run), others))

    def others(self, request: Request) -> Response:
        faces = self.desk.faces(self._run(request))
        known = b"" if faces is None else pack_others(faces)
        return Response(
            known, media_type="application/octet-stream", headers={"X-Known": str(faces is not None)}
        )

    def frame(self, request: Request) -> Response:
        run, number = self._run(request), request.path_params["frame"]
        result, video = self.desk.result(run), self.desk.video(run)
        width = _number(request, "width", math.nan)
        quality = int(min(max(_number(request, "quality", 90), 10), 95))
        wide = None if math.isnan(width) else int(min(max(width, 32), 4096))
        data = video.jpeg(number, _box(request), wide, quality)
        headers = {"X-Frame": str(number), "X-Video-Time": repr(float(result.faces.video_time[number]))}
        return Response(data, media_type="image/jpeg", headers=headers)

    def proxy(self, request: Request) -> Response:
        run = self._run(request)
        proxy, times = self.desk.proxy(run), self.desk.result(run).faces.video_time
        state = proxy.state
        about = {name: getattr(state, name) for name in _SHOWN}
        length = float(times[-1] - times[0]) if times.size else 0.0
        return json_answer(
            {**about, "n_frames": int(times.size), "video_duration": length, "offset": proxy.offset}
        )

    def start_proxy(self, request: Request) -> Response:
        run = self._run(request)
        if (video := self.desk.video(run)).state != "there":
            raise VideoMissingError(video.text)
        self.desk.proxy(run).start()
        return self.proxy(request)

    def proxy_file(self, request: Request) -> Response:
        return preview_answer(self.desk.proxy(self._run(request)), request)

    def results(self, request: Request) -> Response:
        run = self._run(request)
        return json_answer({"results": version_of(run), "said": self.desk.study.version_of_reviews(run)})

    def review(self, request: Request) -> Response:
        return json_answer(self.desk.describe_review(self._run(request)))

    def write_review(self, request: Request, content: Any) -> Response:
        run = self._run(request)
        check_coder(request, self.desk.options.coder)
        if why := self.desk.why_read_only(run):
            raise Refused(403, "read_only", why)
        entry, notes = self.desk.store(run, content)
        undone = self.desk.find_entry(run, entry.entry)
        review = self.desk.describe_review(run)
        about = {} if undone is None else {"undone": shown_text(undone)}
        return json_answer({"entry": shown_text(entry), **about, "told": notes, "review": review}, 201)


_SHOWN = ("state", "frames_done", "seconds_done", "version", "width", "height", "error")


def _told(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """The answer, or an error as a sentence; worked out beside the loop that takes requests."""

    async def call(request: Request) -> Response:
        return await _explained(request, answer)

    return call


def _written(answer: Callable[[Request, Any], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def call(request: Request) -> Response:
        try:
            body = await request.body()
        except Refused as refused:
            return error_answer(request, refused)

        def work(request: Request) -> Response:
            return answer(request, read_content(body))

        return await _explained(request, work)

    return call


async def _explained(request: Request, answer: Answer) -> Response:
    try:
        return await run_in_threadpool(answer, request)
    except Refused as refused:
        return error_answer(request, refused)
    except VideoMissingError as error:
        return error_answer(request, Refused(409, "no_video", str(error)))
    except StaleVersionError as error:
        return error_answer(request, Refused(409, "version", str(error)))
    except OutputError as error:
        return error_answer(request, Refused(507, "disk", str(error)))
    except InputError as error:
        kind = (400, "bad_request") if request.method == "POST" else (404, "not_found")
        return error_answer(request, Refused(*kind, str(error)))
    except EnicferError as error:
        return error_answer(request, Refused(500, "server", str(error)))
    except Exception as error:  # a fault; the page says so, and the server goes on
        text = f"This is a fault of enicfer ({type(error).__name__}: {error}): report it."
        return error_answer(request, Refused(500, "server", text))


def _number(request: Request, name: str, usual: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return usual
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(400, "bad_request", f"{name} must be a number.")
    return value


def _box(request: Request) -> Box | None:
    text = request.query_params.get("box")
    if text is None:
        return None
    try:
        sides = [float(side) for side in text.split(",")]
    except ValueError:
        sides = []
    if len(sides) != 4 or not all(math.isfinite(side) and abs(side) < 1e6 for side in sides):
        raise Refused(400, "bad_request", "box must be left,top,right,bottom in px.")
    left, top, right, bottom = sides
    return left, top, right, bottom
