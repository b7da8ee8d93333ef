"""How a spliced file becomes the uploaded one again: a note in an APP10 segment of our own.

The body is "captiond", a zero, and big-endian: the photo's height (16 bits), the length of what
was put in behind the note (16), how much of the photo's scan is kept (32), how much was written
behind that (32), the CRC-32 of the uploaded file, and the bytes that were replaced.
"""

import struct
import zlib
from dataclasses import dataclass

from captiond.imaging.errors import NotRestorable, NotSpliceable
from captiond.imaging.jpeg.header import Header, read_header
from captiond.imaging.jpeg.segments import Segment, segment_bytes
from captiond.patch import Copy, Patch

_APP10 = 0xEA
_NAME = b"captiond\0"
_FIELDS = struct.Struct(">HHIII")
_MAX_BODY_BYTES = 65_533


@dataclass(frozen=True, slots=True)
class Change:
    """What a splice does to a file, in its terms."""

    height_px: int  # of the new file
    inserted: bytes  # before the scan's header
    kept_end: int  # offset behind the last byte of the scan that is kept
    added: bytes  # instead of what follows it, up to
    scan_end: int


def patch_of(jpeg: bytes, header: Header, change: Change) -> Patch:
    """What makes the spliced file of the photo; raises NotSpliceable if the note that undoes it is too long."""
    crc32 = zlib.crc32(jpeg)
    fields = _FIELDS.pack(
        header.height_px,
        len(change.inserted),
        change.kept_end - header.scan_at,
        len(change.added),
        crc32,
    )
    body = _NAME + fields + jpeg[change.kept_end : change.scan_end]
    if len(body) > _MAX_BODY_BYTES:
        raise NotSpliceable("too much would be replaced to be noted")
    return Patch(
        crc32,
        (
            Copy(0, header.height_at),
            change.height_px.to_bytes(2, "big"),
            Copy(header.height_at + 2, header.sos_at),
            segment_bytes(_APP10, body) + change.inserted,
            Copy(header.sos_at, change.kept_end),
            change.added,
            Copy(change.scan_end, len(jpeg)),
        ),
    )


def restore(captioned: bytes) -> bytes:
    """The uploaded file, byte for byte; raises NotRestorable unless it was spliced and is unaltered."""
    try:
        header = read_header(captioned)
    except NotSpliceable as unread:
        raise NotRestorable(f"not an unaltered, losslessly captioned image: {unread}") from unread
    notes = [note for note in header.segments if note.marker == _APP10 and note.body.startswith(_NAME)]
    if not notes or len(notes[-1].body) < len(_NAME) + _FIELDS.size:
        raise NotRestorable("the image was not captioned losslessly: it has no note of its upload")
    jpeg, crc = _undo(captioned, header, notes[-1])
    if zlib.crc32(jpeg) != crc:
        raise NotRestorable("the image was altered after it was captioned")
    return jpeg


def _undo(captioned: bytes, header: Header, note: Segment) -> tuple[bytes, int]:
    """The upload if nothing was altered, and the checksum that tells."""
    height_px, inserted, kept, added, crc = _FIELDS.unpack_from(note.body, len(_NAME))
    kept_end = header.scan_at + kept
    jpeg = b"".join(
        (
            captioned[: header.height_at],
            height_px.to_bytes(2, "big"),
            captioned[header.height_at + 2 : note.at],
            captioned[note.end + inserted : kept_end],
            note.body[len(_NAME) + _FIELDS.size :],
            captioned[kept_end + added :],
        )
    )
    return jpeg, crc
