"""Encodes strips with the tables and the sampling of a photo.

The compiled build encodes grey strips without lists of symbols. Pillow encodes others, and those of the interpreted
build, where a photo has the tables and the sampling that Pillow writes.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO

from PIL import Image

from captiond.imaging.errors import MissingHuffmanCode
from captiond.imaging.jpeg.colour_space import CMYK
from captiond.imaging.jpeg.dct import extract_scan
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.mcu_layout import encode_mcus, transform_grey
from captiond.imaging.jpeg.scan import restart_marker
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.splice.approximation import fit_strip

_SUBSAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}  # 4:4:4, 4:2:2 and 4:2:0, by luma's sampling factors
_RESTART_MARKER = re.compile(rb"\xff[\xd0-\xd7]")


def can_encode(strip: Image.Image, components: Sequence[Component]) -> bool:
    """Whether Pillow can write this strip with the photo's tables and sampling."""
    luma, *chroma = components
    if len(components) == CMYK:
        return False
    if (luma.dc, luma.ac) != (STANDARD_DC[0], STANDARD_AC[0]):
        return False
    if (luma.across, luma.down) not in _SUBSAMPLINGS:
        return False
    if strip.mode != "L" and len({component.quantisation for component in chroma}) > 1:
        return False
    standard = (1, 1, STANDARD_DC[1], STANDARD_AC[1])
    return all((c.across, c.down, c.dc, c.ac) == standard for c in chroma)


def encode_strip(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip's scan (mode L or RGB), to be appended to the photo's, with restart markers that continue the photo's.

    Where the tables lack symbols, coefficients change to the nearest that have codes. Raises MissingHuffmanCode where
    that would make text illegible.
    """
    grey = transform_grey(strip, header)
    if grey:
        with suppress(MissingHuffmanCode):
            writer = ScanWriter(header.components, interval, header.mcus)
            writer.write_grey(grey)
            return writer.finish()
    elif can_encode(strip, header.components):
        return join_intervals(encode_intervals(strip, header, interval), header.mcus // interval)
    writer = ScanWriter(header.components, interval, header.mcus)
    writer.write(fit_strip(encode_mcus(strip, header), header.components))
    return writer.finish()


def prepare_strip(strip: Image.Image, header: Header) -> Callable[[ScanWriter], None]:
    """A function that appends the strip (mode L or RGB) to a scan. Like `encode_strip`, raises MissingHuffmanCode."""
    grey = transform_grey(strip, header)
    if grey:
        with suppress(MissingHuffmanCode):
            ScanWriter(header.components, 0).write_grey(grey)  # finds missing codes
            return lambda writer: writer.write_grey(grey)
    blocks = fit_strip(encode_mcus(strip, header), header.components)
    return lambda writer: writer.write(blocks)


def join_intervals(intervals: Sequence[bytes], first: int) -> bytes:
    """Restart intervals number `first` and following, each after its restart marker."""
    return b"".join(restart_marker(number - 1) + data for number, data in enumerate(intervals, first))


def encode_intervals(strip: Image.Image, header: Header, interval: int) -> list[bytes]:
    """The entropy-coded bytes of each restart interval of the strip."""
    luma, *chroma = header.components
    rows = -(-strip.height // header.mcu_height_px)
    has_restarts = rows * header.mcus_across > interval
    file = BytesIO()
    strip.convert("YCbCr" if chroma else "L").save(
        file,
        "JPEG",
        qtables=[list(component.quantisation) for component in (luma, *chroma[:1])],
        subsampling=_SUBSAMPLINGS[luma.across, luma.down],
        restart_marker_blocks=interval if has_restarts else 0,
    )
    scan = extract_scan(file.getvalue())
    return _RESTART_MARKER.split(scan) if has_restarts else [scan]
