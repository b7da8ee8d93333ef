"""Restores the upload from a spliced file, with the help of an APP10 segment that the splice inserts.

The body of the restore segment is "captiond", a zero byte, and big-endian:

- the photo's height (16 bits)
- the length in bytes of the data inserted after the restore segment (16 bits)
- the length in bytes of the photo's scan data that stay (32 bits)
- the length in bytes of the scan data added after them (32 bits)
- the CRC-32 of the upload (32 bits)
- the scan data that were replaced.

Behind the inserted data, further APP10 segments may hold more bytes that the splice removed. The body of each is
"captiond-removed", a zero byte, the offset of the bytes in the upload (32 bits, big-endian), and the bytes.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from captiond.imaging.errors import JpegError, NotRestorable, NotSpliceable
from captiond.imaging.jpeg.header import Header, read_header
from captiond.imaging.jpeg.segments import APP10, SOI, Segment, segment_bytes
from captiond.patch import Copy, Patch

_NAME = b"captiond\0"
_FIELDS = struct.Struct(">HHIII")
_REMOVED = b"captiond-removed\0"
_OFFSET = struct.Struct(">I")
_MAX_BODY_BYTES = 65_533  # B.1.1.4
_MAX_REMOVED_BYTES = 1 << 20  # the last row of MCUs of a large photo has less


@dataclass(frozen=True, slots=True)
class Change:
    """The changes of a splice to a file."""

    height_px: int  # of the new file
    inserted: bytes  # segments before the scan header
    added_start: int  # offset of the first replaced byte of the scan
    added: bytes
    scan_end: int  # offset after the last replaced byte


def make_patch(jpeg: bytes, header: Header, change: Change) -> Patch:
    """The patch from the photo's file to the spliced one. Raises NotSpliceable."""
    crc32 = zlib.crc32(jpeg)
    fields = _FIELDS.pack(
        header.height_px,
        len(change.inserted),
        change.added_start - header.scan_start,
        len(change.added),
        crc32,
    )
    if change.scan_end - change.added_start > _MAX_REMOVED_BYTES:
        raise NotSpliceable("replaced scan data too long for the restore segment")
    restore_end = min(change.scan_end, change.added_start + _MAX_BODY_BYTES - len(_NAME) - _FIELDS.size)
    start = header.segments[0].start  # after surplus SOI
    segments = (
        segment_bytes(APP10, _NAME + fields + jpeg[change.added_start : restore_end]),
        change.inserted,
        *_store_removed(jpeg, len(SOI), start),
        *_store_removed(jpeg, restore_end, change.scan_end),
    )
    return Patch(
        crc32,
        (
            *([Copy(0, len(SOI))] if start > len(SOI) else []),
            Copy(start if start > len(SOI) else 0, header.height_offset),
            change.height_px.to_bytes(2, "big"),
            Copy(header.height_offset + 2, header.sos_start),
            b"".join(segments),
            Copy(header.sos_start, change.added_start),
            change.added,
            Copy(change.scan_end, len(jpeg)),
        ),
    )


def _store_removed(jpeg: bytes, start: int, end: int) -> Iterator[bytes]:
    """Segments that hold a part of the upload."""
    size = _MAX_BODY_BYTES - len(_REMOVED) - _OFFSET.size
    for at in range(start, end, size):
        yield segment_bytes(APP10, _REMOVED + _OFFSET.pack(at) + jpeg[at : min(at + size, end)])


def restore(captioned: bytes) -> bytes:
    """Return the upload byte for byte. Raises NotRestorable unless the file was spliced and is unchanged."""
    try:
        header = read_header(captioned)
    except JpegError as error:
        raise NotRestorable(f"not an unaltered, losslessly captioned image: {error}") from error
    found = [s for s in header.segments if s.marker == APP10 and s.body.startswith(_NAME)]
    if not found or len(found[-1].body) < len(_NAME) + _FIELDS.size:
        raise NotRestorable("the image was not captioned losslessly: it has no restore segment")
    jpeg, crc32 = _revert(captioned, header, found[-1])
    if zlib.crc32(jpeg) != crc32:
        raise NotRestorable("the image was altered after it was captioned")
    return jpeg


def _revert(captioned: bytes, header: Header, segment: Segment) -> tuple[bytes, int]:
    """The upload if the file is unchanged, and the CRC-32 that it must have."""
    height_px, inserted_bytes, unchanged_bytes, added_bytes, crc32 = _FIELDS.unpack_from(segment.body, len(_NAME))
    added_start = header.scan_start + unchanged_bytes
    inserted_end = segment.end + inserted_bytes
    removed = []
    for other in header.segments:
        if other.start == inserted_end and other.marker == APP10 and other.body.startswith(_REMOVED):
            removed.append(other.body[len(_REMOVED) :])
            inserted_end = other.end
    jpeg = b"".join(
        (
            captioned[: header.height_offset],
            height_px.to_bytes(2, "big"),
            captioned[header.height_offset + 2 : segment.start],
            captioned[inserted_end:added_start],
            segment.body[len(_NAME) + _FIELDS.size :],
            captioned[added_start + added_bytes :],
        )
    )
    for body in removed:
        (at,) = _OFFSET.unpack_from(body)
        jpeg = jpeg[:at] + body[_OFFSET.size :] + jpeg[at:]
    return jpeg, crc32
