"""Samples to quantised coefficients and back (T.81 sections A.3.3 and A.3.4).

Cython compiles this module to `_native_transform`, with the C types of `_native_transform.pxd`. Interpreted, it would
take longer than Pillow, which dct.py uses instead. `quantisation` is in row order.
"""

from array import array
from math import cos, pi, sqrt

from captiond.imaging.jpeg.header import ZIGZAG

_ROOM = bytes(8 * 64)
_NATURAL = array("i", sorted(range(64), key=ZIGZAG.__getitem__))
"""The index in row order of each coefficient in zigzag order."""
_FROM_FREQUENCY = array(
    "d", [cos((2 * x + 1) * u * pi / 16) / (2 if u else sqrt(8)) for u in range(8) for x in range(8)]
)
_EVEN, _ODD = (
    array("d", [_FROM_FREQUENCY[8 * u + x] for x in range(4) for u in range(first, 8, 2)]) for first in range(2)
)
_SORTED = array("i", [32 * (at >> 3 & 1) + 8 * (at >> 4) + 4 * (at & 1) + (at >> 1 & 3) for at in _NATURAL])
"""The index of each coefficient in zigzag order where even frequencies precede the odd ones, in rows and in columns."""
_TIE = 0.5 + 1e-9  # halves are rounded up in spite of the errors of floating point
_MAX_AC = 1023  # F.1.2.2
_SIZES = bytes(value.bit_length() for value in range(_MAX_AC + 1))


def encode_blocks(samples: bytes, width: int, quantisation: "array[int]") -> list[tuple[int, list[int]]]:
    """The blocks of samples in lines of a width, both multiples of 8, row by row; see scan_reader.py."""
    blocks: list[tuple[int, list[int]]] = []
    lines = array("d", _ROOM)
    coefficients = array("d", _ROOM)
    inverses = array("d", _ROOM)  # of the quantisation
    for index in range(64):
        inverses[_SORTED[index]] = 1.0 / quantisation[_NATURAL[index]]
    for at in range(0, len(samples), 8 * max(width, 1)):
        for start in range(at, at + width, 8):
            if _is_flat(samples, start, width):
                blocks.append((_round(8.0 * (samples[start] - 128) * inverses[0]), [0]))
            else:
                _transform(samples, start, width, lines, coefficients)
                for index in range(64):
                    coefficients[index] *= inverses[index]
                blocks.append((_round(coefficients[0]), _code(coefficients)))
    return blocks


def _is_flat(samples: bytes, start: int, width: int) -> bool:
    for y in range(8):
        for x in range(8):
            if samples[start + y * width + x] != samples[start]:
                return False
    return True


def _transform(samples: bytes, start: int, width: int, lines: "array[float]", coefficients: "array[float]") -> None:
    """The coefficients in the order of `_SORTED`.

    Cosines of even frequencies are symmetric, those of odd ones antisymmetric, so sums and differences suffice.
    """
    for y in range(8):
        for u in range(8):
            lines[8 * y + u] = 0
            coefficients[8 * y + u] = 0
        for x in range(4):
            left = samples[start + y * width + x]
            right = samples[start + y * width + 7 - x]
            for u in range(4):
                lines[8 * y + u] += (left + right - 256) * _EVEN[4 * x + u]
                lines[8 * y + 4 + u] += (left - right) * _ODD[4 * x + u]
    for y in range(4):
        for u in range(8):
            above = lines[8 * y + u]
            lines[8 * y + u] += lines[56 - 8 * y + u]
            lines[56 - 8 * y + u] = above - lines[56 - 8 * y + u]
        for v in range(4):
            even, odd = _EVEN[4 * y + v], _ODD[4 * y + v]
            for u in range(8):
                coefficients[8 * v + u] += even * lines[8 * y + u]
                coefficients[32 + 8 * v + u] += odd * lines[56 - 8 * y + u]


def _round(coefficient: float) -> int:
    return int(coefficient + (_TIE if coefficient > 0 else -_TIE))


def _code(coefficients: "array[float]") -> list[int]:
    """The AC symbols of a block, each with its additional bits (F.1.2.2). `coefficients` has the order of `_SORTED`."""
    symbols: list[int] = []
    run = 0
    for index in range(1, 64):
        value = max(-_MAX_AC, min(_MAX_AC, _round(coefficients[_SORTED[index]])))
        if value == 0:
            run += 1
            continue
        size = _SIZES[value if value > 0 else -value]
        while run > 15:  # noqa: PLR2004 - F.1.2.2.1
            symbols.append(0xF0 << 16)
            run -= 16
        symbols.append((run << 4 | size) << 16 | (value if value > 0 else value + (1 << size) - 1))
        run = 0
    if run:
        symbols.append(0)
    return symbols


def decode_blocks(blocks: list[tuple[int, list[int]]], across: int, quantisation: "array[int]") -> bytes:
    """The samples of blocks in rows of `across`, line by line."""
    samples = bytearray(64 * len(blocks))
    lines = array("d", _ROOM)
    coefficients = array("d", _ROOM)
    for index in range(len(blocks)):
        dc, symbols = blocks[index]
        for at in range(64):
            coefficients[at] = 0
            lines[at] = 0
        coefficients[0] = dc * quantisation[0]
        _dequantise(symbols, coefficients, quantisation)
        _transform_back(
            samples, 64 * across * (index // across) + 8 * (index % across), 8 * across, lines, coefficients
        )
    return bytes(samples)


def _dequantise(symbols: list[int], coefficients: "array[float]", quantisation: "array[int]") -> None:
    position = 0
    for entry in symbols:
        size = (entry >> 16) & 15
        position += (entry >> 20) + 1
        if size:
            value = entry & 0xFFFF
            if not value >> (size - 1):
                value += 1 - (1 << size)
            at = _NATURAL[position & 63]
            coefficients[at] = value * quantisation[at]


def _transform_back(
    samples: bytearray, start: int, width: int, lines: "array[float]", coefficients: "array[float]"
) -> None:
    for v in range(8):
        for u in range(8):
            factor = coefficients[8 * v + u]
            if factor:
                for x in range(8):
                    lines[8 * v + x] += factor * _FROM_FREQUENCY[8 * u + x]
    for y in range(8):
        for x in range(8):
            coefficients[x] = 128.5
        for v in range(8):
            factor = _FROM_FREQUENCY[8 * v + y]
            for x in range(8):
                coefficients[x] += factor * lines[8 * v + x]
        for x in range(8):
            samples[start + y * width + x] = int(max(0.0, min(255.0, coefficients[x])))
