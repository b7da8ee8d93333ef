"""Right-to-left text: embedding levels and the visual order of a line (UAX #9).

Explicit embeddings and isolates (X1 to X8) are not looked at: a caption is a sentence or two,
and the implicit rules set it right.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

_Piece = TypeVar("_Piece")

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_LETTERS = {"L": 0, "R": 1, "AL": 1}
_NUMBERS = frozenset({"EN", "AN"})
_NOT_SEEN = frozenset({"NSM", "BN", "LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_SEPARATORS = {"ES": frozenset({"EN"}), "CS": _NUMBERS}
_STRONG = frozenset({"L", "R"})
_SETTLED = _STRONG | _NUMBERS
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def resolve_levels(paragraph: str) -> list[int] | None:
    """The level of each character, odd where it runs from right to left; None if none does."""
    if not _RIGHT_TO_LEFT.search(paragraph):
        return None
    kinds = [unicodedata.bidirectional(character) or "L" for character in paragraph]
    base = next((_LETTERS[kind] for kind in kinds if kind in _LETTERS), 0)  # P2, P3
    direction = "R" if base else "L"
    _resolve_weak(kinds, direction)
    _resolve_brackets(paragraph, kinds, direction)
    _resolve_neutral(kinds, direction)
    return [_implicit_level(kind, base) for kind in kinds]


def reorder(pieces: Sequence[_Piece], level_of: Callable[[_Piece], int]) -> list[_Piece]:
    """The pieces of a line as they stand from left to right (L2)."""
    ordered = list(pieces)
    highest = max(map(level_of, pieces), default=0)
    for level in range(highest, 0, -1):
        turned: list[_Piece] = []
        for is_turned, group in groupby(ordered, key=lambda piece: level_of(piece) >= level):
            run = list(group)
            turned += run[::-1] if is_turned else run
        ordered = turned
    return ordered


def _resolve_weak(kinds: list[str], direction: str) -> None:
    """W1 to W7: marks, numbers and what belongs to numbers."""
    for at, kind in enumerate(kinds):
        if kind in _NOT_SEEN:
            kinds[at] = kinds[at - 1] if at else direction
    strong = direction
    for at, kind in enumerate(kinds):
        if kind in _LETTERS:
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[at] = "AN"
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    _join_separators(kinds)
    _join_terminators(kinds)
    strong = direction
    for at, kind in enumerate(kinds):
        if kind in _STRONG:
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[at] = "L"


def _join_separators(kinds: list[str]) -> None:
    """W4: a sign or comma between two numbers is part of them."""
    for at in range(1, len(kinds) - 1):
        before, kind, after = kinds[at - 1 : at + 2]
        if before == after and before in _SEPARATORS.get(kind, ()):
            kinds[at] = before


def _join_terminators(kinds: list[str]) -> None:
    """W5: currency and percent signs beside a number are part of it."""
    start = 0
    for kind, group in groupby(kinds.copy()):
        end = start + len(list(group))
        if kind == "ET" and "EN" in (*kinds[start - 1 : start], *kinds[end : end + 1]):
            kinds[start:end] = ["EN"] * (end - start)
        start = end


def _resolve_brackets(paragraph: str, kinds: list[str], direction: str) -> None:
    """N0: a pair of brackets runs with the paragraph, or with what is in and before it."""
    for start, end in sorted(_bracket_pairs(paragraph, kinds)):
        inside = {_side(kind) for kind in kinds[start:end] if kind in _SETTLED}
        if inside:
            before = [_side(kind) for kind in kinds[:start] if kind in _SETTLED]
            follows = direction not in inside and before and before[-1] != direction
            kinds[start] = kinds[end] = before[-1] if follows else direction


def _bracket_pairs(paragraph: str, kinds: list[str]) -> Iterator[tuple[int, int]]:
    opened: list[tuple[str, int]] = []
    for at, character in enumerate(paragraph):
        if kinds[at] == "ON" and character in _BRACKETS:
            opened.append((_BRACKETS[character], at))
        elif character in [closing for closing, _ in opened]:
            while opened[-1][0] != character:
                del opened[-1]
            yield opened.pop()[1], at


def _resolve_neutral(kinds: list[str], direction: str) -> None:
    """N1 and N2: what has no direction takes that of both its neighbours, or the paragraph's."""
    start = 0
    before = direction
    for settled, group in groupby(kinds.copy(), key=_SETTLED.__contains__):
        end = start + len(list(group))
        if settled:
            before = _side(kinds[end - 1])
        else:
            after = _side(kinds[end]) if end < len(kinds) else direction
            kinds[start:end] = [before if before == after else direction] * (end - start)
        start = end


def _side(kind: str) -> str:
    return "L" if kind == "L" else "R"


def _implicit_level(kind: str, base: int) -> int:
    """I1 and I2."""
    if kind in _NUMBERS:
        return 2
    return base + ((kind == "R") != base)
