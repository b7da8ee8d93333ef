"""A piece of text as ink, to be placed with a pen."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

OPAQUE = 255
_REMEMBERED = 1024  # fonts


class Picture(NamedTuple):
    """A glyph with colours of its own (mode RGBA), placed like ink."""

    left_px: int
    top_px: int
    image: Image.Image


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
    pictures: tuple[Picture, ...] = ()
    """What goes over the ink, which is blank there."""


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


def place_picture(advance_px: int, left_px: int, top_px: int, image: Image.Image) -> Word:
    """A word that is a picture."""
    blank = _place(advance_px, left_px, top_px, Image.new("L", image.size))
    return blank._replace(pictures=(Picture(left_px, top_px, image),))


def join_words(words: Sequence[Word]) -> Word:
    """One word of several set side by side."""
    if len(words) == 1:
        return words[0]
    pen_px = left = top = right = bottom = 0
    placed: list[tuple[int, int, Image.Image]] = []
    pictures: tuple[Picture, ...] = ()
    # One pass, no calls of min and max, fields by unpacking: most of drawing a new word is spent here.
    for advance_px, left_px, top_px, ink, _, bottom_px, own_pictures in words:
        x = pen_px + left_px
        end = x + ink.width
        left = x if x < left or not placed else left
        top = top_px if top_px < top or not placed else top
        right = end if end > right or not placed else right
        bottom = bottom_px if bottom_px > bottom or not placed else bottom
        placed.append((x, top_px, ink))
        if own_pictures:
            pictures += tuple(picture._replace(left_px=pen_px + picture.left_px) for picture in own_pictures)
        pen_px += advance_px
    joined = Image.new("L", (right - left, bottom - top))
    draw = ImageDraw.ImageDraw(joined)
    for x, y, ink in placed:
        draw.bitmap((x - left, y - top), ink, OPAQUE)
    return Word(pen_px, left, top, joined, max(pen_px, right), bottom, pictures)


def _place(advance_px: int, left_px: int, top_px: int, ink: Image.Image) -> Word:
    """A word with its edges measured, once: it is set again and again."""
    return Word(advance_px, left_px, top_px, ink, max(advance_px, left_px + ink.width), top_px + ink.height)
