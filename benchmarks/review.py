"""How long a reviewer waits: opening an hour of video, seeking, exact frames, playing, and making the preview.

Results of an hour (or of ``--minutes``) are made without processing a video, beside a video of as many frames whose
pictures are a moving pattern with a sensor's grain. `enicfer review` serves them to Chromium, which is driven as a
person would:

- ``opens``: from the click on the run until curves, trials and the exact first frame are shown;
- ``seek, preview``: from a click on the time axis until the browser has the preview's picture of that place;
- ``seek, exact``: until the server's own picture of that frame is shown;
- ``plays``: presented frames/s over ten seconds, and the longest time between two of them;
- ``preview``: seconds of video that are made into the preview in one second, for telephone sizes.

Nothing else should run. Prints a table, and writes it as CSV.

    python benchmarks/review.py [--minutes 60] [--seeks 20] [--parts pages preview] [--work FOLDER]
"""

import argparse
import csv
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import av
import numpy as np
import uvicorn

from enicfer.io.video.reader import read_frames
from enicfer.pipeline.provenance import hash_file
from enicfer.pipeline.publish import write_outputs
from enicfer.records import RunResult
from enicfer.review.desk import Desk, ReviewOptions
from enicfer.review.serve import listen
from enicfer.review.server import make_app
from enicfer.review.study import Study

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.factory import make_run

RESULTS = Path(__file__).parent / "results" / "review.csv"
RATE = 30
SIZE = (640, 480)
TELEPHONES = ((640, 480, 2_000_000), (1280, 720, 8_000_000), (1920, 1080, 16_000_000))
SECONDS = 30  # of the videos whose preview is timed
GRAIN = 3.0  # standard deviation, of 255
AXIS = (105, 118)  # px that the time axis leaves free at its left, and on both sides


def write_video(path: Path, n: int, size: tuple[int, int], bit_rate: int, seed: int = 0) -> None:
    """A picture that drifts, with grain, as H.264."""
    rng = np.random.default_rng(seed)
    width, height = size
    scene = rng.integers(60, 190, (height // 8 + 40, width // 8 + 40, 3), dtype=np.uint8)
    scene = scene.repeat(8, 0).repeat(8, 1)
    grain = [np.round(rng.normal(0, GRAIN, (height, width, 3))).astype(np.int16) for _ in range(8)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = bit_rate
        stream.codec_context.options = {"preset": "ultrafast"}
        stream.codec_context.thread_count = 2
        for i in range(n):
            left = int(150 * (1 + np.sin(i / 90)))
            picture = scene[left // 2 : left // 2 + height, left : left + width] + grain[i % len(grain)]
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_session(folder: Path, seconds: float, size: tuple[int, int], bit_rate: int) -> Path:
    """A session with a video of this length and its results."""
    session = folder / "session"
    session.mkdir(parents=True)
    run = make_run(seconds=seconds, n_trials=max(8, int(seconds / 20)))
    n = len(run.time)
    video = session / "camera.mp4"
    write_video(video, n, size, bit_rate)
    write_outputs([tie(run, video)], session / "derivatives" / "enicfer")
    return session


def tie(run: RunResult, video: Path) -> RunResult:
    """The results as those of a video with as many frames."""
    times = np.array([frame.video_time for frame in read_frames(video)])
    scale = (len(times) - 1) / (run.faces.video_time[-1] - run.faces.video_time[0]) / RATE
    assert 0.9 < scale < 1.1 and len(times) == len(run.time)
    return replace(
        run,
        faces=replace(run.faces, video_time=times),
        expression=replace(run.expression, video_time=times),
        time=run.alignment.time(times),
        provenance=replace(run.provenance, inputs={video.name: hash_file(video)}),
    )


@contextmanager
def serving(session: Path) -> Iterator[tuple[str, Desk]]:
    """The review of a session, as `enicfer review` serves it."""
    desk = Desk(Study([session]), ReviewOptions(coder="Anna"))
    with listen(0) as listening:
        port = listening.getsockname()[1]
        app = make_app(desk, port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        listening.listen(64)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            link = app.link
            yield (link if link.startswith("http") else f"http://127.0.0.1:{port}{link}"), desk
        finally:
            desk.stop()
            server.should_exit = True
            thread.join(30)


def make_preview(desk: Desk) -> float:
    """Make the whole preview; s that it took."""
    begin = time.monotonic()
    [run] = desk.study.runs.values()
    proxy = desk.proxy(run)
    proxy.start()
    while not proxy.wait(5.0):
        pass
    assert proxy.state.state == "ready", proxy.state.error
    return time.monotonic() - begin


def time_preview(work: Path) -> Iterator[tuple[str, str, str]]:
    """How fast the preview is made of each size."""
    for width, height, bit_rate in TELEPHONES:
        folder = work / f"{width}"
        session = write_session(folder, SECONDS, (width, height), bit_rate)
        with serving(session) as (_, desk):
            took = make_preview(desk)
        shutil.rmtree(folder)
        yield f"preview of {width} x {height}", f"{SECONDS / took:.2f}", "times real time"


def wait_for(page: Any, selector: str) -> float:
    """Seconds until something is there."""
    begin = time.monotonic()
    page.wait_for_selector(selector, timeout=60_000)
    return time.monotonic() - begin


def click_axis(page: Any, share: float) -> None:
    """Click on the time axis at a share of its length."""
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + AXIS[0] + share * (box["width"] - AXIS[1]), box["y"] + 60)


WATCH_SEEKS = """() => {
  window.seeks = [];
  const video = document.getElementById("video");
  document.addEventListener("pointerdown", () => (window.clicked = performance.now()), true);
  video.addEventListener("seeked", () => window.seeks.push(performance.now() - window.clicked));
}"""
PLAY = """(seconds) => new Promise((done) => {
  const video = document.getElementById("video");
  const at = [];
  const see = (now) => {
    at.push(now);
    if (now - at[0] < 1000 * seconds) video.requestVideoFrameCallback(see);
    else done(at);
  };
  video.requestVideoFrameCallback(see);
})"""


def time_pages(work: Path, minutes: float, seeks: int) -> Iterator[tuple[str, str, str]]:
    """Opening, seeking and playing in a browser."""
    from playwright.sync_api import sync_playwright

    session = write_session(work / "hour", 60 * minutes, SIZE, 300_000)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with serving(session) as (link, desk), sync_playwright() as playwright:
        yield "preview of the hour", f"{60 * minutes / make_preview(desk):.2f}", "times real time"
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(link)
        page.wait_for_selector("body[data-ready=true]")
        begin = time.monotonic()
        page.click("tbody th a")
        page.wait_for_url("**/run/*")
        page.wait_for_selector("body[data-ready=true]")
        wait_for(page, "#picture[data-shows=exact]")
        yield "opens", f"{time.monotonic() - begin:.2f}", "s"
        yield from time_seeks(page, seeks)
        click_axis(page, 0.5)
        wait_for(page, "#picture[data-shows=exact]")
        page.keyboard.press("Space")
        at = np.array(page.evaluate(PLAY, 10))
        yield "plays", f"{1000 * (len(at) - 1) / (at[-1] - at[0]):.1f}", "frames/s"
        yield "longest pause while it plays", f"{np.diff(at).max():.0f}", "ms"
        browser.close()


def time_seeks(page: Any, seeks: int) -> Iterator[tuple[str, str, str]]:
    """Seeks to places all over the video."""
    page.evaluate(WATCH_SEEKS)
    exact = []
    for share in np.random.default_rng(0).uniform(0.02, 0.95, seeks):
        begin = time.monotonic()
        before = page.inner_text("#frame-number").split()[0]
        click_axis(page, float(share))
        now = page.inner_text("#frame-number").split()[0]
        assert now != before
        wait_for(page, f"#picture[data-shows=exact][data-frame='{now}']")
        exact.append(time.monotonic() - begin)
        page.wait_for_timeout(200)
    preview = np.array(page.evaluate("window.seeks"))
    for name, values in (("seek, preview", preview), ("seek, exact", 1000 * np.array(exact))):
        yield f"{name}, median", f"{np.median(values):.0f}", "ms"
        yield f"{name}, 95 of 100", f"{np.percentile(values, 95):.0f}", "ms"


PARTS: dict[str, Callable[[argparse.Namespace, Path], Iterator[tuple[str, str, str]]]] = {
    "pages": lambda options, work: time_pages(work, options.minutes, options.seeks),
    "preview": lambda options, work: time_preview(work),
}


def main() -> None:
    """Write the table as CSV."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seeks", type=int, default=20)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--work", type=Path, help="folder for the videos, which are removed")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        rows = [("what", "measured", "unit")]
        for part in options.parts:
            for row in PARTS[part](options, Path(folder)):
                print(*row, sep="\t", flush=True)
                rows.append(row)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
