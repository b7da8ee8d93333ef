"""Samples to quantised coefficients and back (T.81 sections A.3.3 and A.3.4).

Cython compiles this module to `_native_transform`, with the C types of `_native_transform.pxd`. Interpreted, it would
take longer than Pillow, which dct.py uses instead. `quantisation` is in row order.
"""

from array import array
from math import cos, pi, sin, sqrt

from captiond.imaging.jpeg.header import ZIGZAG

_ROOM = bytes(8 * 64)
_NATURAL = array("i", sorted(range(64), key=ZIGZAG.__getitem__))
"""The index in row order of each coefficient in zigzag order."""
_FROM_FREQUENCY = array(
    "d", [cos((2 * x + 1) * u * pi / 16) / (2 if u else sqrt(8)) for u in range(8) for x in range(8)]
)
_SCALES = array("d", [sqrt(8) * (cos(u * pi / 16) * sqrt(2) if u else 1) for u in range(8)])
"""The factor that `_transform_line` leaves in each frequency."""
_HALF, _EIGHTH = sqrt(0.5), sin(pi / 8)
_DIFFERENCE, _SUM = cos(pi / 8) - sin(pi / 8), cos(pi / 8) + sin(pi / 8)
_TIE = 0.5 + 1e-9  # halves are rounded up in spite of the errors of floating point
_MAX_AC = 1023  # F.1.2.2
_SMALL = 5  # bits of a common value
_ENTRIES = [symbol << 16 | bits for symbol in range(256) for bits in range(1 << _SMALL)]
"""The common entries: creating integers would take most of the time."""
_SIZES = bytes(value.bit_length() for value in range(_MAX_AC + 1))


def encode_blocks(samples: bytes, width: int, quantisation: "array[int]") -> list[tuple[int, list[int]]]:
    """The blocks of samples in lines of a width, both multiples of 8, row by row; see scan_reader.py."""
    blocks: list[tuple[int, list[int]]] = []
    coefficients = array("d", _ROOM)
    inverses = array("d", _ROOM)  # of the quantisation and the scales, in zigzag order
    for index in range(64):
        at = _NATURAL[index]
        inverses[index] = 1.0 / (quantisation[at] * _SCALES[at >> 3] * _SCALES[at & 7])
    for at in range(0, len(samples), 8 * max(width, 1)):
        for start in range(at, at + width, 8):
            if _is_flat(samples, start, width):
                blocks.append((_round(64.0 * (samples[start] - 128) * inverses[0]), [0]))
            else:
                _transform(samples, start, width, coefficients)
                blocks.append((_round(coefficients[0] * inverses[0]), _code(coefficients, inverses)))
    return blocks


def _is_flat(samples: bytes, start: int, width: int) -> bool:
    for y in range(8):
        for x in range(8):
            if samples[start + y * width + x] != samples[start]:
                return False
    return True


def _transform(samples: bytes, start: int, width: int, coefficients: "array[float]") -> None:
    """The coefficients in row order, scaled in both directions."""
    for y in range(8):
        for x in range(8):
            coefficients[8 * y + x] = samples[start + y * width + x] - 128
        _transform_line(coefficients, 8 * y, 1)
    for x in range(8):
        _transform_line(coefficients, x, 8)


def _transform_line(line: "array[float]", at: int, step: int) -> None:
    """The scaled transform of eight values, in place (Arai, Agui and Nakajima 1988).

    Cosines of even frequencies are symmetric, those of odd ones antisymmetric.
    """
    a, b, c, d = line[at], line[at + step], line[at + 2 * step], line[at + 3 * step]
    h, g, f, e = line[at + 7 * step], line[at + 6 * step], line[at + 5 * step], line[at + 4 * step]
    outer, inner = a + h + d + e, b + g + c + f
    line[at] = outer + inner
    line[at + 4 * step] = outer - inner
    outer, inner = a + h - d - e, b + g - c - f
    inner = (outer + inner) * _HALF
    line[at + 2 * step] = outer + inner
    line[at + 6 * step] = outer - inner
    a, b, c, d = a - h, b - g, c - f, d - e
    low, middle, high = d + c, (c + b) * _HALF, b + a
    shared = (low - high) * _EIGHTH
    low, high = low * _DIFFERENCE + shared, high * _SUM + shared
    line[at + 5 * step] = a - middle + low
    line[at + 3 * step] = a - middle - low
    line[at + step] = a + middle + high
    line[at + 7 * step] = a + middle - high


def _round(coefficient: float) -> int:
    return int(coefficient + (_TIE if coefficient > 0 else -_TIE))


def _code(coefficients: "array[float]", inverses: "array[float]") -> list[int]:
    """The AC symbols of a block, each with its additional bits (F.1.2.2)."""
    symbols: list[int] = []
    run = 0
    for index in range(1, 64):
        coefficient = coefficients[_NATURAL[index]] * inverses[index]
        magnitude = int(abs(coefficient) + _TIE)
        if magnitude == 0:
            run += 1
            continue
        magnitude = min(magnitude, _MAX_AC)
        size = _SIZES[magnitude]
        bits = magnitude if coefficient > 0 else (1 << size) - 1 - magnitude
        while run > 15:  # noqa: PLR2004 - F.1.2.2.1
            symbols.append(0xF0 << 16)
            run -= 16
        if size <= _SMALL:
            symbols.append(_ENTRIES[(run << 4 | size) << _SMALL | bits])
        else:
            symbols.append((run << 4 | size) << 16 | bits)
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
