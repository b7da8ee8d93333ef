"""Wraps text into lines that fit the strip, at line break opportunities or else between grapheme clusters."""

from bisect import bisect_right
from collections.abc import Iterator

from captiond.imaging.text.bidi import resolve_levels
from captiond.imaging.text.line import Line, LineBuilder, measure, shape_hyphen, shape_unit
from captiond.imaging.text.segmentation import SOFT_HYPHEN, Unit, clean_text, split_clusters, split_units
from captiond.imaging.text.shaping import TextShaper


def wrap_text(text: str, shaper: TextShaper, width_px: int) -> list[Line]:
    """Break a text into lines. Only a single cluster wider than `width_px` makes a wider line."""
    lines: list[Line] = []
    for paragraph in clean_text(text).split("\n"):
        lines.extend(_wrap_paragraph(paragraph, shaper, width_px))
    return lines


def _wrap_paragraph(paragraph: str, shaper: TextShaper, width_px: int) -> Iterator[Line]:
    line = LineBuilder(shaper, width_px)
    for unit in _add_levels(split_units(paragraph), resolve_levels(paragraph)):
        if line.add(unit):
            continue
        for part in _split_to_width(unit, shaper, width_px):
            if not line.add(part):
                if line.text:
                    yield line.break_line()
                    line = LineBuilder(shaper, width_px)
                line.add(part, force=True)
    yield line.build()


def _add_levels(units: list[Unit], levels: list[int] | None) -> Iterator[Unit]:
    """The units of a paragraph with the embedding levels of their characters."""
    if levels is None:
        yield from units
        return
    end = 0
    for unit in units:
        start, end = end, end + len(unit.text) + unit.spaces
        yield unit._replace(levels=tuple(levels[start:end]))


def _split_to_width(unit: Unit, shaper: TextShaper, width_px: int) -> Iterator[Unit]:
    """The unit itself if it fits on a line, or else the longest parts that do."""
    if _width_px(unit, shaper) <= width_px:
        yield unit
        return
    clusters = split_clusters(unit.text)
    if clusters[-1] == SOFT_HYPHEN:  # it stays with the cluster before it
        clusters[-2:] = ["".join(clusters[-2:])]
    while clusters:
        count = _count_fitting(clusters, unit, shaper, width_px)
        length = sum(map(len, clusters[:count]))
        clusters = clusters[count:]
        yield Unit(unit.text[:length], 0 if clusters else unit.spaces, unit.levels[:length])
        unit = Unit(unit.text[length:], unit.spaces, unit.levels[length:])


def _count_fitting(clusters: list[str], unit: Unit, shaper: TextShaper, width_px: int) -> int:
    """The number of leading clusters that fit, at least one. Measures no text far longer than the width."""

    def width(count: int) -> int:
        length = sum(map(len, clusters[:count]))
        return _width_px(Unit(unit.text[:length], levels=unit.levels[:length]), shaper)

    beyond = 2
    while beyond <= len(clusters) and width(beyond) <= width_px:
        beyond *= 2
    fitting = beyond // 2
    candidates = range(fitting + 1, min(beyond, len(clusters) + 1))
    return fitting + bisect_right(candidates, width_px, key=width)


def _width_px(unit: Unit, shaper: TextShaper) -> int:
    return measure([*shape_unit(unit, shaper), *shape_hyphen(unit, shaper)])[0]
