"""Text -> units between which a line may be broken (UAX #14), and grapheme clusters (UAX #29)."""

import re
import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import regex  # type: ignore[import-untyped]  # ships no types
from uniseg.linebreak import line_break_units  # type: ignore[import-untyped]  # ships no types

_HARD_BREAKS = re.compile("\r\n|[\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_TAB = " " * 4
_HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # whatever the four above look for
_CHUNKS = re.compile("[^ ]+ *| +")
# Words of alphabets that are parted by spaces and by nothing else, by far the usual case:
# the full algorithm, in pure Python, costs 60 us a character.
_ALPHABETS = "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0386-\u0481\u048a-\u0556"
_PLAIN = rf"[(«\"]*+[{_ALPHABETS}]++(?:[.,:;][{_ALPHABETS}]++)*+[.,:;!?)»\"\N{{HORIZONTAL ELLIPSIS}}]*+"
_PLAIN_WORD = re.compile(_PLAIN)
_PLAIN_TEXT = re.compile(f"(?:{_PLAIN} ++)*+(?:{_PLAIN})?")
_WORDS = re.compile("([^ ]+)( *)")


class Unit(NamedTuple):
    """Text that stays on one line if it can, and the spaces behind it, which may hang over."""

    text: str
    spaces: int = 0
    levels: tuple[int, ...] = ()  # of text and spaces (UAX #9); empty where all are zero


def clean_text(text: str) -> str:
    """NFC text whose only control character is the line feed."""
    if _UNCLEAN.search(text):
        text = _HARD_BREAKS.sub("\n", text).replace("\t", _TAB)
        text = _HARMFUL.sub("", _LONE_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text))
    return unicodedata.normalize("NFC", text)


def split_units(paragraph: str) -> list[Unit]:
    """The units of a text without hard breaks; joined with their spaces they are that text."""
    if _PLAIN_TEXT.fullmatch(paragraph):
        return [Unit(word, len(spaces)) for word, spaces in _WORDS.findall(paragraph)]
    chunks: list[str] = _CHUNKS.findall(paragraph)
    words = [chunk.rstrip(" ") for chunk in chunks]
    plain = [_PLAIN_WORD.fullmatch(word) is not None for word in words]
    units: list[Unit] = []
    glued = ""
    for at, (chunk, word) in enumerate(zip(chunks, words, strict=True)):
        *inner, last = (word,) if plain[at] else _split_word(word)
        if inner:
            units.append(Unit(glued + inner[0]))
            units.extend(Unit(piece) for piece in inner[1:])
            glued = ""
        is_end = at + 1 == len(chunks)
        if is_end or (plain[at] and plain[at + 1]) or _parts_at_space(word, words[at + 1]):
            units.append(Unit(glued + last, len(chunk) - len(word)))
            glued = ""
        else:
            glued += last + chunk[len(word) :]
    return units


def split_clusters(text: str) -> list[str]:
    """What a reader takes for characters (extended grapheme clusters)."""
    clusters: list[str] = regex.findall(r"\X", text)
    return clusters


@lru_cache(maxsize=4096)
def _split_word(word: str) -> tuple[str, ...]:
    """A word cut where both annexes allow it; one piece, maybe empty, at the least."""
    cluster_ends = set(accumulate(map(len, split_clusters(word))))
    pieces = [""]
    end = 0
    for piece in line_break_units(word):
        if end in cluster_ends:
            pieces.append(piece)
        else:
            pieces[-1] += piece
        end += len(piece)
    return tuple(pieces)


@lru_cache(maxsize=4096)
def _parts_at_space(word: str, following: str) -> bool:
    """Whether the spaces between two words allow a break."""
    if split_clusters(" " + following)[0] != " ":
        return False
    ends = accumulate(map(len, line_break_units(f"{word} {following}")))
    return len(word) + 1 in ends
