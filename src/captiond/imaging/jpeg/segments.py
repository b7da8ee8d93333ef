"""Marker segments of a JPEG up to its first scan (T.81 section B.1.1)."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from captiond.imaging.errors import MalformedJpeg, TooManySegments

_HEAD = struct.Struct(">xBH")  # the marker, and the length of the segment without it
SOI, EOI = b"\xff\xd8", b"\xff\xd9"
DHT, SOS, DQT, DRI = 0xC4, 0xDA, 0xDB, 0xDD
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")  # but for restart markers, which are a part of a scan
_LONE = (b"\x01", *(bytes([code]) for code in range(0xD0, 0xD9)))  # TEM, RST0 to RST7 and SOI, B.1.1.3
_SURPLUS = re.compile(rb"\xff++[\x01\xd0-\xd7]")
FRAMES = frozenset({*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC})  # SOF0 to SOF15, table B.1
MAX_SEGMENTS = 10_000
"""The photo of a camera has about a hundred. Each takes some 200 bytes of memory, and time."""
MAX_FILL_BYTES = 65_536
"""Fill bytes before the first scan (B.1.1.2). Writers use none, or align a segment with a few."""
MAX_TABLE_BYTES = 1 << 20
"""The bytes of all DQT and DHT segments. A table has at most 273, and each replaces the one before."""
APP0, APP1, APP2, APP10, APP13, APP14, APP15, COM = 0xE0, 0xE1, 0xE2, 0xEA, 0xED, 0xEE, 0xEF, 0xFE


class Segment(NamedTuple):
    """A marker segment. Offsets count from the start of the file."""

    marker: int
    start: int  # of the marker, or of the fill bytes before it
    body_start: int
    body: bytes  # without the length field

    @property
    def end(self) -> int:
        """The offset of the next segment."""
        return self.body_start + len(self.body)


def walk_segments(jpeg: bytes) -> Iterator[Segment]:
    """Yield the segments up to and including the first SOS. Raises MalformedJpeg, TooManySegments.

    SOI, TEM and restart markers between them have no meaning, and are skipped.
    """
    if not jpeg.startswith(SOI):
        raise MalformedJpeg("no start of image")
    start = _skip_start(jpeg)
    for _ in range(MAX_SEGMENTS):
        marker_start = start
        while jpeg.startswith(b"\xff\xff", marker_start):  # fill bytes, B.1.1.2
            marker_start += 1
            if marker_start - start > MAX_FILL_BYTES:
                raise MalformedJpeg(f"more than {MAX_FILL_BYTES} fill bytes")
        if jpeg.startswith(EOI, marker_start):
            raise MalformedJpeg("end of image before the first scan")
        if jpeg[marker_start : marker_start + 1] == b"\xff" and jpeg[marker_start + 1 : marker_start + 2] in _LONE:
            start = marker_start + 2
            continue
        body_start = marker_start + _HEAD.size
        if not jpeg.startswith(b"\xff", marker_start) or len(jpeg) < body_start:
            raise MalformedJpeg("missing marker")
        marker, length = _HEAD.unpack_from(jpeg, marker_start)
        end = marker_start + 2 + length
        if not body_start <= end <= len(jpeg):
            raise MalformedJpeg("truncated segment")
        yield Segment(marker, start, body_start, jpeg[body_start:end])
        if marker == SOS:
            return
        start = end
    raise TooManySegments(MAX_SEGMENTS)


def find_segments(jpeg: bytes) -> Iterator[Segment]:
    """Yield the segments of all scans, EOI, and SOI after the start. Bytes that belong to none are ignored."""
    start = _skip_start(jpeg)
    while found := _MARKER.search(jpeg, start):
        start = found.end()
        marker = found[0][1]
        size = int.from_bytes(jpeg[start : start + 2], "big") if found[0] not in (SOI, EOI) else 0
        if start + size > len(jpeg):
            return
        yield Segment(marker, found.start(), start + min(2, size), jpeg[start + 2 : start + size])
        if found[0] == EOI:
            return
        start += size


def normalise_ends(jpeg: bytes) -> bytes:
    """The file without surplus markers and without an incomplete segment, up to its EOI, which is added where missing.

    Surplus are SOI, and TEM and restart markers before the first scan. A file without SOI stays as it is.
    """
    if not jpeg.startswith(SOI):
        return jpeg
    header = [SOI]
    start = end = _skip_start(jpeg)
    is_header = True
    for segment in find_segments(jpeg):
        if is_header:
            header.append(_SURPLUS.sub(b"", jpeg[start : segment.start]))
            header.append(b"" if segment.marker == SOI[1] else jpeg[segment.start : segment.end])
            start = end = segment.end
            is_header = segment.marker != SOS
        end = end if segment.marker == SOI[1] else segment.end
        if segment.marker == EOI[1]:
            return b"".join((*header, jpeg[start:end]))
    incomplete = _MARKER.search(jpeg, end)
    return b"".join((*header, jpeg[start : incomplete.start() if incomplete else len(jpeg)], EOI))


def _skip_start(jpeg: bytes) -> int:
    """The offset after SOI, which some writers repeat."""
    start = len(SOI)
    while start < MAX_FILL_BYTES and jpeg.startswith(SOI, start):
        start += len(SOI)
    return start


def segment_bytes(marker: int, body: bytes) -> bytes:
    """Serialise a marker segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
