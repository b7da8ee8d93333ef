"""Restores the upload from a spliced file, with the help of an APP10 segment that the splice inserts.

The body of the segment is "captiond2", a zero byte, the number of its part (8 bits), and the part. A second segment
follows if one cannot hold all, and so on. The parts together hold, big-endian:

- the SHA-256 (32 bytes) and the CRC-32 (32 bits) of the upload
- edits that lead from the spliced file, without these segments, to the upload. Each has the number of bytes to copy,
  the number of bytes to skip, the number of bytes to insert (32 bits each), and the bytes to insert.

The bytes after the last edit are copied. Older files have the segment of version 1 instead, whose body is
"captiond", a zero byte, and big-endian:

- the photo's height (16 bits)
- the length in bytes of the data inserted after the restore segment (16 bits)
- the length in bytes of the photo's scan data that stay (32 bits)
- the length in bytes of the scan data added after them (32 bits)
- the CRC-32 of the upload (32 bits)
- the scan data that were replaced.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import attrgetter
from typing import NamedTuple

from captiond.imaging.errors import JpegError, NotRestorable, NotSpliceable
from captiond.imaging.jpeg.further_images import PLACEHOLDER, find_names
from captiond.imaging.jpeg.header import Header, read_header
from captiond.imaging.jpeg.segments import APP10, SOI, Segment, segment_bytes
from captiond.patch import Copy, Operation, Patch

_NAME = b"captiond2\0"
_DIGESTS = struct.Struct(">32sI")
_EDIT = struct.Struct(">III")
_MAX_PART_BYTES = 65_533 - len(_NAME) - 1  # B.1.1.4
_MAX_PARTS = 256
_NAME_1 = b"captiond\0"
_FIELDS_1 = struct.Struct(">HHIII")


class Edit(NamedTuple):
    """The replacement of the bytes from `start` to `end` of a file."""

    start: int
    end: int
    new: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """The changes of a splice to a file."""

    height_px: int  # of the new file
    inserted: bytes  # segments before the scan header
    added_start: int  # offset of the first replaced byte of the scan
    added: bytes
    scan_end: int  # offset after the last replaced byte


def make_patch(jpeg: bytes, header: Header, change: Change, digest: bytes | None = None) -> Patch:
    """The patch from the photo's file to the spliced one. Raises NotSpliceable.

    `digest` is the SHA-256 of the photo's file, if the caller knows it.
    """
    crc32 = zlib.crc32(jpeg)
    edits = [
        Edit(len(SOI), header.segments[0].start, b""),  # surplus SOI
        Edit(header.height_offset, header.height_offset + 2, change.height_px.to_bytes(2, "big")),
        Edit(header.sos_start, header.sos_start, change.inserted),
        Edit(change.added_start, change.scan_end, change.added),
        *(Edit(at, at + 1, PLACEHOLDER) for at in find_names(header.segments, jpeg, change.scan_end)),
    ]
    edits = sorted([edit for edit in edits if edit.new or edit.start < edit.end], key=attrgetter("start"))
    reversed_edits = _DIGESTS.pack(digest or sha256(jpeg).digest(), crc32) + _reverse(jpeg, edits)
    segments = Edit(header.sos_start, header.sos_start, _write_segments(reversed_edits))
    first = next(at for at, edit in enumerate(edits) if edit.start >= header.sos_start)
    return Patch(crc32, tuple(_operations([*edits[:first], segments, *edits[first:]], len(jpeg))))


def restore(captioned: bytes) -> bytes:
    """Return the upload byte for byte. Raises NotRestorable unless the file was spliced and is unchanged."""
    try:
        header = read_header(captioned)
    except JpegError as error:
        raise NotRestorable(f"not an unaltered, losslessly captioned image: {error}") from error
    ours = [s for s in header.segments if s.marker == APP10 and s.body.startswith((_NAME, _NAME_1))]
    if not ours:
        raise NotRestorable("the image was not captioned losslessly: it has no restore segment")
    revert = _revert if ours[-1].body.startswith(_NAME) else _revert_1
    try:
        jpeg, is_original = revert(captioned, header, ours)
    except struct.error as error:
        raise NotRestorable("the restore segment is damaged") from error
    if not is_original:
        raise NotRestorable("the image was altered after it was captioned")
    return jpeg


def _reverse(jpeg: bytes, edits: Iterable[Edit]) -> bytes:
    """The edits from the new file to the old one."""
    reversed_edits: list[bytes] = []
    at = 0
    for start, end, new in edits:
        reversed_edits += (_EDIT.pack(start - at, len(new), end - start), jpeg[start:end])
        at = end
    return b"".join(reversed_edits)


def _operations(edits: Iterable[Edit], size: int) -> Iterable[Operation]:
    at = 0
    for start, end, new in edits:
        if start > at:
            yield Copy(at, start)
        if new:
            yield new
        at = end
    if at < size:
        yield Copy(at, size)


def _write_segments(data: bytes) -> bytes:
    parts = [data[at : at + _MAX_PART_BYTES] for at in range(0, len(data), _MAX_PART_BYTES)]
    if len(parts) > _MAX_PARTS:
        raise NotSpliceable("too much replaced data for the restore segments")
    return b"".join(segment_bytes(APP10, _NAME + bytes([number]) + part) for number, part in enumerate(parts))


def _revert(captioned: bytes, _header: Header, ours: Sequence[Segment]) -> tuple[bytes, bool]:
    """The upload if the file is unchanged, and whether the digests are those of the upload."""
    first = max((at for at, s in enumerate(ours) if s.body.startswith(_NAME + b"\0")), default=0)  # of the last splice
    data = b"".join(segment.body[len(_NAME) + 1 :] for segment in ours[first:])
    digest, crc32 = _DIGESTS.unpack_from(data)
    stripped = captioned[: ours[first].start] + captioned[ours[-1].end :]
    pieces: list[bytes] = []
    at, edit_at = 0, _DIGESTS.size
    while edit_at < len(data):
        copied, skipped, inserted = _EDIT.unpack_from(data, edit_at)
        edit_at += _EDIT.size
        pieces += (stripped[at : at + copied], data[edit_at : edit_at + inserted])
        at += copied + skipped
        edit_at += inserted
    jpeg = b"".join((*pieces, stripped[at:]))
    return jpeg, zlib.crc32(jpeg) == crc32 and sha256(jpeg).digest() == digest


def _revert_1(captioned: bytes, header: Header, ours: Sequence[Segment]) -> tuple[bytes, bool]:
    """The same for a file with a restore segment of version 1."""
    body, after = ours[-1].body, ours[-1].end
    height_px, inserted_bytes, unchanged_bytes, added_bytes, crc32 = _FIELDS_1.unpack_from(body, len(_NAME_1))
    added_start = header.scan_start + unchanged_bytes
    jpeg = b"".join(
        (
            captioned[: header.height_offset],
            height_px.to_bytes(2, "big"),
            captioned[header.height_offset + 2 : ours[-1].start],
            captioned[after + inserted_bytes : added_start],
            body[len(_NAME_1) + _FIELDS_1.size :],
            captioned[added_start + added_bytes :],
        )
    )
    return jpeg, zlib.crc32(jpeg) == crc32
