"""A redrawn photo's metadata: what its APPn and COM segments say, less what is no longer true."""

import re
import struct
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from captiond.imaging.jpeg.exif import find_orientation, reset_orientation
from captiond.imaging.jpeg.segments import segment_bytes

Segments: TypeAlias = Sequence[tuple[str, bytes]]
"""Names ("APP0" to "APP15", "COM") and bodies, in the order of the file."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=\"|>))[2-8]")
_MPF = b"MPF\0"  # lists further pictures of the file, which do not survive
_ADOBE = b"Adobe"
_ADOBE_TRANSFORM_AT = 11
_YCCK = 2
_APP0, _APP15, _COM = 0xE0, 0xEF, 0xFE
_UPRIGHT = 1


def read_orientation(segments: Segments) -> int:
    """How the photo must be turned to stand upright, 1 to 8 as in EXIF; 1 is not at all."""
    found = (find_orientation(body) for name, body in segments if name == "APP1")
    return next((orientation.value for orientation in found if orientation), _UPRIGHT)


def graft_metadata(segments: Segments, encoded: bytes) -> bytes:
    """The encoder's file with the photo's segments in the place of the encoder's own."""
    at = 2
    while _APP0 <= encoded[at + 1] <= _APP15:
        at += 2 + struct.unpack_from(">H", encoded, at + 2)[0]
    return b"".join((encoded[:2], *_still_true(segments), encoded[at:]))


def _still_true(segments: Segments) -> Iterator[bytes]:
    for name, body in segments:
        if name == "COM":
            yield segment_bytes(_COM, body)
        elif not (name == "APP2" and body.startswith(_MPF)):
            yield segment_bytes(_APP0 + int(name.removeprefix("APP")), _set_straight(body))


def _set_straight(body: bytes) -> bytes:
    """The photo was turned upright, and YCCK became CMYK."""
    if body.startswith(_XMP):
        return _XMP_ORIENTATION.sub(rb"\g<1>1", body)
    if body.startswith(_ADOBE) and body[_ADOBE_TRANSFORM_AT:] == bytes([_YCCK]):
        return body[:_ADOBE_TRANSFORM_AT] + b"\0"
    return reset_orientation(body)
