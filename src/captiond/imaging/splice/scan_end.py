"""Reads a photo's scan as far as a splice and the damage check need it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.damage import UNCHECKED, is_checked
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.native import is_native
from captiond.imaging.jpeg.scan import Scan, find_scan
from captiond.imaging.jpeg.scan_reader import ScanReading, read_scan
from captiond.imaging.jpeg.segments import EOI

_MAX_INTERPRETED_BYTES = 8 << 10  # some 5 ms
_BLOCK_COST = 4  # an interpreted block takes as long as so many bytes, besides its own


def prepare_reading(jpeg: bytes, header: Header, first: int | None, *, check_damage: bool) -> Callable[[], ScanReading]:
    """A function that reads the scan, and its blocks from MCU number `first` on unless that is None.

    With `check_damage`, all of the scan is read where `is_checked` says so. Otherwise `damage` is UNCHECKED unless a
    fault is found. Both functions raise NotSpliceable, JpegError.
    """
    if check_damage and is_checked(jpeg):
        return partial(_read_all, jpeg, header, first)
    scan = find_scan(jpeg, header)
    if first is None:
        return partial(ScanReading, scan.end, scan.marker_start, scan.marker, UNCHECKED, None)
    interval = header.restart_interval or header.mcus
    index = min(first // interval, len(scan.starts) - 1)
    if not is_native():
        _require_short(scan, index, header)
    return partial(_read_intervals, jpeg, header, first, scan, index)


def _read_all(jpeg: bytes, header: Header, first: int | None) -> ScanReading:
    reading = read_scan(jpeg, header, first)
    if reading.damage or reading.marker != EOI[1]:
        find_scan(jpeg, header)  # raises unless decoders find the strip after the damage
    return reading


def _read_intervals(jpeg: bytes, header: Header, first: int, scan: Scan, index: int) -> ScanReading:
    """Read the restart intervals from number `index` on."""
    start_mcu = index * header.restart_interval
    reading = read_scan(jpeg, header, first, start=(scan.starts[index], start_mcu))
    tail = reading.tail
    if tail and index and first == start_mcu:
        tail = replace(tail, bit_at=8 * scan.ends[index - 1])  # the strip's scan begins with the restart marker
    return replace(reading, tail=tail, damage=reading.damage or UNCHECKED)


def _require_short(scan: Scan, index: int, header: Header) -> None:
    """Raise NotSpliceable if the interpreted decoder would take longer than re-encoding a small photo."""
    size = scan.end - scan.starts[index]
    blocks = (header.mcus - index * header.restart_interval) * sum(c.across * c.down for c in header.components)
    if size + _BLOCK_COST * blocks > _MAX_INTERPRETED_BYTES:
        raise NotSpliceable(
            f"{size >> 10} KiB of the scan to decode, too long for the interpreted decoder; "
            "install captiond with a C compiler"
        )
