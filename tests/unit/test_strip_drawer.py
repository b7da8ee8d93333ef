"""The limits of drawing previews."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from captiond.image import ReceivedImage
from captiond.imaging import Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.services.api.http.problems import Problem
from captiond.services.api.preview.drawing import MAX_PREVIEW_PIXELS, StripDrawer, StripTooLarge

IMAGE = ReceivedImage(id=uuid4(), received_at=datetime.now(UTC), description="x", upload_sha256=b"")


class BlockedTemplate(CaptionTemplate):
    """Fills the template after the test allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.started = threading.Event()
        self.allowed = threading.Event()

    def fill(self, image: ReceivedImage) -> str:
        self.started.set()
        assert self.allowed.wait(10)
        return super().fill(image)


def test_previews_beyond_the_limit_are_refused() -> None:
    template = BlockedTemplate()
    drawer = StripDrawer(Style(), template, max_waiting=2)

    async def run() -> None:
        waiting = [asyncio.create_task(drawer.draw_png(IMAGE, 64, 10)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="2 previews in progress"):
            await drawer.draw_png(IMAGE, 64, 10)
        template.allowed.set()
        assert len(set(await asyncio.gather(*waiting))) == 1
        assert await drawer.draw_png(IMAGE, 64, 10)

    asyncio.run(run())


def test_preview_that_is_not_drawn_in_time_is_refused() -> None:
    template = BlockedTemplate()
    drawer = StripDrawer(Style(), template)

    async def run() -> None:
        with pytest.raises(Problem, match=r"not drawn within 0\.01 s") as refused:
            await drawer.draw_png(IMAGE, 64, 0.01)
        assert refused.value.type.status == 503
        template.allowed.set()
        assert await drawer.draw_png(IMAGE, 64, 10)

    asyncio.run(run())


@pytest.mark.parametrize(("max_pixels", "limit"), [(100, 100), (10**9, MAX_PREVIEW_PIXELS)])
def test_strip_has_at_most_the_pixels_of_a_photo_and_of_a_preview(max_pixels: int, limit: int) -> None:
    drawer = StripDrawer(Style(max_pixels=max_pixels, font_size_px=200, padding_px=100), CaptionTemplate())

    with pytest.raises(StripTooLarge, match=f"at most {limit}"):
        asyncio.run(drawer.draw_png(IMAGE, 65_500, 10))


def test_fonts_are_loaded_by_the_first_preview() -> None:
    code = """
import sys
from pathlib import Path
from PIL import ImageFont
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import captiond.wiring.api
from captiond.imaging import Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.services.api import StripDrawer
import threading
StripDrawer(Style(font_name="DejaVu Sans"), CaptionTemplate())
print(threading.active_count(), [name for name in opened if Path(name).suffix in {".ttf", ".otf"}])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout == "1 []\n"


def test_memory_is_bounded_for_large_letters_without_spaces() -> None:
    code = """
import asyncio, random, resource
from datetime import UTC, datetime
from uuid import uuid4
from captiond.image import ReceivedImage
from captiond.imaging import Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.services.api import StripDrawer
drawer = StripDrawer(Style(font_size_px=200), CaptionTemplate())
random.seed(1)
async def draw():
    text = "".join(random.choices("abcdefgh", k=200))
    image = ReceivedImage(id=uuid4(), received_at=datetime.now(UTC), description=text, upload_sha256=b"")
    await drawer.draw_png(image, 30_000, 60)
async def main():
    for count in (4, 26):
        for _ in range(count):
            await draw()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
asyncio.run(main())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)

    few_kib, many_kib = map(int, result.stdout.split())
    assert many_kib - few_kib < 100 << 10
