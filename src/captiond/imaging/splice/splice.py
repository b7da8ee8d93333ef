"""Joins a strip to a photo without decoding it: the photo's coefficients stay as they are.

DC prediction and bit alignment start afresh at a restart marker (T.81 F.2.1.3.1), so a strip can
follow the last MCU of a photo behind one. Where no marker may stand there, the scan is read up to
that point and the strip goes on in the middle of a byte.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.exif import find_orientation
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.mcu_layout import code_picture
from captiond.imaging.jpeg.scan import Scan, find_scan
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import DRI, segment_bytes
from captiond.imaging.splice.recode import can_recode, recode_strip
from captiond.imaging.splice.restore import Change, patch_of
from captiond.imaging.splice.scan_tail import read_tail
from captiond.imaging.splice.seam_row import fill_last_row
from captiond.imaging.splice.strip_encoder import can_encode, encode_strip
from captiond.imaging.splice.table_completion import complete_tables
from captiond.patch import Patch

_MAX_HEIGHT_PX = 65_500  # libjpeg's limit
_MAX_INTERVAL = 65_535  # MCUs, a 16-bit number in DRI
_APP1 = 0xE1


@dataclass(frozen=True, slots=True)
class Spliced:
    """What makes a new file of the photo's, and the new one's size."""

    patch: Patch
    width_px: int
    height_px: int


def splice(jpeg: bytes, header: Header, draw: Callable[[int], Image.Image]) -> Spliced:
    """The photo with the strip (mode L or RGB) that `draw` makes for its width; raises NotSpliceable.

    The bytes of header, scan and whatever follows are those of the photo. Only of a photo whose
    height is no multiple of its MCUs', the blocks astride the last line are coded anew.
    """
    _require_upright(header)
    scan = find_scan(jpeg, header)
    strip = draw(header.width_px)
    height_px = header.height_px + strip.height
    if height_px > _MAX_HEIGHT_PX:
        raise NotSpliceable("too high with its strip")
    change = _join(jpeg, header, scan, strip)
    return Spliced(patch_of(jpeg, header, change), header.width_px, height_px)


def _require_upright(header: Header) -> None:
    for segment in header.segments:
        orientation = find_orientation(segment.body) if segment.marker == _APP1 else None
        if orientation is not None:
            if orientation.value != 1:
                raise NotSpliceable("the photo is turned")
            return


def _join(jpeg: bytes, header: Header, scan: Scan, strip: Image.Image) -> Change:
    height_px = header.height_px + strip.height
    interval = header.restart_interval or header.mcus
    is_whole = header.height_px % header.mcu_height_px == 0
    at_restart = is_whole and header.mcus % interval == 0 and interval <= _MAX_INTERVAL
    inserted = b"" if header.restart_interval or not at_restart else segment_bytes(DRI, interval.to_bytes(2, "big"))
    if at_restart and can_encode(strip, header.components):
        return Change(height_px, inserted, scan.end, encode_strip(strip, header, interval), scan.end)
    completed, tables = complete_tables(header)
    if at_restart:
        follow = recode_strip if can_recode(strip, completed) else _follow_marker
        added = follow(strip, completed, interval)
        return Change(height_px, inserted + tables, scan.end, added, scan.end)
    return Change(height_px, tables, *_follow_bits(jpeg, completed, scan, strip), scan.end)


def _follow_marker(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip behind a restart marker, to follow the photo's last MCU."""
    writer = ScanWriter(header.components, interval)
    writer.resume(header.mcus, [0] * len(header.components), "")
    for mcu in code_picture(strip, header):
        writer.write(mcu)
    return writer.finish()


def _follow_bits(jpeg: bytes, header: Header, scan: Scan, strip: Image.Image) -> tuple[int, bytes]:
    """Where the photo's bytes are left, and the strip that goes on from there."""
    padding_px = -header.height_px % header.mcu_height_px
    first = header.mcus - (header.mcus_across if padding_px else 0)
    tail = read_tail(jpeg, header, scan, first, header.restart_interval or header.mcus + 1)
    writer = ScanWriter(header.components, header.restart_interval)
    writer.resume(tail.mcu, tail.predictors, tail.pending)
    if padding_px:
        for mcu in fill_last_row(tail.blocks, strip, header):
            writer.write(mcu)
        strip = strip.crop((0, padding_px, strip.width, max(strip.height, padding_px)))
    for mcu in code_picture(strip, header):
        writer.write(mcu)
    return tail.end, writer.finish()
