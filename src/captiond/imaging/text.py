"""Text -> lines no wider than the strip: whole words first, whole grapheme clusters always."""

from bisect import bisect_right
from collections.abc import Iterator

from captiond.imaging.bidi import resolve_levels
from captiond.imaging.breaks import Unit, clean_text, split_clusters, split_units
from captiond.imaging.line import Line, OpenLine, measure, set_unit
from captiond.imaging.typeset import Typesetter


def wrap_text(text: str, typesetter: Typesetter, width_px: int) -> list[Line]:
    """Break a text into lines; only a single cluster wider than `width_px` makes a wider line."""
    lines: list[Line] = []
    for paragraph in clean_text(text).split("\n"):
        lines.extend(_wrap_paragraph(paragraph, typesetter, width_px))
    return lines


def _wrap_paragraph(paragraph: str, typesetter: Typesetter, width_px: int) -> Iterator[Line]:
    line = OpenLine(typesetter, width_px)
    for unit in _units(paragraph):
        for piece in _cut_to_width(unit, typesetter, width_px):
            if not line.take(piece):
                yield line.close()
                line = OpenLine(typesetter, width_px)
                line.take(piece)
    yield line.close()


def _units(paragraph: str) -> list[Unit]:
    """The units, with their direction where the paragraph has any but left to right."""
    units = split_units(paragraph)
    levels = resolve_levels(paragraph)
    if levels is None:
        return units
    directed = []
    end = 0
    for unit in units:
        start, end = end, end + len(unit.text) + unit.spaces
        directed.append(unit._replace(levels=tuple(levels[start:end])))
    return directed


def _cut_to_width(unit: Unit, typesetter: Typesetter, width_px: int) -> Iterator[Unit]:
    """The unit itself if it fits on a line, or else the longest pieces of it that do."""
    if _width_px(unit, typesetter) <= width_px:
        yield unit
        return
    clusters = split_clusters(unit.text)
    while clusters:
        count = _count_fitting(clusters, unit, typesetter, width_px)
        length = sum(map(len, clusters[:count]))
        clusters = clusters[count:]
        yield Unit(unit.text[:length], 0 if clusters else unit.spaces, unit.levels[:length])
        unit = Unit(unit.text[length:], unit.spaces, unit.levels[length:])


def _count_fitting(clusters: list[str], unit: Unit, typesetter: Typesetter, width_px: int) -> int:
    """How many clusters from the start fit, at least one; never measures far past the width."""

    def width(count: int) -> int:
        length = sum(map(len, clusters[:count]))
        return _width_px(Unit(unit.text[:length], levels=unit.levels[:length]), typesetter)

    beyond = 2
    while beyond <= len(clusters) and width(beyond) <= width_px:
        beyond *= 2
    fitting = beyond // 2
    untried = range(fitting + 1, min(beyond, len(clusters) + 1))
    return fitting + bisect_right(untried, width_px, key=width)


def _width_px(unit: Unit, typesetter: Typesetter) -> int:
    if not unit.levels:  # one word
        word = typesetter.set_word(unit.text)
        return max(0, -word.left_px) + word.right_px
    return measure(set_unit(unit, typesetter))[0]
