"""Segments text into units for line breaking (UAX #14) and into grapheme clusters (UAX #29)."""

import re
import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import regex  # type: ignore[import-untyped]  # ships no types
from uniseg.linebreak import line_break_units  # type: ignore[import-untyped]  # ships no types

_HARD_BREAKS = re.compile("\r\n|[\v\f\r\x1c-\x1e\x85\u2028\u2029]")
SOFT_HYPHEN = "\N{SOFT HYPHEN}"
# C0, C1, and the embeddings, overrides and isolates of UAX #9. With these, a caption could show a text in another order
# than it is stored, such as the digits of a licence plate. The implicit rules order right-to-left text without them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u206f]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_CHUNKS = re.compile("[^ ]+ *| +")
# Words of alphabets that break at spaces only, by far the most common case:
# uniseg implements UAX #14 in Python and takes 60 us per character.
_ALPHABETS = "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0386-\u0481\u048a-\u0556"
_SIMPLE = rf"[(«\"]*+[{_ALPHABETS}]++(?:[.,:;][{_ALPHABETS}]++)*+[.,:;!?)»\"\N{{HORIZONTAL ELLIPSIS}}]*+"
_SIMPLE_WORD = re.compile(_SIMPLE)
_SIMPLE_TEXT = re.compile(f"(?:{_SIMPLE} ++)*+(?:{_SIMPLE})?")
_WORDS = re.compile("([^ ]+)( *)")


class Unit(NamedTuple):
    """Text without a line break opportunity, and the number of spaces after it, which may overhang."""

    text: str
    spaces: int = 0
    levels: tuple[int, ...] = ()  # embedding levels of text and spaces (UAX #9); empty if all are zero


def clean_text(text: str) -> str:
    """Normalise to NFC, and replace or remove all control characters but line feeds and tabs, and the bidi controls."""
    if not text.isprintable():
        text = _HARD_BREAKS.sub("\n", text)
        text = _CONTROLS.sub("", _LONE_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text))
    return unicodedata.normalize("NFC", text)


def split_units(paragraph: str) -> list[Unit]:
    """The units of a text without hard breaks. Concatenated with their spaces they are that text."""
    if _SIMPLE_TEXT.fullmatch(paragraph):
        return [Unit(word, len(spaces)) for word, spaces in _WORDS.findall(paragraph)]
    chunks: list[str] = _CHUNKS.findall(paragraph)
    words = [chunk.rstrip(" ") for chunk in chunks]
    simple = [_SIMPLE_WORD.fullmatch(word) is not None for word in words]
    units: list[Unit] = []
    unbroken = ""
    for at, (chunk, word) in enumerate(zip(chunks, words, strict=True)):
        *inner, last = (word,) if simple[at] else _split_word(word)
        if inner:
            units.append(Unit(unbroken + inner[0]))
            units.extend(Unit(text) for text in inner[1:])
            unbroken = ""
        is_end = at + 1 == len(chunks)
        if is_end or (simple[at] and simple[at + 1]) or _breaks_after_space(word, words[at + 1]):
            units.append(Unit(unbroken + last, len(chunk) - len(word)))
            unbroken = ""
        else:
            unbroken += last + chunk[len(word) :]
    return units


def split_clusters(text: str) -> list[str]:
    """The extended grapheme clusters of a text, which readers perceive as characters."""
    clusters: list[str] = regex.findall(r"\X", text)
    return clusters


@lru_cache(maxsize=4096)
def _split_word(word: str) -> tuple[str, ...]:
    """Split a word where UAX #14 and UAX #29 both allow it. The result has at least one string, maybe empty."""
    cluster_ends = set(accumulate(map(len, split_clusters(word))))
    units = [""]
    end = 0
    for unit in line_break_units(word):
        if end in cluster_ends:
            units.append(unit)
        else:
            units[-1] += unit
        end += len(unit)
    return tuple(units)


@lru_cache(maxsize=4096)
def _breaks_after_space(word: str, following: str) -> bool:
    """Whether a line may break at the spaces between two words."""
    if split_clusters(" " + following)[0] != " ":
        return False
    ends = accumulate(map(len, line_break_units(f"{word} {following}")))
    return len(word) + 1 in ends
