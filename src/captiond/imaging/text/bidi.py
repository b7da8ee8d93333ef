"""The Unicode Bidirectional Algorithm (UAX #9): embedding levels, and the visual order of a line.

Rules X1 to X8 are not needed: `clean_text` removes embeddings, overrides and isolates.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

_Run = TypeVar("_Run")

_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Values of the property Bidi_Class, UAX #9 table 4.
_LETTERS = {"L": 0, "R": 1, "AL": 1}
_NUMBERS = frozenset({"EN", "AN"})
_TRANSPARENT = frozenset({"NSM", "BN"})
_SEPARATORS = {"ES": frozenset({"EN"}), "CS": _NUMBERS}
_STRONG = frozenset({"L", "R"})
_DIRECTIONAL = _STRONG | _NUMBERS
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def resolve_levels(paragraph: str) -> list[int] | None:
    """The embedding level of each character, odd for right-to-left; None if the paragraph has no such text."""
    if not _RIGHT_TO_LEFT.search(paragraph):
        return None
    classes = [unicodedata.bidirectional(character) or "L" for character in paragraph]
    base = next((_LETTERS[class_] for class_ in classes if class_ in _LETTERS), 0)  # P2, P3
    direction = "R" if base else "L"
    _resolve_weak(classes, direction)
    _resolve_brackets(paragraph, classes, direction)
    _resolve_neutral(classes, direction)
    return [_implicit_level(class_, base) for class_ in classes]


def reorder(runs: Sequence[_Run], level_of: Callable[[_Run], int]) -> list[_Run]:
    """The runs of a line from left to right (L2)."""
    ordered = list(runs)
    highest = max(map(level_of, runs), default=0)
    for level in range(highest, 0, -1):
        reversed_: list[_Run] = []
        for is_reversed, group in groupby(ordered, key=lambda run: level_of(run) >= level):
            sequence = list(group)
            reversed_ += sequence[::-1] if is_reversed else sequence
        ordered = reversed_
    return ordered


def _resolve_weak(classes: list[str], direction: str) -> None:
    """W1 to W7: marks, numbers, and the separators and terminators of numbers."""
    for at, class_ in enumerate(classes):
        if class_ in _TRANSPARENT:
            classes[at] = classes[at - 1] if at else direction
    strong = direction
    for at, class_ in enumerate(classes):
        if class_ in _LETTERS:
            strong = class_
        elif class_ == "EN" and strong == "AL":
            classes[at] = "AN"
    classes[:] = ["R" if class_ == "AL" else class_ for class_ in classes]
    _resolve_separators(classes)
    _resolve_terminators(classes)
    strong = direction
    for at, class_ in enumerate(classes):
        if class_ in _STRONG:
            strong = class_
        elif class_ == "EN" and strong == "L":
            classes[at] = "L"


def _resolve_separators(classes: list[str]) -> None:
    """W4: a single separator between two numbers of one class takes that class."""
    for at in range(1, len(classes) - 1):
        before, class_, after = classes[at - 1 : at + 2]
        if before == after and before in _SEPARATORS.get(class_, ()):
            classes[at] = before


def _resolve_terminators(classes: list[str]) -> None:
    """W5: currency and percent signs next to a European number take its class."""
    start = 0
    for class_, group in groupby(classes.copy()):
        end = start + len(list(group))
        if class_ == "ET" and "EN" in (*classes[start - 1 : start], *classes[end : end + 1]):
            classes[start:end] = ["EN"] * (end - start)
        start = end


def _resolve_brackets(paragraph: str, classes: list[str], direction: str) -> None:
    """N0: paired brackets take the paragraph's direction, or that of their content and context."""
    for start, end in sorted(_bracket_pairs(paragraph, classes)):
        inside = {_direction(class_) for class_ in classes[start:end] if class_ in _DIRECTIONAL}
        if inside:
            before = [_direction(class_) for class_ in classes[:start] if class_ in _DIRECTIONAL]
            takes_context = direction not in inside and before and before[-1] != direction
            classes[start] = classes[end] = before[-1] if takes_context else direction


def _bracket_pairs(paragraph: str, classes: list[str]) -> Iterator[tuple[int, int]]:
    """BD16, for the brackets of ASCII."""
    opened: list[tuple[str, int]] = []
    for at, character in enumerate(paragraph):
        if classes[at] == "ON" and character in _BRACKETS:
            opened.append((_BRACKETS[character], at))
        elif character in [closing for closing, _ in opened]:
            while opened[-1][0] != character:
                del opened[-1]
            yield opened.pop()[1], at


def _resolve_neutral(classes: list[str], direction: str) -> None:
    """N1, N2: neutrals take the direction of both their neighbours if these agree, else the paragraph's."""
    start = 0
    before = direction
    for is_directional, group in groupby(classes.copy(), key=_DIRECTIONAL.__contains__):
        end = start + len(list(group))
        if is_directional:
            before = _direction(classes[end - 1])
        else:
            after = _direction(classes[end]) if end < len(classes) else direction
            classes[start:end] = [before if before == after else direction] * (end - start)
        start = end


def _direction(class_: str) -> str:
    return "L" if class_ == "L" else "R"


def _implicit_level(class_: str, base: int) -> int:
    """I1 and I2."""
    if class_ in _NUMBERS:
        return 2
    return base + ((class_ == "R") != base)
