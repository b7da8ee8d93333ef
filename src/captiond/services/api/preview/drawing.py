"""Draws strips in one thread, as a captioner with the same settings does."""

import asyncio
import io
import logging
from dataclasses import replace
from functools import cached_property

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
# Larger levels compress black strips hardly better.
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

    def _draw(self, image: ReceivedImage, width_px: int) -> bytes:
        if isinstance(self._captioner, FontNotFound):
            problem = Problem(PREVIEW_UNAVAILABLE, PREVIEW_UNAVAILABLE.example)
            problem.logged = False
            raise problem
        try:
            strip = self._captioner.draw(self._template.fill(image), width_px)
        except BadImage as error:
            raise StripTooLarge(str(error)) from error
        if strip.height > MAX_SIDE_PX:
            raise StripTooLarge(f"strip too high: {strip.height} px; at most {MAX_SIDE_PX}")
        png = io.BytesIO()
        strip.save(png, "PNG", compress_level=PNG_LEVEL)
        return png.getvalue()

    @cached_property
    def _captioner(self) -> Captioner | FontNotFound:
        """Load the fonts. An error is logged once and remains until the process restarts."""
        try:
            return Captioner(self._style)
        except FontNotFound as error:
            logger.error("no previews: CAPTIOND_FONT_NAME: %s", error)  # noqa: TRY400 - no traceback for a setting
            return error


def make_default_drawer() -> StripDrawer:
    """Return a drawer with the default style and template."""
    return StripDrawer(Style(), CaptionTemplate())
