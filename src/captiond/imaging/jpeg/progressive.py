"""Decodes the scans of a progressive JPEG, and stores the coefficients of its last blocks only (T.81 annex G).

Cython compiles this module to `_native_progressive`, with the C types of `_native_progressive.pxd`. Where no compiler
is available, the module runs interpreted with the same results.

All functions take the bits of one restart interval without byte stuffing: the result of `to_words` and the number of
bits. `tables` contains concatenated tables of decoder_table.py. The functions return the number of MCUs or blocks
before the first fault, and the number of decoded bits.

`kept` contains the number of the first MCU or block whose coefficients are stored, or NONE_KEPT, and the bit position
low (Al, G.1.1.1). `order` maps each of these blocks to its number in `coefficients`, which has 64 coefficients per
block in zigzag order. The functions write to `state` the state of the decoder before the first of these blocks.
"""

from array import array
from sys import byteorder

NONE_KEPT = 1 << 40

_INVALID = 65 << 8  # see decoder_table.py
_ZERO_RUN = 15
_ONE = 1  # 64 bits wide in C, one per coefficient of a block
_MAX_DC = 1 << 30  # 8-bit samples need 11 bits
_MASK_64 = 0xFFFF_FFFF_FFFF_FFFF
_DE_BRUIJN = 0x03F7_9D71_B4CB_0A89  # all 64 windows of 6 bits differ
_INDEXES = array("i", sorted(range(64), key=lambda bit: ((_DE_BRUIJN << bit) & _MASK_64) >> 58))


def to_words(data: bytes) -> "array[int]":
    """The bytes as big-endian 32-bit words, and two zero words that the functions read ahead."""
    words = array("I", data + bytes(8 + -len(data) % 4))
    if byteorder == "little":  # pragma: no branch
        words.byteswap()
    return words


def read_dc(  # noqa: PLR0913, PLR0917 - arrays, which are views of memory in C
    words: "array[int]",
    size: int,
    mcus: int,
    plan: "array[int]",
    tables: "array[int]",
    kept: tuple[int, int],
    order: "array[int]",
    coefficients: "array[int]",
    state: "array[int]",
) -> tuple[int, int]:
    """Decode the first scan of DC coefficients.

    `plan` has two numbers per block of an MCU: its component, and the offset of its table. `state` receives the bit
    position and the predictor of each component.
    """
    first_kept, low = kept
    predictors = array("q", [0, 0, 0, 0])
    values = predictors  # as C sees it
    at = index = 0
    for mcu in range(mcus):
        if mcu == first_kept:
            _keep_predictors(state, at, values)
        for block in range(0, len(plan), 2):
            pair = words[at >> 5]  # of 64 bits, as C shifts it
            pair = pair << 32 | words[(at >> 5) + 1]
            window = (pair >> (48 - (at & 31))) & 0xFFFF
            table = plan[block + 1]
            longer = tables[table]
            entry = tables[table + (1 + (window >> 8) if window < longer else 257 - longer + window)]
            at += entry & 63
            if entry == _INVALID or at > size:
                return mcu, at
            values[plan[block]] += _read_number(words, at, (entry >> 16) & 15)
            if mcu >= first_kept:
                value = max(-_MAX_DC, min(_MAX_DC, values[plan[block]] * (1 << low)))
                coefficients[64 * order[index]] = value
                index += 1
    if first_kept == mcus:
        _keep_predictors(state, at, values)
    return mcus, at


def refine_dc(words: "array[int]", first: int, low: int, order: "array[int]", coefficients: "array[int]") -> None:
    """Add one bit to each DC coefficient of the last blocks. Their bits start at position `first` (G.1.2.1.1)."""
    for index in range(len(order)):
        coefficients[64 * order[index]] |= _read_bit(words, first + index) << low


def read_ac(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one function, so that its state stays in registers
    words: "array[int]",
    size: int,
    nonzero: "array[int]",
    blocks: tuple[int, int],
    band: tuple[int, int, bool],
    tables: "array[int]",
    kept: tuple[int, int],
    order: "array[int]",
    coefficients: "array[int]",
    state: "array[int]",
) -> tuple[int, int]:
    """Decode the AC coefficients of a half-open range of blocks.

    `nonzero` has 64 bits per block of the component, one per non-zero coefficient. The function updates it.
    `band` is the first and the last coefficient in zigzag order, and whether the scan refines (G.1.2.3).
    `state` receives four numbers about the end-of-band run that contains the first stored block: the position of its
    code, the number of its blocks before that block, and the start and end position of their correction bits.
    """
    first, end = blocks
    start, last, is_refinement = band
    first_kept, low = kept
    longer = tables[0]
    at = 0
    skipped = 0  # remaining blocks of the end-of-band run
    run_block = run_at = run_end = 0  # first block of the run, positions of its code and of its correction bits
    base = 0
    for block in range(first, end):
        if block >= first_kept:
            if block == first_kept:
                _keep_run(state, at, block, skipped, run_block, run_at, run_end)
            base = 64 * order[block - first_kept]
        known = nonzero[block]
        position = start
        while position <= last and not skipped:
            entry = _INVALID
            run_at = at
            if at <= size:
                pair = words[at >> 5]  # of 64 bits, as C shifts it
                pair = pair << 32 | words[(at >> 5) + 1]
                window = (pair >> (48 - (at & 31))) & 0xFFFF
                entry = tables[1 + (window >> 8) if window < longer else 257 - longer + window]
            at += entry & 63
            if entry == _INVALID or at > size:
                return block, at
            run = entry >> 20
            bits = (entry >> 16) & 15
            if bits == 0 and run < _ZERO_RUN:
                at += run
                skipped = (1 << run) + _read_bits(words, at, run)
                run_block = block
                run_end = at
                break
            value_end = at
            passed = position
            if is_refinement:
                position = _skip_zeros(known, position, last, run)
                if block >= first_kept:
                    _correct(words, at, size, known, passed, position, low, coefficients, base)
                if position <= last:
                    at += position - passed - run
                else:
                    at += _count_known(known, passed, last)
            else:
                position += run
            if bits:
                if position > last:
                    return block, at
                known |= _ONE << position
                if block >= first_kept:
                    coefficients[base + position] = _read_number(words, value_end, bits) * (1 << low)
            position += 1
        if skipped:
            skipped -= 1
            if is_refinement and position <= last:
                if block >= first_kept:
                    _correct(words, at, size, known, position, last + 1, low, coefficients, base)
                at += _count_known(known, position, last)
        nonzero[block] = known
        if at > size:
            return block, at
    if end == first_kept:
        _keep_run(state, at, end, skipped, run_block, run_at, run_end)
    return end, at


def _keep_predictors(state: "array[int]", at: int, values: "array[int]") -> None:
    state[0] = at
    for component in range(4):
        state[1 + component] = values[component]


def _keep_run(  # noqa: PLR0913 - the local variables of its only caller
    state: "array[int]", at: int, block: int, skipped: int, run_block: int, run_at: int, run_end: int
) -> None:
    state[0] = run_at if skipped else at
    state[1] = block - run_block if skipped else 0
    state[2] = run_end if skipped else at
    state[3] = at


def _skip_zeros(known: int, position: int, last: int, run: int) -> int:
    """The position of the zero coefficient after `run` other zeros, or `last + 1`."""
    zeros = (~known >> position) & ((_ONE << (last + 1 - position)) - 1)
    for _ in range(run):
        zeros &= zeros - 1  # clears the lowest bit
    if not zeros:
        return last + 1
    return position + _INDEXES[(((zeros & -zeros) * _DE_BRUIJN) & _MASK_64) >> 58]


def _count_known(known: int, position: int, last: int) -> int:
    """The number of non-zero coefficients from `position` to `last`."""
    count = 0
    known = (known >> position) & ((_ONE << (last + 1 - position)) - 1)
    while known:
        count += 1
        known &= known - 1
    return count


def _correct(  # noqa: PLR0913, PLR0917 - the local variables of its only caller
    words: "array[int]",
    at: int,
    size: int,
    known: int,
    first: int,
    end: int,
    low: int,
    coefficients: "array[int]",
    base: int,
) -> None:
    """Add the correction bits that start at bit `at` to the non-zero coefficients of a band."""
    for position in range(first, end):
        if (known >> position) & 1 and at < size:
            index = base + position
            if _read_bit(words, at):
                coefficients[index] += (1 << low) if coefficients[index] > 0 else -(1 << low)
            at += 1


def _read_bit(words: "array[int]", at: int) -> int:
    return (words[at >> 5] >> (31 - (at & 31))) & 1


def _read_bits(words: "array[int]", end: int, bits: int) -> int:
    """The `bits` bits before position `end`, at most 16. Bits beyond the end of the data are zero."""
    at = end - bits
    pair = words[at >> 5]
    pair = pair << 32 | words[(at >> 5) + 1]
    return (pair >> (64 - (at & 31) - bits)) & ((1 << bits) - 1)


def _read_number(words: "array[int]", end: int, bits: int) -> int:
    """The signed number in the `bits` bits before position `end` (EXTEND, F.2.2.1)."""
    number = _read_bits(words, end, bits)
    return number if bits == 0 or number >> (bits - 1) else number - (1 << bits) + 1
