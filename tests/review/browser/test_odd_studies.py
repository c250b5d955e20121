"""Studies that lack something or are large: a video that is not there, and nothing may be stored."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from enicfer.export.bids import write_run
from enicfer.review.proxy_file import ProxyWriter
from tests.review.browser.conftest import Visit
from tests.review.browser.test_session_page import click_at, number_shown
from tests.review.browser.waiting import wait_stored

pytestmark = pytest.mark.slow


@contextmanager
def looking(chromium: Any, serve: Callable[..., Any], folder: Path, **options: Any) -> Iterator[Visit]:
    """A window that has opened the link of a server."""
    with serve(folder, enter=False, **options) as client:
        link = (
            client.link if client.link.startswith("http") else f"http://127.0.0.1:{client.port}{client.link}"
        )
        visit = Visit(chromium, link)
        visit.page.goto(link)
        visit.ready()
        yield visit
        visit.context.close()
        assert visit.faults == []


def open_first(visit: Visit) -> Any:
    visit.page.click("tbody th a")
    visit.page.wait_for_url("**/run/*")
    return visit.ready()


def test_without_the_video_all_else_is_there(chromium: Any, serve: Callable[..., Any], plain: Path) -> None:
    with looking(chromium, serve, plain) as visit:
        page = open_first(visit)
        assert "is not where it was" in page.inner_text("#no-picture")
        assert page.is_disabled("#transport [aria-label^='Play or stop']")
        first = page.inner_text("#recording-time")
        page.keyboard.press("Shift+ArrowRight")
        assert page.inner_text("#recording-time") != first
        page.wait_for_selector(".bar-value:has-text('%')")
        page.keyboard.press("2")
        assert "Without the video" in page.inner_text("#panel-face")
        page.keyboard.press("3")
        assert page.locator("#panel-clock img").count() == 0
        page.keyboard.press("c")
        assert page.is_hidden("#aim-help")
        page.keyboard.press("n")
        page.keyboard.press("a")
        wait_stored(page, "Not stored. There is no picture of trial")
        page.keyboard.press("a")
        wait_stored(page, "accepted.")


def test_read_only_stores_nothing_and_says_so(chromium: Any, serve: Callable[..., Any], plain: Path) -> None:
    with looking(chromium, serve, plain, read_only=True) as visit:
        page = open_first(visit)
        assert page.locator("#chips .chip", has_text="read-only").count() == 1
        page.keyboard.press("n")
        assert page.is_disabled("#trial button:has-text('Accept')")
        page.keyboard.press("a")
        wait_stored(page, "to be read only: nothing is stored")
        page.keyboard.press("4")
        assert page.is_disabled("#sign button")
    assert not list(plain.rglob("*.jsonl"))


def test_the_study_is_sorted_found_in_and_walked_through(
    chromium: Any, serve: Callable[..., Any], plain: Path, make_run: Callable[..., Any]
) -> None:
    run = make_run()
    for name, valid in (("02", 0.2), ("03", 0.6), ("04", 0.97)):
        sync = replace(run.quality.sync, max_uncertainty=0.004)
        quality = replace(run.quality, sync=sync, valid_fraction=valid, n_trials_valid=run.quality.n_trials)
        write_run(plain / "out", replace(run, entities={"sub": name, "task": "faces"}, quality=quality))
    with looking(chromium, serve, plain) as visit:
        page = visit.page
        names = [text.split("_")[0] for text in page.locator("tbody th a").all_inner_texts()]
        assert names == ["sub-02", "sub-03", "sub-01", "sub-04"]
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.textContent").startswith("sub-03")
        page.locator("#show").select_option("odd")
        assert page.inner_text("#shown") == "3 of 4 runs"
        page.locator("#find").fill("sub-02")
        assert page.inner_text("#shown") == "1 of 4 runs"
        page.locator("#find").fill("")
        page.locator("#show").select_option("all")
        page.locator("thead button", has_text="Valid frames").click()
        assert page.locator("tbody th a").first.inner_text().startswith("sub-02")
        page.locator("thead button", has_text="Valid frames").click()
        assert page.locator("thead th[aria-sort=descending]").count() == 1
        assert page.locator("tbody th a").first.inner_text().startswith("sub-04")
        page.locator("tbody th a", has_text="sub-02").click()
        page.wait_for_url("**/run/*")
        visit.ready()
        page.keyboard.press("Shift+N")
        page.wait_for_selector("#title:has-text('sub-03')")


def test_a_server_that_is_gone_is_told(chromium: Any, serve: Callable[..., Any], plain: Path) -> None:
    with looking(chromium, serve, plain) as visit:
        page = open_first(visit)
        page.keyboard.press("n")
        page.route("**/review", lambda route: route.abort())
        page.keyboard.press("a")
        page.keyboard.press("a")
        wait_stored(page, "Not stored. The review server does not answer")
        assert page.locator("#queue .verdict.accepted").count() == 0
        page.unroute("**/review")
        visit.faults.clear()  # the browser notes the aborted request itself
        page.keyboard.press("a")
        wait_stored(page, "accepted")


def test_it_plays_to_the_end_while_the_preview_is_made(
    chromium: Any,
    serve: Callable[..., Any],
    filmed: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n = 500
    add = ProxyWriter.add

    def add_slowly(writer: ProxyWriter, index: int, picture: Any) -> None:
        time.sleep(0.005)  # the whole takes longer than to begin to play
        add(writer, index, picture)

    monkeypatch.setattr(ProxyWriter, "add", add_slowly)
    with looking(chromium, serve, filmed(tmp_path, n)) as visit:
        page = open_first(visit)
        for _ in range(3):
            page.keyboard.press("l")
        page.keyboard.press("Space")
        seen: list[tuple[int, str]] = []
        while not seen or seen[-1][0] < n - 1:
            assert len(seen) < 1000, seen[-20:]
            said = page.evaluate(
                "[document.getElementById('frame-number').textContent, "
                "document.getElementById('proxy-state').textContent]"
            )
            seen.append((int(said[0].split()[0]), said[1]))
            page.wait_for_timeout(50)
        frames = [frame for frame, _ in seen]
        # The preview may be a frame off where the next part of it is taken.
        assert all(after >= before - 1 for before, after in pairwise(frames)), "it went back"
        assert any("making" in words and frame > frames[0] for frame, words in seen), (
            "it waited for the whole"
        )
        page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{n - 1}']")


def test_a_jump_while_playing_to_what_is_not_made_yet_waits_there(
    chromium: Any,
    serve: Callable[..., Any],
    filmed: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n, made = 500, 200
    go_on = Event()
    add = ProxyWriter.add

    def add_slowly(writer: ProxyWriter, index: int, picture: Any) -> None:
        if index == made:
            assert go_on.wait(60)
        add(writer, index, picture)

    monkeypatch.setattr(ProxyWriter, "add", add_slowly)
    with looking(chromium, serve, filmed(tmp_path, n)) as visit:
        page = open_first(visit)
        page.keyboard.press("Space")
        page.wait_for_selector("#picture[data-shows=playing]")
        click_at(page, 0.28)
        waiting = number_shown(page)
        assert made < waiting < n - 30, waiting
        # The numbers say another frame than the preview has, so the picture is the server's own of that frame.
        page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{waiting}']")
        assert page.is_visible("#exact")
        assert "then it plays" in page.inner_text("#proxy-state")
        page.wait_for_timeout(300)
        assert number_shown(page) == waiting
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        page.wait_for_selector("#picture[data-shows=playing]")
        page.keyboard.press("End")
        page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{n - 1}']")
        assert "then it plays" not in page.inner_text("#proxy-state"), "nothing follows the last frame"
        click_at(page, 0.3)
        page.keyboard.press("Space")
        page.wait_for_selector("#proxy-state:has-text('then it plays')")
        go_on.set()
        page.wait_for_selector("#picture[data-shows=playing]")
        page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{n - 1}']")
