"""Decodes the scans of a progressive JPEG without keeping values, to count what they hold (T.81 annex G).

Cython compiles this module to `_native_progressive`, with the C types of `_native_progressive.pxd`. Where no compiler
is available, the module runs interpreted with the same results.

All functions take the bytes of one restart interval without byte stuffing, followed by four more bytes, and tables of
decoder_table.py, one after the other. They return the number of MCUs or blocks before the first fault, and of the bits
decoded.
"""

from array import array

_INVALID = 65 << 8  # see decoder_table.py
_ZERO_RUN = 15
_LAST = 63
_ONE = 1  # as wide as the coefficients of a block


def skip_dc(data: bytes, mcus: int, offsets: "array[int]", tables: "array[int]") -> tuple[int, int]:
    """Decode the first scan of DC coefficients. `offsets` has the table of each block of an MCU."""
    size = 8 * (len(data) - 4)
    at = 0
    for mcu in range(mcus):
        for index in range(len(offsets)):
            window = data[at >> 3] << 16 | data[(at >> 3) + 1] << 8 | data[(at >> 3) + 2]
            window = (window >> (8 - (at & 7))) & 0xFFFF
            table = offsets[index]
            longer = tables[table]
            entry = tables[table + (1 + (window >> 8) if window < longer else 257 - longer + window)]
            at += entry & 63
            if entry == _INVALID or at > size:
                return mcu, at
    return mcus, at


def skip_ac(  # noqa: C901, PLR0912 - one function, so that its state stays in registers
    data: bytes, nonzero: "array[int]", blocks: tuple[int, int], band: tuple[int, int, bool], tables: "array[int]"
) -> tuple[int, int]:
    """Decode AC coefficients of some blocks, from the first to before the last of `blocks`.

    `nonzero` has for each block of the component a bit for each coefficient that is not zero, and is updated.
    `band` is the first and the last coefficient in zigzag order, and whether the scan refines (G.1.2.3).
    """
    size = 8 * (len(data) - 4)
    first, end = blocks
    start, last, is_refinement = band
    longer = tables[0]
    at = 0
    skipped = 0  # blocks that end at once, of an end-of-band run
    for block in range(first, end):
        known = nonzero[block]
        position = start
        while position <= last and not skipped:
            entry = _INVALID
            if at <= size:
                window = data[at >> 3] << 16 | data[(at >> 3) + 1] << 8 | data[(at >> 3) + 2]
                window = (window >> (8 - (at & 7))) & 0xFFFF
                entry = tables[1 + (window >> 8) if window < longer else 257 - longer + window]
            at += entry & 63
            if entry == _INVALID or at > size:
                return block, at
            run = entry >> 20
            bits = (entry >> 16) & 15
            if bits == 0 and run < _ZERO_RUN:
                window = data[at >> 3] << 16 | data[(at >> 3) + 1] << 8 | data[(at >> 3) + 2]
                skipped = (1 << run) + ((window >> (24 - (at & 7) - run)) & ((1 << run) - 1))
                at += run
                break
            if is_refinement:
                is_known = (known >> position) & 1
                while position <= last and run | is_known:
                    at += is_known
                    run -= 1 - is_known
                    position += 1
                    is_known = (known >> (position & 63)) & 1
            else:
                position += run
            if bits and position > _LAST:
                return block, at
            if bits:
                known |= _ONE << position
            position += 1
        if skipped:
            skipped -= 1
            if is_refinement and position <= last:
                passed = (known >> position) & ((_ONE << (last + 1 - position)) - 1)
                while passed:
                    at += 1
                    passed &= passed - 1  # without its lowest bit
        nonzero[block] = known
        if at > size:
            return block, at
    return end, at
