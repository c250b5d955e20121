"""Waiting for a page. Playwright's own `wait_for_function` needs `eval`, which the pages forbid."""

import time
from typing import Any

SECONDS = 30.0


def wait_until(page: Any, expression: str, wanted: Any = True) -> None:
    """Wait until an expression of the page has the wanted value, `SECONDS` at most."""
    end = time.monotonic() + SECONDS
    while (found := page.evaluate(expression)) != wanted:
        assert time.monotonic() < end, f"{expression} is {found!r} after {SECONDS} s, and not {wanted!r}"
        page.wait_for_timeout(40)


def take_back(page: Any, times: int = 1) -> None:
    """Take back what was stored last, also before this page was opened, as another program does."""
    for _ in range(times):
        page.evaluate(
            """fetch(`/api${location.pathname.replace("run", "runs")}/review`, {
              method: "POST", headers: {"Content-Type": "application/json"}, body: '{"kind": "undo"}',
            }).then(() => null)"""
        )


def wait_stored(page: Any, sentence: str) -> None:
    """Wait until the page says that something was stored."""
    page.wait_for_selector(f"#notice.shown:has-text({sentence!r})")
