"""Judging, correcting and signing off in the browser; what was stored is there after a reload."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from enicfer import read_result
from tests.review.browser.coded import CONDITIONS, SCRIPT
from tests.review.browser.waiting import take_back, wait_stored, wait_until

pytestmark = pytest.mark.slow

HOSTILE = '<script>window.attacked=1</script><img src=x onerror="window.attacked=1">'


def reload(page: Any) -> None:
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    page.wait_for_selector("#picture[data-shows=exact]")


def rows(page: Any, verdict: str) -> int:
    return page.locator(f"#queue .verdict.{verdict}").count()


def test_a_trial_is_rejected_with_a_reason_and_is_so_after_a_reload(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    title = page.inner_text("#trial h3")
    page.keyboard.press("r")
    page.keyboard.press("2")
    page.locator("#reason-note").fill(HOSTILE)
    page.keyboard.press("Enter")
    wait_stored(page, "rejected")
    assert rows(page, "rejected") == 1
    reload(page)
    assert rows(page, "rejected") == 1
    page.locator("#queue button", has=page.locator(".verdict.rejected")).click()
    assert page.inner_text("#trial h3") == title
    said = page.inner_text("#trial .said")
    assert said.startswith("You rejected it: ") and said.endswith(HOSTILE)
    page.keyboard.press("u")
    wait_stored(page, "There is nothing of this page to take back.")
    assert rows(page, "rejected") == 1
    take_back(page)
    reload(page)
    assert rows(page, "rejected") == 0


def test_a_reason_of_ones_own_and_an_empty_one(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    page.keyboard.press("r")
    page.locator("#reject label", has_text=re.compile("other$")).click()
    page.keyboard.press("Enter")
    assert page.is_visible("#reject") and rows(page, "rejected") == 0
    page.locator("#reason-text").fill("Hände vor dem Gesicht")
    page.keyboard.press("Enter")
    wait_stored(page, "rejected")
    page.locator("#queue button", has=page.locator(".verdict.rejected")).click()
    assert "Hände vor dem Gesicht" in page.inner_text("#trial .said")
    page.keyboard.press("o")
    wait_stored(page, "open again")
    assert rows(page, "rejected") == 0


def test_accepting_goes_on_to_the_next_open_trial(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.wait_for_selector("#transport [aria-label^='Play or stop']:enabled")
    total = page.locator("#queue li").count()
    page.keyboard.press("n")
    seen = {page.inner_text("#trial h3")}
    for i in range(total):
        page.keyboard.press("a")
        wait_until(page, "document.querySelectorAll('#queue .verdict.accepted').length", i + 1)
        seen.add(page.inner_text("#trial h3"))
    assert len(seen) == total == rows(page, "accepted")
    for i in range(total):
        page.keyboard.press("u")
        wait_until(page, "document.querySelectorAll('#queue .verdict.accepted').length", total - 1 - i)


def test_names_that_are_markup_are_shown_as_text(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    names = {text.split(" ", 1)[1] for text in page.locator(".queue-name").all_inner_texts()}
    assert names == set(CONDITIONS.values())
    assert page.locator(f"bdi:text-is({SCRIPT!r})").count() >= 1
    assert page.evaluate("window.attacked") is None
    assert page.locator("img[src='x']").count() == 0


def test_the_participant_is_pointed_at_by_keyboard(visit: Callable[..., Any], coded: Any) -> None:
    run = read_result(coded / "enicfer" / "sub-01").runs[0]
    frame = int(np.flatnonzero(run.expression.ok & (run.time > 4))[0])
    left, top, right, bottom = run.faces.box[frame]
    opened = visit()
    page = opened.open_run()
    share = (run.time[frame] - run.time[0]) / (run.time[-1] - run.time[0])
    box = page.locator("#timeline").bounding_box()
    page.mouse.click(box["x"] + 104 + share * (box["width"] - 116), box["y"] + 60)
    page.wait_for_selector(
        f"#picture[data-shows=exact][data-frame='{page.inner_text('#frame-number').split()[0]}']"
    )
    with page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/review")
    ) as sent:
        page.keyboard.press("c")
        x, y = 320.0, 240.0
        for key, want, at in (("Arrow{}", (left + right) / 2, x), ("Arrow{}", (top + bottom) / 2, y)):
            way = ("Right" if want > at else "Left") if at == x else ("Down" if want > at else "Up")
            for _ in range(round(abs(want - at) / 12.8)):
                page.keyboard.press(key.format(way))
        page.keyboard.press("Enter")
    entry = sent.value.post_data_json
    assert entry["kind"] == "participant"
    assert entry["frame"] == int(page.inner_text("#frame-number").split()[0])
    assert left < entry["x"] < right and top < entry["y"] < bottom
    wait_stored(page, "pointed at")
    reload(page)
    page.keyboard.press("2")
    said = page.inner_text("#corrections")
    assert f"frame {entry['frame']}" in said and "this is the participant" in said and "Jürgen Groß" in said
    page.locator("#corrections button", has_text="take back").click()
    wait_stored(page, "Taken back")
    assert "No corrections" in page.inner_text("#corrections")


def test_one_click_says_never_this_person(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("2")
    faces = page.locator("#panel-face .person").first.locator(".face")
    faces.nth(3).click()
    frame = int(page.inner_text("#frame-number").split()[0])
    assert faces.nth(3).get_attribute("aria-label") == f"Face in frame {frame}"
    with page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/review")
    ) as sent:
        page.locator("#panel-face .person").first.locator("button", has_text="Never this person").click()
    assert sent.value.post_data_json["kind"] == "never" and sent.value.post_data_json["frame"] == frame
    wait_stored(page, "never this person")
    page.keyboard.press("u")
    wait_stored(page, "Taken back")


def test_a_mark_lies_on_the_time_axis(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("Shift+ArrowRight")
    frame = page.inner_text("#frame-number").split()[0]
    page.keyboard.press("m")
    page.keyboard.type("examiner walks in")
    page.keyboard.press("Enter")
    wait_stored(page, "Marked")
    reload(page)
    page.keyboard.press("4")
    line = page.locator("#marks li")
    assert (
        line.count() == 1
        and f"frame {frame}" in line.inner_text()
        and "examiner walks in" in line.inner_text()
    )
    line.locator("button", has_text="frame").click()
    assert page.inner_text("#frame-number").split()[0] == frame
    line.locator("button", has_text="take back").click()
    wait_stored(page, "Taken back")
    assert page.locator("#marks li").count() == 0


def test_a_signed_review_is_seen_on_the_study_page_and_opens_again(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("4")
    page.locator("#sign-name").fill("Jürgen Groß")
    page.keyboard.press("Enter")
    page.click("#ask-sign")
    wait_stored(page, "Signed off")
    page.wait_for_selector("#chips .chip:text-is('signed off')")
    page.locator("#back").click()
    page.wait_for_selector("body.study[data-ready=true]")
    first = page.locator("tbody tr").first.inner_text()
    assert "signed by Jürgen Groß" in first
    page.locator("#show").select_option("open")
    assert page.inner_text("#shown").startswith("0 of 1")
    page.locator("#show").select_option("all")
    page.click("tbody th a")
    page.wait_for_url("**/run/*")
    page.wait_for_selector("body[data-ready=true]")
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_stored(page, "accepted")
    wait_until(page, "document.getElementById('chips').textContent.includes('signed off')", False)
    assert "accepted. Signed by Jürgen Groß on" in page.inner_text("#notice")
    page.keyboard.press("u")
    wait_stored(page, ": accepted, taken back")
    wait_until(page, "document.getElementById('chips').textContent.includes('signed off')")
    page.keyboard.press("u")
    wait_stored(page, "There is nothing of this page to take back.")
    take_back(page)


def test_two_windows_see_what_the_other_stored(visit: Callable[..., Any]) -> None:
    one, two = visit().open_run(), visit().open_run()
    one.route("**/results", lambda route: None)  # it does not learn what the other one stores
    one.keyboard.press("n")
    one.keyboard.press("a")
    wait_stored(one, "accepted")
    two.keyboard.press("4")
    two.locator("#mark-note").fill("from the other window")
    two.keyboard.press("Enter")
    wait_stored(two, "Marked")
    two.keyboard.press("1")
    assert rows(two, "accepted") == 1
    title = one.inner_text("#trial h3")
    one.keyboard.press("u")
    wait_stored(one, ": accepted, taken back")
    assert one.inner_text("#trial h3") != title, "it is shown again what was taken back"
    two.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_until(two, "document.querySelectorAll('#queue .verdict.accepted').length", 0)
    two.keyboard.press("u")
    wait_stored(two, ": marked, taken back")
