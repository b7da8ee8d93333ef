"""Splits a description at the hits of a search, which ignores case."""

from collections.abc import Iterator
from itertools import accumulate

from captiond.archive.records import fold

Part = tuple[str, bool]
"""A part of a text, and whether it is a hit."""


def split_at_hits(text: str, searched: str) -> tuple[Part, ...]:
    """Return the parts of `text` in order. Joined, they are the text.

    A hit is what the archive finds: the folded text contains the folded search. If a hit starts or ends within what
    one character is folded to, such as the "s" of "ß", the whole character belongs to it.
    """
    folded, wanted = fold(text), fold(searched)
    if not wanted or wanted not in folded:
        return ((text, False),) if text else ()
    bounds = _find_bounds(text, folded)
    parts: list[Part] = []
    end = 0
    for start, stop in _find_spans(folded, wanted, bounds):
        parts += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return tuple(part for part in [*parts, (text[end:], False)] if part[0])


def _find_spans(folded: str, wanted: str, bounds: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each hit in the original text; they do not overlap."""
    starts, end, position = sorted(bounds), 0, folded.find(wanted)
    while position >= 0:
        after = position + len(wanted)
        first = max(bounds[start] for start in starts if start <= position)
        last = min(bounds[start] for start in starts if start >= after)
        yield max(first, end), last
        end = last
        position = folded.find(wanted, after)


def _find_bounds(text: str, folded: str) -> dict[int, int]:
    """Return the positions of the original text by those of the folded one, where both texts can be split."""
    each = [fold(character) for character in text]
    if "".join(each) == folded:
        return dict(zip(accumulate(map(len, each), initial=0), range(len(text) + 1), strict=True))
    # Characters are composed or reordered: only some places separate the folded text, too.
    bounds = {}
    for position in range(len(text) + 1):
        before = fold(text[:position])
        if before + fold(text[position:]) == folded:
            bounds[len(before)] = position
    return bounds
