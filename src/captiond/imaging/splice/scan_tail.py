"""Where a photo's scan is left so that a strip can join it, and what lies behind that point."""

from dataclasses import dataclass, field

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.block_reader import Block, BlockReader
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.scan import Scan

_MAX_READ_BYTES = 2 << 20  # read in Python, at a third of a second a mebibyte
_MAX_PADDING_BITS = 7  # F.1.2.3


@dataclass(slots=True)
class Tail:
    """The state of a scan behind its first `mcu` MCUs, and the blocks of the others."""

    mcu: int
    end: int  # offset in the file of the first byte that is not kept
    predictors: list[int]
    pending: str = ""  # the bits of that byte that belong to what is kept
    blocks: list[Block] = field(default_factory=list)


def read_tail(jpeg: bytes, header: Header, scan: Scan, mcu: int, interval: int) -> Tail:
    """Leave the scan before MCU number `mcu`, and read the rest; raises NotSpliceable.

    `interval` is the number of MCUs between two restarts; of all intervals before, none is read.
    """
    index, skipped = divmod(mcu, interval)
    end = scan.intervals[index - 1][1] if index else header.scan_at
    tail = Tail(mcu, end, [0] * len(header.components))
    for start, end in scan.intervals[index:]:
        if scan.end - start > _MAX_READ_BYTES:
            raise NotSpliceable("too much of the scan would have to be read")
        reader = BlockReader(jpeg[start:end], header.components)
        if skipped:
            reader.skip(skipped)
            _leave(reader, start, tail)
        mcus = min(interval, header.mcus - index * interval)
        tail.blocks += reader.read(mcus - skipped)
        _require_end(reader)
        index, skipped = index + 1, 0
    return tail


def _leave(reader: BlockReader, start: int, tail: Tail) -> None:
    whole, bits = divmod(reader.at, 8)
    kept = reader.plain[:whole].replace(b"\xff", b"\xff\0")
    tail.end = start + len(kept)
    tail.pending = f"{reader.plain[whole]:08b}"[:bits] if bits else ""
    tail.predictors = reader.predictors.copy()


def _require_end(reader: BlockReader) -> None:
    if 8 * len(reader.plain) - reader.at > _MAX_PADDING_BITS:
        raise NotSpliceable("a scan that does not end with its photo")
