"""The row of MCUs at the seam, if the MCU height does not divide the photo's height: photo above, strip below.

Blocks that hold only lines of the photo keep their coefficients. The others also held padding: they
are decoded, the first lines of the strip replace the padding, and they are encoded again.
"""

from PIL import Image

from captiond.imaging.jpeg.dct import decode_rows, encode_planes
from captiond.imaging.jpeg.header import BLOCK_PX, Header
from captiond.imaging.jpeg.mcu_layout import deinterleave_row, interleave, pad, split_planes
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.splice.approximation import fit_seam


def encode_seam_row(blocks: list[Block], strip: Image.Image, header: Header) -> list[Block]:
    """The blocks of the row in the order of the scan, with the strip (mode L or RGB) below the photo's last line."""
    photo_px = header.height_px % header.mcu_height_px
    row = pad(strip, (header.mcus_across * header.mcu_width_px, header.mcu_height_px), photo_px)
    components = header.components
    photo_planes, strip_planes = deinterleave_row(blocks, header), split_planes(row, header)
    across = [header.mcus_across * component.across for component in components]
    lines = [-(-photo_px * component.down * BLOCK_PX // header.mcu_height_px) for component in components]
    unchanged = [count * (photo_lines // BLOCK_PX) for count, photo_lines in zip(across, lines, strict=True)]
    last_rows = [
        plane[first : first + count] if photo_lines % BLOCK_PX else []
        for plane, first, count, photo_lines in zip(photo_planes, unchanged, across, lines, strict=True)
    ]
    planes = []
    for photo, strip_plane, photo_lines in zip(decode_rows(last_rows, components), strip_planes, lines, strict=True):
        plane = strip_plane.crop((0, photo_lines // BLOCK_PX * BLOCK_PX, *strip_plane.size))
        plane.paste(photo.crop((0, 0, plane.width, photo_lines % BLOCK_PX)))
        planes.append(plane)
    encoded = encode_planes(planes, components)
    changed = [
        photo_blocks[:first] + fit_seam(new, component, photo_blocks[first:])
        for new, component, photo_blocks, first in zip(encoded, components, photo_planes, unchanged, strict=True)
    ]
    return interleave(changed, components, header.mcus_across)
