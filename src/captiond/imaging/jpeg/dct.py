"""Pixels to quantised coefficients and back (T.81 sections A.3.3 and A.3.4).

Pillow computes the transform and the quantisation. Encoded blocks are cached, because the same
letters in the same positions give the same blocks.
"""

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import TypeAlias

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.errors import MissingHuffmanCode, UnsupportedJpeg
from captiond.imaging.jpeg.header import BLOCK_PX, SOF1, ZIGZAG, Component
from captiond.imaging.jpeg.huffman import END_OF_BLOCK, STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan_reader import Block, read_blocks
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import DHT, DQT, EOI, SOI, SOS, segment_bytes

NEUTRAL = 128
"""The sample that the level shift maps to zero (A.3.1)."""

Pixels: TypeAlias = tuple[int, ...]
"""The eight lines of a block, each as a 64-bit number."""

_MAX_CACHED_BLOCKS = 16_384  # one takes about a kilobyte
_CACHED_TABLES = 4
_MAX_BATCH = 4096  # blocks in a column; the format's limit is 8191
_GREY = Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])  # as Pillow encodes a grey image
_16_BIT_TABLE = 0x10  # Pq in the high nibble, B.2.4.1


def encode_plane(plane: Image.Image, component: Component) -> list[Block]:
    """The blocks of a component's samples (mode L, sides multiples of 8), row by row."""
    build = default_build()
    if build.transform_blocks:
        coefficients = build.transform_blocks(plane.tobytes(), plane.width, 1, 1, array("H", component.quantisation))
        return build.pack_blocks(coefficients)
    cached = _block_cache(component.quantisation)
    if len(cached) > _MAX_CACHED_BLOCKS:
        cached.clear()
    blocks = _split_blocks(plane)
    new = [pixels for pixels in dict.fromkeys(blocks) if pixels not in cached]
    for start in range(0, len(new), _MAX_BATCH):
        batch = new[start : start + _MAX_BATCH]
        cached.update(zip(batch, _encode(batch, component), strict=True))
    return [cached[pixels] for pixels in blocks]


def decode_plane(blocks: list[Block], across: int, component: Component) -> Image.Image:
    """The samples (mode L) of a component from its blocks, `across` of them per row. Raises UnsupportedJpeg."""
    if decode := default_build().decode_blocks:
        size = (BLOCK_PX * across, BLOCK_PX * len(blocks) // across)
        return Image.frombytes("L", size, decode(blocks, across, array("H", component.quantisation)))
    writer = ScanWriter([_GREY], 0)
    try:
        writer.write(blocks)
    except MissingHuffmanCode as error:
        raise UnsupportedJpeg("coefficients beyond those of 8-bit samples at the seam") from error
    size = (BLOCK_PX * len(blocks) // across, BLOCK_PX * across)
    file = b"".join(
        (
            SOI,
            segment_bytes(DQT, struct.pack(">B64H", _16_BIT_TABLE, *zigzag_order(component.quantisation))),
            segment_bytes(SOF1, struct.pack(">BHH4B", 8, *size, 1, 1, 0x11, 0)),
            segment_bytes(DHT, b"\0" + _GREY.dc + b"\x10" + _GREY.ac),
            segment_bytes(SOS, bytes((1, 1, 0, 0, 63, 0))),
            writer.finish(),
            EOI,
        )
    )
    plane = JpegImageFile(BytesIO(file))
    plane.load()
    return plane


def flat_block(sample: int, component: Component) -> Block:
    """A block whose samples are all the same, 0 to 255."""
    unquantised = BLOCK_PX * (sample - NEUTRAL)
    step = component.quantisation[0]
    dc = (abs(unquantised) + step // 2) // step
    return (dc if unquantised > 0 else -dc, [END_OF_BLOCK])


def zigzag_order(quantisation: Sequence[int]) -> list[int]:
    """A quantisation table in zigzag order, from one in row order."""
    entries = [0] * len(ZIGZAG)
    for at, entry in zip(ZIGZAG, quantisation, strict=True):
        entries[at] = entry
    return entries


def extract_scan(encoded: bytes) -> bytes:
    """The entropy-coded bytes of a file that Pillow wrote."""
    start = len(SOI)
    while True:
        marker, length = struct.unpack_from(">xBH", encoded, start)
        start += 2 + length
        if marker == SOS:
            return encoded[start : -len(EOI)]


def _split_blocks(plane: Image.Image) -> list[Pixels]:
    across = plane.width // BLOCK_PX
    lines = struct.iter_unpack(f">{across}Q", plane.tobytes()) if across else iter(())
    return [pixels for rows in zip(*[lines] * BLOCK_PX, strict=True) for pixels in zip(*rows, strict=True)]


def _encode(blocks: Sequence[Pixels], component: Component) -> list[Block]:
    column = b"".join(struct.pack(">8Q", *pixels) for pixels in blocks)
    file = BytesIO()
    image = Image.frombytes("L", (BLOCK_PX, BLOCK_PX * len(blocks)), column)
    image.save(file, "JPEG", qtables=[list(component.quantisation)])
    return read_blocks(extract_scan(file.getvalue()), [_GREY], len(blocks))


@lru_cache(_CACHED_TABLES)
def _block_cache(_quantisation: tuple[int, ...]) -> dict[Pixels, Block]:
    """The blocks encoded so far with a quantisation table."""
    return {}
