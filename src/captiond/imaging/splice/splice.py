"""Appends a strip to a photo without decoding it: the photo's coefficients stay as they are.

A restart marker resets DC prediction and bit alignment (T.81 section F.2.1.3.1), so a strip can follow
the photo's last MCU after a restart marker. Where the format allows no marker there, the scan is
decoded up to that point and the strip continues in the middle of a byte.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.exif import UPRIGHT, find_orientation
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.mcu_layout import encode_mcus
from captiond.imaging.jpeg.scan import Scan, find_scan
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import APP1, DRI, segment_bytes
from captiond.imaging.splice.recode import can_recode, recode_strip
from captiond.imaging.splice.restore import Change, make_patch
from captiond.imaging.splice.scan_tail import read_scan_tail
from captiond.imaging.splice.seam_row import encode_seam_row
from captiond.imaging.splice.strip_encoder import can_encode, encode_strip
from captiond.imaging.splice.table_completion import complete_tables
from captiond.patch import Patch

_MAX_HEIGHT_PX = 65_500  # of libjpeg
_MAX_INTERVAL = 65_535  # MCUs; DRI holds 16 bits, B.2.4.4


@dataclass(frozen=True, slots=True)
class Spliced:
    """A spliced file, as a patch of the photo's file, and its size."""

    patch: Patch
    width_px: int
    height_px: int


def splice(jpeg: bytes, header: Header, draw: Callable[[int], Image.Image]) -> Spliced:
    """Append the strip (mode L or RGB) that `draw` returns for the photo's width.

    All bytes of header, scan and trailing data stay as they are. If the photo's height is not a
    multiple of the MCU height, the blocks that cross its last line are encoded again.

    Raises NotSpliceable, JpegError.
    """
    _require_upright(header)
    scan = find_scan(jpeg, header)
    strip = draw(header.width_px)
    height_px = header.height_px + strip.height
    if height_px > _MAX_HEIGHT_PX:
        raise NotSpliceable("captioned image too high")
    change = _append(jpeg, header, scan, strip)
    return Spliced(make_patch(jpeg, header, change), header.width_px, height_px)


def _require_upright(header: Header) -> None:
    for segment in header.segments:
        orientation = find_orientation(segment.body) if segment.marker == APP1 else None
        if orientation is not None:
            if orientation.value != UPRIGHT:
                raise NotSpliceable(f"orientation {orientation.value}")
            return


def _append(jpeg: bytes, header: Header, scan: Scan, strip: Image.Image) -> Change:
    height_px = header.height_px + strip.height
    interval = header.restart_interval or header.mcus
    is_whole = header.height_px % header.mcu_height_px == 0
    at_restart = is_whole and header.mcus % interval == 0 and interval <= _MAX_INTERVAL
    inserted = b"" if header.restart_interval or not at_restart else segment_bytes(DRI, interval.to_bytes(2, "big"))
    if at_restart and can_encode(strip, header.components):
        return Change(height_px, inserted, scan.end, encode_strip(strip, header, interval), scan.end)
    completed, tables = complete_tables(header)
    if at_restart:
        append = recode_strip if can_recode(strip, completed) else _append_after_restart
        added = append(strip, completed, interval)
        return Change(height_px, inserted + tables, scan.end, added, scan.end)
    return Change(height_px, tables, *_append_within_byte(jpeg, completed, scan, strip), scan.end)


def _append_after_restart(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip's scan, which starts with a restart marker after the photo's last MCU."""
    writer = ScanWriter(header.components, interval)
    writer.resume(header.mcus, [0] * len(header.components), "")
    for mcu in encode_mcus(strip, header):
        writer.write(mcu)
    return writer.finish()


def _append_within_byte(jpeg: bytes, header: Header, scan: Scan, strip: Image.Image) -> tuple[int, bytes]:
    """The end offset of the photo's bytes that stay, and the scan that continues from there."""
    padding_px = -header.height_px % header.mcu_height_px
    first = header.mcus - (header.mcus_across if padding_px else 0)
    tail = read_scan_tail(jpeg, header, scan, first)
    writer = ScanWriter(header.components, header.restart_interval)
    writer.resume(tail.mcu, tail.predictors, tail.pending)
    if padding_px:
        for mcu in encode_seam_row(tail.blocks, strip, header):
            writer.write(mcu)
        strip = strip.crop((0, padding_px, strip.width, max(strip.height, padding_px)))
    for mcu in encode_mcus(strip, header):
        writer.write(mcu)
    return tail.start, writer.finish()
