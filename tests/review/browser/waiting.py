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


def wait_stored(page: Any, sentence: str) -> None:
    """Wait until the page says that something was stored."""
    page.wait_for_selector(f"#notice.shown:has-text({sentence!r})")
