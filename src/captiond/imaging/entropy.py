"""Reading entropy-coded blocks (T.81 annex F.2), as fast as plain Python can."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg import Component
from captiond.imaging.windows import (
    ENDS,
    WINDOW_BITS,
    AcWindows,
    DcWindows,
    ac_windows,
    dc_windows,
    meaning,
    signed,
    token,
)

_COEFFICIENTS = 64
_ENDED = range(ENDS + 1, ENDS + _COEFFICIENTS)  # where an end of block may stand
_PADDING = 8  # bytes; more than any symbol has


class Block(NamedTuple):
    """8x8 coefficients: the quantised DC, and the AC as tokens."""

    dc: int
    tokens: Sequence[str]


class Bits:
    """The bits of one restart interval, of which any window of 16 can be had at once."""

    def __init__(self, interval: bytes) -> None:
        self.plain = interval.replace(b"\xff\0", b"\xff")  # byte stuffing, B.1.1.5
        padded = self.plain + bytes(_PADDING + len(self.plain) % 2)
        pairs = len(padded) // 4
        self.units = [0] * (2 * pairs)  # 32 bits from every other byte on
        self.units[0::2] = struct.unpack_from(f">{pairs}I", padded)
        self.units[1:-1:2] = struct.unpack_from(f">{pairs - 1}I", padded, 2)

    def window(self, at: int) -> int:
        """The 16 bits from `at` on; zeros follow the last one."""
        return self.units[at >> 4] >> (16 - (at & 15)) & 0xFFFF


class BlockReader:
    """Reads MCUs one after another; raises NotSpliceable where the bits make no sense."""

    def __init__(self, interval: bytes, components: Sequence[Component]) -> None:
        self.bits = Bits(interval)
        self.at = 0
        self.predictors = [0] * len(components)
        self._plan = [
            (index, dc_windows(component.dc), ac_windows(component.ac))
            for index, component in enumerate(components)
            for _ in range(component.across * component.down)
        ]

    def skip(self, mcus: int) -> None:
        """Pass MCUs by."""
        try:
            for _ in range(mcus):
                for index, dc, ac in self._plan:
                    self._read(index, dc, ac)
        except IndexError:
            raise NotSpliceable("a scan shorter than its photo") from None

    def read(self, mcus: int) -> list[Block]:
        """The blocks of MCUs, in the order of the scan."""
        try:
            return [self._read(*step) for _ in range(mcus) for step in self._plan]
        except IndexError:
            raise NotSpliceable("a scan shorter than its photo") from None

    def _read(self, index: int, dc: DcWindows, ac: AcWindows) -> Block:
        bits = self.bits
        at = self.at
        width, difference = dc[bits.window(at)]
        if not width:
            width, difference = _long_difference(bits, at, dc)
        at += width
        self.predictors[index] += difference
        units = bits.units
        tokens: list[str] = []
        passed = 1
        while passed < _COEFFICIENTS:
            width, length, found = ac[units[at >> 4] >> (16 - (at & 15)) & 0xFFFF]
            if passed + length > _COEFFICIENTS and passed + length not in _ENDED:
                width, length, found = _single_step(bits, at, ac)
                if passed + length > _COEFFICIENTS and passed + length not in _ENDED:
                    raise NotSpliceable("a damaged scan")
            at += width
            passed += length
            tokens += found
        self.at = at
        return Block(self.predictors[index], tokens)


def _long_difference(bits: Bits, at: int, dc: DcWindows) -> tuple[int, int]:
    """Width and value of a DC difference that is longer than a window."""
    code_bits, size = dc.code.first(bits.window(at))
    number = bits.window(at + code_bits) >> (WINDOW_BITS - size)
    return code_bits + size, signed(number, size)


def _single_step(bits: Bits, at: int, ac: AcWindows) -> tuple[int, int, tuple[str, ...]]:
    """The first symbol alone: the rest of the window belongs to the next block, or it is a long one."""
    code_bits, symbol = ac.code.first(bits.window(at))
    size, length = meaning(symbol)
    return code_bits + size, length, (token(symbol, bits.window(at + code_bits), size),)
