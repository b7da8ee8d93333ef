"""A piece of text as ink, to be placed with a pen."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

OPAQUE = 255
_REMEMBERED = 1024  # fonts


class Word(NamedTuple):
    """Ink (mode L, 255 is full) placed relative to a pen on the baseline, y downwards."""

    advance_px: int
    left_px: int
    top_px: int
    ink: Image.Image
    right_px: int
    """Where the ink ends or the next word begins, whichever is further right."""
    bottom_px: int
    """Where the ink ends below the baseline."""


@lru_cache(_REMEMBERED)
def plain_font(font: ImageFont.FreeTypeFont) -> ImageFont.FreeTypeFont:
    """The font laid out letter by letter, with advances of whole pixels: evenly, and adding up exactly."""
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def draw_word(font: ImageFont.FreeTypeFont, text: str, direction: str | None = None) -> Word:
    """Text in one font; `direction` ("rtl") needs the Raqm layout."""
    left, top, right, bottom = map(round, font.getbbox(text, direction=direction, anchor="ls"))
    ink = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(ink).text((-left, -top), text, OPAQUE, font, anchor="ls", direction=direction)
    return _place(round(font.getlength(text, direction=direction)), left, top, ink)


def draw_box(height_px: int) -> Word:
    """An empty box on the baseline, for what no font has."""
    height_px = max(4, height_px)
    width_px = max(3, height_px // 2)
    ink = Image.new("L", (width_px, height_px))
    ImageDraw.Draw(ink).rectangle((0, 0, width_px - 1, height_px - 1), outline=OPAQUE)
    return _place(width_px + 2, 1, -height_px, ink)


def join_words(words: Iterable[Word]) -> Word:
    """One word of several set side by side."""
    pen_px = 0
    placed = []
    for word in words:
        placed.append((pen_px + word.left_px, word))
        pen_px += word.advance_px
    left = min([x for x, _ in placed], default=0)
    top = min([word.top_px for _, word in placed], default=0)
    right = max([x + word.ink.width for x, word in placed], default=0)
    bottom = max([word.bottom_px for _, word in placed], default=0)
    ink = Image.new("L", (right - left, bottom - top))
    draw = ImageDraw.Draw(ink)
    for x, word in placed:
        draw.bitmap((x - left, word.top_px - top), word.ink, OPAQUE)
    return _place(pen_px, left, top, ink)


def _place(advance_px: int, left_px: int, top_px: int, ink: Image.Image) -> Word:
    """A word with its edges measured, once: it is set again and again."""
    return Word(advance_px, left_px, top_px, ink, max(advance_px, left_px + ink.width), top_px + ink.height)
