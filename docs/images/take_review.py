"""Take the picture of a session under review that README and docs/review.md show.

    enicfer example-session example && enicfer process-session example
    python docs/images/take_review.py example

Needs ``pip install -e ".[test]"`` and Chromium.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, sync_playwright

TARGET = Path(__file__).with_name("review.png")
FOR_VIDEO = 112  # colours


def main(session: str) -> None:
    """Open the first run, go to the first valid trial of the queue, and take the picture."""
    command = [sys.executable, "-m", "enicfer.cli.main", "review", session, "--no-browser", "--coder", "Anna"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        link = next(found[0] for line in server.stdout if (found := re.findall(r"http://127\S+", line)))
        with sync_playwright() as playwright:
            program = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(link)
            page.click("tbody th a")
            page.wait_for_url("**/run/*")
            page.wait_for_selector("#picture[data-shows=exact]")
            page.wait_for_selector("#proxy-state:empty", state="attached", timeout=120_000)
            # The first trial of the queue that has values and two people in the picture.
            page.locator("#queue button", has=page.locator(".queue-valid:text-is('100 %')")).first.click()
            page.locator("#timeline").focus()
            page.wait_for_selector("#picture[data-shows=playing]")
            page.wait_for_timeout(1500)
            page.keyboard.press("Space")
            page.wait_for_selector("#picture[data-shows=exact]")
            page.wait_for_selector(".bar-value:has-text('%')")
            page.wait_for_timeout(500)
            page.screenshot(path=TARGET)
            box = page.locator("#picture").bounding_box()
            browser.close()
        assert box is not None
        _shrink(box)
    finally:
        server.terminate()
        server.wait(30)


def _shrink(box: FloatRect) -> None:
    """Store 256 colours: those most often seen around the video, and the rest for the video's picture."""
    image = Image.open(TARGET).convert("RGB")
    edges = [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
    left, top, right, bottom = (round(edge) for edge in edges)
    photo = image.crop((left, top, right, bottom)).quantize(FOR_VIDEO, dither=Image.Dither.NONE)
    around = image.copy()
    around.paste((255, 255, 255), (left, top, right, bottom))
    seen = sorted(around.getcolors(image.width * image.height) or [], reverse=True)
    colors = [color for _, color in seen[: 256 - FOR_VIDEO]]
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [*(photo.getpalette() or [])[: 3 * FOR_VIDEO], *(part for color in colors for part in color)]
    )
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(TARGET, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
