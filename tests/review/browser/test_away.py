"""The server stops and comes back: the page says so, asks ever less often, and goes on by itself."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.review.browser.conftest import Visit
from tests.review.browser.waiting import wait_stored, wait_until
from tests.thorough import only_thorough

pytestmark = [pytest.mark.slow, only_thorough]

NOTE_FETCHES = """{
  const plain = window.fetch;
  window.asked = [];
  window.fetch = (...all) => {
    if (String(all[0]).includes("favicon")) window.asked.push(Date.now());
    return plain(...all);
  };
}"""
HIDDEN = "document.getElementById('banner').hidden"


def test_a_server_that_stops_and_starts_anew(chromium: Any, serve: Callable[..., Any], plain: Path) -> None:
    with serve(plain, enter=False) as client:
        port = client.port
        visit = Visit(chromium, client.link)
        page = visit.page
        page.goto(client.link)
        visit.ready().click("tbody th a")
        page.wait_for_url("**/run/*")
        visit.ready()
        wait_until(page, "document.querySelector('.bar-value').textContent.includes('%')")
        assert page.is_hidden("#banner")
    asked: list[tuple[float, str]] = []
    page.on("request", lambda request: asked.append((time.monotonic(), request.url)))
    page.keyboard.press("n")
    page.keyboard.press("a")
    page.keyboard.press("a")
    wait_stored(page, "Not stored. The review server does not answer")
    said = page.inner_text("#banner")
    assert said.startswith(
        f"The review server does not answer. Start it again with enicfer review {plain} --coder Anna"
    )
    assert f"--port {port}" in said and "is stored, nothing since." in said
    assert page.get_attribute("#banner", "role") == "alert"
    for key in ("End", "Home", "PageDown", "+"):
        page.keyboard.press(key)
    asked.clear()
    page.wait_for_timeout(4000)
    assert 1 <= len(asked) <= 3, asked
    assert all(url.endswith("/favicon.svg") for _, url in asked)
    with serve(plain, enter=False, at=port) as client:
        page.get_by_role("button", name="Ask again now").click()
        page.wait_for_selector("#banner:has-text('was started anew. Open the link that it printed')")
        other = visit.context.new_page()
        other.goto(client.link)
        other.wait_for_selector("body[data-ready=true]")
        other.close()
        wait_until(page, HIDDEN)
        page.keyboard.press("a")
        wait_stored(page, "accepted")
        assert page.locator("#queue .verdict.accepted").count() == 1
    with serve(plain, enter=False, at=port, coder="root") as client:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_selector("#banner:has-text('was started anew. Open the link that it printed')")
        other = visit.context.new_page()
        other.goto(client.link)
        other.wait_for_selector("body[data-ready=true]")
        other.close()
        wait_until(page, HIDDEN)
        page.wait_for_selector("#new-results:has-text('This page is Anna')")
        page.keyboard.press("r")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        wait_stored(
            page, "Not stored. This page is Anna's, and the server was started for root: load the page again."
        )
        assert page.locator("#queue .verdict.accepted").count() == 1
    visit.context.close()
    mine = [
        fault
        for fault in visit.faults
        if "Failed to load resource" not in fault and not fault.startswith(("401", "409"))
    ]
    assert not mine


def test_it_is_asked_after_1_2_4_to_30_seconds(chromium: Any, serve: Callable[..., Any], plain: Path) -> None:
    with serve(plain, enter=False) as client:
        visit = Visit(chromium, client.link)
        page = visit.page
        page.clock.install(time=0)
        page.add_init_script(NOTE_FETCHES)
        page.goto(client.link)
        visit.ready()
        page.route("**/favicon.svg", lambda route: route.abort())
        page.clock.pause_at(10_000)

        def pass_a_second() -> None:
            page.clock.run_for(1000)
            page.evaluate("fetch('/static/js/signal.js')")  # what the page asked before has its answer by now

        for _ in range(66):
            pass_a_second()
        page.wait_for_selector("#banner:visible")
        when = page.evaluate("window.asked")
        gaps = [(after - at) / 1000 for at, after in pairwise(when)]
        assert len(gaps) >= 5 and gaps == pytest.approx([1, 2, 4, 8, 16, 30][: len(gaps)], abs=1.01)
        page.unroute("**/favicon.svg")
        for _ in range(32):
            pass_a_second()
        wait_until(page, HIDDEN)
        visit.context.close()
