"""Appends a strip to a photo without re-encoding the photo.

Every coefficient stays bit-exact, except in the blocks that cross the photo's last line (`seam_row.py`). The scan is
decoded only where the strip or the check for damage needs it.

A restart marker resets DC prediction and bit alignment (T.81 section F.2.1.3.1), so a strip can follow
the photo's last MCU after a restart marker. Where the format allows no marker there, the strip continues
in the middle of a byte.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.damage import UNCHECKED
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.scan_reader import ScanReading
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import DRI, EOI, segment_bytes
from captiond.imaging.limits import MAX_SIDE_PX
from captiond.imaging.splice.restore import Change, make_patch
from captiond.imaging.splice.scan_end import prepare_reading
from captiond.imaging.splice.seam_row import encode_seam_row
from captiond.imaging.splice.strip_encoder import encode_strip, prepare_strip
from captiond.imaging.splice.table_completion import complete_tables, define_implied_tables
from captiond.patch import Patch

_MAX_INTERVAL = 65_535  # MCUs; DRI holds 16 bits, B.2.4.4


@dataclass(frozen=True, slots=True)
class Spliced:
    """A spliced file, as a patch of the photo's file, its size, and the damage of the photo."""

    patch: Patch
    width_px: int
    height_px: int
    damage: str | None


def splice(
    jpeg: bytes,
    header: Header,
    draw: Callable[[int], Image.Image],
    digest: bytes | None = None,
    *,
    check_damage: bool = True,
) -> Spliced:
    """Append the strip (mode L or RGB) that `draw` returns for the photo's width.

    All bytes of header, scan and trailing data stay as they are, except for the names of further images. If the
    photo's height is not a multiple of the MCU height, the blocks that cross its last line are encoded again.

    `digest` is the SHA-256 of the file, if the caller has it. Raises NotSpliceable, JpegError.
    """
    if header.mcus_across * header.mcu_width_px > MAX_SIDE_PX:
        raise NotSpliceable("photo too wide")
    strip = draw(header.width_px)
    height_px = header.height_px + strip.height
    if height_px > MAX_SIDE_PX:
        raise NotSpliceable("captioned image too high")
    interval = header.restart_interval or header.mcus
    is_whole = header.height_px % header.mcu_height_px == 0
    at_restart = is_whole and header.mcus % interval == 0 and interval <= _MAX_INTERVAL
    appended = (_append_after_restart if at_restart else _append_within_byte)(
        jpeg, header, strip, check_damage=check_damage
    )
    reading = appended.reading
    end = b"" if reading.marker else EOI
    inserted = define_implied_tables(header) + appended.inserted
    change = Change(height_px, inserted, appended.start, appended.scan + end, reading.marker_start)
    return Spliced(make_patch(jpeg, header, change, digest), header.width_px, height_px, reading.damage)


class _Appended(NamedTuple):
    """The segments to insert, the offset after the photo's bytes that stay in the scan, and the scan from there."""

    inserted: bytes
    start: int
    scan: bytes
    reading: ScanReading


def _is_damaged(reading: ScanReading) -> bool:
    """Whether codes that are added to the Huffman tables could change how the photo is decoded.

    Faulty data may begin with bits that are no code word yet.
    """
    return reading.damage not in (None, UNCHECKED)


def _append_after_restart(jpeg: bytes, header: Header, strip: Image.Image, *, check_damage: bool) -> _Appended:
    read = prepare_reading(jpeg, header, None, check_damage=check_damage)
    interval = header.restart_interval or header.mcus
    inserted = b"" if header.restart_interval else segment_bytes(DRI, interval.to_bytes(2, "big"))
    completed, tables = complete_tables(header)
    scan = encode_strip(strip, completed, interval)
    reading = read()
    if tables and _is_damaged(reading):
        tables, scan = b"", encode_strip(strip, header, interval)
    return _Appended(inserted + tables, reading.end, scan, reading)


def _append_within_byte(jpeg: bytes, header: Header, strip: Image.Image, *, check_damage: bool) -> _Appended:
    padding_px = -header.height_px % header.mcu_height_px
    first = header.mcus - (header.mcus_across if padding_px else 0)
    read = prepare_reading(jpeg, header, first, check_damage=check_damage)
    rest = strip.crop((0, padding_px, strip.width, max(strip.height, padding_px))) if padding_px else strip
    completed, tables = complete_tables(header)
    write_rest = prepare_strip(rest, completed)
    reading = read()
    if reading.tail is None:
        raise NotSpliceable(str(reading.damage))
    if tables and _is_damaged(reading):
        completed, tables = header, b""
        write_rest = prepare_strip(rest, header)
    start, bits = divmod(reading.tail.bit_at, 8)
    writer = ScanWriter(completed.components, header.restart_interval)
    writer.resume(first, reading.tail.predictors, f"{jpeg[start]:08b}"[:bits] if bits else "")
    if padding_px:
        writer.write(encode_seam_row(reading.tail.blocks, strip, completed))
    write_rest(writer)
    return _Appended(tables, start, writer.finish(), reading)
