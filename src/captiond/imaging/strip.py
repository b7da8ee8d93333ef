"""The caption strip: where its lines go, and their ink on a black ground."""

from PIL import Image

from captiond.imaging.text import Line, wrap_text
from captiond.imaging.typeset import Typesetter

_OPAQUE = 255
_PADDING_PX = 4
_NARROW = 16  # at most this part of the width is padding on either side


def draw_strip(text: str, width_px: int, typesetter: Typesetter) -> Image.Image:
    """Mode L: white text on black, as wide as the photo, as high as the lines need."""
    padding_x_px = min(_PADDING_PX, width_px // _NARROW)
    lines = wrap_text(text, typesetter, max(1, width_px - 2 * padding_x_px))
    baselines = _baselines(lines, typesetter)
    bottom_px = baselines[-1] + max(typesetter.descent_px, lines[-1].bottom_px)
    strip = Image.new("L", (width_px, bottom_px + _PADDING_PX))
    for line, baseline_px in zip(lines, baselines, strict=True):
        for placed in line.words:
            word = placed.word
            corner = (padding_x_px + placed.pen_px + word.left_px, baseline_px + word.top_px)
            strip.paste(_OPAQUE, corner, word.ink)
    return strip


def _baselines(lines: list[Line], typesetter: Typesetter) -> list[int]:
    """Font line heights apart; a line whose ink is higher or lower gets the room it needs."""
    baselines = []
    bottom_px = _PADDING_PX
    for line in lines:
        baseline_px = bottom_px + max(typesetter.ascent_px, -line.top_px)
        baselines.append(baseline_px)
        bottom_px = baseline_px + max(typesetter.descent_px, line.bottom_px)
    return baselines
