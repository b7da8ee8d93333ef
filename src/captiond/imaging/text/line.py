"""Lines of text: glyph runs side by side, in visual order."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from captiond.imaging.text.bidi import reorder
from captiond.imaging.text.glyph_run import GlyphRun
from captiond.imaging.text.segmentation import SOFT_HYPHEN, Unit
from captiond.imaging.text.shaping import TextShaper


class PlacedRun(NamedTuple):
    """The position of a pen, relative to the left end of the line, and its run."""

    pen_px: int
    run: GlyphRun


class LogicalRun(NamedTuple):
    """A run in the order of the text, with its embedding level (UAX #9), which is odd for right-to-left."""

    run: GlyphRun
    level: int
    is_space: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its text, and its runs from left to right. No ink lies left of the line."""

    text: str
    runs: tuple[PlacedRun, ...]

    @property
    def width_px(self) -> int:
        """The end of the last ink or advance."""
        return max([placed.pen_px + placed.run.right_px for placed in self.runs], default=0)

    @property
    def top_px(self) -> int:
        """The top of the ink relative to the baseline; negative is above."""
        return min([placed.run.top_px for placed in self.runs], default=0)

    @property
    def bottom_px(self) -> int:
        """The bottom of the ink relative to the baseline."""
        return max([placed.run.bottom_px for placed in self.runs], default=0)

    def with_right_column(self, column: "Line", width_px: int) -> "Line":
        """Return a line that also has another one at the right end of `width_px`."""
        start_px = width_px - column.width_px
        moved = [PlacedRun(start_px + pen_px, run) for pen_px, run in column.runs]
        return Line(f"{self.text}\t{column.text}", (*self.runs, *moved))


class LineBuilder:
    """Fills a line with units."""

    def __init__(self, shaper: TextShaper, width_px: int) -> None:
        self._shaper = shaper
        self._width_px = width_px
        self._pen_px = 0
        self._runs: list[LogicalRun] = []
        self._hyphen: list[LogicalRun] = []
        self.text = ""

    def add(self, unit: Unit, *, force: bool = False) -> bool:
        """Append the unit and the spaces after it if the unit fits, or anyway if forced. Return whether it did.

        A unit that ends with a soft hyphen fits if a hyphen does, too.
        """
        runs, hyphen = shape_unit(unit, self._shaper), shape_hyphen(unit, self._shaper)
        end_px, pen_px = measure(runs, self._pen_px)
        if max(end_px, measure(hyphen, pen_px)[0]) > self._width_px and not force:
            return False
        self._runs += runs
        self._hyphen = hyphen
        if unit.spaces:
            level = unit.levels[-1] if unit.levels else 0
            self._runs.append(LogicalRun(self._shaper.shape(" " * unit.spaces), level, is_space=True))
        self._pen_px = pen_px + unit.spaces * self._shaper.space_px
        self.text += unit.text + " " * unit.spaces
        return True

    def break_line(self) -> Line:
        """The line, with a hyphen if it ends with a soft hyphen, and if the hyphen fits."""
        if measure(self._hyphen, self._pen_px)[0] <= self._width_px:
            self._runs += self._hyphen
        return self.build()

    def build(self) -> Line:
        """The line in visual order. Trailing spaces overhang: they do not count."""
        while self._runs and self._runs[-1].is_space:
            del self._runs[-1]
        pen_px = 0
        placed = []
        for run, _, is_space in reorder(self._runs, attrgetter("level")):
            if not is_space:
                pen_px = max(pen_px, -run.left_px)
                placed.append(PlacedRun(pen_px, run))
            pen_px += run.advance_px
        return Line(self.text, tuple(placed))


def shape_unit(unit: Unit, shaper: TextShaper) -> list[LogicalRun]:
    """The runs of a unit in the order of its text, one for each direction. Soft hyphens have no ink."""
    if not unit.levels:
        return [LogicalRun(shaper.shape(unit.text.replace(SOFT_HYPHEN, "")), 0)]
    runs = []
    for level, letters in groupby(zip(unit.text, unit.levels, strict=False), itemgetter(1)):
        text = "".join(letter for letter, _ in letters if letter != SOFT_HYPHEN)
        run = shaper.shape(text, right_to_left=True) if level % 2 else shaper.shape(text)
        runs.append(LogicalRun(run, level))
    return runs


def shape_hyphen(unit: Unit, shaper: TextShaper) -> list[LogicalRun]:
    """The hyphen to draw if the line breaks after the unit, or nothing."""
    if unit.spaces or not unit.text.endswith(SOFT_HYPHEN):
        return []
    return [LogicalRun(shaper.shape("-"), unit.levels[len(unit.text) - 1] if unit.levels else 0)]


def measure(runs: Sequence[LogicalRun], pen_px: int = 0) -> tuple[int, int]:
    """The end of the ink of runs that start at `pen_px`, and the position of the pen after them."""
    end_px = pen_px
    for run, _, _ in runs:
        pen_px = max(pen_px, -run.left_px)
        end_px = max(end_px, pen_px + run.right_px)
        pen_px += run.advance_px
    return end_px, pen_px
