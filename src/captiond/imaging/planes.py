"""Pictures -> planes -> blocks, and back, through Pillow's own transform and quantisation."""

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.entropy import Block, BlockReader
from captiond.imaging.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg import DHT, DQT, SOF1, SOI, SOS, ZIGZAG, Component, Header, segment_bytes
from captiond.imaging.writer import ScanWriter

BLOCK_PX = 8
BLACK, NEUTRAL = 0, 128  # levels
_END_OF_BLOCK = ("\0",)
_EOI = b"\xff\xd9"
_WIDE_TABLE = 0x10  # 16 bits an entry
_GREY = Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])  # as Pillow codes a grey picture


def code_picture(picture: Image.Image, header: Header) -> Iterator[list[Block]]:
    """The MCUs of a picture (mode L or RGB), its ground going on where it does not reach."""
    inked = picture.getbbox()
    inked_mcus = -(-inked[2] // header.mcu_width_px) if inked else 0
    rows = -(-picture.height // header.mcu_height_px)
    padded = pad(picture, (inked_mcus * header.mcu_width_px, rows * header.mcu_height_px))
    planes = split_planes(padded, header)
    blocks = [encode_plane(*pair) for pair in zip(planes, header.components, strict=True)]
    blank = [
        flat_block(NEUTRAL if index else BLACK, component)
        for index, component in enumerate(header.components)
        for _ in range(component.across * component.down)
    ]
    for row in gather_mcus(blocks, header, inked_mcus, rows):
        yield from row
        for _ in range(header.mcus_across - inked_mcus):
            yield blank


def pad(picture: Image.Image, size: tuple[int, int], top_px: int = 0) -> Image.Image:
    """The picture at the left of a larger one of the colour of its last pixel."""
    ground = picture.getpixel((picture.width - 1, picture.height - 1)) if picture.height else BLACK
    padded = Image.new(picture.mode, size, ground)
    padded.paste(picture, (0, top_px))
    return padded


def split_planes(picture: Image.Image, header: Header) -> list[Image.Image]:
    """The planes (mode L) of whole MCUs, each in the size its component has."""
    if len(header.components) == 1:
        return [picture.convert("L")]
    mcus = (picture.width // header.mcu_width_px, picture.height // header.mcu_height_px)
    sizes = [(mcus[0] * BLOCK_PX * c.across, mcus[1] * BLOCK_PX * c.down) for c in header.components]
    if picture.mode == "L":
        return [picture, *(Image.new("L", size, NEUTRAL) for size in sizes[1:])]
    planes = picture.convert("YCbCr").split()
    return [plane.resize(size, Image.Resampling.BOX) for plane, size in zip(planes, sizes, strict=True)]


def encode_plane(plane: Image.Image, component: Component) -> list[Block]:
    """The blocks of a plane (mode L, sides multiples of 8), row by row."""
    levels = plane.tobytes()
    count = len(levels) // BLOCK_PX**2
    if levels == levels[:1] * len(levels):
        return [flat_block(level, component) for level in levels[:1]] * count
    file = BytesIO()
    plane.save(file, "JPEG", qtables=[list(component.quantisation)])
    return BlockReader(scan_of(file.getvalue()), [_GREY]).read(count)


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


def gather_mcus(
    planes: Sequence[Sequence[Block]], header: Header, mcus_across: int, rows: int
) -> Iterator[list[list[Block]]]:
    """Row by row, the MCUs of planes that lie row by row (A.2.3)."""
    for row in range(rows):
        mcus: list[list[Block]] = [[] for _ in range(mcus_across)]
        for blocks, component in zip(planes, header.components, strict=True):
            width = mcus_across * component.across
            for line in range(row * component.down, (row + 1) * component.down):
                starts = range(line * width, (line + 1) * width, component.across)
                for mcu, at in zip(mcus, starts, strict=True):
                    mcu.extend(blocks[at : at + component.across])
        yield mcus


def scatter_row(blocks: Sequence[Block], header: Header) -> list[list[Block]]:
    """The blocks of one row of MCUs, in the order of the scan, as planes row by row."""
    mcu_blocks = sum(component.across * component.down for component in header.components)
    planes = []
    first = 0
    for component in header.components:
        plane: list[Block] = []
        for line in range(component.down):
            at = first + line * component.across
            for mcu in range(at, len(blocks), mcu_blocks):
                plane += blocks[mcu : mcu + component.across]
        planes.append(plane)
        first += component.across * component.down
    return planes


def flat_block(level: int, component: Component) -> Block:
    """A block of one level, 0 to 255."""
    wanted = BLOCK_PX * (level - NEUTRAL)
    step = component.quantisation[0]
    dc = (abs(wanted) + step // 2) // step
    return Block(dc if wanted > 0 else -dc, _END_OF_BLOCK)


def scan_of(encoded: bytes) -> bytes:
    """The entropy-coded bytes of a file that Pillow wrote."""
    at = len(SOI)
    while True:
        marker, length = struct.unpack_from(">xBH", encoded, at)
        at += 2 + length
        if marker == SOS:
            return encoded[at : -len(_EOI)]
