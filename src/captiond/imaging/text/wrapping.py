"""Text -> lines no wider than the strip: whole words first, whole grapheme clusters always."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from captiond.imaging.text.bidi import resolve_levels
from captiond.imaging.text.line import Line, OpenLine, OpenMixedLine, measure, set_unit
from captiond.imaging.text.segmentation import Unit, clean_text, split_clusters, split_units
from captiond.imaging.text.shaping import Typesetter


def wrap_text(text: str, typesetter: Typesetter, width_px: int) -> list[Line]:
    """Break a text into lines; only a single cluster wider than `width_px` makes a wider line."""
    lines: list[Line] = []
    for paragraph in clean_text(text).split("\n"):
        lines.extend(_wrap_paragraph(paragraph, typesetter, width_px))
    return lines


def _wrap_paragraph(paragraph: str, typesetter: Typesetter, width_px: int) -> Iterator[Line]:
    levels = resolve_levels(paragraph)
    open_line = OpenMixedLine if levels else OpenLine
    units = _direct(split_units(paragraph), levels) if levels else split_units(paragraph)
    line = open_line(typesetter, width_px)
    for unit in units:
        if line.take(unit):
            continue
        for piece in _cut_to_width(unit, typesetter, width_px):
            if not line.take(piece):
                if line.text:
                    yield line.close()
                    line = open_line(typesetter, width_px)
                line.force(piece)
    yield line.close()


def _direct(units: Iterable[Unit], levels: list[int]) -> Iterator[Unit]:
    """The units of a paragraph with the levels of its characters."""
    end = 0
    for unit in units:
        start, end = end, end + len(unit.text) + unit.spaces
        yield unit._replace(levels=tuple(levels[start:end]))


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
