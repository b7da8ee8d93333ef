"""Decodes the blocks of a restart interval (T.81 section F.2)."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from captiond.imaging.errors import MalformedJpeg
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman_decoder import BLOCK_END, ac_decoder, dc_decoder

_COEFFICIENTS = 64
_BLOCK_ENDS = range(BLOCK_END + 1, BLOCK_END + _COEFFICIENTS)  # after an end of block in its place
_PADDING_BYTES = 8  # longer than any symbol


class Block(NamedTuple):
    """8x8 quantised coefficients: the DC, and the AC as entropy-coded bits in binary."""

    dc: int
    ac: str


class BlockReader:
    """Reads the MCUs of one restart interval in order. Its methods raise MalformedJpeg, MissingHuffmanCode."""

    def __init__(self, interval: bytes, components: Sequence[Component], ac: bytes | None = None) -> None:
        """Take the entropy-coded bytes, and the table to code AC with, by default that of each component."""
        self.unstuffed = interval.replace(b"\xff\0", b"\xff")  # without byte stuffing, B.1.1.5
        self.bit = 0  # bits read so far
        self.predictors = [0] * len(components)
        self._units = _overlapping_units(self.unstuffed)
        self._decoders = [
            (index, dc_decoder(component.dc), ac_decoder(component.ac, ac or component.ac))
            for index, component in enumerate(components)
            for _ in range(component.across * component.down)
        ]

    def skip(self, mcus: int) -> None:
        """Advance by some MCUs."""
        self._read_all(mcus, keep=False)

    def read(self, mcus: int) -> list[Block]:
        """The blocks of the next MCUs, in the order of the scan."""
        return self._read_all(mcus, keep=True)

    def _read_all(self, mcus: int, *, keep: bool) -> list[Block]:
        blocks: list[Block] = []
        try:
            for _ in range(mcus):
                mcu = self._read_mcu()
                if keep:
                    blocks += mcu
        except IndexError:
            self.bit = 8 * len(self.unstuffed) + 1
        if self.bit > 8 * len(self.unstuffed):
            raise MalformedJpeg("truncated scan")
        return blocks

    def _read_mcu(self) -> list[Block]:
        units = self._units
        bit = self.bit
        blocks = []
        for index, dc, ac in self._decoders:
            bits, difference = dc[units[bit >> 4] >> (16 - (bit & 15)) & 0xFFFF]
            if not bits:
                bits, difference = dc.decode_long(*self._peek(bit))
            bit += bits
            self.predictors[index] += difference
            coded = ""
            decoded = 1
            while decoded < _COEFFICIENTS:
                bits, length, text = ac[units[bit >> 4] >> (16 - (bit & 15)) & 0xFFFF]
                if decoded + length > _COEFFICIENTS and decoded + length not in _BLOCK_ENDS:
                    bits, length, text = ac.decode_one(*self._peek(bit))
                    if decoded + length > _COEFFICIENTS and decoded + length not in _BLOCK_ENDS:
                        raise MalformedJpeg("corrupt entropy-coded data")
                bit += bits
                decoded += length
                coded += text
            blocks.append(Block(self.predictors[index], coded))
        self.bit = bit
        return blocks

    def _peek(self, bit: int) -> tuple[int, int]:
        """The 16 bits from `bit` on, and the 16 bits after them."""
        lookahead, following = (self._units[at >> 4] >> (16 - (at & 15)) & 0xFFFF for at in (bit, bit + 16))
        return lookahead, following


def _overlapping_units(data: bytes) -> list[int]:
    """The 32 bits from every second byte on, so that one index yields any 16 bits. Zeros follow the data."""
    padded = data + bytes(_PADDING_BYTES + len(data) % 2)
    pairs = len(padded) // 4
    units = [0] * (2 * pairs)
    units[0::2] = struct.unpack_from(f">{pairs}I", padded)
    units[1:-1:2] = struct.unpack_from(f">{pairs - 1}I", padded, 2)
    return units
