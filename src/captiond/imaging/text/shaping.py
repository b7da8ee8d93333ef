"""Shapes text into glyph runs, and caches them."""

import re
from functools import lru_cache
from itertools import groupby

from PIL import ImageFont

from captiond.imaging.text.bitmap_fonts import BitmapFont, draw_bitmap_run
from captiond.imaging.text.fallback import Font, FontFallback, drop_ignorable
from captiond.imaging.text.glyph_run import (
    GlyphRun,
    clip_run,
    draw_replacement_box,
    draw_run,
    join_runs,
    unshaped_font,
)
from captiond.imaging.text.segmentation import split_clusters

_CACHED_RUNS = 4096  # a word takes about a kilobyte
# Scripts with one glyph per character: no joining, no reordering, no marks. All others are shaped by Raqm.
_SIMPLE_SCRIPTS = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u058f\u10a0-\u10ff\u1e00-\u1fff"
    "\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u218f\u2190-\u22ff\u2500-\u25ff"
    "\u3000-\u3029\u3030-\u303f\u3041-\u3096\u309b-\u30ff\u4e00-\u9fff\uac00-\ud7a3"
    "\uff01-\uff9d\ufffd]*"
)
# Implicit directional marks. The levels of the runs reflect them; within a run, Raqm would reorder text by them.
_DIRECTIONAL_MARKS = re.compile("[\u061c\u200e\u200f]")


class TextShaper:
    """Shapes text in one font, with fallback to others. Runs are cached, because captions repeat words."""

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._fallback = FontFallback(font)
        self.ascent_px, self.descent_px = font.getmetrics()
        self._glyph = lru_cache(_CACHED_RUNS)(self._draw_glyph)
        self.shape = lru_cache(_CACHED_RUNS)(self._shape)
        self._is_missing = lru_cache(_CACHED_RUNS)(self._is_uncovered)
        self.space_px = self.shape(" ").advance_px

    def find_missing(self, text: str) -> tuple[str, ...]:
        """The grapheme clusters of a text that no installed font covers, sorted."""
        clusters = {*text} if _SIMPLE_SCRIPTS.fullmatch(text) else {*split_clusters(text)}
        return tuple(sorted(filter(self._is_missing, clusters)))

    def _is_uncovered(self, cluster: str) -> bool:
        return not cluster.isspace() and self._fallback.find_font(cluster) is None

    def _shape(self, text: str, *, right_to_left: bool = False) -> GlyphRun:
        if not right_to_left and _SIMPLE_SCRIPTS.fullmatch(text):
            return join_runs(map(self._glyph, text))
        unmarked = _DIRECTIONAL_MARKS.sub("", text)
        if unmarked != text:
            return self.shape(unmarked, right_to_left=right_to_left)
        clusters = [cluster for cluster in split_clusters(text) if drop_ignorable(cluster)]
        runs = [(font, "".join(run)) for font, run in groupby(clusters, self._fallback.find_font)]
        if right_to_left:
            runs.reverse()
        run = join_runs([self._shape_run(font, run, right_to_left=right_to_left) for font, run in runs])
        # A cluster may have any number of combining marks. Those beyond one line height above and below are cut off.
        height_px = self.ascent_px + self.descent_px
        return clip_run(run, -self.ascent_px - height_px, self.descent_px + height_px)

    def _draw_glyph(self, cluster: str) -> GlyphRun:
        font = self._fallback.find_font(cluster)
        if font is None:
            return self.shape(" ") if cluster.isspace() else draw_replacement_box(self.ascent_px * 3 // 4)
        if isinstance(font, BitmapFont):
            return draw_bitmap_run(font, _drawable(font.strike, cluster))
        return draw_run(unshaped_font(font), cluster)

    def _shape_run(self, font: Font | None, text: str, *, right_to_left: bool) -> GlyphRun:
        """Shape text of one font."""
        if not isinstance(font, ImageFont.FreeTypeFont):
            clusters = split_clusters(text)
            return join_runs(map(self._glyph, clusters[::-1] if right_to_left else clusters))
        drawable = _drawable(font, text)
        if font.layout_engine == ImageFont.Layout.RAQM:
            return draw_run(font, drawable, "rtl" if right_to_left else "ltr")
        return draw_run(font, drawable[::-1] if right_to_left else drawable)


def _drawable(font: ImageFont.FreeTypeFont, text: str) -> str:
    """The text without ignorable code points if the font is drawn without Raqm, which alone leaves them out."""
    return text if font.layout_engine == ImageFont.Layout.RAQM else drop_ignorable(text)
