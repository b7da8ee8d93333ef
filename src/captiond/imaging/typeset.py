"""Words -> ink: measures and draws single words, and remembers them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

_OPAQUE = 255
_REMEMBERED = 4096  # words or glyphs; a word of the default size takes about a kilobyte
# Scripts drawn letter beside letter: no joining, no reordering, no marks. All else is shaped.
_UNSHAPED = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u058f\u10a0-\u10ff\u1e00-\u1fff"
    "\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u218f\u2190-\u22ff\u2500-\u25ff"
    "\u3000-\u3029\u3030-\u303f\u3041-\u3096\u309b-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
    "\uff01-\uff9d\ufffd]*"
)


@dataclass(frozen=True, slots=True)
class Word:
    """Ink (mode L, 255 is full) placed relative to a pen on the baseline, y downwards."""

    advance_px: int
    left_px: int
    top_px: int
    ink: Image.Image

    @property
    def right_px(self) -> int:
        """Where the ink ends or the next word begins, whichever is further right."""
        return max(self.advance_px, self.left_px + self.ink.width)

    @property
    def bottom_px(self) -> int:
        """Where the ink ends below the baseline."""
        return self.top_px + self.ink.height


class Typesetter:
    """Sets words in one font. Remembers what it drew, so that a word seen again costs nothing."""

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._shaping = font
        # Advances of the basic layout are whole pixels: letters are spaced evenly at small
        # sizes, and widths add up exactly.
        self._plain = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
        self.ascent_px, self.descent_px = font.getmetrics()
        self.set_word = lru_cache(_REMEMBERED)(self._set_word)
        self._set_glyph = lru_cache(_REMEMBERED)(self._set_glyph_now)
        self.space_px = self.set_word(" ").advance_px

    def _set_word(self, text: str) -> Word:
        if _UNSHAPED.fullmatch(text):
            return _join(self._set_glyph(letter) for letter in text)
        return _draw(self._shaping, text)

    def _set_glyph_now(self, letter: str) -> Word:
        return _draw(self._plain, letter)


def _draw(font: ImageFont.FreeTypeFont, text: str) -> Word:
    left, top, right, bottom = map(round, font.getbbox(text, anchor="ls"))
    ink = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(ink).text((-left, -top), text, fill=_OPAQUE, font=font, anchor="ls")
    return Word(round(font.getlength(text)), left, top, ink)


def _join(glyphs: Iterator[Word]) -> Word:
    """One word of glyphs set side by side."""
    pen_px = 0
    placed = []
    for glyph in glyphs:
        placed.append((pen_px + glyph.left_px, glyph))
        pen_px += glyph.advance_px
    left = min((x for x, _ in placed), default=0)
    top = min((glyph.top_px for _, glyph in placed), default=0)
    right = max((x + glyph.ink.width for x, glyph in placed), default=0)
    bottom = max((glyph.bottom_px for _, glyph in placed), default=0)
    ink = Image.new("L", (right - left, bottom - top))
    for x, glyph in placed:
        ink.paste(_OPAQUE, (x - left, glyph.top_px - top), glyph.ink)
    return Word(pen_px, left, top, ink)
