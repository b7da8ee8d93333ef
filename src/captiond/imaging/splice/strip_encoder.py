"""Strips coded by Pillow's own encoder, for photos that use the very tables it writes."""

import re
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from captiond.imaging.jpeg.dct import scan_of
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.scan import RESTARTS, RST0

_SUBSAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


def can_encode(strip: Image.Image, components: Sequence[Component]) -> bool:
    """Whether Pillow can write this strip with the photo's tables and sampling."""
    luma, *chroma = components
    if (luma.dc, luma.ac) != (STANDARD_DC[0], STANDARD_AC[0]):
        return False
    if (luma.across, luma.down) not in _SUBSAMPLINGS:
        return False
    if strip.mode != "L" and len({component.quantisation for component in chroma}) > 1:
        return False
    wanted = (1, 1, STANDARD_DC[1], STANDARD_AC[1])
    return all((c.across, c.down, c.dc, c.ac) == wanted for c in chroma)


def encode_strip(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip's scan behind the photo's, its restart markers numbered on from the photo's last."""
    return join_pieces(encode_pieces(strip, header, interval), header.mcus // interval - 1)


def join_pieces(pieces: Sequence[bytes], first: int) -> bytes:
    """Each piece behind its restart marker, numbered from `first` on."""
    return b"".join(part for number, piece in enumerate(pieces, first) for part in (_marker(number), piece))


def encode_pieces(strip: Image.Image, header: Header, interval: int) -> list[bytes]:
    """The strip's scan, cut at its restart markers."""
    luma, *chroma = header.components
    rows = -(-strip.height // header.mcu_height_px)
    restarts = rows * header.mcus_across > interval
    file = BytesIO()
    _in_colours_of(header, strip).save(
        file,
        "JPEG",
        qtables=[list(component.quantisation) for component in (luma, *chroma[:1])],
        subsampling=_SUBSAMPLINGS[luma.across, luma.down],
        restart_marker_blocks=interval if restarts else 0,
    )
    return _RESTART.split(scan_of(file.getvalue())) if restarts else [scan_of(file.getvalue())]


def _in_colours_of(header: Header, strip: Image.Image) -> Image.Image:
    return strip.convert("L" if len(header.components) == 1 else "YCbCr")


def _marker(number: int) -> bytes:
    return bytes((0xFF, RST0 + number % RESTARTS))
