"""Writing entropy-coded blocks with a photo's own Huffman tables (T.81 annex F.1)."""

from collections.abc import Sequence
from functools import lru_cache

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.block_reader import Block
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman import code_words
from captiond.imaging.jpeg.scan import RESTARTS, RST0

_REMEMBERED = 64  # tables


class _DcWords(dict[int, str]):
    """Difference -> its bits."""

    def __init__(self, definition: bytes) -> None:
        super().__init__()
        self._words = code_words(definition)

    def __missing__(self, difference: int) -> str:
        size = abs(difference).bit_length()
        number = difference if difference > 0 else difference + (1 << size) - 1
        if size not in self._words:
            raise NotSpliceable(f"its Huffman tables lack DC size {size}")
        self[difference] = self._words[size] + (f"{number:0{size}b}" if size else "")
        return self[difference]


class ScanWriter:
    """Writes MCUs one after another, with restart markers where they are due."""

    def __init__(self, components: Sequence[Component], restart_interval: int) -> None:
        self._plan = [
            (index, _dc_words(component.dc))
            for index, component in enumerate(components)
            for _ in range(component.across * component.down)
        ]
        self._restart_interval = restart_interval
        self._predictors = [0] * len(components)
        self._mcu = 0
        self._bits: list[str] = []
        self._intervals: list[bytes] = []
        self._last: Sequence[Block] | None = None
        self._repeated = ""

    def resume(self, mcu: int, predictors: Sequence[int], bits: str) -> None:
        """Go on behind the first `mcu` MCUs, where the last byte is not whole yet."""
        self._mcu = mcu
        self._predictors = list(predictors)
        self._bits = [bits]

    def write(self, blocks: Sequence[Block]) -> None:
        """Add one MCU; raises NotSpliceable if the tables have no code word for it."""
        if self._restart_interval and self._mcu and self._mcu % self._restart_interval == 0:
            self._restart()
        self._mcu += 1
        if blocks is not self._last:
            self._bits += self._code(blocks)
            self._last = blocks
            self._repeated = ""
            return
        if not self._repeated:  # from the second time on an MCU looks the same
            self._repeated = "".join(self._code(blocks))
        self._bits.append(self._repeated)

    def finish(self) -> bytes:
        """All that was written, byte stuffing and all."""
        return b"".join((*self._intervals, pack_bits(self._bits)))

    def _code(self, blocks: Sequence[Block]) -> list[str]:
        bits = []
        predictors = self._predictors
        for (index, dc), block in zip(self._plan, blocks, strict=True):
            bits.append(dc[block.dc - predictors[index]])
            predictors[index] = block.dc
            bits.append(block.ac)
        return bits

    def _restart(self) -> None:
        number = (self._mcu // self._restart_interval - 1) % RESTARTS
        self._intervals += (pack_bits(self._bits), bytes((0xFF, RST0 + number)))
        self._bits = []
        self._predictors = [0] * len(self._predictors)
        self._last = None


def pack_bits(bits: list[str]) -> bytes:
    """Bits -> bytes, filled up with ones (F.1.2.3) and stuffed (B.1.1.5)."""
    text = "".join(bits)
    if not text:
        return b""
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


@lru_cache(_REMEMBERED)
def _dc_words(definition: bytes) -> _DcWords:
    return _DcWords(definition)
