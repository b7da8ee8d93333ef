"""Draws the caption strip: the positions of its lines, and the colours of their ink."""

from typing import assert_never

from PIL import Image

from captiond.imaging.errors import BadImage
from captiond.imaging.style import Alignment, Colour, Style
from captiond.imaging.text.glyph_run import OPAQUE, ColourGlyph, paint
from captiond.imaging.text.line import Line
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.wrapping import wrap_text

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_MAX_PADDING_FRACTION = 16  # the padding on either side is at most 1/16 of the width


def draw_strip(text: str, width_px: int, shaper: TextShaper, style: Style) -> Image.Image:
    """Draw a strip of a given width, as high as its lines need.

    The mode is L for grey colours without colour glyphs, else RGB. Raises BadImage for a strip over `max_pixels`.
    """
    padding_x_px = min(style.padding_px, width_px // _MAX_PADDING_FRACTION)
    room_px = max(1, width_px - 2 * padding_x_px)
    lines = wrap_text(text, shaper, room_px)
    baselines = _baselines(lines, shaper, style.padding_px)
    height_px = baselines[-1] + max(shaper.descent_px, lines[-1].bottom_px) + style.padding_px
    if width_px * height_px > style.max_pixels:
        raise BadImage(f"strip too large: {width_px}x{height_px} pixels; at most {style.max_pixels}")
    mask = Image.new("L", (width_px, height_px))
    colour_glyphs: list[ColourGlyph] = []
    for line, baseline_px in zip(lines, baselines, strict=True):
        start_px = padding_x_px + _indent(line, room_px, style.alignment)
        paint(mask, line.runs, start_px, baseline_px)
        colour_glyphs += [
            ColourGlyph(start_px + pen_px + x, baseline_px + y, image)
            for pen_px, run in line.runs
            for x, y, image in run.colour_glyphs
        ]
    strip = _colour(mask, style.text_rgb(), style.strip_rgb())
    return _paste(colour_glyphs, strip) if colour_glyphs else strip


def _baselines(lines: list[Line], shaper: TextShaper, padding_px: int) -> list[int]:
    """The y of each baseline: the font's line height apart, or more for a line with higher or lower ink."""
    baselines = []
    bottom_px = padding_px
    for line in lines:
        baseline_px = bottom_px + max(shaper.ascent_px, -line.top_px)
        baselines.append(baseline_px)
        bottom_px = baseline_px + max(shaper.descent_px, line.bottom_px)
    return baselines


def _indent(line: Line, room_px: int, alignment: Alignment) -> int:
    match alignment:
        case "left":
            return 0
        case "centre":
            return max(0, room_px - line.width_px) // 2
        case "right":
            return max(0, room_px - line.width_px)
        case _:
            assert_never(alignment)


def _colour(mask: Image.Image, text: Colour, background: Colour) -> Image.Image:
    """Blend the colours by the mask. Mode L if both are grey, else RGB."""
    if (text, background) == (_WHITE, _BLACK):
        return mask  # the default style; blending would take a fifth of the time of a caption
    if len({*text}) == len({*background}) == 1:
        return mask.point([background[0] + (text[0] - background[0]) * level // OPAQUE for level in range(OPAQUE + 1)])
    strip = Image.new("RGB", mask.size, background)
    strip.paste(text, (0, 0), mask)
    return strip


def _paste(colour_glyphs: list[ColourGlyph], strip: Image.Image) -> Image.Image:
    coloured = strip.convert("RGB")
    for left_px, top_px, image in colour_glyphs:
        coloured.paste(image, (left_px, top_px), image)
    return coloured
