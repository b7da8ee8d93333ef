"""The row of MCUs at the seam, if the MCU height does not divide the photo's height: photo above, strip below.

Blocks that hold only lines of the photo keep their coefficients. The others also held padding: they
are decoded, the first lines of the strip replace the padding, and they are encoded again.
"""

from PIL import Image

from captiond.imaging.jpeg.dct import decode_plane, encode_plane
from captiond.imaging.jpeg.header import BLOCK_PX, Header
from captiond.imaging.jpeg.mcu_layout import deinterleave_row, interleave, pad, split_planes
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.splice.approximation import fit_seam


def encode_seam_row(blocks: list[Block], strip: Image.Image, header: Header) -> list[Block]:
    """The blocks of the row in the order of the scan, with the strip (mode L or RGB) below the photo's last line."""
    photo_px = header.height_px % header.mcu_height_px
    row = pad(strip, (header.mcus_across * header.mcu_width_px, header.mcu_height_px), photo_px)
    planes = []
    photo_planes, strip_planes = deinterleave_row(blocks, header), split_planes(row, header)
    for photo_blocks, strip_plane, component in zip(photo_planes, strip_planes, header.components, strict=True):
        across = header.mcus_across * component.across
        photo_lines = -(-photo_px * component.down * BLOCK_PX // header.mcu_height_px)
        whole_lines = photo_lines // BLOCK_PX * BLOCK_PX
        plane = strip_plane.crop((0, whole_lines, *strip_plane.size))
        unchanged = across * (photo_lines // BLOCK_PX)
        if whole_lines < photo_lines:
            shared = decode_plane(photo_blocks[unchanged : unchanged + across], across, component)
            plane.paste(shared.crop((0, 0, plane.width, photo_lines - whole_lines)))
        changed = fit_seam(encode_plane(plane, component), component, photo_blocks[unchanged:])
        planes.append(photo_blocks[:unchanged] + changed)
    return interleave(planes, header.components, header.mcus_across)
