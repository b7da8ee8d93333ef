"""Fonts made of bitmaps, in colour and in few sizes: draws in one of these and scales to the size that is wanted."""

from dataclasses import dataclass
from math import ceil, floor

from PIL import Image, ImageDraw, ImageFont

from captiond.imaging.text.glyph_run import Word, place_picture


@dataclass(frozen=True, slots=True)
class BitmapFont:
    """A font loaded at one of its strikes, and what scales that to the wanted size."""

    strike: ImageFont.FreeTypeFont
    scale: float


def draw_bitmaps(font: BitmapFont, text: str) -> Word:
    """Text as a picture in its own colours; the strike's baseline falls on the word's, not a part of a pixel beside."""
    scale = font.scale
    box = font.strike.getbbox(text, anchor="ls")
    left, top, right, bottom = (*(floor(edge * scale) for edge in box[:2]), *(ceil(edge * scale) for edge in box[2:]))
    picture = Image.new("RGBA", (right - left, bottom - top))
    if all(picture.size):
        x, y = ceil(-left / scale), ceil(-top / scale)  # of the pen: whole pixels of the strike
        edges = (x + left / scale, y + top / scale, x + right / scale, y + bottom / scale)
        canvas = Image.new("RGBA", (ceil(edges[2]), ceil(edges[3])))
        ImageDraw.Draw(canvas).text((x, y), text, "white", font.strike, anchor="ls", embedded_color=True)
        premultiplied = Image.merge("RGBa", canvas.split())  # as blending with transparent black leaves it
        picture = premultiplied.resize(picture.size, Image.Resampling.LANCZOS, box=edges).convert("RGBA")
    return place_picture(round(font.strike.getlength(text) * scale), left, top, picture)
