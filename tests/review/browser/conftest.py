"""A browser, and the review of a session whose frames say their own number."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

LONGEST = 30_000  # ms that a page may take for anything
SECONDS_TO_START = 60


@pytest.fixture(scope="session")
def coded(once) -> Path:
    """Folder with the session of `coded.code_session` in ``session``, and its results in ``enicfer``."""
    from enicfer import process_session, write_example_session
    from enicfer.synthetic import SyntheticScene
    from tests.review.browser.coded import code_session

    def make(folder: Path) -> None:
        scene = SyntheticScene(trials_per_condition=1, absences=(1.5,), visits=1)
        write_example_session(folder / "session", "eeg", 0, scene=scene)
        code_session(folder / "session")
        process_session(folder / "session", output=folder / "enicfer")

    return once("coded", make)


@pytest.fixture(scope="module")
def start_review(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start `enicfer review` as a person does, with any arguments; gives the link that it prints."""
    running: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []

    def start(*arguments: str | Path) -> str:
        command = [sys.executable, "-m", "enicfer.cli.main", "review", *map(str, arguments), "--no-browser"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        lines: Queue[str] = Queue()
        readers.append(threading.Thread(target=_pass_on, args=(process, lines)))
        readers[-1].start()
        return _printed_link(lines)

    yield start
    for process, reader in zip(running, readers, strict=True):
        process.terminate()
        process.wait(timeout=SECONDS_TO_START)
        reader.join(timeout=SECONDS_TO_START)


def _pass_on(process: "subprocess.Popen[str]", lines: "Queue[str]") -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        for line in stream:
            lines.put(line)


def _printed_link(lines: "Queue[str]") -> str:
    said = ""
    try:
        while True:
            said += lines.get(timeout=SECONDS_TO_START)
            links = [word for word in said.split() if word.startswith("http://127.0.0.1:")]
            if links:
                return links[0]
    except Empty:
        pytest.fail(f"The review printed no link within {SECONDS_TO_START} s, but: {said}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium; tests that need it are skipped where there is none."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One person's look at the review: a page that notes every fault and every foreign address."""

    def __init__(self, browser: Any, link: str, **looks: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **looks)
        self.context.set_default_timeout(LONGEST)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.link = link
        self.origin = link.split("/?")[0].rstrip("/")
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("request", self._note)
        self.page.on(
            "response", lambda got: got.status >= 400 and self.faults.append(f"{got.status} {got.url}")
        )

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.origin, "blob:", "data:")):
            self.faults.append(f"foreign address: {request.url}")

    def ready(self) -> Any:
        """The page once it has shown what it shows."""
        self.page.wait_for_selector("body[data-ready=true]")
        return self.page

    def open_run(self) -> Any:
        """Open the first run of the study page."""
        self.page.goto(f"{self.origin}/")
        self.ready().click("tbody th a")
        self.page.wait_for_url("**/run/*")
        self.ready().wait_for_selector("#picture[data-shows=exact]")
        return self.page


@pytest.fixture(scope="module")
def session_copy(coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `coded` that the tests of one module may write into."""
    folder = tmp_path_factory.mktemp("review") / "copy"
    shutil.copytree(coded, folder)
    return folder


@pytest.fixture(scope="module")
def signed_in(
    chromium: Any, start_review: Callable[..., str], session_copy: Path
) -> tuple[str, list[dict[str, Any]]]:
    """The link's origin, and the cookies that it gave."""
    link = start_review(session_copy / "session", session_copy / "enicfer", "--coder", "Jürgen Groß")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(link)
    cookies = context.cookies()
    context.close()
    return link, cookies


@pytest.fixture
def visit(chromium: Any, signed_in: tuple[str, list[dict[str, Any]]]) -> Iterator[Callable[..., Visit]]:
    """Open a new window on the review; at the end of the test no window may have had a fault."""
    link, cookies = signed_in
    visits: list[Visit] = []

    def start(**looks: Any) -> Visit:
        made = Visit(chromium, link, **looks)
        made.context.add_cookies(cookies)
        visits.append(made)
        return made

    yield start
    for made in visits:
        made.context.close()
    assert [fault for made in visits for fault in made.faults] == []
