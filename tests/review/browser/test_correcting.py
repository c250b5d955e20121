"""Pointing at another person in the browser, and processing again: the results are that person's."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enicfer import process_session, read_result
from enicfer.records import Status
from tests.review.browser.conftest import Visit
from tests.review.browser.waiting import wait_stored
from tests.review.conftest import keep_faces

pytestmark = pytest.mark.slow


def test_a_click_on_the_examiner_makes_the_results_the_examiners(
    chromium: Any, start_review: Callable[..., str], coded: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(coded, folder)
    before = read_result(folder / "enicfer" / "sub-01").runs[0]
    truth = json.loads((folder / "session" / "truth.json").read_text(encoding="utf-8"))["frames"]
    alone = [
        i
        for i in np.flatnonzero(before.faces.status == Status.OTHER_PERSON)
        if truth[i]["other_visible"] > 0.99
    ]
    frame = int(alone[len(alone) // 2])
    left, top, right, bottom = truth[frame]["other"]

    visit = Visit(chromium, start_review(folder / "session", folder / "enicfer", "--coder", "Anna"))
    visit.page.goto(visit.link)
    visit.ready()
    page = visit.open_run()
    page.keyboard.press("Home")
    for key, times in (("Shift+ArrowRight", frame // 10), ("ArrowRight", frame % 10)):
        for _ in range(times):
            page.keyboard.press(key)
    page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{frame}']")
    assert page.inner_text("#frame-status") == "other person"
    page.keyboard.press("c")
    shown = page.locator("#exact").bounding_box()
    page.mouse.click(
        shown["x"] + (left + right) / 2 * shown["width"] / 640,
        shown["y"] + (top + bottom) / 2 * shown["height"] / 480,
    )
    wait_stored(page, "pointed at")

    process_session(folder / "session", output=folder / "enicfer")
    after = read_result(folder / "enicfer" / "sub-01").runs[0]
    box = after.faces.box[frame]
    assert left < (box[0] + box[2]) / 2 < right and top < (box[1] + box[3]) / 2 < bottom
    changed = (before.faces.status[alone] != Status.OK) & (after.faces.status[alone] == Status.OK)
    assert changed.mean() > 0.8
    assert not after.trials.equals(before.trials)

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator("#new-results button").click()
    page.wait_for_selector("#new-results", state="hidden")
    visit.ready()
    page.keyboard.press("2")
    assert f"frame {frame}: this is the participant" in page.inner_text("#corrections")
    page.locator("#corrections button", has_text=f"frame {frame}").click()
    page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{frame}']")
    assert page.inner_text("#frame-status") == "valid"
    visit.context.close()
    assert visit.faults == []


def test_a_click_at_the_wall_is_refused_and_one_at_a_face_says_what_follows(
    chromium: Any, start_review: Callable[..., str], coded: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(coded, folder)
    keep_faces(folder / "enicfer", {1: (range(100), np.array([500.0, 20.0, 560.0, 80.0], np.float32))})
    run = read_result(folder / "enicfer" / "sub-01").runs[0]
    frame = int(np.flatnonzero(np.isfinite(run.faces.box).all(axis=1))[0])
    assert frame < 10
    visit = Visit(chromium, start_review(folder / "session", folder / "enicfer", "--coder", "Anna"))
    visit.page.goto(visit.link)
    visit.ready()
    page = visit.open_run()
    page.keyboard.press("n")
    page.keyboard.press("a")
    wait_stored(page, "accepted")
    page.keyboard.press("Home")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{frame}']")
    page.keyboard.press("c")
    shown = page.locator("#exact").bounding_box()
    assert "1 verdict will no longer count" in page.inner_text("#aim-help")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.locator("#panel-face .person button", has_text="This is the participant").first.click()
    assert "1 verdict will no longer count" in page.inner_text("#panel-face .ask")
    page.keyboard.press("Escape")
    assert page.locator("#panel-face .ask").count() == 0 and "No corrections" in page.inner_text(
        "#corrections"
    )
    never = page.locator("#panel-face .person button", has_text="Never this person").first
    never.click()
    page.keyboard.press("Enter")
    wait_stored(page, "Stored: never this person")
    page.keyboard.press("u")
    wait_stored(page, "never this person, taken back")
    page.keyboard.press("Home")
    page.wait_for_selector("#picture[data-shows=exact][data-frame='0']")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{frame}']")
    page.keyboard.press("c")
    page.wait_for_selector("#aim-help:visible")
    page.mouse.click(shown["x"] + 4, shown["y"] + 4)
    wait_stored(page, "Not stored. There is no face where you clicked")
    assert f"in frame {frame}: the nearest one is" in page.inner_text("#notice")
    page.mouse.click(shown["x"] + 530 * shown["width"] / 640, shown["y"] + 50 * shown["height"] / 480)
    wait_stored(page, "The participant is pointed at. Now run: enicfer process-session")
    assert "alert" not in page.get_attribute("#notice", "class")
    command = f"enicfer process-session {folder / 'session'} --output {folder / 'enicfer'}"
    assert command in page.inner_text("#notice")
    assert page.locator("#chips .chip:text-is('process again')").count() == 1
    page.keyboard.press("1")
    assert page.locator("#queue .verdict:text-is('look again')").count() == 1
    assert "accepted before the participant was changed" in page.inner_text("#queue")
    page.keyboard.press("2")
    assert page.inner_text("#corrections .to-run code") == command
    page.keyboard.press("4")
    assert "1 trial judged before the participant was changed" in page.inner_text("#sign-summary")
    assert page.inner_text("#sign-summary .to-run code") == command
    page.locator("#sign-name").fill("Anna K.")
    page.keyboard.press("Enter")
    page.click("#ask-sign")
    wait_stored(page, "Not stored. The participant was changed in the review")
    assert command in page.inner_text("#notice")
    page.keyboard.press("3")
    drift = page.locator("#panel-clock .facts dt", has_text="camera's drift (+ is too fast)")
    assert re.match(r"[+-]\d+(\.\d)? ± ", drift.locator("xpath=following-sibling::dd[1]").inner_text())
    visit.context.close()
    assert [fault for fault in visit.faults if "400" not in fault] == []
