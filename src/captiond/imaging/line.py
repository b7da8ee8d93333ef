"""One line of text: words set side by side, in the order the eye meets them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from captiond.imaging.bidi import reorder
from captiond.imaging.breaks import Unit
from captiond.imaging.typeset import Typesetter
from captiond.imaging.word import Word


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
        return max((placed.pen_px + placed.word.right_px for placed in self.words), default=0)

    @property
    def top_px(self) -> int:
        """The highest ink, relative to the baseline: negative is above it."""
        return min((placed.word.top_px for placed in self.words), default=0)

    @property
    def bottom_px(self) -> int:
        """The lowest ink, relative to the baseline."""
        return max((placed.word.bottom_px for placed in self.words), default=0)


class OpenLine:
    """The line being filled; an empty one takes anything."""

    def __init__(self, typesetter: Typesetter, width_px: int) -> None:
        self._typesetter = typesetter
        self._width_px = width_px
        self._text = ""
        self._pieces: list[Piece] = []
        self._pen_px = 0

    def take(self, unit: Unit) -> bool:
        """Add the unit and the spaces behind it, unless there is no room for the unit."""
        pieces = set_unit(unit, self._typesetter)
        end_px, pen_px = measure(pieces, self._pen_px)
        if self._pieces and end_px > self._width_px:
            return False
        self._pieces += pieces
        if unit.spaces:
            level = unit.levels[-1] if unit.levels else 0
            self._pieces.append(Piece(self._typesetter.set_word(" " * unit.spaces), level, is_space=True))
        self._pen_px = pen_px + unit.spaces * self._typesetter.space_px
        self._text += unit.text + " " * unit.spaces
        return True

    def close(self) -> Line:
        """The line as it stands; spaces at its end hang over."""
        while self._pieces and self._pieces[-1].is_space:
            del self._pieces[-1]
        pen_px = 0
        placed = []
        for piece in reorder(self._pieces, attrgetter("level")):
            if not piece.is_space:
                pen_px = max(pen_px, -piece.word.left_px)
                placed.append(Placed(piece.word, pen_px))
            pen_px += piece.word.advance_px
        return Line(self._text, tuple(placed))


def set_unit(unit: Unit, typesetter: Typesetter) -> list[Piece]:
    """The unit's words, in the order of the text: one, unless it runs in both directions."""
    if not unit.levels:
        return [Piece(typesetter.set_word(unit.text), 0)]
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
