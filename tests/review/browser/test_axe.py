"""Every HTML page that the package writes or serves passes axe-core, which reads pages as assistive programs do."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from enicfer import align_session
from enicfer.coding import compare_coders
from enicfer.pipeline.publish import write_outputs
from tests.batch import study as studies
from tests.coding.simulate import draw_frames, write_frames
from tests.review.browser.conftest import Visit
from tests.review.browser.test_coding import coding_page, film  # noqa: F401  a fixture

pytestmark = pytest.mark.slow

A4, A4_LANDSCAPE = (
    {"width": 703, "height": 1031},
    {"width": 1031, "height": 703},
)  # px, within 12 mm of margin
# What a printed page would lack, for it is wider than the paper, or scrolls.
CUT_OFF = """() => [...document.querySelectorAll("table, pre, svg, img, .scroll")]
  .filter((e) => e.checkVisibility())
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 || getComputedStyle(e).overflowX === "auto"
    || (e.matches("pre") && e.scrollWidth > e.clientWidth))
  .map((e) => `${e.tagName}.${e.className}: to ${Math.round(e.getBoundingClientRect().right)} px`)"""


def faults(page: Any) -> list[str]:
    """What axe-core finds: rule, and the elements that break it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(page).response
    assert len(found["passes"]) > 8, "the page was looked at"
    return [
        f"{rule['id']}: {node['html'][:140]} {node.get('failureSummary', '')[:200]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


@pytest.fixture(scope="module")
def written(make_run: Callable[..., Any], coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of page that is written: of a session, a study, an agreement and an alignment."""
    folder = tmp_path_factory.mktemp("pages")
    study = folder / "study"
    write_outputs([make_run()], study)
    studies.make_study(folder / "sessions", 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("enicfer.pipeline.process.process_session", studies.process_without_video)
        studies.run_study(folder / "sessions", folder / "group")
    write_frames(study, "Anna", draw_frames(study, 30, 0.0, 0))
    write_frames(study, "Ben", draw_frames(study, 30, 0.3, 1))
    compare_coders([study], output=folder / "agreement")
    align_session(coded / "session", output=folder / "clocks")
    return folder


@pytest.fixture
def reader(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1100, "height": 800})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    "name", ["study/sub-01*.html", "group/group.html", "agreement/*.html", "clocks/*.html"]
)
def test_written_pages_pass(reader: Any, written: Path, name: str) -> None:
    (page,) = written.glob(name)
    reader.goto(page.as_uri())
    assert faults(reader) == []
    reader.set_viewport_size(A4_LANDSCAPE if name[0] in "ga" else A4)
    reader.emulate_media(media="print")
    assert reader.evaluate(CUT_OFF) == []
    levels = reader.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((e) => Number(e.tagName[1]))")
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_review_passes(visit: Callable[..., Visit], scheme: str) -> None:
    opened = visit(color_scheme=scheme, bypass_csp=True)
    opened.page.goto(f"{opened.origin}/")
    opened.ready()
    assert faults(opened.page) == []
    page = opened.open_run()
    for key in ("1", "2", "3", "4"):
        page.keyboard.press(key)
        assert faults(page) == [], f"tab {key}"
    for button in ("#as-text-button", "#keys-button"):
        page.click(button)
        assert faults(page) == [], button
        page.keyboard.press("Escape")


def test_the_pages_of_coding_pass(chromium: Any, film: Path) -> None:  # noqa: F811
    for coder, task in (("Anna", {"plan": film / "plan.json"}), ("Ben", {"mode": "intervals"})):
        with coding_page(chromium, film, coder, **task) as opened:
            context = chromium.new_context(bypass_csp=True)
            context.add_cookies(opened.context.cookies())
            page = context.new_page()
            page.goto(opened.page.url)
            page.wait_for_selector("body[data-ready=true]")
            assert faults(page) == [], coder
            page.click("#keys-button")
            assert faults(page) == [], f"the keys of {coder}"
            context.close()
