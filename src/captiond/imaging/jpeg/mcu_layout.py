"""The order of blocks in MCUs (T.81 section A.2)."""

from array import array
from collections.abc import Sequence
from itertools import chain

from PIL import Image

from captiond.imaging.errors import UnsupportedJpeg
from captiond.imaging.jpeg.colour_space import CMYK
from captiond.imaging.jpeg.dct import encode_plane, flat_block
from captiond.imaging.jpeg.header import BLOCK_PX, Component, Header
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.jpeg.scan_writer import GreyMcus

_BLACK = 0


def encode_mcus(strip: Image.Image, header: Header) -> list[Block]:
    """The blocks of a strip (mode L or RGB) in the order of the scan, padded with its background to whole MCUs."""
    padded = _pad_ink(strip, header)
    inked_mcus, rows = padded.width // header.mcu_width_px, padded.height // header.mcu_height_px
    black = black_blocks(header)
    if strip.mode == "L":
        mcus = inked_mcus * rows
        blocks = [[flat] * (mcus * c.across * c.down) for flat, c in zip(black, header.components, strict=True)]
        blocks[header.grey_index] = encode_plane(padded, header.components[header.grey_index])
    else:
        blocks = [encode_plane(*pair) for pair in zip(split_planes(padded, header), header.components, strict=True)]
    blank = [flat for flat, c in zip(black, header.components, strict=True) for _ in range(c.across * c.down)]
    rest = blank * (header.mcus_across - inked_mcus)
    coded = interleave(blocks, header.components, inked_mcus)
    per_row = len(blank) * inked_mcus
    return [block for row in range(rows) for block in chain(coded[row * per_row : (row + 1) * per_row], rest)]


def black_blocks(header: Header) -> list[Block]:
    """A black block of each component."""
    return [flat_block(*pair) for pair in zip(header.black, header.components, strict=False)]


def transform_grey(strip: Image.Image, header: Header) -> GreyMcus | None:
    """The MCUs of a strip of mode L, padded with its background to whole MCUs. None: the interpreted build has none."""
    transform = default_build().transform_blocks
    if strip.mode != "L" or not transform:
        return None
    padded = _pad_ink(strip, header)
    grey = header.components[header.grey_index]
    quantisation = array("H", grey.quantisation)
    coefficients = transform(padded.tobytes(), padded.width, grey.across, grey.down, quantisation)
    black = array("q", [dc for dc, _ in black_blocks(header)])
    return GreyMcus(coefficients, header.grey_index, black, header.mcus_across, padded.height // header.mcu_height_px)


def _pad_ink(strip: Image.Image, header: Header) -> Image.Image:
    """The strip up to the right end of its ink, padded to whole MCUs."""
    inked = strip.getbbox()
    inked_mcus = -(-inked[2] // header.mcu_width_px) if inked else 0
    rows = -(-strip.height // header.mcu_height_px)
    return pad(strip, (inked_mcus * header.mcu_width_px, rows * header.mcu_height_px))


def pad(strip: Image.Image, size: tuple[int, int], top_px: int = 0) -> Image.Image:
    """The strip at the left of a larger image, which is filled with the colour of the strip's last pixel."""
    background = strip.getpixel((strip.width - 1, strip.height - 1)) if strip.height else _BLACK
    padded = Image.new(strip.mode, size, background)
    padded.paste(strip, (0, top_px))
    return padded


def split_planes(image: Image.Image, header: Header) -> list[Image.Image]:
    """The samples (mode L) of each component of an image that consists of whole MCUs, subsampled (A.1.1).

    Raises UnsupportedJpeg for colours in a CMYK photo.
    """
    if len(header.components) == 1:
        return [image.convert("L")]
    mcus = (image.width // header.mcu_width_px, image.height // header.mcu_height_px)
    sizes = [(mcus[0] * BLOCK_PX * c.across, mcus[1] * BLOCK_PX * c.down) for c in header.components]
    if image.mode == "L":
        planes = [Image.new("L", size, black) for size, black in zip(sizes, header.black, strict=True)]
        planes[header.grey_index] = image
        return planes
    if len(header.components) == CMYK:
        raise UnsupportedJpeg("coloured strip for a CMYK photo")
    bands = image.convert("YCbCr").split()
    return [band.resize(size, Image.Resampling.BOX) for band, size in zip(bands, sizes, strict=True)]


def interleave(planes: Sequence[Sequence[Block]], components: Sequence[Component], mcus_across: int) -> list[Block]:
    """The blocks in the order of the scan, from the components' blocks in row order (A.2.3)."""
    blocks: list[Block] = []
    rows = len(planes[0]) // max(1, mcus_across * components[0].across * components[0].down)
    for row in range(rows):
        columns = [
            plane[line * mcus_across * c.across + at : (line + 1) * mcus_across * c.across : c.across]
            for plane, c in zip(planes, components, strict=True)
            for line in range(row * c.down, (row + 1) * c.down)
            for at in range(c.across)
        ]
        blocks += chain.from_iterable(zip(*columns, strict=True))
    return blocks


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
