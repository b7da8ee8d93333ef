"""Codes a strip with Huffman tables that lack symbols: some coefficients change to the nearest that have codes.

Optimised tables have codes for the symbols of their photo only. Completed as far as there is room, they lack few
symbols of a strip, mostly those of small coefficients of high frequencies.
"""

from array import array
from collections.abc import Sequence
from functools import cached_property, lru_cache

from captiond.imaging.errors import MissingHuffmanCode
from captiond.imaging.jpeg.dct import zigzag_order
from captiond.imaging.jpeg.header import ZIGZAG, Component
from captiond.imaging.jpeg.huffman import END_OF_BLOCK, MAX_CODE_BITS
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.jpeg.scan_writer import make_plan

_ZERO_RUN, _ZEROS = 0xF0, 16  # F.1.2.2.1
_MAX_AC_SIZE = 10  # bits, F.1.2.2
_LAST = 63
_CACHED_TABLES = 64
_ONE_TABLE = array("i", (0, 0, 0))
"""The plan of an MCU of one block with the only AC table."""
_MAX_ERROR = 64 * 32**2  # squared, of the coefficients of a block, which is that of its pixels: 32 of 255 grey levels


def fit_strip(blocks: list[Block], components: Sequence[Component]) -> list[Block]:
    """The blocks of whole MCUs, with symbols that the components' tables have.

    Raises MissingHuffmanCode where that would make text illegible.
    """
    fitters = [_fitter(component) for component in components for _ in range(component.across * component.down)]
    unwritable = default_build().find_unwritable(*make_plan(tuple(components)), blocks)
    if not unwritable:
        return blocks
    fitted = blocks.copy()
    error = 0
    for at in unwritable:
        fitted[at], block_error = fitters[at % len(fitters)].fit(blocks[at])
        error += block_error
    inked = sum(len(symbols) > 1 for _, symbols in blocks)
    if error > _MAX_ERROR * inked:
        raise MissingHuffmanCode("AC symbols of the strip")
    return fitted


def fit_seam(blocks: list[Block], component: Component, photo_blocks: list[Block]) -> list[Block]:
    """The blocks of a component that photo and strip share, as far as they can be coded.

    Where the photo's last lines would differ visibly, the photo's own blocks stand in: their padding covers the strip.
    """
    fitter = _fitter(component)
    fitted = blocks.copy()
    build = default_build()
    for at in build.find_unwritable(_ONE_TABLE, build.make_codes(component.ac), blocks):
        block, error = fitter.fit(blocks[at])
        fitted[at] = block if error <= _MAX_ERROR else photo_blocks[at]
    return fitted


def require_legible(
    before: "array[int]", after: "array[int]", components: Sequence[Component], inked: Sequence[int], seam: int
) -> None:
    """Raise MissingHuffmanCode if changed coefficients make the text illegible or visibly change lines of the photo.

    There are 64 coefficients per block, in zigzag order. The blocks form whole MCUs. `inked` contains the numbers of
    the blocks with AC coefficients. Photo and strip may share the first `seam` blocks.
    """
    plan = [zigzag_order(c.quantisation) for c in components for _ in range(c.across * c.down)]
    total = 0
    for block in inked:
        at = block * len(ZIGZAG)
        wanted, fitted = before[at : at + len(ZIGZAG)], after[at : at + len(ZIGZAG)]
        if wanted != fitted:
            steps = zip(wanted, fitted, plan[block % len(plan)], strict=True)
            error = sum([(step * (old - new)) ** 2 for old, new, step in steps if old != new])
            if block < seam and error > _MAX_ERROR:
                raise MissingHuffmanCode("AC symbols of blocks that photo and strip share")
            total += error
    if total > _MAX_ERROR * len(inked):
        raise MissingHuffmanCode("AC symbols of the strip")


class _Fitter:
    """Codes blocks of a component with its table. Raises MissingHuffmanCode if it has no end of block."""

    def __init__(self, component: Component) -> None:
        self._available = frozenset(component.ac[MAX_CODE_BITS:])
        self._quantisation = component.quantisation
        self._nearest: dict[tuple[int, int], int] = {}
        if END_OF_BLOCK not in self._available:
            raise MissingHuffmanCode("the end-of-block symbol")

    @cached_property
    def _steps(self) -> list[int]:
        return zigzag_order(self._quantisation)

    def fit(self, block: Block) -> tuple[Block, int]:
        """The block with available symbols, and its squared error."""
        fitted: list[int] = []
        error = 0
        position = last = 0  # in zigzag order: of a coefficient, and of the last one that is not zero
        for entry in block[1]:
            symbol, bits = entry >> 16, entry & 0xFFFF
            position += (symbol >> 4) + 1
            size = symbol & 15
            if not size:
                continue
            if position - last == (symbol >> 4) + 1 and symbol in self._available:
                fitted.append(entry)
                last = position
                continue
            is_negative = not bits >> (size - 1)
            magnitude = (1 << size) - 1 - bits if is_negative else bits
            zero_runs, zeros = divmod(position - last - 1, _ZEROS)
            nearest = 0
            if not zero_runs or _ZERO_RUN in self._available:
                nearest = self._nearest.get((magnitude, zeros), -1)
                if nearest < 0:
                    nearest = self._nearest[magnitude, zeros] = self._find_nearest(magnitude, zeros)
            error += (self._steps[position] * (magnitude - nearest)) ** 2
            if nearest:
                size = nearest.bit_length()
                value = (1 << size) - 1 - nearest if is_negative else nearest
                fitted += [_ZERO_RUN << 16] * zero_runs + [(zeros << 4 | size) << 16 | value]
                last = position
        return (block[0], fitted if last == _LAST else [*fitted, END_OF_BLOCK]), error

    def _find_nearest(self, magnitude: int, zeros: int) -> int:
        """The magnitude nearest to a coefficient's that has a code after a run of zeros, or 0."""
        sizes = [size for size in range(1, _MAX_AC_SIZE + 1) if zeros << 4 | size in self._available]
        nearest = [min(max(magnitude, 1 << (size - 1)), (1 << size) - 1) for size in sizes]
        return min((0, *nearest), key=lambda candidate: abs(candidate - magnitude))


_fitter = lru_cache(_CACHED_TABLES)(_Fitter)
