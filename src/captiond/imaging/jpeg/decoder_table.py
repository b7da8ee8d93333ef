"""The tables by which `EntropyDecoder` finds code words (T.81 section F.2.2.3).

A window is the next 16 bits of the scan, as many as the longest code word has. The first number of a table is the first
window whose code word has more than 8 bits. 256 entries follow for the windows below it, by their first 8 bits, and
then one entry for each window from it on.

An entry consists of the symbol (from bit 16), the number of coefficients that it stands for (bits 8 to 15), and the
number of bits of its code word and its value together (bits 0 to 5).

Steps have one number for each window of 12 bits: the number of coefficients (from bit 8) and of bits (bits 0 to 5) of
all symbols whose code words are within it, up to the end of block, which counts as 129 coefficients. 192 stands for
none. There are two tables of steps, for windows that begin with a DC difference and with an AC symbol. Added to the AC
coefficients before it, a step that may be taken gives 0 to 63 or 129 to 191.

Cython compiles this module to `_native_table`, with the C types of `_native_table.pxd`. Where no compiler is available,
the module runs interpreted with the same results.
"""

from array import array

_BLOCK_END = 128  # coefficients of the end of block: more than may be left
_ZERO_RUN = 0xF0  # F.1.2.2.1
_INVALID = 65 << 8  # entry of no code word: more coefficients than a block has
_WINDOW_BITS, _WINDOWS = 16, 0x1_0000
_SHORT_BITS, _SHORT = 8, 256
_STEP_BITS, _STEPS = 12, 4096
_NO_STEP = 192 << 8
_STEP_END = 129
_MOST = 62  # AC coefficients before an end of block


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


def make_steps(dc: "array[int]", ac: "array[int]") -> "array[int]":
    """The steps of a pair of tables: those from a DC difference on, then those from an AC symbol on."""
    shorter = array("H", bytes(4 * _STEPS))  # the steps of windows of n bits, from index 2**n on
    steps = array("H", bytes(2 * _STEPS))
    for width in range(1, _STEP_BITS + 1):
        _fill(shorter, 1 << width, width, ac, shorter)
    _fill(steps, 0, _STEP_BITS, dc, shorter)
    return steps + shorter[_STEPS:]


def _fill(steps: "array[int]", at: int, width: int, table: "array[int]", shorter: "array[int]") -> None:
    """Set the steps of all windows of some bits: that of the first symbol, with that of the bits after it."""
    longer = table[0]
    window = 0
    while window < 1 << width:
        bits = window << (_WINDOW_BITS - width)
        entry = table[1 + (bits >> _SHORT_BITS) if bits < longer else 1 + _SHORT + bits - longer]
        size = entry & 63
        passed = (entry >> 8 & 255) if at else 0  # a DC difference is no AC coefficient
        step = (_STEP_END if passed == _BLOCK_END else passed) << 8 | size
        if entry == _INVALID or size - (entry >> 16 & 15) > width:
            step = _NO_STEP
        if step >= _STEP_END << 8 or size >= width:
            steps[at + window] = step
            window += 1
            continue
        rests = 1 << (width - size)
        for index in range(rests):
            rest = shorter[rests + index]
            run = rest >> 8
            is_room = passed + (run if run < _STEP_END else run - _STEP_END) <= _MOST
            steps[at + window + index] = step + rest if rest != _NO_STEP and is_room else step
        window += rests
