"""The order of blocks in MCUs (T.81 section A.2)."""

from collections.abc import Iterator, Sequence

from PIL import Image

from captiond.imaging.jpeg.block_reader import Block
from captiond.imaging.jpeg.dct import NEUTRAL, encode_plane, flat_block
from captiond.imaging.jpeg.header import BLOCK_PX, Header

_BLACK = 0


def encode_mcus(strip: Image.Image, header: Header) -> Iterator[list[Block]]:
    """The MCUs of a strip (mode L or RGB), padded with its background to whole MCUs."""
    inked = strip.getbbox()
    inked_mcus = -(-inked[2] // header.mcu_width_px) if inked else 0
    rows = -(-strip.height // header.mcu_height_px)
    padded = pad(strip, (inked_mcus * header.mcu_width_px, rows * header.mcu_height_px))
    planes = split_planes(padded, header)
    blocks = [encode_plane(*pair) for pair in zip(planes, header.components, strict=True)]
    blank = [
        flat_block(NEUTRAL if index else _BLACK, component)
        for index, component in enumerate(header.components)
        for _ in range(component.across * component.down)
    ]
    for row in interleave(blocks, header, inked_mcus, rows):
        yield from row
        for _ in range(header.mcus_across - inked_mcus):
            yield blank


def pad(strip: Image.Image, size: tuple[int, int], top_px: int = 0) -> Image.Image:
    """The strip at the left of a larger image, which is filled with the colour of the strip's last pixel."""
    background = strip.getpixel((strip.width - 1, strip.height - 1)) if strip.height else _BLACK
    padded = Image.new(strip.mode, size, background)
    padded.paste(strip, (0, top_px))
    return padded


def split_planes(image: Image.Image, header: Header) -> list[Image.Image]:
    """The samples (mode L) of each component of an image that consists of whole MCUs, subsampled (A.1.1)."""
    if len(header.components) == 1:
        return [image.convert("L")]
    mcus = (image.width // header.mcu_width_px, image.height // header.mcu_height_px)
    sizes = [(mcus[0] * BLOCK_PX * c.across, mcus[1] * BLOCK_PX * c.down) for c in header.components]
    if image.mode == "L":
        return [image, *(Image.new("L", size, NEUTRAL) for size in sizes[1:])]
    planes = image.convert("YCbCr").split()
    return [plane.resize(size, Image.Resampling.BOX) for plane, size in zip(planes, sizes, strict=True)]


def interleave(
    planes: Sequence[Sequence[Block]], header: Header, mcus_across: int, rows: int
) -> Iterator[list[list[Block]]]:
    """The MCUs of each row, from the components' blocks in row order (A.2.3)."""
    for row in range(rows):
        mcus: list[list[Block]] = [[] for _ in range(mcus_across)]
        for blocks, component in zip(planes, header.components, strict=True):
            width = mcus_across * component.across
            for line in range(row * component.down, (row + 1) * component.down):
                starts = range(line * width, (line + 1) * width, component.across)
                for mcu, at in zip(mcus, starts, strict=True):
                    mcu.extend(blocks[at : at + component.across])
        yield mcus


def deinterleave_row(blocks: Sequence[Block], header: Header) -> list[list[Block]]:
    """The components' blocks in row order, from the blocks of one row of MCUs in the order of the scan (A.2.3)."""
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
