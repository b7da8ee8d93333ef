"""The tables by which `EntropyDecoder` finds code words (T.81 section F.2.2.3).

A window is the next 16 bits of the scan, as many as the longest code word has. The first number of a table is the first
window whose code word has more than 8 bits. 256 entries follow for the windows below it, by their first 8 bits, and
then one entry for each window from it on.

An entry consists of the symbol (from bit 16), the number of coefficients that it stands for (bits 8 to 15), and the
number of bits of its code word and its value together (bits 0 to 5).

Steps have one number for each window of 10 bits: the number of coefficients (from bit 8) and of bits (bits 0 to 5) of
all symbols whose code words are within it, up to the end of block. 0 is none.

Cython compiles this module to `_native_table`, with the C types of `_native_table.pxd`. Where no compiler is available,
the module runs interpreted with the same results.
"""

from array import array

_BLOCK_END = 128  # coefficients of the end of block: more than may be left
_ZERO_RUN = 0xF0  # F.1.2.2.1
_INVALID = 65 << 8  # entry of no code word: more coefficients than a block has
_WINDOW_BITS, _WINDOWS = 16, 0x1_0000
_SHORT_BITS, _SHORT = 8, 256
_STEP_BITS, _STEPS = 10, 1024
_LAST = 63  # coefficient of a block


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


def make_steps(table: "array[int]") -> "array[int]":
    """The steps of a table of AC symbols."""
    steps = array("I", [0]) * _STEPS
    entries = table  # as C sees them
    numbers = steps
    longer = entries[0]
    for step in range(_STEPS):
        bits = passed = 0
        while bits < _STEP_BITS and passed < _BLOCK_END:
            window = step << (_WINDOW_BITS - _STEP_BITS + bits) & _WINDOWS - 1
            entry = entries[1 + (window >> _SHORT_BITS) if window < longer else 1 + _SHORT + window - longer]
            size = entry & 63
            run = entry >> 8 & 255
            if bits + size - (entry >> 16 & 15) > _STEP_BITS or (passed + run > _LAST and run != _BLOCK_END):
                break
            bits += size
            passed += run
        numbers[step] = passed << 8 | bits
    return steps
