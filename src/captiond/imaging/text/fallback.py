"""Which font draws which character: the configured one, or the first installed one that has it."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import TypeAlias

import regex  # type: ignore[import-untyped]  # ships no types
from PIL import ImageFont

from captiond.imaging.text.bitmap_fonts import BitmapFont
from captiond.imaging.text.fonts import Face, installed_faces, load_bitmaps, load_outlines
from captiond.imaging.text.glyph_run import draw_word, plain_font

Font: TypeAlias = ImageFont.FreeTypeFont | BitmapFont
_REMEMBERED = 4096  # characters
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
_EMOJI_STYLE = regex.compile(r"\p{Emoji_Presentation}|\ufe0f")
_TEXT_STYLE = "\ufe0e"  # variation selector 15
_IN_NO_FONT = "\U0010ffff"  # a noncharacter: drawn as whatever the font draws for what it lacks


class Chain:
    """Fonts in the order of preference. Those behind the first are looked for when first needed.

    What is to look like an emoji is taken from fonts of bitmaps, if they have it; all else from outlines, if these do.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._size_px = int(font.size)
        self._found = [font]
        self._others = self._load_others()
        self.font_for = lru_cache(_REMEMBERED)(self._font_for)

    def _font_for(self, cluster: str) -> Font | None:
        """The first font that has all of a grapheme cluster; None if there is none."""
        visible = drop_ignorable(cluster)
        fonts = self._emoji_first() if visible and is_emoji(cluster) else self._outlines_first()
        return next((font for font in fonts if all(_has(font, letter) for letter in visible)), None)

    def _emoji_first(self) -> Iterator[Font]:
        yield from self._bitmaps
        yield from self._outlines()

    def _outlines_first(self) -> Iterator[Font]:
        yield from self._outlines()
        yield from self._bitmaps

    def _outlines(self) -> Iterator[ImageFont.FreeTypeFont]:
        yield from self._found
        for font in self._others:
            self._found.append(font)
            yield font

    def _load_others(self) -> Iterator[ImageFont.FreeTypeFont]:
        yield from load_outlines(self._faces, self._size_px)

    @cached_property
    def _bitmaps(self) -> list[BitmapFont]:
        return list(load_bitmaps(self._faces, self._size_px))

    @cached_property
    def _faces(self) -> list[Face]:
        return list(installed_faces())


def is_emoji(cluster: str) -> bool:
    """Whether a cluster asks for the look of an emoji, by its characters or by variation selector 16 (UTS #51)."""
    return _TEXT_STYLE not in cluster and _EMOJI_STYLE.search(cluster) is not None


def drop_ignorable(text: str) -> str:
    """The text without what fonts need not have: joiners, selectors, marks of direction."""
    visible: str = _IGNORABLE.sub("", text)
    return visible


def _has(font: Font, character: str) -> bool:
    """Whether the font draws the character otherwise than one that no font has."""
    if isinstance(font, BitmapFont):
        font = font.strike
    try:
        drawn, lacking = draw_word(plain_font(font), character), _draw_lacking(font)
    except OSError:  # a broken bitmap, or one of a format that FreeType was built without
        return False
    return (drawn.advance_px, drawn.top_px, drawn.ink.tobytes()) != lacking


@lru_cache(_REMEMBERED)
def _draw_lacking(font: ImageFont.FreeTypeFont) -> tuple[int, int, bytes]:
    word = draw_word(plain_font(font), _IN_NO_FONT)
    return word.advance_px, word.top_px, word.ink.tobytes()
