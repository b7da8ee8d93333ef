"""The last row of MCUs of a photo whose height they do not divide: photo above, strip below.

Blocks that hold only lines of the photo keep their coefficients. The others, which also held
padding, are decoded, filled with the strip's first lines, and encoded.
"""

from collections.abc import Sequence

from PIL import Image

from captiond.imaging.jpeg.block_reader import Block
from captiond.imaging.jpeg.dct import BLOCK_PX, decode_plane, encode_plane
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.mcu_layout import gather_mcus, pad, scatter_row, split_planes


def fill_last_row(blocks: Sequence[Block], strip: Image.Image, header: Header) -> list[list[Block]]:
    """The MCUs of the row, with the strip (mode L or RGB) below the photo's last line."""
    photo_px = header.height_px % header.mcu_height_px
    row = pad(strip, (header.mcus_across * header.mcu_width_px, header.mcu_height_px), photo_px)
    planes = []
    parts = zip(scatter_row(blocks, header), split_planes(row, header), header.components, strict=True)
    for ours, strip_plane, component in parts:
        across = header.mcus_across * component.across
        kept_px = -(-photo_px * component.down * BLOCK_PX // header.mcu_height_px)
        plane = decode_plane(ours, across, component)
        plane.paste(strip_plane.crop((0, kept_px, *plane.size)), (0, kept_px))
        untouched = across * (kept_px // BLOCK_PX)
        planes.append(ours[:untouched] + encode_plane(plane, component)[untouched:])
    return next(gather_mcus(planes, header, header.mcus_across, 1))
