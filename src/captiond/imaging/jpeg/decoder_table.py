"""The tables by which `EntropyDecoder` finds code words (T.81 section F.2.2.3).

A window is the next 16 bits of the scan, as many as the longest code word has. The first number of a table is the first
window whose code word has more than 8 bits. 256 entries follow for the windows below it, by their first 8 bits, and
then one entry for each window from it on.

An entry consists of the symbol (from bit 16), the number of coefficients that it stands for (bits 8 to 15), and the
number of bits of its code word and its value together (bits 0 to 5).

Cython compiles this module to `_native_table`, with the C types of `_native_table.pxd`. Where no compiler is available,
the module runs interpreted with the same results.
"""

from array import array

_BLOCK_END = 128  # coefficients of the end of block: more than may be left
_ZERO_RUN = 0xF0  # F.1.2.2.1
_INVALID = 65 << 8  # entry of no code word: more coefficients than a block has
_WINDOW_BITS, _WINDOWS = 16, 0x1_0000
_SHORT_BITS, _SHORT = 8, 256


def make_table(definition: bytes, valid: "frozenset[int]") -> "array[int]":
    """The decoder's table for a Huffman table (see huffman.py). Symbols that are not valid have no code word."""
    counts = definition[:_WINDOW_BITS]
    longer = _WINDOWS
    if sum(counts[_SHORT_BITS:]):
        longer = sum([count << (_WINDOW_BITS - bits) for bits, count in enumerate(counts[:_SHORT_BITS], 1)])
    table = array("I", [longer]) + array("I", [_INVALID]) * (_SHORT + _WINDOWS - longer)
    entries = table  # as C sees it
    at = 1
    symbols = 0
    for bits in range(1, _WINDOW_BITS + 1):
        width = 1 << (_SHORT_BITS - bits if bits <= _SHORT_BITS else _WINDOW_BITS - bits)
        for _ in range(counts[bits - 1]):
            symbol = definition[_WINDOW_BITS + symbols]
            symbols += 1
            if symbol in valid:
                size = symbol & 15
                run = (symbol >> 4) + 1 if size or symbol == _ZERO_RUN else _BLOCK_END
                for index in range(at, at + width):
                    entries[index] = symbol << 16 | run << 8 | (bits + size)
            at += width
        if bits == _SHORT_BITS:
            at = 1 + _SHORT
    return table
