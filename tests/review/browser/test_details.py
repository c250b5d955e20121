"""What the session page says of others, of coders who disagree, of its forms, and of what it waits for."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.review.browser.waiting import take_back, wait_stored, wait_until
from tests.review.conftest import keep_faces, serving

pytestmark = pytest.mark.slow

OTHER = np.array([560.0, 300.0, 620.0, 380.0], np.float32)  # where nobody is in the video
BRIEF = np.array([10.0, 300.0, 60.0, 360.0], np.float32)
OTHER_CODER = "דנה כהן"
FOCUSED = "document.activeElement.id || document.activeElement.type"


@pytest.fixture(scope="module")
def session_copy(coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session with somebody else in frames 0 to 59, a face in frame 70 alone, and another coder's verdict."""
    folder = tmp_path_factory.mktemp("details") / "copy"
    shutil.copytree(coded, folder)
    keep_faces(folder / "enicfer", {1: (range(60), OTHER), 2: ([70], BRIEF)})
    with serving([folder / "session", folder / "enicfer"], coder=OTHER_CODER) as client:
        entry = {"kind": "trial", "trial": 1, "verdict": "rejected", "reason": "talking"}
        assert client.post(f"{client.run()}/review", entry).status_code == 201
    return folder


@pytest.fixture(scope="module")
def signed_in(chromium: Any, session_copy: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    with serving([session_copy / "session", session_copy / "enicfer"], enter=False) as client:
        context = chromium.new_context()
        context.new_page().goto(client.link)
        cookies = context.cookies()
        context.close()
        yield client.link, cookies


ALPHA = """(canvas, [x, y]) => {
  const picture = document.getElementById("exact").getBoundingClientRect();
  const place = canvas.getBoundingClientRect();
  const at = (edge, own, side, px, full) => Math.round((picture[edge] - own + (px * picture[side]) / full));
  const left = at("left", place.left, "width", x, 640);
  const top = at("top", place.top, "height", y, 480);
  const dots = [...canvas.getContext("2d").getImageData(left - 1, top, 3, 1).data];
  return Math.max(...dots.filter((value, i) => i % 4 === 3));
}"""


def test_the_faces_of_others_are_shown_and_named(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("Home")
    page.wait_for_selector("#picture[data-shows=exact][data-frame='0']")
    y = float(OTHER[1] + OTHER[3]) / 2
    assert page.eval_on_selector("#overlay", ALPHA, [float(OTHER[0]), y]) > 100
    assert page.eval_on_selector("#overlay", ALPHA, [float(OTHER[0] + 30), y]) == 0
    assert page.inner_text("#frame-others") == "other person 1"
    assert "also seen: other person 1" in page.get_attribute("#timeline", "aria-valuetext")
    legend = page.locator("#legend li").all_inner_texts()
    assert legend == ["participant", "participant, not valid", "other faces"]
    for _ in range(7):
        page.keyboard.press("Shift+ArrowRight")
    assert page.inner_text("#frame-others") == "a face seen too briefly to tell whose"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#frame-others") == "nobody"
    page.keyboard.press("2")
    seen = page.inner_text("#who")
    assert "other person 1" in seen and "60 frames (9 %)" in seen and "1 face seen too briefly" in seen
    assert "taken as the person who is there most" in seen


def test_what_a_correction_says_is_explained(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("2")
    button = page.locator("#panel-face .person button", has_text="Never this person").first
    said = page.inner_text(f"#{button.get_attribute('aria-describedby')}")
    assert said == button.get_attribute("title") and "In no frame" in said
    assert "The last two change no result" in page.inner_text("#panel-face .help")
    page.keyboard.press("?")
    assert f"Never this person: {said}" in page.inner_text("#keys-list .terms")


def test_enter_in_a_note_stores_only_what_has_a_reason(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    page.keyboard.press("r")
    page.locator("#reason-note").fill("not yet")
    page.keyboard.press("Enter")
    assert page.is_visible("#reject") and page.evaluate(FOCUSED) == "radio"
    assert page.inner_text("#notice") == "Choose a reason first."
    assert page.locator("#reject input:checked").count() == 0
    page.keyboard.press("2")
    reason = page.locator("#reject input:checked").get_attribute("value")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("1")
    first = page.locator("#reject input:checked").get_attribute("value")
    assert first != reason
    page.keyboard.press("Control+A")
    page.keyboard.type("6 fax")
    page.keyboard.press("Enter")
    wait_stored(page, f"rejected: {first}. Note: 6 fax")
    assert page.evaluate(FOCUSED) == "queue"
    page.keyboard.press("4")
    page.locator("#sign-name").fill("Anna K.")
    page.keyboard.press("Enter")
    page.click("#ask-sign")
    wait_stored(page, "Signed off")
    assert page.evaluate("document.getElementById('video').paused"), "signing plays no trial"
    assert page.is_visible("#panel-trials") and page.evaluate(FOCUSED) == "queue"
    for _ in range(2):
        page.keyboard.press("u")
        wait_stored(page, "Taken back")
        page.evaluate("document.getElementById('notice').classList.remove('shown')")


def test_coders_who_disagree_are_seen_in_every_list(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    assert page.is_hidden("#disputes")
    page.locator("#queue button", has=page.locator(".queue-name", has_text="1 ")).first.click()
    page.keyboard.press("a")
    wait_stored(page, "Trial 1 accepted")
    said = f"≠ coders disagree: you accepted, \u2068{OTHER_CODER}\u2069 rejected"
    assert page.locator("#queue .disagree").all_inner_texts() == [said]
    assert page.inner_text("#disputes").startswith("≠ Coders disagree on 1 trial: 1")
    page.locator("#disputes button").click()
    assert page.inner_text("#trial .disagree") == said
    page.keyboard.press("t")
    assert said in page.inner_text("#as-text table[aria-label=Trials]")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    wait_stored(page, "Taken back")
    assert page.is_hidden("#disputes")


# Of each row of a condition: the most that a pixel's channels differ, the range of light, and the pixels.
LANE = """(canvas) => [0, 1, 2, 3].map((row) => {
  const { data } = canvas.getContext("2d").getImageData(105, 37 + 13 * row, 900, 11);
  let [most, low, high] = [0, 255, 0];
  for (let i = 0; i < data.length; i += 4) {
    const [least, largest] = [Math.min(...data.slice(i, i + 3)), Math.max(...data.slice(i, i + 3))];
    [most, low, high] = [Math.max(most, largest - least), Math.min(low, least), Math.max(high, largest)];
  }
  return [most, high - low, String.fromCharCode(...data.filter((value, i) => i % 4 === 0))];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_condition_has_a_colour_that_an_expression_could_have(
    visit: Callable[..., Any], scheme: str
) -> None:
    page = visit(color_scheme=scheme).open_run()
    rows = page.eval_on_selector("#lanes", LANE)
    assert all(chroma < 32 for chroma, _, _ in rows), "a colour"
    assert all(light > 128 for _, light, _ in rows), "nothing is drawn"
    assert len({pixels for _, _, pixels in rows}) == 4
    assert sorted(page.locator("#queue .letter").all_inner_texts()) == ["A", "B", "C", "D"]


def test_nothing_is_cut_off_in_any_tab(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    for width, height in ((1280, 800), (1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for key in "1234":
            page.keyboard.press(key)
            cut = page.evaluate(
                """[...document.querySelectorAll("[role=tabpanel], [role=tabpanel] dd, #values, #values dd, header")]
                  .filter((place) => place.checkVisibility() && place.scrollWidth > place.clientWidth + 1)
                  .map((place) => place.outerHTML.slice(0, 80))"""
            )
            assert cut == [], (width, key)
        if width > 1280:
            page.keyboard.press("3")
            high = "const panel = document.getElementById('panel-clock'); panel.scrollHeight - panel.clientHeight"
            assert page.evaluate(high) <= 0, width


def test_what_is_waited_for_is_shown(visit: Callable[..., Any]) -> None:
    opened = visit()
    page = opened.page
    held: list[Any] | None = []
    page.route("**/frame/*.jpg?*", lambda route: route.continue_() if held is None else held.append(route))
    page.goto(f"{opened.origin}/")
    opened.ready().click("tbody th a")
    page.wait_for_url("**/run/*")
    opened.ready()
    assert page.is_hidden("#exact"), "a picture that has not come yet is drawn as a broken one"
    page.keyboard.press("3")
    assert page.inner_text("#panel-clock .pictures-progress").strip() == "0 of 21 pictures"
    waiting, held = held, None
    for route in waiting:
        route.continue_()
    page.wait_for_selector("#panel-clock .pictures-progress", state="hidden")
    page.mouse.move(640, 600)
    assert page.is_visible("#tip")
    page.keyboard.press("?")
    assert page.is_hidden("#tip")


def test_the_page_tells_when_new_results_are_there(visit: Callable[..., Any], session_copy: Path) -> None:
    opened = visit()
    page = opened.page
    page.clock.install()
    opened.open_run()
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_stored(page, "accepted")
    page.keyboard.press("4")
    said = page.inner_text("#sign-summary .to-run")
    assert "This page does not run it." in said and "tells you when the new results are there" in said
    assert page.is_hidden("#new-results")
    (frames,) = (session_copy / "enicfer").rglob("*_frames.h5")
    os.utime(frames)
    page.clock.run_for(5100)
    page.wait_for_selector("#new-results:visible")
    assert "New results are there" in page.inner_text("#sign-summary .to-run")
    page.get_by_role("button", name="Show the new results").click()
    wait_until(
        page, "document.body.dataset.ready === 'true' && document.getElementById('new-results').hidden"
    )
    take_back(page)
