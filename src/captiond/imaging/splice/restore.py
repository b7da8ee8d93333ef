"""Restores the upload from a spliced file, with the help of an APP10 segment that the splice inserts.

The body of the segment is "captiond2", a zero byte, the number of its part (8 bits), and the part. A second segment
follows if one cannot hold all, and so on. The parts together hold, big-endian:

- the SHA-256 (32 bytes) and the CRC-32 (32 bits) of the upload
- the length in bytes of the scan (32 bits) if the strip is not at the bottom of the stored picture, else zero
- if it is not zero, how to remove the strip from the scan: the number of runs (see scan_editor.py), the numbers of the
  photo's and of the strip's MCUs in a run (32 bits each), 1 if the strip's are first, else 0 (8 bits), the photo's
  restart interval (16 bits), the length of the following bytes (32 bits), and, if they were replaced, the photo's last
  MCUs of each run, as a scan with the standard Huffman tables of luma
- edits that lead to the upload from the spliced file without these segments and without such a strip. Each has the
  number of bytes to copy, the number of bytes to skip, the number of bytes to insert (32 bits each), and the bytes to
  insert.

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
from dataclasses import dataclass, replace
from hashlib import sha256
from operator import attrgetter
from typing import NamedTuple, Self

from captiond.imaging.errors import JpegError, MalformedJpeg, NotRestorable, NotSpliceable
from captiond.imaging.jpeg.further_images import PLACEHOLDER, find_names
from captiond.imaging.jpeg.header import Component, Header, read_header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.scan_reader import Block, read_blocks
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import APP10, SOI, Segment, segment_bytes
from captiond.imaging.splice.scan_editor import Interleaving, McuReader, McuWriter, remove_strip
from captiond.patch import Copy, Operation, Patch

_NAME = b"captiond2\0"
_DIGESTS = struct.Struct(">32sII")
_SIDE_CHANGE = struct.Struct(">IIIBHI")
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
class SideChange:
    """How the strip was joined to another side than the bottom."""

    order: Interleaving
    restart_interval: int  # of the photo
    components: tuple[Component, ...]
    last_mcus: list[list[Block]]  # of the photo in each run, if they were replaced

    def to_bytes(self) -> bytes:
        """Serialise all but the components."""
        writer = ScanWriter(_with_standard_tables(self.components), 0)
        for mcu in self.last_mcus:
            writer.write(mcu)
        mcus = writer.finish()
        order = self.order
        numbers = (order.runs, order.photo_mcus, order.strip_mcus, order.strip_is_first)
        return _SIDE_CHANGE.pack(*numbers, self.restart_interval, len(mcus)) + mcus

    @classmethod
    def from_bytes(cls, data: bytes, header: Header) -> tuple[Self, int]:
        """Parse the bytes at the start of `data`, and return how many these are. Raises struct.error, MalformedJpeg."""
        runs, photo_mcus, strip_mcus, is_first, interval, size = _SIDE_CHANGE.unpack_from(data)
        order = Interleaving(runs, photo_mcus, strip_mcus, bool(is_first))
        if not order.fits(header.mcus):
            raise MalformedJpeg("the restore segment belongs to another scan")
        end = _SIDE_CHANGE.size + size
        components = header.components
        blocks = read_blocks(data[_SIDE_CHANGE.size : end], _with_standard_tables(components), runs) if size else []
        per_mcu = sum(c.across * c.down for c in components)
        last_mcus = [blocks[at : at + per_mcu] for at in range(0, len(blocks), per_mcu)]
        return cls(order, interval, components, last_mcus), end


def _with_standard_tables(components: tuple[Component, ...]) -> tuple[Component, ...]:
    return tuple(replace(component, dc=STANDARD_DC[0], ac=STANDARD_AC[0]) for component in components)


@dataclass(frozen=True, slots=True)
class Change:
    """The changes of a splice to a file."""

    height_px: int  # of the new file
    inserted: bytes  # segments before the first scan header
    added_start: int  # offset of the first replaced byte of the last scan
    added: bytes
    scan_end: int  # offset after the last replaced byte
    width_px: int | None = None  # None: unchanged
    side: SideChange | None = None  # None: the strip is at the bottom
    earlier: tuple[Edit, ...] = ()  # edits of all scans but the last


def make_patch(jpeg: bytes, header: Header, change: Change, digest: bytes | None = None) -> Patch:
    """The patch from the photo's file to the spliced one. Raises NotSpliceable.

    `digest` is the SHA-256 of the photo's file, if the caller has it.
    """
    crc32 = zlib.crc32(jpeg)
    size = struct.pack(">HH", change.height_px, change.width_px or header.width_px)
    scan = Edit(change.added_start, change.scan_end, change.added)
    others = [
        *_find_surplus(header.segments),
        Edit(header.height_offset, header.height_offset + len(size), size),
        Edit(header.sos_start, header.sos_start, change.inserted),
        *change.earlier,
        *(Edit(at, at + 1, PLACEHOLDER) for at in find_names(header.segments, jpeg, change.scan_end)),
    ]
    others = sorted([edit for edit in others if edit.new or edit.start < edit.end], key=attrgetter("start"))
    edits = sorted([*others, scan], key=attrgetter("start"))
    digests = (digest or sha256(jpeg).digest(), crc32)
    if change.side:
        how = _DIGESTS.pack(*digests, len(change.added)) + change.side.to_bytes()
        data = how + _reverse(jpeg, others)
    else:
        data = _DIGESTS.pack(*digests, 0) + _reverse(jpeg, edits)
    segments = Edit(header.sos_start, header.sos_start, _write_segments(data))
    first = next(at for at, edit in enumerate(edits) if edit.start >= header.sos_start)
    return Patch(crc32, tuple(_operations([*edits[:first], segments, *edits[first:]], len(jpeg))))


def _find_surplus(segments: Sequence[Segment]) -> Iterable[Edit]:
    """The edits that remove surplus markers before and between segments, such as a second SOI."""
    end = len(SOI)
    for segment in segments:
        if segment.start > end:
            yield Edit(end, segment.start, b"")
        end = segment.end


def restore(captioned: bytes) -> bytes:
    """Return the upload byte for byte. Raises NotRestorable unless the file was spliced and is unchanged."""
    try:
        header = read_header(captioned)
    except JpegError as error:
        raise NotRestorable(f"the file was not captioned losslessly, or was changed since: {error}") from error
    ours = [s for s in header.segments if s.marker == APP10 and s.body.startswith((_NAME, _NAME_1))]
    if not ours:
        raise NotRestorable("the image was not captioned losslessly: it has no restore segment")
    revert = _revert if ours[-1].body.startswith(_NAME) else _revert_1
    try:
        jpeg, is_original = revert(captioned, header, ours)
    except (struct.error, JpegError) as error:
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


def _revert(captioned: bytes, header: Header, ours: Sequence[Segment]) -> tuple[bytes, bool]:
    """The upload if the file is unchanged, and whether the digests are those of the upload."""
    first = max((at for at, s in enumerate(ours) if s.body.startswith(_NAME + b"\0")), default=0)  # of the last splice
    data = b"".join(segment.body[len(_NAME) + 1 :] for segment in ours[first:])
    digest, crc32, scan_bytes = _DIGESTS.unpack_from(data)
    edits_at = _DIGESTS.size
    if scan_bytes:
        side, size = SideChange.from_bytes(data[edits_at:], header)
        edits_at += size
        reader = McuReader(captioned, header, side.restart_interval)
        writer = McuWriter(header.components, side.restart_interval)
        scan = remove_strip(reader, writer, side.order, side.last_mcus)
        captioned = captioned[: header.scan_start] + scan + captioned[header.scan_start + scan_bytes :]
    jpeg = _apply(captioned[: ours[first].start] + captioned[ours[-1].end :], data[edits_at:])
    return jpeg, zlib.crc32(jpeg) == crc32 and sha256(jpeg).digest() == digest


def _apply(file: bytes, edits: bytes) -> bytes:
    pieces: list[bytes] = []
    at = edit_at = 0
    while edit_at < len(edits):
        copied, skipped, inserted = _EDIT.unpack_from(edits, edit_at)
        edit_at += _EDIT.size
        pieces += (file[at : at + copied], edits[edit_at : edit_at + inserted])
        at += copied + skipped
        edit_at += inserted
    return b"".join((*pieces, file[at:]))


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
