"""Take the picture of a session's page for the site: ``python docs/images/take_session.py OUTPUT/sub-01.html``."""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent


def main() -> None:
    """Open the page in Chromium, and write its upper part as PNG beside this file."""
    page_file = Path(sys.argv[1]).resolve()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 1150})
        page.goto(page_file.as_uri())
        page.screenshot(path=HERE / "session.png")
        browser.close()
    whole = Image.open(HERE / "session.png").convert("RGB")
    whole.quantize(128, dither=Image.Dither.NONE).save(HERE / "session.png", optimize=True)


if __name__ == "__main__":
    main()
