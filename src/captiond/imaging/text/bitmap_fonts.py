"""Bitmap fonts, such as those of colour emoji: glyphs are drawn at the size of a strike and scaled."""

from dataclasses import dataclass
from math import ceil, floor

from PIL import Image, ImageDraw, ImageFont

from captiond.imaging.text.glyph_run import GlyphRun, run_of_image


@dataclass(frozen=True, slots=True)
class BitmapFont:
    """A font loaded at the size of one of its strikes, and the factor that scales this to the wanted size."""

    strike: ImageFont.FreeTypeFont
    scale: float


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
