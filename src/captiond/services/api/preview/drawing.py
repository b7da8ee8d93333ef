"""Draws strips in one thread, as a captioner with the same settings does."""

import asyncio
import io
import logging
from dataclasses import replace

from captiond.image import ReceivedImage
from captiond.imaging import MAX_SIDE_PX, BadImage, Captioner, FontNotFound, Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.services.api.http.problem_types import OVERLOADED, PREVIEW_UNAVAILABLE
from captiond.services.api.http.problems import Problem
from captiond.services.api.quota import Quota
from captiond.services.api.threads import DaemonThreads

# At most 64 MiB with three channels and their PNG. A caption of 65,500 px in the largest font takes 15 million.
MAX_PREVIEW_PIXELS = 16_000_000
# A preview takes 1 ms, or seconds if it searches the installed fonts for a character.
MAX_WAITING = 16
# A captioner caches 4096 words. Of words with 200 characters of 200 px, that would be 20 GB.
MAX_CACHED_PIXELS = 64 << 20
# Wrapping a text without spaces measures, and so caches, parts of different lengths.
COPIES_OF_A_CHARACTER = 10
# Higher levels hardly compress black strips better.
PNG_LEVEL = 1

logger = logging.getLogger(__name__)


class StripTooLarge(Exception):
    """The strip exceeds a limit, which the message names."""


class StripDrawer:
    """Draws the strips of one style and template. The first strip loads the fonts.

    All strips are drawn in one thread, because a Captioner is not thread-safe.
    """

    def __init__(self, style: Style, template: CaptionTemplate, max_waiting: int = MAX_WAITING) -> None:
        self._style = replace(style, max_pixels=min(style.max_pixels, MAX_PREVIEW_PIXELS))
        self._template = template
        self._threads = DaemonThreads("preview", 1)
        self._captioner: Captioner | None = None
        self._cached_pixels = 0
        self._has_font = True
        self._in_progress = Quota(max_waiting, "previews in progress")

    async def draw_png(self, image: ReceivedImage, width_px: int, timeout_seconds: float) -> bytes:
        """Return the strip of an image with this viewed width, as PNG. Raises StripTooLarge and Problem."""
        with self._in_progress.reserve(1):
            drawn = self._threads.submit(lambda: self._draw(image, width_px))
            try:
                async with asyncio.timeout(timeout_seconds):
                    return await asyncio.wrap_future(drawn)
            except TimeoutError as error:
                raise Problem(OVERLOADED, f"The preview was not drawn within {timeout_seconds:g} s.") from error

    def close(self) -> None:
        """End the thread."""
        self._threads.close()

    def _draw(self, image: ReceivedImage, width_px: int) -> bytes:
        text = self._template.fill(image)
        captioner = self._open()
        self._cached_pixels += len(text) * COPIES_OF_A_CHARACTER * self._style.font_size_px**2
        try:
            strip = captioner.draw(text, width_px)
        except BadImage as error:
            raise StripTooLarge(str(error)) from error
        if strip.height > MAX_SIDE_PX:
            raise StripTooLarge(f"strip too high: {strip.height} px; at most {MAX_SIDE_PX}")
        png = io.BytesIO()
        strip.save(png, "PNG", compress_level=PNG_LEVEL)
        return png.getvalue()

    def _open(self) -> Captioner:
        """Return a captioner, a new one if the caches of the current one may be too large. Raises Problem.

        A missing font is logged once, and previews remain unavailable until the process restarts.
        """
        if not self._has_font:
            raise _unavailable()
        if self._captioner is None or self._cached_pixels > MAX_CACHED_PIXELS:
            try:
                self._captioner = Captioner(self._style)
            except FontNotFound as error:
                self._has_font = False
                logger.error("no previews: CAPTIOND_FONT_NAME: %s", error)  # noqa: TRY400 - no traceback for a setting
                raise _unavailable() from error
            self._cached_pixels = 0
        return self._captioner


def _unavailable() -> Problem:
    problem = Problem(PREVIEW_UNAVAILABLE, PREVIEW_UNAVAILABLE.example)
    problem.logged = False
    return problem


def make_default_drawer() -> StripDrawer:
    """Return a drawer with the default style and template."""
    return StripDrawer(Style(), CaptionTemplate())
