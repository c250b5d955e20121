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

from playwright.sync_api import sync_playwright

TARGET = Path(__file__).with_name("review.png")


def main(session: str) -> None:
    """Open the first run, go to the first trial of the queue, and take the picture."""
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
            page.keyboard.press("n")
            page.wait_for_selector("#picture[data-shows=playing]")
            page.wait_for_timeout(1500)
            page.keyboard.press("Space")
            page.wait_for_selector("#picture[data-shows=exact]")
            page.wait_for_selector(".bar-value:has-text('%')")
            page.wait_for_timeout(500)
            page.screenshot(path=TARGET)
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main(sys.argv[1])
