"""Reading entropy-coded blocks (T.81 annex F.2), as fast as plain Python can."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman_decoder import ENDS, ac_windows, dc_windows

_COEFFICIENTS = 64
_ENDED = range(ENDS + 1, ENDS + _COEFFICIENTS)  # where an end of block may stand
_PADDING = 8  # bytes; more than any symbol has


class Block(NamedTuple):
    """8x8 coefficients: the quantised DC, and the AC in binary as its component's table codes it."""

    dc: int
    ac: str


class BlockReader:
    """Reads the MCUs of one restart interval; raises NotSpliceable where the bits make no sense."""

    def __init__(self, interval: bytes, components: Sequence[Component], ac: bytes | None = None) -> None:
        """Take the entropy-coded bytes; `ac` is the table to code AC with, if not that of each component."""
        self.plain = interval.replace(b"\xff\0", b"\xff")  # byte stuffing, B.1.1.5
        self.at = 0  # bits read
        self.predictors = [0] * len(components)
        self._units = _overlapping_units(self.plain)
        self._plan = [
            (index, dc_windows(component.dc), ac_windows(component.ac, ac or component.ac))
            for index, component in enumerate(components)
            for _ in range(component.across * component.down)
        ]

    def skip(self, mcus: int) -> None:
        """Pass MCUs by."""
        self._read_all(mcus, keep=False)

    def read(self, mcus: int) -> list[Block]:
        """The blocks of MCUs, in the order of the scan."""
        return self._read_all(mcus, keep=True)

    def _read_all(self, mcus: int, *, keep: bool) -> list[Block]:
        blocks: list[Block] = []
        try:
            for _ in range(mcus):
                mcu = self._read_mcu()
                if keep:
                    blocks += mcu
        except IndexError:
            self.at = 8 * len(self.plain) + 1
        if self.at > 8 * len(self.plain):
            raise NotSpliceable("a scan shorter than its photo")
        return blocks

    def _read_mcu(self) -> list[Block]:
        units = self._units
        at = self.at
        blocks = []
        for index, dc, ac in self._plan:
            width, difference = dc[units[at >> 4] >> (16 - (at & 15)) & 0xFFFF]
            if not width:
                width, difference = dc.long(*self._windows(at))
            at += width
            self.predictors[index] += difference
            bits = ""
            passed = 1
            while passed < _COEFFICIENTS:
                width, length, text = ac[units[at >> 4] >> (16 - (at & 15)) & 0xFFFF]
                if passed + length > _COEFFICIENTS and passed + length not in _ENDED:
                    width, length, text = ac.single(*self._windows(at))
                    if passed + length > _COEFFICIENTS and passed + length not in _ENDED:
                        raise NotSpliceable("a damaged scan")
                at += width
                passed += length
                bits += text
            blocks.append(Block(self.predictors[index], bits))
        self.at = at
        return blocks

    def _windows(self, at: int) -> tuple[int, int]:
        """The 16 bits from `at` on, and the next 16."""
        window, following = (self._units[bit >> 4] >> (16 - (bit & 15)) & 0xFFFF for bit in (at, at + 16))
        return window, following


def _overlapping_units(data: bytes) -> list[int]:
    """The 32 bits from every other byte on, so that any 16 can be had at once; zeros at the end."""
    padded = data + bytes(_PADDING + len(data) % 2)
    pairs = len(padded) // 4
    units = [0] * (2 * pairs)
    units[0::2] = struct.unpack_from(f">{pairs}I", padded)
    units[1:-1:2] = struct.unpack_from(f">{pairs - 1}I", padded, 2)
    return units
