"""A finite-state transducer from the standard Huffman tables to others (T.81 section F.1).

Its input is the bytes of a scan, its output the bits of the same scan with the other tables. A state
is what the bytes so far left unfinished: the first bits of a code, or a number of additional bits
still to come. Transitions are computed on first use and cached.
"""

from functools import lru_cache
from sys import intern
from typing import NamedTuple, TypeAlias

from captiond.imaging.errors import JpegError, MalformedJpeg, MissingHuffmanCode
from captiond.imaging.jpeg.huffman import (
    END_OF_BLOCK,
    MAX_CODE_BITS,
    ac_symbol_name,
    dc_symbol_name,
    end_of_block_code,
    huffman_codes,
)

COEFFICIENTS = 63  # AC coefficients of a block
_AMBIGUOUS = COEFFICIENTS  # coefficients of a byte that is valid only if a full block ends in it
_CACHED_TABLES = 16  # pairs of tables; the transitions of one take about two megabytes
_MAX_STEPS = 1024  # per state: one for each byte, and the first ones of full blocks

Step: TypeAlias = tuple[str, "State", int, str | None]
"""A transition: output, next state, AC coefficients decoded, and, if the block ends, the bits after its end.

At the end of a block the next state is this transducer's start; the next block may use another transducer."""


class State(dict[int, Step]):
    """The cached transitions of a state.

    The key is the byte. Where the block may be full before the byte ends, the key is the byte plus
    256 times one more than the AC coefficients decoded so far.
    """

    def __init__(self, transducer: "Transducer", position: "_Position") -> None:
        super().__init__()
        self._transducer = transducer
        self._position = position

    def __missing__(self, key: int) -> Step:
        coefficient, byte = divmod(key, 256)
        try:
            step = self.walk(f"{byte:08b}", max(0, coefficient - 1))
        except JpegError:
            if coefficient:
                raise
            step = ("", self, _AMBIGUOUS, None)
        if len(self) < _MAX_STEPS:
            self[key] = step
        return step

    def walk(self, bits: str, decoded: int) -> Step:
        """The transition for some bits after `decoded` AC coefficients of a block. Raises JpegError."""
        return self._transducer.walk(self._position, bits, decoded)

    def is_padding(self) -> bool:
        """Whether only the ones that pad the last byte (F.1.2.3) are unfinished: they start no code."""
        is_dc, code, additional = self._position
        return is_dc and not additional and len(code) < 8 and "0" not in code  # noqa: PLR2004 - the bits of a byte


class _Position(NamedTuple):
    """The position in a block at which a byte ends."""

    is_dc: bool = True
    code: str = ""  # the first bits of an unfinished code
    additional: int = 0  # additional bits still to come


class Transducer:
    """Recodes the blocks of a component. Raises MissingHuffmanCode, MalformedJpeg."""

    def __init__(self, standard: tuple[bytes, bytes], own: tuple[bytes, bytes]) -> None:
        """Take pairs of a DC and an AC table."""
        self._dc = _CodePair(standard[0], own[0])
        self._ac = _CodePair(standard[1], own[1])
        if 0 not in self._dc.own:  # every strip needs this one and the end of block, for its blank blocks
            raise MissingHuffmanCode(dc_symbol_name(0))
        end_of_block_code(own[1])
        self._states: dict[_Position, State] = {}
        self.start = self._at(_Position())

    def walk(self, position: _Position, bits: str, decoded: int) -> Step:
        """The transition from a position; see State.walk."""
        is_dc, code, additional = position
        first = decoded
        rest = code + bits
        out: list[str] = []
        is_end = False
        while True:
            out.append(rest[:additional])
            rest, additional = rest[additional:], max(0, additional - len(rest))
            if additional:
                break
            if is_end or decoded == COEFFICIENTS:
                return intern("".join(out)), self.start, decoded - first, intern(rest)
            code, symbol = (self._dc if is_dc else self._ac).find(rest)
            if not code:
                break
            out.append(self._own_code(symbol, is_dc=is_dc))
            rest, additional = rest[len(code) :], symbol & 15
            is_end = not is_dc and symbol == END_OF_BLOCK
            decoded += 0 if is_dc or is_end else (symbol >> 4) + 1
            is_dc = False
        return intern("".join(out)), self._at(_Position(is_dc, rest, additional)), decoded - first, None

    def _own_code(self, symbol: int, *, is_dc: bool) -> str:
        codes = (self._dc if is_dc else self._ac).own
        if symbol not in codes:
            raise MissingHuffmanCode((dc_symbol_name if is_dc else ac_symbol_name)(symbol))
        return codes[symbol]

    def _at(self, position: _Position) -> State:
        return self._states.setdefault(position, State(self, position))


class _CodePair:
    """The symbols of a standard table by their codes, and the codes of the photo's table."""

    def __init__(self, standard: bytes, own: bytes) -> None:
        self._symbols = {code: symbol for symbol, code in huffman_codes(standard).items()}
        self.own = huffman_codes(own)

    def find(self, bits: str) -> tuple[str, int]:
        """The first code of some bits and its symbol, or an empty code if it is incomplete."""
        for length in range(2, len(bits) + 1):
            symbol = self._symbols.get(bits[:length])
            if symbol is not None:
                return bits[:length], symbol
        if len(bits) >= MAX_CODE_BITS:
            raise MalformedJpeg("corrupt entropy-coded data")
        return "", 0


@lru_cache(_CACHED_TABLES)
def make_transducer(standard: tuple[bytes, bytes], own: tuple[bytes, bytes]) -> Transducer:
    """The transducer for pairs of a DC and an AC table. Raises MissingHuffmanCode."""
    return Transducer(standard, own)
