"""The column of MCUs at the seam, if the MCU width does not divide the photo's width: photo at the left, strip right.

It is the counterpart of the seam row, see there.
"""

from collections.abc import Sequence

from PIL import Image

from captiond.imaging.jpeg.dct import decode_plane, encode_plane
from captiond.imaging.jpeg.header import BLOCK_PX, Header
from captiond.imaging.jpeg.mcu_layout import deinterleave_row, interleave, split_planes
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.splice.approximation import fit_seam


def encode_seam_column(mcus: Sequence[list[Block]], strip: Image.Image, header: Header) -> list[list[Block]]:
    """The MCUs of the column from top to bottom, with the strip (mode L or RGB) right of the photo's last column."""
    photo_px = header.width_px % header.mcu_width_px
    column = Image.new(strip.mode, (header.mcu_width_px, header.mcu_height_px * len(mcus)))
    column.paste(strip, (photo_px, 0))
    rows = [deinterleave_row(mcu, header) for mcu in mcus]
    planes = []
    for index, (strip_plane, component) in enumerate(zip(split_planes(column, header), header.components, strict=True)):
        photo_blocks = [block for row in rows for block in row[index]]
        photo_columns = -(-photo_px * component.across * BLOCK_PX // header.mcu_width_px)
        plane = decode_plane(photo_blocks, component.across, component)
        plane.paste(strip_plane.crop((photo_columns, 0, *plane.size)), (photo_columns, 0))
        pairs = zip(photo_blocks, fit_seam(encode_plane(plane, component), component, photo_blocks), strict=True)
        unchanged = photo_columns // BLOCK_PX
        planes.append([old if at % component.across < unchanged else new for at, (old, new) in enumerate(pairs)])
    blocks = interleave(planes, header.components, 1)
    per_mcu = len(blocks) // len(mcus)
    return [blocks[at : at + per_mcu] for at in range(0, len(blocks), per_mcu)]
