"""Encodes blocks with the Huffman tables of a photo (T.81 section F.1)."""

from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from captiond.imaging.jpeg.header import ZIGZAG, Component
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan import restart_marker
from captiond.imaging.jpeg.scan_reader import Block

_CACHED_TABLES = 64


class GreyMcus(NamedTuple):
    """The MCUs of a grey strip: in each row first those with `coefficients`, then those that are black.

    `coefficients` has 64 numbers in zigzag order for each block of component `component`, in the order of the scan.
    All other blocks are black: `black` has their DC coefficient by component.
    """

    coefficients: "array[int]"
    component: int
    black: "array[int]"
    mcus_across: int
    rows: int


class ScanWriter:
    """Writes MCUs in order, with the restart markers that the interval demands."""

    def __init__(self, components: Sequence[Component], restart_interval: int, mcu: int = 0) -> None:
        """Start after a restart marker, or at the first MCU; `mcu` MCUs precede."""
        self._plan, self._codes = make_plan(tuple(components))
        self._components = len(components)
        self._restart_interval = restart_interval
        self._intervals: list[bytes] = []
        self.resume(mcu, [0] * len(components), "")

    def resume(self, mcu: int, predictors: Sequence[int], bits: str) -> None:
        """Continue a scan after its first `mcu` MCUs, whose last byte holds only `bits` yet."""
        self._mcu = mcu
        first = (int("0" + bits, 2), len(bits))
        self._encoder = default_build().encoder(self._plan, self._codes, predictors, first)

    def write(self, blocks: list[Block]) -> None:
        """Append the blocks of whole MCUs. Raises MissingHuffmanCode."""
        per_mcu = len(self._plan) // 3
        for start, end in self._divide(len(blocks) // per_mcu):
            self._encoder.write(blocks[start * per_mcu : end * per_mcu])

    def write_grey(self, grey: GreyMcus) -> None:
        """Append the MCUs of a grey strip. Raises MissingHuffmanCode."""
        per_row = len(grey.coefficients) // max(1, grey.rows)
        per_mcu = len(ZIGZAG) * self._plan[::3].count(grey.component)
        coefficients = cast("array[int]", memoryview(grey.coefficients))  # its slices copy nothing
        for row in range(grey.rows):
            coded = coefficients[row * per_row : (row + 1) * per_row]
            for start, end in self._divide(grey.mcus_across):
                part = coded[start * per_mcu : end * per_mcu]
                self._encoder.write_grey(part, grey.component, grey.black, end - start)

    def _divide(self, mcus: int) -> Iterator[tuple[int, int]]:
        """Yield the start and the end of each part of some MCUs to append. A restart interval begins between them."""
        start = 0
        while start < mcus:
            end = mcus
            if self._restart_interval:
                position = self._mcu % self._restart_interval
                if self._mcu and not position:
                    self._restart()
                end = min(end, start + self._restart_interval - position)
            yield start, end
            self._mcu += end - start
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
