"""Bytes of a scan in the standard Huffman tables -> bits of the same scan in others (T.81 annex F.1).

A finite-state transducer: a state is what the bytes so far have left open, a word cut off or bits that are yet to
follow one. What a byte does in a state is found out once and remembered.
"""

from functools import lru_cache
from sys import intern
from typing import NamedTuple, TypeAlias

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.huffman import LENGTHS, code_words, end_of_block

COEFFICIENTS = 63  # AC, of a block
_UNSURE = COEFFICIENTS  # passed by a byte that makes sense only if a block ends in it unsaid
_END_OF_BLOCK = 0x00  # F.1.2.2.1
_REMEMBERED = 16  # pairs of tables; the steps of one take about two megabytes
_MAX_STEPS = 1024  # of a state: one a byte, and those of full blocks that are seen first

Step: TypeAlias = tuple[str, "State", int, str | None]
"""What bits become, the state they lead to, the AC coefficients they pass, and, if the block ends, the bits behind it.

Then the state is the start of the same table; the next block may have another."""


class State(dict[int, Step]):
    """The steps known from where a scan was cut off: before a word, or before bits that follow one.

    The key is the byte; or, where the block may be full before its end, the byte and 256 times one more than the AC
    coefficients passed so far.
    """

    def __init__(self, code: "Code", place: "_Place") -> None:
        super().__init__()
        self._code = code
        self._place = place

    def __missing__(self, key: int) -> Step:
        coefficient, byte = divmod(key, 256)
        try:
            step = self.walk(f"{byte:08b}", max(0, coefficient - 1))
        except NotSpliceable:
            if coefficient:
                raise
            step = ("", self, _UNSURE, None)
        if len(self) < _MAX_STEPS:
            self[key] = step
        return step

    def walk(self, bits: str, passed: int) -> Step:
        """What bits do `passed` AC coefficients behind the DC of their block; raises NotSpliceable."""
        return self._code.walk(self._place, bits, passed)

    def is_padding(self) -> bool:
        """Whether nothing is open but the ones that fill up a byte (F.1.2.3): no word is made of them."""
        is_dc, word, following = self._place
        return is_dc and not following and len(word) < 8 and "0" not in word  # noqa: PLR2004 - the bits of a byte


class _Place(NamedTuple):
    """Where in a block a scan was cut off."""

    is_dc: bool = True
    word: str = ""  # its first bits
    following: int = 0  # bits still to come behind a word


class Code:
    """The standard tables of a component and a photo's own; raises NotSpliceable for a missing word."""

    def __init__(self, standard: tuple[bytes, bytes], own: tuple[bytes, bytes]) -> None:
        self._dc = _Words(standard[0], own[0], "DC size {}")
        self._ac = _Words(standard[1], own[1], "AC symbol {:02x}")
        self._dc.own(0)  # no strip does without these two: what is blank is made of them
        end_of_block(own[1])
        self._states: dict[_Place, State] = {}
        self.start = self._at(_Place())

    def walk(self, place: _Place, bits: str, passed: int) -> Step:
        """What bits do at a place."""
        is_dc, word, following = place
        first = passed
        rest = word + bits
        out: list[str] = []
        is_end = False
        while True:
            out.append(rest[:following])
            rest, following = rest[following:], max(0, following - len(rest))
            if following:
                break
            if is_end or passed == COEFFICIENTS:
                return intern("".join(out)), self.start, passed - first, intern(rest)
            word, symbol = (self._dc if is_dc else self._ac).find(rest)
            if not word:
                break
            out.append((self._dc if is_dc else self._ac).own(symbol))
            rest, following = rest[len(word) :], symbol & 15
            is_end = not is_dc and symbol == _END_OF_BLOCK
            passed += 0 if is_dc or is_end else (symbol >> 4) + 1
            is_dc = False
        return intern("".join(out)), self._at(_Place(is_dc, rest, following)), passed - first, None

    def _at(self, place: _Place) -> State:
        return self._states.setdefault(place, State(self, place))


class _Words:
    """Words of a standard table, and the photo's words for the same symbols."""

    def __init__(self, standard: bytes, own: bytes, name: str) -> None:
        self._symbols = {word: symbol for symbol, word in code_words(standard).items()}
        self._own = code_words(own)
        self._name = name

    def find(self, bits: str) -> tuple[str, int]:
        """The word that the bits begin with, and its symbol; no word if it is cut off."""
        for length in range(2, len(bits) + 1):
            symbol = self._symbols.get(bits[:length])
            if symbol is not None:
                return bits[:length], symbol
        if len(bits) >= LENGTHS:
            raise NotSpliceable("no word of the standard Huffman tables")
        return "", 0

    def own(self, symbol: int) -> str:
        """The photo's word for a symbol; raises NotSpliceable."""
        if symbol not in self._own:
            raise NotSpliceable(f"its Huffman tables lack {self._name.format(symbol)}")
        return self._own[symbol]


@lru_cache(_REMEMBERED)
def make_code(standard: tuple[bytes, bytes], own: tuple[bytes, bytes]) -> Code:
    """A component's code, with the steps it knows; raises NotSpliceable."""
    return Code(standard, own)
