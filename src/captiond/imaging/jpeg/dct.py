"""Pixels -> coefficients and back: Pillow transforms and quantises, and its blocks are remembered.

Letters come again in the same places of a block, so most blocks of most captions are known already.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import TypeAlias

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.jpeg.block_reader import Block, BlockReader
from captiond.imaging.jpeg.header import SOF1, ZIGZAG, Component
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC, end_of_block
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import DHT, DQT, SOI, SOS, segment_bytes

BLOCK_PX = 8
NEUTRAL = 128  # the level that is coded as zero, A.3.1

Pixels: TypeAlias = tuple[int, ...]
"""The eight lines of a block, each as one number."""

_MAX_KNOWN = 16_384  # blocks; one takes about a kilobyte
_MAX_TABLES = 4
_MAX_AT_ONCE = 4096  # blocks one below the other; the format ends at 8191
_GREY = Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])  # as Pillow codes a grey picture
_EOI = b"\xff\xd9"
_WIDE_TABLE = 0x10  # 16 bits an entry


class _Known:
    """The blocks made so far with one pair of tables."""

    def __init__(self) -> None:
        self.blocks: dict[Pixels, Block] = {}


def encode_plane(plane: Image.Image, component: Component) -> list[Block]:
    """The blocks of a plane (mode L, sides multiples of 8), row by row."""
    known = _known(component.quantisation, component.ac)
    if len(known.blocks) > _MAX_KNOWN:
        known.blocks = {}
    blocks = known.blocks
    wanted = _pixels(plane)
    unknown = [pixels for pixels in dict.fromkeys(wanted) if pixels not in blocks]
    for start in range(0, len(unknown), _MAX_AT_ONCE):
        part = unknown[start : start + _MAX_AT_ONCE]
        blocks.update(zip(part, _encode(part, component), strict=True))
    return [blocks[pixels] for pixels in wanted]


def decode_plane(blocks: Sequence[Block], across: int, component: Component) -> Image.Image:
    """The plane (mode L) that blocks make, row by row."""
    alone = Component(1, 1, component.quantisation, STANDARD_DC[0], component.ac)
    writer = ScanWriter([alone], 0)
    for block in blocks:
        writer.write([block])
    entries = [0] * len(ZIGZAG)
    for at, entry in zip(ZIGZAG, component.quantisation, strict=True):
        entries[at] = entry
    size = (BLOCK_PX * len(blocks) // across, BLOCK_PX * across)
    file = b"".join(
        (
            SOI,
            segment_bytes(DQT, struct.pack(">B64H", _WIDE_TABLE, *entries)),
            segment_bytes(SOF1, struct.pack(">BHH4B", 8, *size, 1, 1, 0x11, 0)),
            segment_bytes(DHT, b"\0" + alone.dc + b"\x10" + alone.ac),
            segment_bytes(SOS, bytes((1, 1, 0, 0, 63, 0))),
            writer.finish(),
            _EOI,
        )
    )
    plane = JpegImageFile(BytesIO(file))
    plane.load()
    return plane


def flat_block(level: int, component: Component) -> Block:
    """A block of one level, 0 to 255."""
    wanted = BLOCK_PX * (level - NEUTRAL)
    step = component.quantisation[0]
    dc = (abs(wanted) + step // 2) // step
    return Block(dc if wanted > 0 else -dc, end_of_block(component.ac))


def scan_of(encoded: bytes) -> bytes:
    """The entropy-coded bytes of a file that Pillow wrote."""
    at = len(SOI)
    while True:
        marker, length = struct.unpack_from(">xBH", encoded, at)
        at += 2 + length
        if marker == SOS:
            return encoded[at : -len(_EOI)]


def _pixels(plane: Image.Image) -> list[Pixels]:
    across = plane.width // BLOCK_PX
    lines = struct.iter_unpack(f">{across}Q", plane.tobytes()) if across else iter(())
    return [pixels for rows in zip(*[lines] * BLOCK_PX, strict=True) for pixels in zip(*rows, strict=True)]


def _encode(blocks: Sequence[Pixels], component: Component) -> list[Block]:
    column = b"".join(struct.pack(">8Q", *pixels) for pixels in blocks)
    file = BytesIO()
    picture = Image.frombytes("L", (BLOCK_PX, BLOCK_PX * len(blocks)), column)
    picture.save(file, "JPEG", qtables=[list(component.quantisation)])
    return BlockReader(scan_of(file.getvalue()), [_GREY], component.ac).read(len(blocks))


@lru_cache(_MAX_TABLES)
def _known(_quantisation: tuple[int, ...], _ac: bytes) -> _Known:
    return _Known()
