"""Bitmap fonts, such as those of colour emoji: glyphs are drawn at the size of a strike and scaled.

FreeType loads a font that has no outlines only at the exact sizes of its bitmap strikes, and Pillow does not list
these. So they are found by trial.
"""

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from captiond.imaging.text.glyph_run import GlyphRun, run_of_image

_STRIKE_SIZES_PX = range(1, 257)  # Apple's and Google's fonts have 20 to 160; all take 30 ms to try
_WRONG_SIZE = "invalid pixel size"  # FreeType's error 0x17


@dataclass(frozen=True, slots=True)
class BitmapFont:
    """A font loaded at the size of one of its strikes, and the factor that scales this to the wanted size."""

    strike: ImageFont.FreeTypeFont
    scale: float


def find_strikes(path: Path, index: int, error: OSError) -> tuple[int, ...]:
    """The sizes of the strikes of a face, smallest first, in pixels per em, after it failed to load with `error`.

    Empty if the face failed for another reason than its size.
    """
    if _WRONG_SIZE not in str(error):
        return ()
    return tuple(size_px for size_px in _STRIKE_SIZES_PX if _has_strike(path, index, size_px))


def draw_bitmap_run(font: BitmapFont, text: str) -> GlyphRun:
    """Draw text in the colours of its glyphs, with the baselines of strike and run on the same pixel."""
    scale = font.scale
    box = font.strike.getbbox(text, anchor="ls")
    left, top, right, bottom = (*(floor(edge * scale) for edge in box[:2]), *(ceil(edge * scale) for edge in box[2:]))
    image = Image.new("RGBA", (right - left, bottom - top))
    if all(image.size):
        x, y = ceil(-left / scale), ceil(-top / scale)  # the pen, on a whole pixel of the strike
        edges = (x + left / scale, y + top / scale, x + right / scale, y + bottom / scale)
        canvas = Image.new("RGBA", (ceil(edges[2]), ceil(edges[3])))
        ImageDraw.Draw(canvas).text((x, y), text, "white", font.strike, anchor="ls", embedded_color=True)
        premultiplied = Image.merge("RGBa", canvas.split())  # Pillow blends with transparent black
        image = premultiplied.resize(image.size, Image.Resampling.LANCZOS, box=edges).convert("RGBA")
    return run_of_image(round(font.strike.getlength(text) * scale), left, top, image)


def _has_strike(path: Path, index: int, size_px: int) -> bool:
    try:
        ImageFont.truetype(path, size_px, index)
    except OSError:
        return False
    return True
