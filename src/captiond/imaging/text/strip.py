"""The caption strip: where its lines go, and their ink in the style's colours."""

from typing import assert_never

from PIL import Image, ImageDraw

from captiond.imaging.style import Alignment, Colour, Style
from captiond.imaging.text.glyph_run import OPAQUE, Picture
from captiond.imaging.text.line import Line
from captiond.imaging.text.shaping import Typesetter
from captiond.imaging.text.wrapping import wrap_text

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_NARROW = 16  # at most this part of the width is padding on either side


def draw_strip(text: str, width_px: int, typesetter: Typesetter, style: Style) -> Image.Image:
    """As wide as the photo, as high as the lines need; mode L where the colours are grey and no picture is, or RGB."""
    padding_x_px = min(style.padding_px, width_px // _NARROW)
    room_px = max(1, width_px - 2 * padding_x_px)
    lines = wrap_text(text, typesetter, room_px)
    baselines = _baselines(lines, typesetter, style.padding_px)
    bottom_px = baselines[-1] + max(typesetter.descent_px, lines[-1].bottom_px)
    mask = Image.new("L", (width_px, bottom_px + style.padding_px))
    draw = ImageDraw.ImageDraw(mask)
    pictures: list[Picture] = []
    for line, baseline_px in zip(lines, baselines, strict=True):
        start_px = padding_x_px + _indent(line, room_px, style.alignment)
        for placed in line.words:
            word = placed.word
            pen_px = start_px + placed.pen_px
            draw.bitmap((pen_px + word.left_px, baseline_px + word.top_px), word.ink, OPAQUE)
            if word.pictures:
                pictures += [Picture(pen_px + x, baseline_px + y, image) for x, y, image in word.pictures]
    strip = _colour(mask, style.text_rgb(), style.strip_rgb())
    return _paste(pictures, strip) if pictures else strip


def _baselines(lines: list[Line], typesetter: Typesetter, padding_px: int) -> list[int]:
    """Font line heights apart; a line whose ink is higher or lower gets the room it needs."""
    baselines = []
    bottom_px = padding_px
    for line in lines:
        baseline_px = bottom_px + max(typesetter.ascent_px, -line.top_px)
        baselines.append(baseline_px)
        bottom_px = baseline_px + max(typesetter.descent_px, line.bottom_px)
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


def _colour(mask: Image.Image, text: Colour, ground: Colour) -> Image.Image:
    """The mask itself for white on black."""
    if (text, ground) == (_WHITE, _BLACK):
        return mask
    if len({*text}) == len({*ground}) == 1:
        steps = [ground[0] + (text[0] - ground[0]) * level // OPAQUE for level in range(OPAQUE + 1)]
        return mask.point(steps)
    strip = Image.new("RGB", mask.size, ground)
    strip.paste(text, (0, 0), mask)
    return strip


def _paste(pictures: list[Picture], strip: Image.Image) -> Image.Image:
    coloured = strip.convert("RGB")
    for left_px, top_px, image in pictures:
        coloured.paste(image, (left_px, top_px), image)
    return coloured
