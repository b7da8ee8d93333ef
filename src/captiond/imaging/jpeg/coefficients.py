"""Converts blocks between symbols (see scan_reader.py) and arrays of 64 coefficients per block in zigzag order.

Cython compiles this module to `_native_coefficients`, with the C types of `_native_coefficients.pxd`. Where no compiler
is available, the module runs interpreted with the same results.
"""

from array import array
from collections.abc import Sequence

from captiond.imaging.errors import MissingHuffmanCode

_ZERO_RUN = 0xF0
_MAX_SIZE = 15  # bits of a coefficient
_ONE = 1
_SMALL_BITS, _SMALL = 5, 31  # of a common value
_SIZES = bytes(value.bit_length() for value in range(_SMALL + 1))
_ENTRIES = [symbol << 16 | bits for symbol in range(256) for bits in range(_SMALL + 1)]
"""The common entries: creating integers would take most of the time."""


def unpack_blocks(blocks: Sequence[tuple[int, list[int]]], coefficients: "array[int]") -> "array[int]":
    """Write the coefficients of blocks. Returns the position of each block's last non-zero AC coefficient, or 0."""
    lasts = array("i", bytes(4 * len(blocks)))
    numbers = lasts  # as C sees it
    base = 0
    for dc, symbols in blocks:
        coefficients[base] = dc
        position = 0
        for entry in symbols:
            size = (entry >> 16) & 15
            position += (entry >> 20) + 1
            if size:
                value = entry & 0xFFFF
                coefficients[base + position] = value if value >> (size - 1) else value + 1 - (1 << size)
                numbers[base >> 6] = position
        base += 64
    return lasts


def pack_blocks(coefficients: "array[int]") -> list[tuple[int, list[int]]]:
    """The symbols of blocks. Raises MissingHuffmanCode for a coefficient of more than 15 bits."""
    blocks: list[tuple[int, list[int]]] = []
    for base in range(0, len(coefficients), 64):
        symbols: list[int] = []
        zeros = 0
        for at in range(base + 1, base + 64):
            value = coefficients[at]
            if value == 0:
                zeros += 1
                continue
            sign = value >> 31  # all ones, or zero: a branch would be mispredicted
            magnitude = (value ^ sign) - sign
            size = _SIZES[magnitude & _SMALL]
            while magnitude >> size:
                size += 1
            if size > _MAX_SIZE:
                raise MissingHuffmanCode(f"AC size {size}")
            bits = value + sign & (_ONE << size) - 1
            while zeros > 15:  # noqa: PLR2004 - F.1.2.2.1
                symbols.append(_ZERO_RUN << 16)
                zeros -= 16
            if size <= _SMALL_BITS:
                symbols.append(_ENTRIES[(zeros << 4 | size) << _SMALL_BITS | bits])
            else:
                symbols.append((zeros << 4 | size) << 16 | bits)
            zeros = 0
        if zeros:
            symbols.append(0)
        blocks.append((coefficients[base], symbols))
    return blocks
