"""Takes the pictures of the web page for the documentation: python docs/screenshots.py URL.

URL is a server with images of `captiond simulate --images 60`. Needs Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).with_name("images")
EXAMPLE = Path(__file__).with_name("example.jpg")
TEXT = "С начала фазы запрещающего сигнала прошло: 7 секунд"


def main(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for language in ("ru", "en"):
            context = browser.new_context(locale=language, viewport={"width": 1200, "height": 760})
            page = context.new_page()
            page.goto(f"{url}/images")
            save(page, f"page-archive-{language}")
        page.goto(url)
        page.locator("input[type=file]").first.set_input_files(EXAMPLE)
        page.get_by_role("textbox").first.fill(TEXT)
        save(page, "page-send-en")
        page.goto(f"{url}/images")
        page.locator("main a[href*='/images/']").first.click()
        save(page, "page-image-en")
        page.goto(f"{url}/ops")
        save(page, "page-operations-en")
        browser.close()


def save(page: Page, name: str) -> None:
    page.wait_for_timeout(2000)  # previews and thumbnails
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=85)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
