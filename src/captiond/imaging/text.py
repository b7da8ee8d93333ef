"""Text -> lines no wider than the strip, whole words first, whole grapheme clusters always."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from captiond.imaging.breaks import Unit, clean_text, split_clusters, split_units
from captiond.imaging.typeset import Typesetter, Word


@dataclass(frozen=True, slots=True)
class Placed:
    """A word and where its pen starts, from the left end of the line."""

    word: Word
    pen_px: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text, and its words from left to right with their ink within the line."""

    text: str
    words: tuple[Placed, ...]

    @property
    def width_px(self) -> int:
        """Where the last ink or advance ends."""
        return max((placed.pen_px + placed.word.right_px for placed in self.words), default=0)

    @property
    def top_px(self) -> int:
        """The highest ink, relative to the baseline: negative is above it."""
        return min((placed.word.top_px for placed in self.words), default=0)

    @property
    def bottom_px(self) -> int:
        """The lowest ink, relative to the baseline."""
        return max((placed.word.bottom_px for placed in self.words), default=0)


def wrap_text(text: str, typesetter: Typesetter, width_px: int) -> list[Line]:
    """Break a text into lines; only a single cluster wider than `width_px` makes a wider line."""
    lines: list[Line] = []
    for paragraph in clean_text(text).split("\n"):
        lines.extend(_wrap_paragraph(paragraph, typesetter, width_px))
    return lines


def _wrap_paragraph(paragraph: str, typesetter: Typesetter, width_px: int) -> Iterator[Line]:
    line = _OpenLine(typesetter, width_px)
    for unit in split_units(paragraph):
        for piece in _cut_to_width(unit, typesetter, width_px):
            if not line.take(piece):
                yield line.close()
                line = _OpenLine(typesetter, width_px)
                line.take(piece)
    yield line.close()


class _OpenLine:
    """The line being filled; an empty one takes anything."""

    def __init__(self, typesetter: Typesetter, width_px: int) -> None:
        self._typesetter = typesetter
        self._width_px = width_px
        self._text = ""
        self._words: list[Placed] = []
        self._pen_px = 0

    def take(self, unit: Unit) -> bool:
        """Add the unit, unless there is no room for it."""
        word = self._typesetter.set_word(unit.text)
        pen_px = max(self._pen_px, -word.left_px)
        if self._words and pen_px + word.right_px > self._width_px:
            return False
        self._words.append(Placed(word, pen_px))
        self._pen_px = pen_px + word.advance_px + unit.spaces * self._typesetter.space_px
        self._text += unit.text + " " * unit.spaces
        return True

    def close(self) -> Line:
        return Line(self._text, tuple(self._words))


def _cut_to_width(unit: Unit, typesetter: Typesetter, width_px: int) -> Iterator[Unit]:
    """The unit itself if it fits on a line, or else the longest pieces of it that do."""
    if _overshoot_px(unit.text, typesetter, width_px) == 0:
        yield unit
        return
    clusters = split_clusters(unit.text)
    while clusters:
        count = _count_fitting(clusters, typesetter, width_px)
        piece, clusters = "".join(clusters[:count]), clusters[count:]
        yield Unit(piece, 0 if clusters else unit.spaces)


def _count_fitting(clusters: list[str], typesetter: Typesetter, width_px: int) -> int:
    """How many clusters from the start fit, at least one; never measures far past the width."""

    def overshoot_px(count: int) -> int:
        return _overshoot_px("".join(clusters[:count]), typesetter, width_px)

    beyond = 2
    while beyond <= len(clusters) and overshoot_px(beyond) == 0:
        beyond *= 2
    fitting = beyond // 2
    untried = range(fitting + 1, min(beyond, len(clusters) + 1))
    return fitting + bisect_right(untried, 0, key=overshoot_px)


def _overshoot_px(text: str, typesetter: Typesetter, width_px: int) -> int:
    """By how much a line of this text alone would be too wide; 0 if it fits."""
    word = typesetter.set_word(text)
    return max(0, max(0, -word.left_px) + word.right_px - width_px)
