"""One line of text: words set side by side, in the order the eye meets them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from captiond.imaging.text.bidi import reorder
from captiond.imaging.text.glyph_run import Word
from captiond.imaging.text.segmentation import Unit
from captiond.imaging.text.shaping import Typesetter


class Placed(NamedTuple):
    """A word and where its pen starts, from the left end of the line."""

    word: Word
    pen_px: int


class Piece(NamedTuple):
    """A word with its embedding level: odd ones run from right to left."""

    word: Word
    level: int
    is_space: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text, and its words from left to right with their ink within the line."""

    text: str
    words: tuple[Placed, ...]

    @property
    def width_px(self) -> int:
        """Where the last ink or advance ends."""
        return max([placed.pen_px + placed.word.right_px for placed in self.words], default=0)

    @property
    def top_px(self) -> int:
        """The highest ink, relative to the baseline: negative is above it."""
        return min([placed.word.top_px for placed in self.words], default=0)

    @property
    def bottom_px(self) -> int:
        """The lowest ink, relative to the baseline."""
        return max([placed.word.bottom_px for placed in self.words], default=0)


class OpenLine:
    """The line being filled, of text that runs from left to right."""

    def __init__(self, typesetter: Typesetter, width_px: int) -> None:
        self._typesetter = typesetter
        self._width_px = width_px
        self._pen_px = 0
        self._placed: list[Placed] = []
        self.text = ""

    def take(self, unit: Unit) -> bool:
        """Add the unit and the spaces behind it, if there is room for the unit."""
        word = self._typesetter.set_word(unit.text)
        pen_px = max(self._pen_px, -word.left_px)
        if pen_px + word.right_px > self._width_px:
            return False
        self._add(unit, word, pen_px)
        return True

    def force(self, unit: Unit) -> None:
        """Add the unit and the spaces behind it, room or not."""
        word = self._typesetter.set_word(unit.text)
        self._add(unit, word, max(self._pen_px, -word.left_px))

    def close(self) -> Line:
        """The line as it stands; spaces at its end hang over."""
        return Line(self.text, tuple(self._placed))

    def _add(self, unit: Unit, word: Word, pen_px: int) -> None:
        self._placed.append(Placed(word, pen_px))
        self._pen_px = pen_px + word.advance_px + unit.spaces * self._typesetter.space_px
        self.text += unit.text + " " * unit.spaces


class OpenMixedLine:
    """The line being filled, of text that runs from right to left, at least in parts."""

    def __init__(self, typesetter: Typesetter, width_px: int) -> None:
        self._typesetter = typesetter
        self._width_px = width_px
        self._pen_px = 0
        self._pieces: list[Piece] = []
        self.text = ""

    def take(self, unit: Unit) -> bool:
        """Add the unit and the spaces behind it, if there is room for the unit."""
        if measure(set_unit(unit, self._typesetter), self._pen_px)[0] > self._width_px:
            return False
        self.force(unit)
        return True

    def force(self, unit: Unit) -> None:
        """Add the unit and the spaces behind it, room or not."""
        pieces = set_unit(unit, self._typesetter)
        _, pen_px = measure(pieces, self._pen_px)
        self._pieces += pieces
        if unit.spaces:
            spaces = self._typesetter.set_word(" " * unit.spaces)
            self._pieces.append(Piece(spaces, unit.levels[-1], is_space=True))
        self._pen_px = pen_px + unit.spaces * self._typesetter.space_px
        self.text += unit.text + " " * unit.spaces

    def close(self) -> Line:
        """The line as the eye meets it; spaces at its end hang over."""
        while self._pieces and self._pieces[-1].is_space:
            del self._pieces[-1]
        pen_px = 0
        placed = []
        for piece in reorder(self._pieces, attrgetter("level")):
            if not piece.is_space:
                pen_px = max(pen_px, -piece.word.left_px)
                placed.append(Placed(piece.word, pen_px))
            pen_px += piece.word.advance_px
        return Line(self.text, tuple(placed))


def set_unit(unit: Unit, typesetter: Typesetter) -> list[Piece]:
    """The words of a unit with levels, in the order of the text: one, unless it runs in both directions."""
    pieces = []
    for level, letters in groupby(zip(unit.text, unit.levels, strict=False), itemgetter(1)):
        text = "".join(letter for letter, _ in letters)
        word = typesetter.set_word(text, right_to_left=True) if level % 2 else typesetter.set_word(text)
        pieces.append(Piece(word, level))
    return pieces


def measure(pieces: Sequence[Piece], pen_px: int = 0) -> tuple[int, int]:
    """Where the ink of pieces ends that are set from `pen_px` on, and where the pen is then."""
    end_px = pen_px
    for piece in pieces:
        pen_px = max(pen_px, -piece.word.left_px)
        end_px = max(end_px, pen_px + piece.word.right_px)
        pen_px += piece.word.advance_px
    return end_px, pen_px
