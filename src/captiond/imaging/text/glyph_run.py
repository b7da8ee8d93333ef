"""Glyph runs: the ink of some text, positioned relative to a pen on the baseline."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from PIL import Image, ImageDraw, ImageFont

OPAQUE = 255
_CACHED_FONTS = 1024


Ink: TypeAlias = tuple[int, int, Image.Image]
"""The left and the top relative to the pen, and the ink of a glyph or of some text (mode L, 255 is opaque)."""


class ColourGlyph(NamedTuple):
    """A glyph in its own colours (mode RGBA), positioned like ink."""

    left_px: int
    top_px: int
    image: Image.Image


class GlyphRun(NamedTuple):
    """Ink relative to the pen, and its bounds. y points downwards."""

    advance_px: int
    left_px: int
    top_px: int
    inks: tuple[Ink, ...]
    right_px: int
    """The end of ink or advance, whichever is further right."""
    bottom_px: int
    """The end of the ink below the baseline."""
    colour_glyphs: tuple[ColourGlyph, ...] = ()
    """Glyphs drawn over the ink, which is blank there."""


@lru_cache(_CACHED_FONTS)
def unshaped_font(font: ImageFont.FreeTypeFont) -> ImageFont.FreeTypeFont:
    """The font with Pillow's basic layout: one glyph per character, and advances of whole pixels, which add up."""
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def draw_run(font: ImageFont.FreeTypeFont, text: str, direction: str | None = None) -> GlyphRun:
    """Draw text in one font. A `direction` ("ltr", "rtl") requires the Raqm layout."""
    left, top, right, bottom = map(round, font.getbbox(text, direction=direction, anchor="ls"))
    ink = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(ink).text((-left, -top), text, OPAQUE, font, anchor="ls", direction=direction)
    return _run_of_ink(round(font.getlength(text, direction=direction)), left, top, ink)


def draw_replacement_box(height_px: int) -> GlyphRun:
    """An empty box on the baseline, for characters that no font covers."""
    height_px = max(4, height_px)
    width_px = max(3, height_px // 2)
    ink = Image.new("L", (width_px, height_px))
    ImageDraw.Draw(ink).rectangle((0, 0, width_px - 1, height_px - 1), outline=OPAQUE)
    return _run_of_ink(width_px + 2, 1, -height_px, ink)


def run_of_image(advance_px: int, left_px: int, top_px: int, image: Image.Image) -> GlyphRun:
    """A run of one colour glyph."""
    right_px, bottom_px = max(advance_px, left_px + image.width), top_px + image.height
    return GlyphRun(advance_px, left_px, top_px, (), right_px, bottom_px, (ColourGlyph(left_px, top_px, image),))


def join_runs(runs: Iterable[GlyphRun]) -> GlyphRun:
    """Concatenate runs from left to right. The bounds include the pen."""
    pen_px = left_px = top_px = right_px = bottom_px = 0
    inks: list[Ink] = []
    glyphs: list[ColourGlyph] = []
    for run in runs:  # without min() and max(), which would take half of the time
        if pen_px + run.left_px < left_px:  # noqa: PLR1730
            left_px = pen_px + run.left_px
        if run.top_px < top_px:  # noqa: PLR1730
            top_px = run.top_px
        if pen_px + run.right_px > right_px:  # noqa: PLR1730
            right_px = pen_px + run.right_px
        if run.bottom_px > bottom_px:  # noqa: PLR1730
            bottom_px = run.bottom_px
        for x, y, ink in run.inks:
            inks.append((pen_px + x, y, ink))
        if run.colour_glyphs:
            glyphs += [glyph._replace(left_px=pen_px + glyph.left_px) for glyph in run.colour_glyphs]
        pen_px += run.advance_px
    return GlyphRun(pen_px, left_px, top_px, tuple(inks), max(pen_px, right_px), bottom_px, tuple(glyphs))


def paint(mask: Image.Image, placed: Iterable[tuple[int, GlyphRun]], x_px: int, baseline_px: int) -> None:
    """Draw the ink of runs in a mask (mode L). Pen positions are relative to `x_px`.

    `ImageDraw.bitmap` looks up the colour for each ink, which takes longer than drawing it.
    """
    draw = ImageDraw.ImageDraw(mask).draw
    colour = draw.draw_ink(OPAQUE)
    for pen_px, run in placed:
        start_px = x_px + pen_px
        for left_px, top_px, ink in run.inks:
            draw.draw_bitmap((start_px + left_px, baseline_px + top_px), ink.im, colour)


def clip_run(run: GlyphRun, top_px: int, bottom_px: int) -> GlyphRun:
    """Cut off the ink above `top_px` and below `bottom_px`."""
    if run.top_px >= top_px and run.bottom_px <= bottom_px:
        return run
    top_px, bottom_px = max(run.top_px, top_px), min(run.bottom_px, bottom_px)
    inks = tuple([_clip_ink(*ink, top_px, bottom_px) for ink in run.inks])
    return run._replace(top_px=top_px, inks=inks, bottom_px=bottom_px)


def _clip_ink(left_px: int, top_px: int, ink: Image.Image, highest_px: int, lowest_px: int) -> Ink:
    start_px = max(top_px, highest_px)
    end_px = max(start_px, min(top_px + ink.height, lowest_px))
    return left_px, start_px, ink.crop((0, start_px - top_px, ink.width, end_px - top_px))


def _run_of_ink(advance_px: int, left_px: int, top_px: int, ink: Image.Image) -> GlyphRun:
    right_px, bottom_px = max(advance_px, left_px + ink.width), top_px + ink.height
    return GlyphRun(advance_px, left_px, top_px, ((left_px, top_px, ink),), right_px, bottom_px)
