"""Glyph runs: the ink of some text, positioned relative to a pen on the baseline."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

OPAQUE = 255
_CACHED_FONTS = 1024


class ColourGlyph(NamedTuple):
    """A glyph in its own colours (mode RGBA), positioned like ink."""

    left_px: int
    top_px: int
    image: Image.Image


class GlyphRun(NamedTuple):
    """Ink (mode L, 255 is opaque) relative to the pen. y points downwards."""

    advance_px: int
    left_px: int
    top_px: int
    ink: Image.Image
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
    blank = _run_of_ink(advance_px, left_px, top_px, Image.new("L", image.size))
    return blank._replace(colour_glyphs=(ColourGlyph(left_px, top_px, image),))


def join_runs(runs: Sequence[GlyphRun]) -> GlyphRun:
    """Concatenate runs from left to right."""
    if len(runs) == 1:
        return runs[0]
    pen_px = left = top = right = bottom = 0  # the box includes the pen
    placed = []
    glyphs: list[ColourGlyph] = []
    for run in runs:  # in one pass and without calls of min() and max(), a fifth of the time
        placed.append((pen_px, run))
        advance_px, left_px, top_px, ink, _, bottom_px, colour_glyphs = run
        start_px = pen_px + left_px
        end_px = start_px + ink.width
        left = start_px if start_px < left else left  # noqa: FURB136
        top = top_px if top_px < top else top  # noqa: FURB136
        right = end_px if end_px > right else right  # noqa: FURB136
        bottom = bottom_px if bottom_px > bottom else bottom  # noqa: FURB136
        if colour_glyphs:
            glyphs += [glyph._replace(left_px=pen_px + glyph.left_px) for glyph in colour_glyphs]
        pen_px += advance_px
    ink = Image.new("L", (right - left, bottom - top))
    paint(ink, placed, -left, -top)
    return GlyphRun(pen_px, left, top, ink, max(pen_px, right), bottom, tuple(glyphs))


def paint(mask: Image.Image, placed: Iterable[tuple[int, GlyphRun]], x_px: int, baseline_px: int) -> None:
    """Draw the ink of runs in a mask (mode L). Pen positions are relative to `x_px`.

    `ImageDraw.bitmap` looks up the colour for each run, which takes longer than drawing the run.
    """
    draw = ImageDraw.ImageDraw(mask).draw
    colour = draw.draw_ink(OPAQUE)
    for pen_px, run in placed:
        draw.draw_bitmap((x_px + pen_px + run.left_px, baseline_px + run.top_px), run.ink.im, colour)


def clip_run(run: GlyphRun, top_px: int, bottom_px: int) -> GlyphRun:
    """Cut off the ink above `top_px` and below `bottom_px`."""
    if run.top_px >= top_px and run.bottom_px <= bottom_px:
        return run
    top_px, bottom_px = max(run.top_px, top_px), min(run.bottom_px, bottom_px)
    ink = run.ink.crop((0, top_px - run.top_px, run.ink.width, bottom_px - run.top_px))
    return run._replace(top_px=top_px, ink=ink, bottom_px=bottom_px)


def _run_of_ink(advance_px: int, left_px: int, top_px: int, ink: Image.Image) -> GlyphRun:
    return GlyphRun(advance_px, left_px, top_px, ink, max(advance_px, left_px + ink.width), top_px + ink.height)
