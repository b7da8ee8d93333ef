"""The end of a photo's scan: the decoder's state where a strip is appended, and the blocks after that."""

from dataclasses import dataclass, field

from captiond.imaging.errors import MalformedJpeg, NotSpliceable
from captiond.imaging.jpeg.block_reader import Block, BlockReader
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.scan import Scan

_MAX_DECODED_BYTES = 2 << 20  # a third of a second per mebibyte
_MAX_PADDING_BITS = 7  # F.1.2.3


@dataclass(slots=True)
class ScanTail:
    """The state of a scan after its first `mcu` MCUs, and the blocks of the others."""

    mcu: int
    start: int  # offset in the file of the first byte that does not stay
    predictors: list[int]
    pending: str = ""  # leading bits of that byte which belong to the MCUs before, in binary
    blocks: list[Block] = field(default_factory=list)


def read_scan_tail(jpeg: bytes, header: Header, scan: Scan, mcu: int) -> ScanTail:
    """Decode the scan from MCU number `mcu` on. No restart interval before that MCU's is decoded.

    Raises NotSpliceable where that is too much to decode, MalformedJpeg, MissingHuffmanCode.
    """
    interval = header.restart_interval or header.mcus + 1  # one interval, which may go on after the photo
    index, skipped = divmod(mcu, interval)
    end = scan.intervals[index - 1][1] if index else header.scan_start
    tail = ScanTail(mcu, end, [0] * len(header.components))
    for start, end in scan.intervals[index:]:
        if scan.end - start > _MAX_DECODED_BYTES:
            raise NotSpliceable(f"more than {_MAX_DECODED_BYTES >> 20} MiB of the scan to decode")
        reader = BlockReader(jpeg[start:end], header.components)
        if skipped:
            reader.skip(skipped)
            _save_state(reader, start, tail)
        mcus = min(interval, header.mcus - index * interval)
        tail.blocks += reader.read(mcus - skipped)
        if 8 * len(reader.unstuffed) - reader.bit > _MAX_PADDING_BITS:
            raise MalformedJpeg("data after the last MCU")
        index, skipped = index + 1, 0
    return tail


def _save_state(reader: BlockReader, start: int, tail: ScanTail) -> None:
    whole, bits = divmod(reader.bit, 8)
    stuffed = reader.unstuffed[:whole].replace(b"\xff", b"\xff\0")
    tail.start = start + len(stuffed)
    tail.pending = f"{reader.unstuffed[whole]:08b}"[:bits] if bits else ""
    tail.predictors = reader.predictors.copy()
