"""Encodes blocks with the Huffman tables of a photo (T.81 section F.1)."""

from array import array
from collections.abc import Sequence
from functools import lru_cache

from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan import restart_marker
from captiond.imaging.jpeg.scan_reader import Block

_CACHED_TABLES = 64


class ScanWriter:
    """Writes MCUs in order, with the restart markers that the interval demands."""

    def __init__(self, components: Sequence[Component], restart_interval: int) -> None:
        self._plan, self._codes = make_plan(tuple(components))
        self._components = len(components)
        self._restart_interval = restart_interval
        self._intervals: list[bytes] = []
        self.resume(0, [0] * len(components), "")

    def resume(self, mcu: int, predictors: Sequence[int], bits: str) -> None:
        """Continue a scan after its first `mcu` MCUs, whose last byte holds only `bits` yet."""
        self._mcu = mcu
        first = (int("0" + bits, 2), len(bits))
        self._encoder = default_build().encoder(self._plan, self._codes, predictors, first)

    def write(self, blocks: list[Block]) -> None:
        """Append the blocks of whole MCUs. Raises MissingHuffmanCode."""
        per_mcu = len(self._plan) // 3
        start = 0
        while start < len(blocks):
            end = len(blocks)
            if self._restart_interval:
                position = self._mcu % self._restart_interval
                if self._mcu and not position:
                    self._restart()
                end = min(end, start + (self._restart_interval - position) * per_mcu)
            self._encoder.write(blocks[start:end])
            self._mcu += (end - start) // per_mcu
            start = end

    def finish(self) -> bytes:
        """The entropy-coded bytes, with byte stuffing and restart markers."""
        return b"".join((*self._intervals, self._encoder.finish()))

    def _restart(self) -> None:
        self._intervals += (self._encoder.finish(), restart_marker(self._mcu // self._restart_interval - 1))
        self.resume(self._mcu, [0] * self._components, "")


@lru_cache(_CACHED_TABLES)
def make_plan(components: tuple[Component, ...]) -> tuple["array[int]", "array[int]"]:
    """The blocks of an MCU and the code words, as EntropyEncoder takes them."""
    plan, codes = array("i"), array("I")
    offsets: dict[bytes, int] = {}
    for index, component in enumerate(components):
        for table in (component.dc, component.ac):
            if table not in offsets:
                offsets[table] = len(codes)
                codes += default_build().make_codes(table)
        block = (index, offsets[component.dc], offsets[component.ac])
        plan.extend(block * (component.across * component.down))
    return plan, codes
