"""What is asked of the reviewer: while a form is open nothing plays and no key of the page acts."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.review.browser.waiting import take_back, wait_stored, wait_until
from tests.thorough import only_thorough

pytestmark = [pytest.mark.slow, only_thorough]

FOCUSED = "document.activeElement.id || document.activeElement.textContent"
PLAYS = "!document.getElementById('video').paused"


def play_a_trial(page: Any) -> None:
    wait_until(page, "document.getElementById('proxy-state').textContent", "")
    page.keyboard.press("n")
    page.wait_for_selector("#picture[data-shows=playing]")


def test_nothing_goes_on_behind_the_rejection(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    play_a_trial(page)
    page.keyboard.press("r")
    page.wait_for_selector("#picture[data-shows=exact]")
    before = page.evaluate(
        "[document.getElementById('frame-number').textContent, document.title, location.pathname]"
    )
    title = page.inner_text("#trial h3")
    for way in ("the form has the focus", "the time axis has it"):
        if way == "the time axis has it":
            page.evaluate("document.getElementById('timeline').focus()")
        for key in (
            "Space",
            "ArrowLeft" if "axis" in way else "n",
            "End",
            "p",
            "u",
            "c",
            "m",
            "]",
            "?",
            "b",
            "Shift+N",
        ):
            page.keyboard.press(key)
        assert page.is_visible("#reject") and page.inner_text("#trial h3") == title
        assert page.evaluate(PLAYS) is False and page.is_hidden("dialog")
    now = page.evaluate(
        "[document.getElementById('frame-number').textContent, document.title, location.pathname]"
    )
    assert now == before
    page.keyboard.press("Escape")
    assert page.is_hidden("#reject")
    page.wait_for_selector("#picture[data-shows=playing]")
    assert "loop" in page.inner_text("#transport .loop"), "Escape ended the loop too"
    page.keyboard.press("Space")
    wait_until(page, PLAYS, False)


def test_the_focus_goes_back_to_where_it_was(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    for button, place in (("Reject", "#reject"),):
        page.locator("#trial button", has_text=button).focus()
        page.keyboard.press("Enter")
        assert page.is_visible(place)
        page.keyboard.press("Escape")
        assert page.is_hidden(place) and page.evaluate(FOCUSED).startswith(button)
    page.keyboard.press("2")
    page.locator("#point").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#aim-help:visible")
    page.keyboard.press("Escape")
    assert page.is_hidden("#aim-help") and page.evaluate(FOCUSED) == "point"
    page.keyboard.press("m")
    assert page.evaluate(FOCUSED) == "mark-note"
    page.keyboard.press("Escape")
    assert page.evaluate(FOCUSED) == "timeline"
    for key, place in (("t", "#as-text"), ("?", "#keys")):
        page.keyboard.press(key)
        assert page.is_visible(place)
        page.keyboard.press("Escape")
        assert page.is_hidden(place) and page.evaluate(FOCUSED) == "timeline"


def test_another_part_of_the_page_closes_the_form(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    page.keyboard.press("r")
    page.locator("#tab-clock").click()
    page.locator("#tab-trials").click()
    assert page.is_hidden("#reject")
    page.keyboard.press("n")
    assert page.locator("#queue [aria-current]").count() == 1


def test_every_reason_has_a_key_that_is_shown(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    page.keyboard.press("r")
    labels = page.locator("#reject label")
    said = [label.split("\n") for label in labels.all_inner_texts()]
    keys = [text[0].split()[0] if len(text) == 1 else text[0].strip() for text in said]
    assert keys == [*"123456789", "A", "X"]
    for i, key in enumerate(keys):
        page.evaluate("document.getElementById('timeline').focus()")
        page.keyboard.press(key.lower())
        assert labels.nth(i).locator("input").is_checked(), key
    assert page.evaluate(FOCUSED) == "reason-text"
    page.keyboard.type("0 and 1")
    assert page.input_value("#reason-text") == "0 and 1" and labels.last.locator("input").is_checked()
    page.keyboard.press("Escape")


def test_a_face_at_the_edge_of_the_picture_can_be_pointed_at(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("c")
    picture, bar = page.locator("#picture").bounding_box(), page.locator("#aim-help").bounding_box()
    assert bar["y"] >= picture["y"] + picture["height"]
    image = page.locator("#exact").bounding_box()
    left, right = image["x"] + 2, image["x"] + image["width"] - 2
    top, bottom = image["y"] + 2, image["y"] + image["height"] - 2
    for x, y in ((left, top), (right, top), (left, bottom), (right, bottom), ((left + right) / 2, bottom)):
        hit = page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y).closest('#picture') !== null", [x, y]
        )
        assert hit, (x, y)
    page.keyboard.press("3")
    assert page.input_value("#aim-kind") == "never"
    number = page.inner_text("#frame-number")
    for key in ("n", "Space", "End", "a", "4"):
        page.keyboard.press(key)
    assert page.is_visible("#aim-help") and page.inner_text("#frame-number") == number
    with page.expect_request(lambda request: request.method == "POST" and "review" in request.url) as sent:
        page.mouse.click((left + right) / 2, bottom)
    assert sent.value.post_data_json["y"] > 470 and sent.value.post_data_json["kind"] == "never"
    page.wait_for_selector("#aim-help", state="hidden")
    page.keyboard.press("u")
    wait_stored(page, "Taken back")


def test_the_number_of_a_trial_is_that_of_the_files(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    row = page.locator("#queue [aria-current]")
    number = int(row.locator(".queue-name").inner_text().split()[0])
    with page.expect_response(lambda got: got.request.method == "POST" and "review" in got.url) as sent:
        page.keyboard.press("a")
    stored = sent.value.json()["entry"]
    wait_stored(page, f"Trial {number} accepted")
    assert stored["trial"] == number
    page.keyboard.press("u")
    wait_stored(page, "Taken back")
    shown = {int(text.split()[0]) for text in page.locator(".queue-name").all_inner_texts()}
    assert shown == {0, 1, 2, 3}
    page.keyboard.press("t")
    table = page.locator("#as-text table[aria-label=Trials] tbody tr")
    assert [cells.split("\t")[1] for cells in table.all_inner_texts()] == ["0", "1", "2", "3"]
    page.keyboard.press("Escape")


def test_a_sign_off_with_trials_that_were_not_judged_asks(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_stored(page, "accepted")
    page.keyboard.press("4")
    page.locator("#sign-name").fill("Jürgen Groß")
    page.keyboard.press("Enter")
    assert "3 of 4 trials of the queue have no verdict: trials " in page.inner_text("#ask-text")
    assert page.evaluate(FOCUSED) == "ask-judge"
    page.keyboard.press("Escape")
    assert page.is_hidden("#ask") and page.evaluate(FOCUSED) == "sign-name"
    assert "Not signed off" in page.inner_text("#sign-summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_stored(page, "Signed off")
    said = page.inner_text("#sign-summary")
    assert "Without a verdict of the queue: trials " in said
    page.goto(page.url.split("/run/")[0])
    page.wait_for_selector("body.study[data-ready=true]")
    assert "3 of the queue not judged" in page.inner_text("tbody tr")
    page.go_back()
    page.wait_for_selector("body.run[data-ready=true]")
    take_back(page, 2)
