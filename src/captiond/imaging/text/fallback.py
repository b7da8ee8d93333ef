"""Font fallback: a cluster is drawn in the configured font, or in the first installed font that covers it."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import TypeAlias

import regex  # type: ignore[import-untyped]  # ships no types
from PIL import ImageFont

from captiond.imaging.text.bitmap_fonts import BitmapFont
from captiond.imaging.text.fonts import Face, installed_faces, load_bitmap_fonts, load_outline_fonts
from captiond.imaging.text.glyph_run import draw_run, unshaped_font

Font: TypeAlias = ImageFont.FreeTypeFont | BitmapFont
_CACHED_CHARACTERS = 4096
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
# Digits, # and * have emoji presentation as a keycap only. Fonts draw them so pale that they are illegible.
_EMOJI_STYLE = regex.compile(r"\p{Emoji_Presentation}|(?<![0-9#*])\ufe0f|\ufe0f\u20e3")
_TEXT_STYLE = "\ufe0e"  # variation selector 15
_UNCOVERED = "\U0010ffff"  # a noncharacter, which every font draws as a missing glyph


class FontFallback:
    """Fonts in the order of preference. All but the first are loaded on first use.

    Bitmap fonts are preferred for emoji, outline fonts for everything else.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._size_px = int(font.size)
        self._loaded = [font]
        self._unloaded = self._load_outline_fonts()
        self.find_font = lru_cache(_CACHED_CHARACTERS)(self._find_font)

    def _find_font(self, cluster: str) -> Font | None:
        """The first font that covers all visible characters of a grapheme cluster, or None."""
        visible = drop_ignorable(cluster)
        fonts = self._bitmaps_first() if visible and is_emoji(cluster) else self._outlines_first()
        return next((font for font in fonts if all(_covers(font, character) for character in visible)), None)

    def _bitmaps_first(self) -> Iterator[Font]:
        yield from self._bitmap_fonts
        yield from self._outline_fonts()

    def _outlines_first(self) -> Iterator[Font]:
        yield from self._outline_fonts()
        yield from self._bitmap_fonts

    def _outline_fonts(self) -> Iterator[ImageFont.FreeTypeFont]:
        yield from self._loaded
        for font in self._unloaded:
            self._loaded.append(font)
            yield font

    def _load_outline_fonts(self) -> Iterator[ImageFont.FreeTypeFont]:
        yield from load_outline_fonts(self._faces, self._size_px)

    @cached_property
    def _bitmap_fonts(self) -> list[BitmapFont]:
        return list(load_bitmap_fonts(self._faces, self._size_px))

    @cached_property
    def _faces(self) -> list[Face]:
        return list(installed_faces())


def is_emoji(cluster: str) -> bool:
    """Whether a cluster has emoji presentation, by its characters or by variation selector 16 (UTS #51)."""
    return _TEXT_STYLE not in cluster and _EMOJI_STYLE.search(cluster) is not None


def drop_ignorable(text: str) -> str:
    """The text without default ignorable code points, such as joiners and variation selectors (UAX #44)."""
    visible: str = _IGNORABLE.sub("", text)
    return visible


def _covers(font: Font, character: str) -> bool:
    """Whether the font draws the character differently from a missing glyph."""
    if isinstance(font, BitmapFont):
        font = font.strike
    try:
        drawn = _draw_inks(font, character)
    except OSError:  # an invalid bitmap, or a bitmap format that this FreeType does not support
        return False
    return drawn != _draw_missing_glyph(font)


@lru_cache(_CACHED_CHARACTERS)
def _draw_missing_glyph(font: ImageFont.FreeTypeFont) -> tuple[int, list[tuple[int, bytes]]]:
    return _draw_inks(font, _UNCOVERED)


def _draw_inks(font: ImageFont.FreeTypeFont, character: str) -> tuple[int, list[tuple[int, bytes]]]:
    """The advance, and the tops and the samples of the inks."""
    run = draw_run(unshaped_font(font), character)
    return run.advance_px, [(top_px, ink.tobytes()) for _, top_px, ink in run.inks]
