"""Samples to quantised coefficients and back (T.81 sections A.3.3 and A.3.4).

Cython compiles this module to `_native_transform`, with the C types of `_native_transform.pxd`. Interpreted, it would
take longer than Pillow, which dct.py uses instead. C does not check the bounds of arrays: samples and blocks form whole
MCUs or rows. `quantisation` is in row order.
"""

from array import array
from math import cos, pi, sin, sqrt

from captiond.imaging.jpeg.header import ZIGZAG

_ROOM = bytes(8 * 64)
_NATURAL = array("i", sorted(range(64), key=ZIGZAG.__getitem__))
"""The index in row order of each coefficient in zigzag order."""
_TRANSPOSED = array("i", [ZIGZAG[8 * (at & 7) + (at >> 3)] for at in range(64)])
"""The index in zigzag order of each coefficient in column order."""
_FROM_FREQUENCY = array(
    "d", [cos((2 * x + 1) * u * pi / 16) / (2 if u else sqrt(8)) for u in range(8) for x in range(8)]
)
_SCALES = array("d", [sqrt(8) * (cos(u * pi / 16) * sqrt(2) if u else 1) for u in range(8)])
"""The factor that `_transform_columns` leaves in each frequency."""
_HALF, _EIGHTH = sqrt(0.5), sin(pi / 8)
_DIFFERENCE, _SUM = cos(pi / 8) - sin(pi / 8), cos(pi / 8) + sin(pi / 8)
_TIE = 0.5 + 1e-9  # halves are rounded up in spite of the errors of floating point


def transform_blocks(samples: bytes, width: int, across: int, down: int, quantisation: "array[int]") -> "array[int]":
    """The coefficients of samples in lines of a width, 64 per block in zigzag order.

    The blocks are in the order of MCUs of `across` x `down` blocks, whose sides divide those of the samples.
    """
    coefficients = array("i", [0]) * len(samples)
    numbers = coefficients  # as C sees it
    block, inverses, quantised = [0.0] * 64, [0.0] * 64, [0] * 64
    for at in range(64):  # of the quantisation and the scales, in column order
        inverses[at] = 1.0 / (quantisation[8 * (at & 7) + (at >> 3)] * _SCALES[at >> 3] * _SCALES[at & 7])
    base = 0
    for row in range(0, len(samples), 8 * down * width or 1):
        for mcu in range(row, row + width, 8 * across):
            for line in range(mcu, mcu + 8 * down * width, 8 * width):
                for start in range(line, line + 8 * across, 8):
                    if _is_flat(samples, start, width):
                        numbers[base] = _round(64.0 * (samples[start] - 128) * inverses[0])
                    else:
                        _load(samples, start, width, block)
                        _transform(block, inverses, quantised)
                        for at in range(64):
                            numbers[base + _TRANSPOSED[at]] = quantised[at]
                    base += 64
    return coefficients


def _is_flat(samples: bytes, start: int, width: int) -> bool:
    for y in range(8):
        for x in range(8):
            if samples[start + y * width + x] != samples[start]:
                return False
    return True


def _load(samples: bytes, start: int, width: int, block: list[float]) -> None:
    """Copy samples and shift their level (A.3.1)."""
    for y in range(8):
        for x in range(8):
            block[8 * y + x] = samples[start + y * width + x] - 128


def _transform(block: list[float], inverses: list[float], quantised: list[int]) -> None:
    """Set the quantised coefficients in column order."""
    transposed = [0.0] * 64
    _transform_columns(block)
    for y in range(8):
        for x in range(8):
            transposed[8 * y + x] = block[8 * x + y]
    _transform_columns(transposed)
    for at in range(64):
        quantised[at] = _round(transposed[at] * inverses[at])


def _transform_columns(block: list[float]) -> None:
    """The scaled transform of each column, in place (Arai, Agui and Nakajima 1988).

    Cosines of even frequencies are symmetric, those of odd ones antisymmetric.
    """
    for x in range(8):
        a, b, c, d = block[x], block[8 + x], block[16 + x], block[24 + x]
        h, g, f, e = block[56 + x], block[48 + x], block[40 + x], block[32 + x]
        outer, inner = a + h + d + e, b + g + c + f
        block[x] = outer + inner
        block[32 + x] = outer - inner
        outer, inner = a + h - d - e, b + g - c - f
        inner = (outer + inner) * _HALF
        block[16 + x] = outer + inner
        block[48 + x] = outer - inner
        a, b, c, d = a - h, b - g, c - f, d - e
        low, middle, high = d + c, (c + b) * _HALF, b + a
        shared = (low - high) * _EIGHTH
        low, high = low * _DIFFERENCE + shared, high * _SUM + shared
        block[40 + x] = a - middle + low
        block[24 + x] = a - middle - low
        block[8 + x] = a + middle + high
        block[56 + x] = a + middle - high


def _round(coefficient: float) -> int:
    return int(coefficient + (_TIE if coefficient > 0 else -_TIE))


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
