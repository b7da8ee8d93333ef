"""Uses the view that sends images, as a user does."""

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.product import photo
from tests.web.browser import Window

BROKEN = photo()[:400]


class TransferredFile(TypedDict):
    name: str
    type: str
    content: str


def open_send(window: Window) -> Page:
    """Open the view and wait until its scripts run."""
    page = window.open("/")
    await_scripts(page)
    return page


def await_scripts(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-ready", "send")


def file(name: str, content: bytes | None = None, media_type: str = "image/jpeg") -> FilePayload:
    return {"name": name, "mimeType": media_type, "buffer": photo() if content is None else content}


def choose(page: Page, *files: FilePayload) -> None:
    page.locator("#files").set_input_files(files)


def describe(page: Page, text: str) -> None:
    page.locator("#description").fill(text)


def submit(page: Page) -> None:
    page.locator("#send").click()


def send(page: Page, *files: FilePayload, description: str) -> None:
    choose(page, *files)
    expect(items(page)).not_to_have_count(0)
    describe(page, description)
    submit(page)


def items(page: Page) -> Locator:
    return page.locator("#items > li")


def item(page: Page, name: str) -> Locator:
    return items(page).filter(has_text=name)


def expect_summary(page: Page, text: str, seconds: float = 30) -> None:
    expect(page.locator("#summary")).to_have_text(text, timeout=seconds * 1000)


def expect_state(page: Page, name: str, state: str, seconds: float = 30) -> None:
    expect(item(page, name).locator(".badge")).to_have_text(state, timeout=seconds * 1000)


def transfer(page: Page, event: str, files: Iterable[FilePayload]) -> None:
    """Drop or paste files."""
    transferred = [
        TransferredFile(name=each["name"], type=each["mimeType"], content=base64.b64encode(each["buffer"]).decode())
        for each in files
    ]
    page.evaluate(
        """([event, files]) => {
            const transfer = new DataTransfer();
            for (const { name, type, content } of files) {
                const bytes = Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type }));
            }
            const options = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(
                event === "paste"
                    ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
                    : new DragEvent(event, { ...options, dataTransfer: transfer }),
            );
        }""",
        [event, transferred],
    )


def drop_paths(page: Page, *paths: Path) -> None:
    """Drop files and folders of the disk."""
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 200, "data": data})


def read_picture(image: Locator) -> Image.Image:
    """The decoded pixels of an image element."""
    url: str = image.evaluate(
        """image => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL("image/png");
        }"""
    )
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")


def image_ids(page: Page) -> list[str]:
    """The ids that the links of stored images contain."""
    links = items(page).locator("a.open").all()
    return [re.sub(r".*/", "", link.get_attribute("href") or "") for link in links if link.is_visible()]
