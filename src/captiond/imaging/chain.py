"""Which font draws which character: the configured one, or the first installed one that has it."""

from collections.abc import Iterator
from functools import lru_cache

import regex  # type: ignore[import-untyped]  # ships no types
from PIL import ImageFont

from captiond.imaging.fonts import fallback_fonts
from captiond.imaging.word import draw_word, plain_font

_REMEMBERED = 4096  # characters
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
_IN_NO_FONT = "\U0010ffff"  # a noncharacter: drawn as whatever the font draws for what it lacks


class Chain:
    """Fonts in the order of preference. Those behind the first are looked for when first needed."""

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._found = [font]
        self._others = iter(fallback_fonts(int(font.size)))
        self.font_for = lru_cache(_REMEMBERED)(self._font_for)

    def _font_for(self, cluster: str) -> ImageFont.FreeTypeFont | None:
        """The first font that has all of a grapheme cluster; None if there is none."""
        visible = drop_ignorable(cluster)
        return next((font for font in self._fonts() if all(_has(font, letter) for letter in visible)), None)

    def _fonts(self) -> Iterator[ImageFont.FreeTypeFont]:
        yield from self._found
        for font in self._others:
            self._found.append(font)
            yield font


def drop_ignorable(text: str) -> str:
    """The text without what fonts need not have: joiners, selectors, marks of direction."""
    visible: str = _IGNORABLE.sub("", text)
    return visible


def _has(font: ImageFont.FreeTypeFont, character: str) -> bool:
    """Whether the font draws the character otherwise than one that no font has."""
    drawn, lacking = draw_word(plain_font(font), character), _draw_lacking(font)
    return (drawn.advance_px, drawn.top_px, drawn.ink.tobytes()) != lacking


@lru_cache(_REMEMBERED)
def _draw_lacking(font: ImageFont.FreeTypeFont) -> tuple[int, int, bytes]:
    word = draw_word(plain_font(font), _IN_NO_FONT)
    return word.advance_px, word.top_px, word.ink.tobytes()
