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
_FROM_POSITION = array("d", [_FROM_FREQUENCY[8 * u + x] for x in range(8) for u in range(8)])
_TIE = 0.5 + 1e-9  # halves are rounded up in spite of the errors of floating point
_NEARLY_HALF = 0.499
_MAX_AC = 1023  # F.1.2.2


def encode_blocks(samples: bytes, width: int, quantisation: "array[int]") -> list[tuple[int, list[int]]]:
    """The blocks of samples in lines of a width, both multiples of 8, row by row; see scan_reader.py."""
    blocks: list[tuple[int, list[int]]] = []
    lines = array("d", _ROOM)
    coefficients = array("d", _ROOM)
    for at in range(0, len(samples), 8 * max(width, 1)):
        for start in range(at, at + width, 8):
            if _is_flat(samples, start, width):
                coefficients[0] = 8.0 * (samples[start] - 128)
                blocks.append((_quantise(coefficients[0], quantisation[0]), [0]))
            else:
                _transform(samples, start, width, lines, coefficients)
                blocks.append((_quantise(coefficients[0], quantisation[0]), _code(coefficients, quantisation)))
    return blocks


def _is_flat(samples: bytes, start: int, width: int) -> bool:
    for y in range(8):
        for x in range(8):
            if samples[start + y * width + x] != samples[start]:
                return False
    return True


def _transform(samples: bytes, start: int, width: int, lines: "array[float]", coefficients: "array[float]") -> None:
    for y in range(8):
        for u in range(8):
            lines[8 * y + u] = 0
            coefficients[8 * y + u] = 0
        for x in range(8):
            sample = samples[start + y * width + x] - 128
            for u in range(8):
                lines[8 * y + u] += sample * _FROM_POSITION[8 * x + u]
    for y in range(8):
        for v in range(8):
            factor = _FROM_FREQUENCY[8 * v + y]
            for u in range(8):
                coefficients[8 * v + u] += factor * lines[8 * y + u]


def _quantise(coefficient: float, step: int) -> int:
    magnitude = int((coefficient if coefficient > 0 else -coefficient) / step + _TIE)
    return magnitude if coefficient > 0 else -magnitude


def _code(coefficients: "array[float]", quantisation: "array[int]") -> list[int]:
    """The AC symbols of a block, each with its additional bits (F.1.2.2)."""
    symbols: list[int] = []
    run = 0
    for index in range(1, 64):
        coefficient = coefficients[_NATURAL[index]]
        step = quantisation[_NATURAL[index]]
        value = 0
        if coefficient > step * _NEARLY_HALF or -coefficient > step * _NEARLY_HALF:  # spares most divisions
            value = max(-_MAX_AC, min(_MAX_AC, _quantise(coefficient, step)))
        if value == 0:
            run += 1
            continue
        size = 0
        while (value if value > 0 else -value) >> size:
            size += 1
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
