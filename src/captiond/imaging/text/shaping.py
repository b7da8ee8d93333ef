"""Words -> ink: measures and draws single words, and remembers them."""

import re
from functools import lru_cache
from itertools import groupby

from PIL import ImageFont

from captiond.imaging.text.bitmap_fonts import BitmapFont, draw_bitmaps
from captiond.imaging.text.fallback import Chain, Font, drop_ignorable
from captiond.imaging.text.glyph_run import Word, draw_box, draw_word, join_words, plain_font
from captiond.imaging.text.segmentation import split_clusters

_REMEMBERED = 4096  # words or glyphs; a word of the default size takes about a kilobyte
# Scripts drawn letter beside letter: no joining, no reordering, no marks. All else is shaped.
_UNSHAPED = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u058f\u10a0-\u10ff\u1e00-\u1fff"
    "\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u218f\u2190-\u22ff\u2500-\u25ff"
    "\u3000-\u3029\u3030-\u303f\u3041-\u3096\u309b-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
    "\uff01-\uff9d\ufffd]*"
)


class Typesetter:
    """Sets words in one font and, where it lacks something, in others.

    It remembers what it drew, so that a word seen again costs nothing.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._chain = Chain(font)
        self.ascent_px, self.descent_px = font.getmetrics()
        self._glyph = lru_cache(_REMEMBERED)(self._draw_glyph)
        self._pair = lru_cache(_REMEMBERED)(self._join_pair)
        self.set_word = lru_cache(_REMEMBERED)(self._set_word)
        self._present: set[str] = set()
        self._is_missing = lru_cache(_REMEMBERED)(self._find_no_font)
        self.space_px = self.set_word(" ").advance_px

    def find_missing(self, text: str) -> tuple[str, ...]:
        """The grapheme clusters of a text that no installed font has, each once."""
        if self._present.issuperset(text):
            return ()
        unshaped = _UNSHAPED.fullmatch(text)
        clusters = {*text} if unshaped else {*split_clusters(text)}
        missing = tuple(sorted(cluster for cluster in clusters if self._is_missing(cluster)))
        if unshaped:
            self._present |= clusters.difference(missing)
        return missing

    def _find_no_font(self, cluster: str) -> bool:
        return not cluster.isspace() and self._chain.font_for(cluster) is None

    def _set_word(self, text: str, *, right_to_left: bool = False) -> Word:
        if not right_to_left and _UNSHAPED.fullmatch(text):
            return join_words([self._pair(text[at : at + 2]) for at in range(0, len(text), 2)])
        clusters = split_clusters(text)
        runs = [(font, "".join(run)) for font, run in groupby(clusters, self._chain.font_for)]
        if right_to_left:
            runs.reverse()
        return join_words([self._shape(font, run, right_to_left=right_to_left) for font, run in runs])

    def _join_pair(self, letters: str) -> Word:
        """Two letters, or the last one: a language has few pairs, and words made of them take half as long."""
        return join_words([self._glyph(letter) for letter in letters])

    def _draw_glyph(self, cluster: str) -> Word:
        font = self._chain.font_for(cluster)
        if font is None:
            return self.set_word(" ") if cluster.isspace() else draw_box(self.ascent_px * 3 // 4)
        if isinstance(font, BitmapFont):
            return draw_bitmaps(font, _drawable(font.strike, cluster))
        return draw_word(plain_font(font), cluster)

    def _shape(self, font: Font | None, run: str, *, right_to_left: bool) -> Word:
        if not isinstance(font, ImageFont.FreeTypeFont):
            clusters = split_clusters(run)
            return join_words([self._glyph(cluster) for cluster in (clusters[::-1] if right_to_left else clusters)])
        drawable = _drawable(font, run)
        if font.layout_engine == ImageFont.Layout.RAQM:
            return draw_word(font, drawable, "rtl" if right_to_left else "ltr")
        return draw_word(font, drawable[::-1] if right_to_left else drawable)


def _drawable(font: ImageFont.FreeTypeFont, text: str) -> str:
    """Without what only a shaper knows not to draw, where there is none."""
    return text if font.layout_engine == ImageFont.Layout.RAQM else drop_ignorable(text)
