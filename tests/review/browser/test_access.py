"""Every text can be read, every control has a name, and the study page works from the keyboard."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.review.browser.waiting import wait_stored
from tests.thorough import only_thorough

pytestmark = pytest.mark.slow

# WCAG 2.2: 4.5 for text, 3 for large text; controls that are disabled are exempt.
POOR_CONTRAST = """() => {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a), a: 1,
  });
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color.a === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
  };
  const luminance = ({ r, g, b }) => {
    const light = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((v) => light(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let looked = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(":disabled, #notice, script")) continue;
    looked += 1;
    const under = ground(element);
    const seen = parse(getComputedStyle(element).color);
    for (let at = element; at; at = at.parentElement) seen.a *= Number(getComputedStyle(at).opacity);
    const [low, high] = [luminance(over(seen, under)), luminance(under)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) poor.push(`${node.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return { looked, poor };
}"""

NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, textarea, [role=slider], img, video")]
  .filter((element) => element.checkVisibility() && !element.closest("[aria-hidden=true]"))
  .filter((element) => {
    const labels = element.labels ? [...element.labels].map((label) => label.textContent).join("") : "";
    const name = element.getAttribute("aria-label") ?? (labels || element.textContent || element.getAttribute("alt"));
    const decorative = element.tagName === "IMG" && element.getAttribute("alt") === "" && element.closest("button");
    return !decorative && !(name ?? "").trim();
  })
  .map((element) => element.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast_and_every_control_a_name(visit: Callable[..., Any], scheme: str) -> None:
    opened = visit(color_scheme=scheme)
    page = opened.page
    page.goto(f"{opened.origin}/")
    opened.ready()
    found = page.evaluate(POOR_CONTRAST)
    assert found["looked"] > 20 and found["poor"] == []
    assert page.evaluate(NAMELESS) == []
    opened.open_run()
    for key in ("1", "2", "3", "4"):
        page.keyboard.press(key)
        found = page.evaluate(POOR_CONTRAST)
        assert found["looked"] > 40 and found["poor"] == []
        assert page.evaluate(NAMELESS) == []
    page.keyboard.press("n")
    page.keyboard.press("r")
    assert page.evaluate(POOR_CONTRAST)["poor"] == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    assert page.evaluate(POOR_CONTRAST)["poor"] == []


def test_the_study_page_by_keyboard_alone(visit: Callable[..., Any]) -> None:
    opened = visit()
    page = opened.page
    page.goto(f"{opened.origin}/")
    opened.ready()
    page.keyboard.press("/")
    page.keyboard.type("nobody of this name")
    assert page.inner_text("#shown").startswith("0 of")
    for _ in range(19):
        page.keyboard.press("Backspace")
    assert not page.inner_text("#shown").startswith("0 of")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run/*")
    opened.ready()
    page.keyboard.press("b")
    page.wait_for_selector("body.study[data-ready=true]")


def test_the_focus_stays_where_the_work_is(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    focused = "document.activeElement.id || document.activeElement.textContent"
    assert page.evaluate(focused) == "timeline"
    assert page.get_attribute("#timeline", "aria-valuetext").startswith("frame ")
    page.keyboard.press("2")
    assert page.evaluate(focused) == "tab-face"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "tab-clock" and page.is_visible("#panel-clock")
    page.keyboard.press("n")
    page.locator("#trial button", has_text="Next").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(focused).startswith("Next"), "the button was made anew and the focus was lost"
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.type") == "radio"
    page.keyboard.press("Escape")
    assert page.is_hidden("#reject") and page.evaluate(focused).startswith("Next")


def test_the_help_names_every_key_of_the_issue(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    keys = {text.replace("\n", "") for text in page.locator("#keys-list dt").all_inner_texts()}
    assert {"Space", "←", "→", "Shift+←", "Shift+→", "[", "]", "J", "K", "L", "A", "R", "?"} <= keys
    page.keyboard.press("Escape")
    assert page.is_hidden("dialog")


# Roles that a person acts on or is told of: each needs a name in the tree that a screen reader gets.
NAMED = {
    "button", "link", "textbox", "searchbox", "checkbox", "radio", "combobox", "slider", "tab", "tabpanel", "dialog",
    "table", "image", "toolbar", "group", "region", "navigation", "radiogroup",
}  # fmt: skip


def nameless(page: Any) -> list[str]:
    """Nodes of Chromium's accessibility tree that need a name and have none."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    told = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and "role" in node
    ]
    assert len(told) > 20
    return [role for role, name in told if role in NAMED and not name.strip()]


@only_thorough
def test_a_screen_reader_gets_a_name_for_everything(visit: Callable[..., Any]) -> None:
    opened = visit()
    page = opened.page
    page.goto(f"{opened.origin}/")
    opened.ready()
    assert nameless(page) == []
    opened.open_run()
    for keys in ("1", "2", "3", "4", "n r", "Escape c", "Escape t", "Escape ?"):
        for key in keys.split():
            page.keyboard.press(key)
        assert nameless(page) == [], keys
    page.keyboard.press("Escape")


FOCUS = """() => {
  const at = document.activeElement;
  const look = getComputedStyle(at);
  const part = at.closest("header, #transport, #values, [role=tablist], [role=tabpanel], #timeline");
  const seen = look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2;
  return [part ? part.id || part.getAttribute("role") || part.tagName : "", at.outerHTML.slice(0, 80), seen];
}"""


@only_thorough
def test_tab_goes_through_the_page_in_order_and_is_seen(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.evaluate("document.activeElement.blur()")
    order: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        part, element, seen = page.evaluate(FOCUS)
        if part:
            assert seen, element
        if part and part not in order:
            order.append(part)
        if part == "timeline":
            break
    assert order == ["HEADER", "transport", "tablist", "panel-trials", "timeline"]


@only_thorough
def test_a_screen_reader_is_told_where_playing_ended(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.wait_for_selector(".bar-value:has-text('%')")
    page.locator("#transport [aria-label^='Ten frames on']").click()
    number = page.inner_text("#frame-number").split()[0]
    page.wait_for_selector(f"#said[role=status]:has-text('frame {number}, ')", state="attached")
    said = page.locator("#said").text_content()
    assert page.inner_text("#recording-time").split()[0][:-1] in said and "%" in said
    text = page.get_attribute("#timeline", "aria-valuetext")
    assert text is not None and text.startswith(f"frame {number}, ")
    page.keyboard.press("u")
    wait_stored(page, "nothing to take back")
    assert page.get_attribute("#notice", "aria-live") == "polite"


LINES = """async (statuses) => {
  const colors = await import("/static/js/colors.js");
  const page = colors.pageColors();
  const lane = colors.laneGround(page);
  const drawn = [
    ...statuses.map((name) => [name, colors.statusColor(name, lane), lane]),
    ...["ink", "accent", "alert", "soft", "good"].flatMap((name) =>
      [lane, page.paper].map((ground) => [name, page[name], ground])),
  ];
  const light = (color) => {
    const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return drawn.filter(([, color, ground]) => {
    const [low, high] = [light(color), light(ground)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05) < 3;
  });
}"""


@only_thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_line_stands_out_from_its_ground(visit: Callable[..., Any], scheme: str) -> None:
    opened = visit(color_scheme=scheme)
    page = opened.open_run()
    statuses = page.evaluate("fetch('/api/study').then((got) => got.json()).then(({ statuses }) => statuses)")
    assert len(statuses) > 10 and page.evaluate(LINES, statuses) == []


@only_thorough
def test_every_key_of_the_help_can_be_seen(visit: Callable[..., Any]) -> None:
    import cv2

    page = visit().open_run()
    page.keyboard.press("?")
    picture = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    keys = page.evaluate(
        """[...document.querySelectorAll("#keys-list kbd")].map((key) => {
          const { left, top, right, bottom } = key.getBoundingClientRect();
          return [key.textContent, ...[left, top, right, bottom].map(Math.round)];
        })"""
    )
    assert len(keys) > 30
    for text, left, top, right, bottom in keys:
        inside = picture[top + 3 : bottom - 3, left + 3 : right - 3]  # without the border
        assert np.ptp(inside) > 100, text
        assert text.strip(" _"), "a key that looks like an empty box"
    page.keyboard.press("Escape")
