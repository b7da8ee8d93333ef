"""Encodes blocks with the Huffman tables of a photo (T.81 section F.1)."""

from collections.abc import Sequence
from functools import lru_cache

from captiond.imaging.errors import MissingHuffmanCode
from captiond.imaging.jpeg.block_reader import Block
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman import dc_symbol_name, huffman_codes
from captiond.imaging.jpeg.scan import restart_marker

_CACHED_TABLES = 64


class _DcCodes(dict[int, str]):
    """DC difference -> its code and additional bits in binary (F.1.2.1)."""

    def __init__(self, table: bytes) -> None:
        super().__init__()
        self._codes = huffman_codes(table)

    def __missing__(self, difference: int) -> str:
        size = abs(difference).bit_length()
        value = difference if difference > 0 else difference + (1 << size) - 1
        if size not in self._codes:
            raise MissingHuffmanCode(dc_symbol_name(size))
        self[difference] = self._codes[size] + (f"{value:0{size}b}" if size else "")
        return self[difference]


class ScanWriter:
    """Writes MCUs in order, with the restart markers that the interval demands."""

    def __init__(self, components: Sequence[Component], restart_interval: int) -> None:
        self._codes = [
            (index, _dc_codes(component.dc))
            for index, component in enumerate(components)
            for _ in range(component.across * component.down)
        ]
        self._restart_interval = restart_interval
        self._predictors = [0] * len(components)
        self._mcu = 0
        self._bits: list[str] = []
        self._intervals: list[bytes] = []

    def resume(self, mcu: int, predictors: Sequence[int], bits: str) -> None:
        """Continue a scan after its first `mcu` MCUs, whose last byte holds only `bits` yet."""
        self._mcu = mcu
        self._predictors = list(predictors)
        self._bits = [bits]

    def write(self, blocks: Sequence[Block]) -> None:
        """Append one MCU. Raises MissingHuffmanCode."""
        if self._restart_interval and self._mcu and self._mcu % self._restart_interval == 0:
            self._restart()
        self._mcu += 1
        predictors = self._predictors
        for (index, dc), block in zip(self._codes, blocks, strict=True):
            self._bits.append(dc[block.dc - predictors[index]])
            predictors[index] = block.dc
            self._bits.append(block.ac)

    def finish(self) -> bytes:
        """The entropy-coded bytes, with byte stuffing and restart markers."""
        return b"".join((*self._intervals, pack_bits(self._bits)))

    def _restart(self) -> None:
        self._intervals += (pack_bits(self._bits), restart_marker(self._mcu // self._restart_interval - 1))
        self._bits = []
        self._predictors = [0] * len(self._predictors)


def pack_bits(bits: list[str]) -> bytes:
    """Bits in binary as bytes, padded with ones (F.1.2.3) and stuffed (B.1.1.5)."""
    text = "".join(bits)
    if not text:
        return b""
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


@lru_cache(_CACHED_TABLES)
def _dc_codes(table: bytes) -> _DcCodes:
    return _DcCodes(table)
