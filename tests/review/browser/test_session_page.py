"""The session page as a person uses it: the picture's own pixels say which frame is shown."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from enicfer import read_result
from tests.review.browser.coded import BITS, HEIGHT, LEFT, SIDE, STEP, TOP, WIDTH
from tests.review.browser.waiting import wait_until

pytestmark = pytest.mark.slow

READ_NUMBER = f"""(element) => {{
  const canvas = new OffscreenCanvas({WIDTH}, {HEIGHT});
  const pen = canvas.getContext("2d");
  pen.drawImage(element, 0, 0, {WIDTH}, {HEIGHT});
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit += 1) {{
    const [red] = pen.getImageData({LEFT} + bit * {STEP} + {SIDE // 2}, {TOP + SIDE // 2}, 1, 1).data;
    if (red > 128) number += 2 ** bit;
  }}
  return number;
}}"""


def number_shown(page: Any) -> int:
    """The frame's number as the figures of the page say it."""
    return int(page.inner_text("#frame-number").split()[0])


def exact_number(page: Any) -> int:
    """The number in the pixels of the exact picture, which is the frame that the figures name."""
    page.wait_for_selector(f"#picture[data-shows=exact][data-frame='{number_shown(page)}']")
    return page.eval_on_selector("#exact", READ_NUMBER)


def click_at(page: Any, share: float, dy: float = 60) -> None:
    """Click on the time axis at a share of its drawn width."""
    page.mouse.click(*point_at(page, share, dy))


def point_at(page: Any, share: float, dy: float = 60) -> tuple[float, float]:
    box = page.locator("#timeline").bounding_box()
    return box["x"] + 105 + share * (box["width"] - 118), box["y"] + dy


def in_ms(text: str) -> float:
    said = re.fullmatch(r"± ([\d.]+) ms", text)
    assert said is not None, text
    return float(said[1])


def recording_time(page: Any) -> float:
    return float(page.inner_text("#recording-time").split()[0])


def test_every_step_shows_exactly_the_frame_that_it_names(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    start = number_shown(page)
    for key, by in [
        ("ArrowRight", 1), ("ArrowRight", 1), ("Shift+ArrowRight", 10), ("ArrowLeft", -1), ("Shift+ArrowLeft", -10),
    ]:  # fmt: skip
        page.keyboard.press(key)
        start += by
        assert number_shown(page) == start
        assert exact_number(page) == start
    page.keyboard.press("End")
    assert exact_number(page) == number_shown(page) == 675
    page.keyboard.press("Home")
    assert exact_number(page) == number_shown(page) == 0


def test_many_fast_steps_end_at_the_right_picture(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    start = number_shown(page)
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    assert number_shown(page) == start + 25
    assert exact_number(page) == start + 25


def test_click_and_drag_seek_and_both_clocks_are_shown(visit: Callable[..., Any], coded: Any) -> None:
    run = read_result(coded / "enicfer" / "sub-01").runs[0]
    bound = run.alignment.frame_uncertainty(run.faces.video_time)
    page = visit().open_run()
    of_map = run.quality.sync.max_uncertainty
    assert of_map is not None
    assert in_ms(page.inner_text("#map-bound")) == pytest.approx(1000 * of_map, abs=0.06)
    for share in (0.25, 0.8, 0.5):
        click_at(page, share)
        frame = number_shown(page)
        assert exact_number(page) == frame
        assert float(page.inner_text("#video-time").split()[0]) == pytest.approx(
            run.faces.video_time[frame], abs=6e-4
        )
        assert recording_time(page) == pytest.approx(run.time[frame], abs=6e-4)
        assert in_ms(page.inner_text("#frame-bound")) == pytest.approx(1000 * bound[frame], abs=0.06)
    first = recording_time(page)
    page.mouse.move(*point_at(page, 0.5))
    page.mouse.down()
    page.mouse.move(*point_at(page, 0.6), steps=8)
    page.mouse.move(*point_at(page, 0.7), steps=8)
    page.mouse.up()
    assert recording_time(page) > first + 2
    assert exact_number(page) == number_shown(page)


def test_the_wheel_zooms_around_the_pointer(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    click_at(page, 0.4)
    here = recording_time(page)
    click_at(page, 0.5)
    wide = recording_time(page) - here
    page.mouse.move(*point_at(page, 0.4))
    for _ in range(4):
        page.mouse.wheel(0, -300)
    click_at(page, 0.4)
    assert recording_time(page) == pytest.approx(here, abs=0.05)
    click_at(page, 0.5)
    assert recording_time(page) - here < wide / 3
    page.keyboard.press("0")
    click_at(page, 0.5)
    assert recording_time(page) - here == pytest.approx(wide, abs=0.05)


def wait_for_preview(page: Any) -> None:
    wait_until(page, "document.getElementById('proxy-state').textContent", "")


def test_while_playing_the_figures_name_the_frame_that_the_preview_shows(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    wait_for_preview(page)
    click_at(page, 0.3)
    exact_number(page)
    begun = number_shown(page)
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("Space")
    page.wait_for_selector("#picture[data-shows=playing]")
    pairs = page.eval_on_selector(
        "#video",
        f"""async (video) => {{
          const read = {READ_NUMBER};
          const pairs = [];
          while (pairs.length < 12) {{
            await new Promise((done) => video.requestVideoFrameCallback(done));
            const shown = parseInt(document.getElementById("frame-number").textContent);
            pairs.push([read(video), shown]);
          }}
          return pairs;
        }}""",
    )
    page.keyboard.press("Space")
    pixels, shown = np.array(pairs).T
    assert np.all(np.diff(pixels) >= 0) and pixels[-1] > pixels[0] >= begun
    # The callbacks of page and test come in one turn; the figures may be one callback behind the pixels.
    assert np.abs(pixels - shown).max() <= 1
    assert np.median(np.abs(pixels - shown)) == 0
    assert exact_number(page) == number_shown(page) >= pixels[-1]


def test_playing_ends_at_the_last_frame_though_the_browser_presents_fewer(visit: Callable[..., Any]) -> None:
    opened = visit()
    opened.page.add_init_script(
        """
        const present = HTMLVideoElement.prototype.requestVideoFrameCallback;
        HTMLVideoElement.prototype.requestVideoFrameCallback = function (act) {
          return present.call(this, (now, about) => about.mediaTime < this.duration - 0.25 && act(now, about));
        };
        """
    )
    page = opened.open_run()
    wait_for_preview(page)
    page.keyboard.press("End")
    last = exact_number(page)
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    assert exact_number(page) == last - 30
    page.keyboard.press("Space")
    page.wait_for_selector("#picture[data-shows=playing]")
    page.wait_for_selector("#picture[data-shows=exact]")
    assert exact_number(page) == number_shown(page) == last


def test_the_preview_is_marked_until_the_exact_frame_is_there(visit: Callable[..., Any]) -> None:
    opened = visit()
    page = opened.open_run()
    wait_for_preview(page)

    held: list[Any] = []
    page.route("**/frame/*.jpg?width=*", lambda route: held.append(route))
    click_at(page, 0.77)
    page.wait_for_selector("#picture[data-shows=preview]")
    assert "not the exact frame" in page.inner_text("#picture-mark")
    assert page.is_hidden("#exact")
    assert page.eval_on_selector("#video", READ_NUMBER) == number_shown(page)
    for route in held:
        route.continue_()
    page.unroute("**/frame/*.jpg?width=*")
    assert exact_number(page) == number_shown(page)
    assert page.inner_text("#picture-mark") == "exact frame"


def test_a_loop_is_not_left(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    wait_for_preview(page)
    click_at(page, 0.5)
    first = number_shown(page)
    page.keyboard.press("[")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("]")
    assert "loop" in page.inner_text("#transport .loop")
    page.keyboard.press("Space")
    seen = page.evaluate(
        """async () => {
          const seen = [];
          for (let i = 0; i < 50; i += 1) {
            await new Promise((done) => setTimeout(done, 50));
            seen.push(parseInt(document.getElementById("frame-number").textContent));
          }
          return seen;
        }"""
    )
    assert min(seen) >= first and max(seen) <= first + 21
    assert np.any(np.diff(seen) < 0), "it never went round"
    page.keyboard.press("Escape")
    assert page.inner_text("#transport .loop") == ""


def test_a_click_outside_the_loop_ends_it(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    wait_for_preview(page)
    page.keyboard.press("n")
    page.wait_for_selector("#picture[data-shows=playing]")
    assert "loop" in page.inner_text("#transport .loop")
    click_at(page, 0.97)
    assert page.inner_text("#transport .loop") == ""
    page.keyboard.press("Space")
    assert exact_number(page) == number_shown(page) > 620


def test_box_values_and_expression_are_those_of_the_results(visit: Callable[..., Any], coded: Any) -> None:
    run = read_result(coded / "enicfer" / "sub-01").runs[0]
    page = visit().open_run()
    valid = np.flatnonzero(run.expression.ok & (run.time > 1))
    click_at(page, (run.time[valid[40]] - run.time[0]) / (run.time[-1] - run.time[0]))
    page.wait_for_selector(".bar-value:has-text('%')")
    frame = exact_number(page)
    for i, label in enumerate(run.expression.labels):
        bar = page.locator(".bar", has_text=str(label)).locator(".bar-value")
        assert int(bar.inner_text().split()[0]) == pytest.approx(
            100 * run.expression.probability[frame, i], abs=0.51
        )
    most = str(run.expression.labels[int(np.argmax(run.expression.probability[frame]))])
    assert page.inner_text("#frame-expression").startswith(most)
    assert page.inner_text("#frame-status") == "valid"
    left, top, right, bottom = run.faces.box[frame]
    # A pixel of the box's left edge is coloured, one in its middle is not.
    edge, middle = page.eval_on_selector(
        "#overlay",
        """(canvas, [x, middle, y]) => {
          const picture = document.getElementById("exact").getBoundingClientRect();
          const place = canvas.getBoundingClientRect();
          const look = (px) => canvas.getContext("2d").getImageData(
            (picture.left - place.left + px * picture.width / 640) * devicePixelRatio,
            (picture.top - place.top + y * picture.height / 480) * devicePixelRatio, 1, 1).data[3];
          return [look(x), look(middle)];
        }""",
        [float(left), float(left + right) / 2, float(top + bottom) / 2],
    )
    assert edge > 100 and middle == 0


def test_three_strips_show_the_led_come_on(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    page.keyboard.press("3")
    strips = page.locator("#panel-clock .strip.seven")
    assert strips.count() == 3
    words = set()
    while (waiting := page.locator("#panel-clock .thumb:not([data-state=ready])")).count():
        words |= set(waiting.all_inner_texts())
    assert words >= {"waits"} and words <= {"waits", "loading", ""}
    for strip in strips.all():
        light = strip.evaluate(
            """(strip) => [...strip.querySelectorAll("img")].map((image) => {
              const canvas = new OffscreenCanvas(16, 16);
              const pen = canvas.getContext("2d");
              pen.drawImage(image, 0, 0, 16, 16);
              const dots = [...pen.getImageData(0, 0, 16, 16).data];
              return dots.filter((value, i) => i % 4 === 1).sort((a, b) => a - b).slice(-8)[0] / 255;
            })"""
        )
        assert len(light) == 7
        assert max(light[:3]) + 0.1 < light[4]
    onset = strips.first.locator(".onset")
    onset.click()
    assert onset.get_attribute("aria-label") == f"Frame {number_shown(page)}, the onset"
    assert exact_number(page) == number_shown(page)


def test_nothing_scrolls_at_1280_by_800(visit: Callable[..., Any]) -> None:
    page = visit().open_run()
    assert page.evaluate(
        "document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"
    )
    for place in ("#picture", "#transport", "#panel", "#timeline", "#plot canvas", "#lanes"):
        box = page.locator(place).bounding_box()
        assert box["width"] > 100 and box["height"] > 20, place
        assert (
            box["x"] >= 0
            and box["y"] >= 0
            and box["x"] + box["width"] <= 1280
            and box["y"] + box["height"] <= 800
        ), place
