"""Pictures -> planes -> MCUs: which block stands where (T.81 annex A.2)."""

from collections.abc import Iterator, Sequence

from PIL import Image

from captiond.imaging.jpeg.block_reader import Block
from captiond.imaging.jpeg.dct import BLOCK_PX, NEUTRAL, encode_plane, flat_block
from captiond.imaging.jpeg.header import Header

_BLACK = 0


def code_picture(picture: Image.Image, header: Header) -> Iterator[list[Block]]:
    """The MCUs of a picture (mode L or RGB), its ground going on where it does not reach."""
    inked = picture.getbbox()
    inked_mcus = -(-inked[2] // header.mcu_width_px) if inked else 0
    rows = -(-picture.height // header.mcu_height_px)
    padded = pad(picture, (inked_mcus * header.mcu_width_px, rows * header.mcu_height_px))
    planes = split_planes(padded, header)
    blocks = [encode_plane(*pair) for pair in zip(planes, header.components, strict=True)]
    blank = [
        flat_block(NEUTRAL if index else _BLACK, component)
        for index, component in enumerate(header.components)
        for _ in range(component.across * component.down)
    ]
    for row in gather_mcus(blocks, header, inked_mcus, rows):
        yield from row
        for _ in range(header.mcus_across - inked_mcus):
            yield blank


def pad(picture: Image.Image, size: tuple[int, int], top_px: int = 0) -> Image.Image:
    """The picture at the left of a larger one of the colour of its last pixel."""
    ground = picture.getpixel((picture.width - 1, picture.height - 1)) if picture.height else _BLACK
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
