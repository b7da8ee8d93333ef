"""Huffman decoding by lookahead table (T.81 section F.2.2).

The next 16 bits of a scan, the lookahead, index a table that is filled on demand. Most lookaheads
hold two or three AC symbols, which one step then decodes together.
"""

from bisect import bisect_right
from functools import lru_cache

from captiond.imaging.errors import JpegError, MalformedJpeg, MissingHuffmanCode
from captiond.imaging.jpeg.huffman import (
    END_OF_BLOCK,
    MAX_CODE_BITS,
    MAX_DC_SIZE,
    ac_symbol_name,
    huffman_codes,
)

BLOCK_END = 1 << 10
"""Added to the coefficients of a step that ends its block."""
TOO_LONG = 1 << 12
"""The coefficients of a step whose first symbol does not fit into the lookahead."""

_LOOKAHEAD_BITS = MAX_CODE_BITS
_MASK = (1 << _LOOKAHEAD_BITS) - 1
_CACHED_TABLES = 16  # a decoder takes a few megabytes at most
_MAX_AC_SIZE = 10  # bits, F.1.2.2
_ZERO_RUN, _ZERO_RUN_COEFFICIENTS = 0xF0, 16  # F.1.2.2.1


class _SymbolDecoder:
    """Finds the first symbol of a lookahead."""

    def __init__(self, table: bytes) -> None:
        codes = sorted((code, symbol) for symbol, code in huffman_codes(table).items())
        self._starts = [int(code.ljust(_LOOKAHEAD_BITS, "0"), 2) for code, _ in codes]
        self._symbols = [(len(code), symbol) for code, symbol in codes]

    def first(self, lookahead: int) -> tuple[int, int]:
        """The length in bits of the first code, and its symbol. Raises MalformedJpeg."""
        at = bisect_right(self._starts, lookahead) - 1
        if at < 0 or (lookahead - self._starts[at]) >> (_LOOKAHEAD_BITS - self._symbols[at][0]):
            raise MalformedJpeg("corrupt entropy-coded data")
        return self._symbols[at]


class DcDecoder(dict[int, tuple[int, int]]):
    """Lookahead -> bits to consume and the DC difference, or two zeros where the lookahead is too short."""

    def __init__(self, table: bytes) -> None:
        super().__init__()
        self._symbols = _SymbolDecoder(table)

    def __missing__(self, lookahead: int) -> tuple[int, int]:
        code_bits, size = self._symbols.first(lookahead)
        if size > MAX_DC_SIZE:
            raise MalformedJpeg("corrupt entropy-coded data")
        bits = code_bits + size
        step = (0, 0)
        if bits <= _LOOKAHEAD_BITS:
            step = (bits, _extend((lookahead >> (_LOOKAHEAD_BITS - bits)) & ((1 << size) - 1), size))
        self[lookahead] = step
        return step

    def decode_long(self, lookahead: int, following: int) -> tuple[int, int]:
        """Bits to consume and the DC difference, from the lookahead and the 16 bits that follow it."""
        code_bits, size = self._symbols.first(lookahead)
        value = (lookahead << _LOOKAHEAD_BITS | following) >> (2 * _LOOKAHEAD_BITS - code_bits - size)
        return code_bits + size, _extend(value & ((1 << size) - 1), size)


class AcDecoder(dict[int, tuple[int, int, str]]):
    """Lookahead -> bits and coefficients to consume, and the same coefficients coded with another table.

    See BLOCK_END and TOO_LONG. Raises MalformedJpeg, MissingHuffmanCode.
    """

    def __init__(self, table: bytes, target: bytes) -> None:
        super().__init__()
        self._symbols = _SymbolDecoder(table)
        self._target = huffman_codes(target)

    def __missing__(self, lookahead: int) -> tuple[int, int, str]:
        bits = coefficients = 0
        coded = ""
        while coefficients < BLOCK_END:
            try:
                more, length, text = self.decode_one((lookahead << bits) & _MASK, 0)
            except JpegError:
                if not bits:
                    raise
                break  # the symbol may continue after the lookahead, or belong to the DC of the next block
            if bits + more > _LOOKAHEAD_BITS:
                break
            bits += more
            coefficients += length
            coded += text
        step = (bits, coefficients if bits else TOO_LONG, coded)
        self[lookahead] = step
        return step

    def decode_one(self, lookahead: int, following: int) -> tuple[int, int, str]:
        """Decode the first symbol alone, from the lookahead and the 16 bits that follow it."""
        code_bits, symbol = self._symbols.first(lookahead)
        size, length = _read_ac_symbol(symbol)
        if symbol not in self._target:
            raise MissingHuffmanCode(ac_symbol_name(symbol))
        bits = code_bits + size
        value = (lookahead << _LOOKAHEAD_BITS | following) >> (2 * _LOOKAHEAD_BITS - bits) & ((1 << size) - 1)
        return bits, length, self._target[symbol] + (f"{value:0{size}b}" if size else "")


@lru_cache(_CACHED_TABLES)
def dc_decoder(table: bytes) -> DcDecoder:
    """The decoder of a DC table."""
    return DcDecoder(table)


@lru_cache(_CACHED_TABLES)
def ac_decoder(table: bytes, target: bytes) -> AcDecoder:
    """The decoder of an AC table that recodes with `target`, which may be the same table."""
    return AcDecoder(table, target)


def _read_ac_symbol(symbol: int) -> tuple[int, int]:
    """The number of additional bits of an AC symbol, and of the coefficients it stands for (F.1.2.2)."""
    if symbol == END_OF_BLOCK:
        return 0, BLOCK_END
    if symbol == _ZERO_RUN:
        return 0, _ZERO_RUN_COEFFICIENTS
    run, size = divmod(symbol, 16)
    if not 0 < size <= _MAX_AC_SIZE:
        raise MalformedJpeg("corrupt entropy-coded data")
    return size, run + 1


def _extend(value: int, size: int) -> int:
    """The signed number that `size` additional bits stand for (EXTEND, F.2.2.1)."""
    return value if not size or value >> (size - 1) else value - (1 << size) + 1
